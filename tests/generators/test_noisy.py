"""Searches and noise cannot be seeded: budgets are large where a claim is not about noise."""

import numpy as np
import pyarrow as pa
import pytest
from canaries import leak

from connectors.datatypes import DataType, Kind
from connectors.limits import Limits
from connectors.schema import Column
from generators.privacy.accountant import Accountant, Budget
from generators.privacy.domains import Domain, Search, declared, paid
from generators.privacy.frequent import Price
from generators.privacy.graphical import evenly
from generators.privacy.intervals import Numbers, found_intervals
from generators.privacy.noisy import (
    Asked,
    Means,
    Measurement,
    Rows,
    domains,
    grouped,
    joint,
    singles,
)
from generators.privacy.projection import fitted, shrunk, simplex
from generators.privacy.support import Ints

TEXT = Column("label", DataType(Kind.TEXT, "text"))
WHOLE = Column("amount", DataType(Kind.INTEGER, "integer", bits=32), nullable=False)
PRICE = Column("price", DataType(Kind.DECIMAL, "numeric"))
DAY = Column("day", DataType(Kind.DATE, "date"))
SEED = np.random.default_rng(5)


def rich(bound: int = 1) -> Price:
    return Price(50.0, 1e-6, bound)


def search(values: pa.Array, price: Price | None = None) -> Search:
    accountant = Accountant(Budget(1_000.0, 1e-3))
    return Search(values, np.arange(len(values)), 11, price or rich(), accountant)


def nothing(count: int) -> pa.Array:
    return pa.array(["invented"] * count, pa.string())


def decoded(domain: Domain, codes: Ints) -> pa.Array:
    return domain.decode(codes, np.random.default_rng(1), lambda n: pa.nulls(n, domain.values.type))


def test_zero_beside_other_numbers_is_an_interval_of_its_own() -> None:
    numbers = Numbers(np.repeat([0.0, 3.0, 4.0], 1_000), whole=True)
    accountant = Accountant(Budget(1_000.0, 1e-3))
    found = found_intervals("hits", numbers, rich(), accountant)
    assert found[0, 0] == 0
    assert found[0, 1] < 1
    assert len(found) > 1


def test_a_value_that_few_units_hold_is_never_found_whatever_the_budget() -> None:
    values = pa.array(["often"] * 400 + ["seldom"] * 10 + [f"once {n}" for n in range(50)])
    found = paid("t", TEXT, search(values))
    assert found.values.to_pylist() == ["often"]
    assert found.decode(found.encode(values)[-3:], SEED, nothing).to_pylist() == ["invented"] * 3


def test_a_unit_with_many_rows_counts_once() -> None:
    values = pa.array(["loud"] * 500 + ["often"] * 500)
    units = np.concatenate([np.zeros(500, np.int64), np.arange(1, 501)])
    accountant = Accountant(Budget(1_000.0, 1e-3))
    found = paid("t", TEXT, Search(values, units, 11, rich(500), accountant))
    assert found.values.to_pylist() == ["often"]


@pytest.mark.parametrize("column", [WHOLE, PRICE, DAY])
def test_drawn_numbers_lie_where_the_numbers_are(column: Column) -> None:
    kind = {"amount": pa.int32(), "price": pa.decimal256(76, 12), "day": pa.date32()}[column.name]
    numbers = np.random.default_rng(2).integers(15_000, 16_000, 4_000).astype(np.int32)
    values = pa.array(numbers) if kind == pa.int32() else None
    if values is None:
        values = pa.array(numbers).view(kind) if column is DAY else pa.array(numbers).cast(kind)
    found = paid("t", column, search(values))
    codes = found.encode(values)
    back = decoded(found, codes)
    assert back.type == kind
    plain = back.view(pa.int32()) if column is DAY else back.cast(pa.float64())
    again = plain.to_numpy(zero_copy_only=False)
    assert 14_000 < again.min() <= again.max() < 17_000
    assert np.abs(again - numbers).mean() < 40
    assert (found.encode(back) == codes).mean() > 0.9


def test_null_has_a_code_of_its_own() -> None:
    found = declared(TEXT, Limits(values=("a", "b")))
    assert found is not None
    codes = found.encode(pa.array(["b", None, "a", "elsewhere"]))
    assert codes[1] == 0
    assert decoded(found, codes).to_pylist()[:3] == ["b", None, "a"]


def test_a_short_range_that_a_check_leaves_is_a_domain_that_costs_nothing() -> None:
    found = declared(WHOLE, Limits(least=1, most=5))
    assert found is not None
    assert found.values.to_pylist() == [1, 2, 3, 4, 5]
    assert declared(WHOLE, Limits(least=1, most=10**6)) is None


def test_projected_counts_add_up_and_are_not_negative() -> None:
    found = simplex(np.array([5.0, -3.0, 2.0]), 6.0)
    assert found.sum() == pytest.approx(6.0)
    assert (found >= 0).all()


def test_noise_alone_is_shrunk_to_what_was_expected() -> None:
    expected = np.full((20, 20), 5.0)
    noisy = expected + np.random.default_rng(3).normal(0, 10, (20, 20))
    assert np.abs(shrunk(noisy, expected, 100.0) - expected).mean() < 2.5


def test_fitted_tables_have_the_margins_asked_for() -> None:
    rng = np.random.default_rng(4)
    real = rng.dirichlet(np.ones(24)).reshape(2, 3, 4)
    targets = [((0, 2), real.sum(1)), ((1, 2), real.sum(0)), ((0, 1), real.sum(2))]
    found = fitted(np.full((2, 3, 4), 1 / 24), targets)
    for axes, margin in targets:
        other = ({0, 1, 2} - set(axes)).pop()
        assert np.abs(found.sum(other) - margin).max() < 1e-3


def test_codes_are_drawn_as_evenly_as_their_shares_allow() -> None:
    cells = np.repeat([0, 1], [1_000, 10])
    codes = evenly(cells, np.array([[0.25, 0.75], [1.0, 0.0]]), np.random.default_rng(6))
    assert abs((codes[:1_000] == 0).sum() - 250) <= 1
    assert (codes[1_000:] == 0).all()


COLUMNS = tuple(
    Column(name, DataType(Kind.TEXT, "text"), nullable=False) for name in ("one", "two")
)
LABELS = Limits(values=("a", "b", "c"))


def learned(
    texts: list[str], units: Ints, bound: int, accountant: Accountant
) -> tuple[Measurement, Rows]:
    """Both columns measured one by one, for half of a budget."""
    asked = [Asked(c, pa.array(texts), LABELS) for c in COLUMNS]
    rows = Rows(np.ones(len(texts), np.bool_), units, bound)
    found = domains("t", asked, rows, means(0.0, accountant))
    return singles("t", asked, found, rows, means(0.5, accountant)), rows


def means(share: float, accountant: Accountant) -> Means:
    return Means(accountant.budget.rho * share, 0.0, 1, accountant, np.random.default_rng())


def test_what_depends_on_each_other_is_drawn_together() -> None:
    accountant = Accountant(Budget(4.0))
    counted, rows = learned(["a"] * 3_000 + ["b"] * 1_000, np.arange(4_000), 1, accountant)
    ready = grouped(counted, 0, accountant.left, 1)
    codes = joint(ready, rows, {}, 200, means(0.5, accountant))
    found = np.bincount(codes["one"] * 3 + codes["two"], minlength=9)
    assert accountant.ledger.rho == pytest.approx(accountant.budget.rho)
    assert accountant.ledger.epsilon <= 4.0
    assert found[0] + found[4] > 190
    assert abs(found[0] - 150) < 10


def bounded(bound: int, told: int, trials: int) -> float:
    """A lower bound on epsilon for a unit with `bound` rows, by how many drawn rows are like it."""
    budget = Budget(1.0, 1e-4)

    def seen(texts: list[str], units: Ints) -> float:
        counted, _ = learned(texts, units, told, Accountant(budget))
        return sum(float(m.shares[2]) * counted.rows for m in counted.columns.values())

    others = ["a"] * 40 + ["b"] * 20
    without, within = (
        np.array([[seen(texts, units) for _ in range(trials)]])
        for texts, units in (
            (others, np.arange(60)),
            ([*others, *["c"] * bound], np.append(np.arange(60), np.full(bound, 60))),
        )
    )
    return leak(without, within, budget.delta)


def test_a_canary_leaks_no_more_than_epsilon() -> None:
    assert bounded(bound=12, told=12, trials=400) < 1.0


def test_a_canary_betrays_a_mechanism_that_takes_its_unit_for_a_single_row() -> None:
    assert bounded(bound=12, told=1, trials=200) > 1.0
