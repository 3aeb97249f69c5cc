"""What the chain of trees keeps of the dependences between columns, and what it does not invent."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import forest
from generators.forest import GRAINS, planted
from generators.growth import Sample, grown
from generators.privacy.attacks.chance import area
from generators.privacy.support import Support, unit_counts
from generators.tables import Feature, Matrix
from generators.tables.trees import Trees
from generators.tree import Tree

Ints = npt.NDArray[np.int64]
ROWS = 4000


def matrix(*columns: Ints, ordered: bool = False) -> Matrix:
    names = (f"c{j}" for j in range(len(columns)))
    features = tuple(
        Feature(name, int(c.max()) + 1, ordered) for name, c in zip(names, columns, strict=True)
    )
    return Matrix(features, np.stack(columns, axis=1).astype(np.int32))


def nothing(rows: int = ROWS) -> Matrix:
    return Matrix((), np.empty((rows, 0), np.int32))


def fitted(context: Matrix, target: Matrix, units: Ints | None = None) -> Trees:
    rows = len(target.codes)
    return Trees.fit(context, target, np.arange(rows) if units is None else units, Support())


def drawn(model: Trees, context: Matrix, times: int = 1) -> Ints:
    codes = np.repeat(context.codes, times, axis=0)
    return model.sample(codes, {}, np.random.default_rng(3)).astype(np.int64)


def joint(one: Ints, other: Ints, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    flat = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1])
    return flat.reshape(shape) / len(one)


def five_deviations(rows: int = ROWS) -> float:
    """Of a share among so many rows learned, and as many drawn, at its widest."""
    return float(5 * np.sqrt(2 * 0.25 / rows))


def association(one: Ints, other: Ints) -> float:
    """Pearson's chi-square over its degrees of freedom: about 1 where nothing depends."""
    table = joint(one, other, (int(one.max()) + 1, int(other.max()) + 1)) * len(one)
    expected = np.outer(table.sum(1), table.sum(0)) / len(one)
    free = (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(((table - expected) ** 2 / expected).sum() / free)


def test_a_dependence_of_two_columns_is_kept() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 6, ROWS)
    other = np.where(rng.random(ROWS) < 0.7, (one * 5) % 6, rng.integers(0, 6, ROWS))
    shown = drawn(fitted(nothing(), matrix(one, other)), nothing())
    difference = joint(one, other, (6, 6)) - joint(shown[:, 0], shown[:, 1], (6, 6))
    # A cell holds at most 1/6 of the rows, so that five deviations are fewer than at one half.
    assert np.abs(difference).max() <= five_deviations() * np.sqrt(4 * (1 / 6) * (5 / 6))


def test_a_function_of_another_column_is_kept() -> None:
    rng = np.random.default_rng(1)
    one = rng.integers(0, 12, ROWS)
    function = rng.permutation(12) // 3
    shown = drawn(fitted(nothing(), matrix(one, function[one])), nothing())
    assert (function[shown[:, 0]] == shown[:, 1]).mean() >= 1 - 20 / ROWS


def test_a_dependence_on_the_context_is_kept() -> None:
    rng = np.random.default_rng(2)
    context = rng.integers(0, 20, ROWS)
    own = np.clip(context + rng.integers(-1, 2, ROWS), 0, 19)
    given = matrix(context, ordered=True)
    shown = drawn(fitted(given, matrix(own, ordered=True)), given)[:, 0]
    assert abs((shown - context).mean() - (own - context).mean()) <= 5 * np.sqrt(2 / ROWS)
    assert np.corrcoef(shown, context)[0, 1] >= np.corrcoef(own, context)[0, 1] - 0.01


def test_an_exclusive_or_with_the_context_is_kept() -> None:
    rng = np.random.default_rng(3)
    context, one, noise = (rng.integers(0, 2, ROWS) for _ in range(3))
    flipped = (rng.random(ROWS) < 0.05).astype(np.int64)
    given, target = matrix(context, noise), matrix(one, context ^ one ^ flipped)
    shown = drawn(fitted(given, target), given)
    assert (shown[:, 0] ^ shown[:, 1] ^ context).mean() == pytest.approx(
        flipped.mean(), abs=5 * np.sqrt(2 * 0.05 * 0.95 / ROWS)
    )


def test_an_exclusive_or_of_coarse_parts_is_kept() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.integers(0, 16, ROWS), rng.integers(0, 16, ROWS)
    given = matrix(one, other, ordered=True)
    own = (one >= 8) ^ (other >= 8)
    shown = drawn(fitted(given, matrix(own.astype(np.int64))), given)[:, 0]
    assert (shown == own).mean() >= 1 - 40 / ROWS


def test_independent_columns_stay_independent() -> None:
    rng = np.random.default_rng(5)
    columns = [rng.integers(0, size, ROWS) for size in (2, 5, 30, 100)]
    model = fitted(nothing(), matrix(*columns))
    assert max(len(tree.cumulative) for tree in model.trees) <= 2
    shown = drawn(model, nothing())
    deviation = np.sqrt(2 / (1 * 4))  # of chi-square over its degrees of freedom, at the fewest
    for a, b in ((0, 1), (1, 2), (0, 3)):
        assert association(shown[:, a], shown[:, b]) <= 1 + 5 * deviation


def test_many_categories_without_an_order_do_not_explain_noise() -> None:
    rng = np.random.default_rng(6)
    context, own = rng.integers(0, 200, 5 * ROWS), rng.integers(0, 2, 5 * ROWS)
    model = fitted(matrix(context), matrix(own))
    assert len(model.trees[0].cumulative) == 1


def test_categories_of_a_hierarchy_are_grouped_whatever_their_codes() -> None:
    rng = np.random.default_rng(7)
    group_of = rng.permutation(np.repeat(np.arange(4), 15))
    city = rng.integers(0, 60, ROWS)
    country = group_of[city]
    shown = drawn(fitted(matrix(city), matrix(country)), matrix(city))[:, 0]
    assert (shown == country).mean() >= 1 - 20 / ROWS
    back = drawn(fitted(matrix(country), matrix(city)), matrix(country))[:, 0]
    assert (group_of[back] == country).mean() >= 1 - 20 / ROWS


def test_null_is_no_neighbour_of_the_lowest_value() -> None:
    rng = np.random.default_rng(8)
    amount = np.where(rng.random(ROWS) < 0.03, 0, rng.integers(1, 90, ROWS))
    own = np.where(amount == 0, 1, (rng.random(ROWS) < 0.1).astype(np.int64))
    given = matrix(amount, ordered=True)
    shown = drawn(fitted(given, matrix(own)), given, times=10)[:, 0]
    null = np.repeat(amount == 0, 10)
    assert shown[null].mean() >= 1 - 5 * np.sqrt(0.25 / (amount == 0).sum()) / 5
    assert shown[~null].mean() == pytest.approx(own[amount > 0].mean(), abs=five_deviations())


def test_many_ordered_codes_are_learned_where_none_is_null() -> None:
    rng = np.random.default_rng(13)
    sign = rng.integers(0, 2, ROWS)
    amount = 1 + sign * 45 + rng.integers(0, 44, ROWS)
    given = matrix(sign)
    shown = drawn(fitted(given, matrix(amount, ordered=True)), given)[:, 0]
    assert ((shown > 45) == (sign == 1)).mean() >= 1 - 20 / ROWS
    assert shown.min() > 0


def amounts(rows: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Places, and amounts of which they tell no more than how often they are high."""
    place = rng.integers(0, 8, rows)
    high = rng.random(rows) < (place + 0.5) / 8
    own = high * 50 + rng.integers(0, 50, rows)
    return matrix(place, ordered=True), matrix(own, ordered=True)


def told(model: Trees, *sides: tuple[Matrix, Matrix]) -> float:
    """How often a row of the first side is likelier than one of the second."""
    likely = [model.log_prob(given.codes, own.codes) for given, own in sides]
    members = np.repeat([True, False], [len(one) for one in likely])
    return float(area(np.concatenate(likely))(members[None])[0])


def test_leaves_hold_no_more_of_their_rows_than_a_tree_that_asks_nothing() -> None:
    """Shares drawn to those of all rows by a fixed number of rows tell 0.018 more."""
    more = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (given, own), others = amounts(ROWS, rng), amounts(5 * ROWS, rng)
        asking, blind = fitted(given, own), fitted(nothing(), own)
        assert len(asking.trees[0].cumulative) > 2
        plain = (nothing(), own), (nothing(5 * ROWS), others[1])
        more.append(told(asking, (given, own), others) - told(blind, *plain))
    assert np.mean(more) <= 0.01


def test_many_codes_that_differ_one_by_one_from_leaf_to_leaf_are_kept() -> None:
    """Odd amounts with one sign, even ones with the other: neighbours are not alike."""
    rng = np.random.default_rng(16)
    sign = rng.integers(0, 2, ROWS)
    given, own = matrix(sign), matrix(2 * rng.integers(0, 40, ROWS) + sign, ordered=True)
    shown = drawn(fitted(given, own), given)[:, 0]
    assert (shown % 2 == sign).mean() >= 1 - 40 / ROWS


@given(
    st.lists(st.just(0) | st.integers(11, 300), min_size=5, max_size=120).filter(any),
    st.integers(0, 9),
)
def test_ordered_codes_of_any_frequencies_are_learned(mass: list[int], seed: int) -> None:
    own = np.repeat(np.arange(len(mass)), mass)
    sign = np.random.default_rng(seed).integers(0, 2, len(own))
    model = fitted(matrix(sign), matrix(own, ordered=True))
    shown = drawn(model, matrix(sign))[:, 0]
    assert set(shown) <= set(own)


@pytest.mark.parametrize("ordered", [True, False])
def test_codes_that_are_rare_among_some_rows_are_as_frequent_together(ordered: bool) -> None:
    rng = np.random.default_rng(14)
    own = np.where(rng.random(ROWS) < 0.05, rng.integers(1, 60, ROWS), 60)
    shown = drawn(fitted(nothing(), matrix(own, ordered=ordered)), nothing())[:, 0]
    assert np.bincount(own, minlength=61)[1:60].max() < Support().k
    assert (shown < 60).mean() == pytest.approx((own < 60).mean(), abs=five_deviations() / 4)


def test_a_code_of_a_single_unit_has_no_leaf_of_its_own() -> None:
    rng = np.random.default_rng(9)
    context, own = rng.integers(0, 2, ROWS), rng.integers(0, 2, ROWS)
    units = np.arange(ROWS)
    units[:600], context[:600], own[:600] = 0, 2, 1
    tree = fitted(matrix(context), matrix(own), units).trees[0]
    leaf = tree.leaves(np.arange(3, dtype=np.int32)[None])
    assert leaf[2] in leaf[:2]


@pytest.mark.parametrize("k", [5, 40])
def test_every_leaf_stands_for_k_units_and_twenty_rows(k: int) -> None:
    rng = np.random.default_rng(10)
    inputs = rng.integers(0, 8, (5, ROWS)).astype(np.uint8)
    classes = (inputs[:3].sum(0) + rng.integers(0, 3, ROWS)).astype(np.int64)
    units = np.sort(rng.integers(0, 150, ROWS))
    units = np.unique(units, return_inverse=True)[1].astype(np.int64)
    widths = np.full(5, 8, np.int64)
    sample = Sample(inputs, widths, np.zeros(5), classes, int(classes.max()) + 1, units)
    growth = grown(sample, Support(k))
    leaves = np.flatnonzero(~growth.inner)
    assert len(leaves) > 2
    assert unit_counts(growth.node, units, len(growth.left))[leaves].min() >= k
    assert np.bincount(growth.node)[leaves].min() >= 20
    assert set(np.unique(growth.node)) == set(leaves)


def test_rows_that_know_those_before_are_told_apart_at_a_lower_price() -> None:
    """Shares of 0.41 and 0.59 in two halves gain 5.2, between prices of 3.9 and 6.7."""
    inputs = np.repeat([[0, 1]], 150).astype(np.uint8)[None]
    classes = np.concatenate([np.repeat([0, 1], [89, 61]), np.repeat([0, 1], [61, 89])])
    rest = np.array([2], np.int64), np.zeros(1), classes, 2, np.arange(300)
    leaves = [
        len(grown(Sample(inputs, *rest, in_turn=told), Support(k=11)).left)
        for told in (False, True)
    ]
    assert leaves == [1, 3]


def test_later_columns_follow_the_evidence() -> None:
    rng = np.random.default_rng(11)
    first = (rng.random(ROWS) < 0.3).astype(np.int64)
    second = np.where(rng.random(ROWS) < 0.9, first, rng.integers(0, 8, ROWS))
    model = fitted(nothing(), matrix(first, second))
    assert list(model.order) == [0, 1]
    ones = np.ones(ROWS, np.int32)
    shown = model.sample(nothing().codes, {"c0": ones}, np.random.default_rng(1))
    learned = (second[first == 1] == 1).mean()
    assert (shown[:, 1] == 1).mean() == pytest.approx(learned, abs=five_deviations(first.sum()))


def test_each_code_is_drawn_as_often_as_it_is_likely_give_or_take_one() -> None:
    rng = np.random.default_rng(12)
    columns = [rng.integers(0, 5, ROWS) for _ in range(3)]
    model = fitted(nothing(), matrix(*columns))
    drawn = model.sample(nothing(10_000).codes, {}, np.random.default_rng(1))
    for place, learned in enumerate(columns):
        shares = np.bincount(learned, minlength=5) / ROWS
        assert np.bincount(drawn[:, place], minlength=5) / 10_000 == pytest.approx(shares, abs=1e-3)


def test_a_wide_table_is_learned_from_few_predecessors() -> None:
    rng = np.random.default_rng(13)
    hidden = rng.integers(0, 4, (10, 600))
    columns = [hidden[j % 10] for j in range(120)]
    model = fitted(nothing(600), matrix(*columns))
    assert max(len(tree.inputs) for tree in model.trees) <= 24
    shown = drawn(model, nothing(600))
    assert (shown[:, :10] == shown[:, 110:]).mean() >= 1 - 20 / 600


def test_rows_that_repeat_their_unit_count_less() -> None:
    rng = np.random.default_rng(14)
    units = np.arange(ROWS) // 10
    context = [rng.integers(0, 30, len(np.unique(units)))[units] for _ in range(6)]
    own = rng.integers(0, 2, len(np.unique(units)))[units]
    given = matrix(*context, ordered=True)
    assert len(fitted(given, matrix(own), units).trees[0].cumulative) == 1
    assert len(fitted(given, matrix(own)).trees[0].cumulative) > 5


@given(st.lists(st.lists(st.integers(0, 40), min_size=7, max_size=7), min_size=1, max_size=6))
def test_a_code_looked_up_is_the_one_that_a_search_finds(counts: list[list[int]]) -> None:
    total = np.cumsum(np.array(counts) ** 4 + np.eye(7, dtype=np.int64)[3], axis=1)
    shares = np.rint(total / total[:, -1:] * GRAINS).astype(np.int64)
    leaves = len(counts)
    cumulative = shares + GRAINS * np.arange(leaves)[:, None]
    none = np.empty(0, np.int64)
    uniform = np.concatenate([np.random.default_rng(7).random(500), [0.0, 1 - 2.0**-53]])
    edges = (shares[0, :-1] / GRAINS)[shares[0, :-1] < GRAINS]
    uniform = np.concatenate([uniform, edges, np.nextafter(edges, 0)])
    for leaf in range(leaves):
        root = np.zeros(1, np.int64)
        tree = Tree(none, (), root, root, root, cumulative[[leaf]] - GRAINS * leaf)
        known = np.empty((0, len(uniform)), np.int32)
        grains = (uniform * GRAINS).astype(np.int64)
        expected = np.searchsorted(shares[leaf], grains, side="right")
        assert np.array_equal(tree.drawn(known, uniform), expected)


def test_rows_reach_the_leaf_that_the_nodes_lead_to() -> None:
    rng = np.random.default_rng(11)
    left = np.array([1, 3, 2, 3, 5, 5, 6])  # 0 asks, then 1, then 4; 2, 3, 5 and 6 are leaves
    split, threshold = np.array([0, 1, 0, 0, 0, 0, 0]), np.array([1, 0, 0, 0, 2, 0, 0])
    cumulative = np.full((4, 1), GRAINS) + GRAINS * np.arange(4)[:, None]
    bins = (np.arange(5, dtype=np.uint8), np.arange(3, dtype=np.uint8))
    tree = Tree(np.array([0, 1]), bins, split, threshold, left, cumulative)
    known = np.stack([rng.integers(0, 5, 400), rng.integers(0, 3, 400)]).astype(np.int32)
    for row, leaf in zip(known.T, tree.leaves(known), strict=True):
        node = 0
        while left[node] != node:
            node = left[node] + int(row[split[node]] > threshold[node])
        assert leaf == [2, 3, 5, 6].index(node)


@pytest.mark.parametrize(
    ("nodes", "within"),
    [
        ([[0, 0, 0], [0, 0, 0], [5, 1, 2]], [[GRAINS], [GRAINS]]),
        ([[0, 0, 0], [0, 0, 0], [-1, 1, 2]], [[GRAINS], [GRAINS]]),
        ([[3, 0, 0], [0, 0, 0], [1, 1, 2]], [[GRAINS], [GRAINS]]),
        ([[0, 0, 0], [0, 0, 0], [1, 1, 2]], [[GRAINS - 1], [GRAINS]]),
        ([[0, 0, 0], [0, 0, 0], [1, 1, 2]], [[GRAINS]]),
    ],
    ids=["beyond", "backwards", "asks nothing", "no distribution", "too few leaves"],
)
def test_a_tree_that_leads_nowhere_is_refused(
    nodes: list[list[int]], within: list[list[int]]
) -> None:
    bins = [np.zeros(2, np.uint8)]
    with pytest.raises(ValueError, match="found a tree"):
        planted(np.array([0]), bins, np.array(nodes), np.array(within))


@pytest.mark.parametrize("worth", [0, 10**9], ids=["machine code", "numpy"])
@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_without_a_bin_is_refused(
    code: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forest.EFFORT, "worth", worth)
    nodes = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 2]])
    one = planted(np.array([0]), [np.zeros(2, np.uint8)], nodes, np.array([[GRAINS]] * 2))
    context, codes = np.array([[code]], np.int32), np.zeros((1, 1), np.int32)
    with pytest.raises(IndexError):
        one.draw(context, codes, np.zeros(1, np.int64), np.zeros((1, 1)))


def test_machine_code_draws_what_numpy_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(15)
    first = rng.integers(0, 6, ROWS)
    second = (first + rng.integers(0, 3, ROWS)) % 6
    model = fitted(nothing(), matrix(first, second, first * second))
    shown = []
    for worth in (0, 10**9):
        monkeypatch.setattr(forest.EFFORT, "worth", worth)
        shown.append(model.sample(nothing(5_000).codes, {}, np.random.default_rng(1)))
    assert np.array_equal(shown[0], shown[1])


def test_machine_code_is_there_from_the_first_row_where_many_are_foreseen() -> None:
    """What repays loading it while rows are drawn repays loading it before."""
    effort = type(forest.EFFORT)(1_000)
    effort.foresee(1_000)
    assert not effort.repays(1)
    effort.foresee(1_001)
    assert effort.repays(1)
