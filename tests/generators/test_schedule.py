"""What a budget buys is told beforehand, by counts alone, and never more than there is."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.schema import TableName
from generators.privacy.support import Support
from generators.schedule import Estimate, Lesson, improving, noting, schedule
from generators.tables import Feature, Matrix, TableGenerator, Terms, table_generators

ROWS = 1500
names = st.builds(TableName, st.just("public"), st.text("abc", min_size=1, max_size=3))
seconds = st.floats(0, 1e4, allow_subnormal=False)
estimates = st.dictionaries(names, st.builds(Estimate, seconds, seconds), max_size=6)


def named(name: str) -> TableName:
    return TableName("public", name)


@given(estimates, st.floats(0, 1e4))
def test_every_table_is_planned_or_left_and_the_budget_is_kept(
    of: dict[TableName, Estimate], budget: float
) -> None:
    planned = schedule(of, budget)
    assert sorted([*planned.tables, *planned.left]) == sorted(of)
    assert planned.seconds == pytest.approx(sum(of[n].seconds for n in planned.tables))
    assert planned.seconds <= planned.budget == planned.limit == budget
    assert all(planned.seconds + of[n].seconds > budget for n in planned.left)
    assert schedule(dict(reversed(of.items())), budget) == planned


def test_tables_come_by_gain_per_second_and_those_too_long_are_passed_over() -> None:
    of = {
        named("long"): Estimate(90.0, 900.0),
        named("dull"): Estimate(10.0, 1.0),
        named("good"): Estimate(10.0, 200.0),
    }
    planned = schedule(of, 30.0)
    assert planned.tables == (named("good"), named("dull"))
    assert planned.left == (named("long"),)


def test_the_default_is_enough_for_all_tables_up_to_half_an_hour() -> None:
    small = schedule({named("a"): Estimate(300.0, 1.0), named("b"): Estimate(200.0, 9.0)})
    assert (small.budget, small.left) == (1000.0, ())
    assert small.limit > small.budget
    assert schedule({}).budget == 60.0
    large = schedule({named(f"t{n}"): Estimate(600.0, n) for n in range(9)})
    assert (large.budget, len(large.tables)) == (1800.0, 3)


def rows(noise: float) -> tuple[Matrix, Matrix]:
    """Two columns that tell of five others and of each other, but for a share of the rows."""
    rng = np.random.default_rng(5)
    context = rng.integers(0, 8, (ROWS, 5))
    own = np.stack([context.sum(1) // 5, context.sum(1) // 6], 1)
    own = np.where(rng.random(own.shape) < noise, rng.integers(0, 8, own.shape), own)
    return matrix("c", context), matrix("t", own)


def matrix(name: str, codes: npt.NDArray[np.int64]) -> Matrix:
    features = tuple(Feature(f"{name}{j}", 8, True) for j in range(codes.shape[1]))
    return Matrix(features, codes.astype(np.int32))


def noted(noise: float) -> tuple[TableGenerator, Lesson]:
    lessons: list[Lesson] = []
    found = noting(lessons)(*rows(noise), np.arange(ROWS), Support())
    [lesson] = lessons
    return found, lesson


def test_columns_that_tell_of_each_other_promise_more() -> None:
    assert noted(0.1)[1].gain > 2 * noted(0.5)[1].gain > noted(1.0)[1].gain == 0


def test_rows_that_no_network_learns_from_cost_nothing() -> None:
    auto = table_generators()["auto"]
    context, target = (m.features for m in rows(0.1))
    assert auto.expected_seconds(400, context, target) == 0
    assert auto.expected_seconds(ROWS, context, ()) == 0
    assert table_generators()["trees"].expected_seconds(ROWS, context, target) == 0
    few, many = (auto.expected_seconds(n, context, target) for n in (ROWS, 100 * ROWS))
    assert 0 < few < many < 1800


def test_networks_beside_noted_trees_are_those_learned_at_once() -> None:
    trees, lesson = noted(0.1)
    later = improving(iter([lesson]), Terms())(*rows(0.1), np.arange(ROWS), Support())
    at_once = table_generators()["auto"].fit(*rows(0.1), np.arange(ROWS), Support())
    assert trees.kind == "trees"
    assert "network.shares" in later.released()
    for name, released in at_once.released().items():
        assert np.array_equal(later.released()[name].value, released.value), name
