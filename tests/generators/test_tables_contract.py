"""What every joint model of a row promises, whatever its kind."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from generators.columns import Codes
from generators.privacy.support import Released, Support
from generators.tables import Feature, Matrix, TableGenerator, table_generators

CONTEXT = (Feature("region", 3, False), Feature("size", 5, True))
TARGET = (
    Feature("age", 4, True),
    Feature("status", 3, False),
    Feature("constant", 1, False),
    Feature("active", 2, False),
)
ROWS = 1500


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to learn from, three per unit."""

    context: Matrix
    target: Matrix
    units: npt.NDArray[np.int64]


@pytest.fixture(params=sorted(table_generators()))
def kind(request: pytest.FixtureRequest) -> type[TableGenerator]:
    return table_generators()[str(request.param)]


def matrix(features: tuple[Feature, ...], *columns: npt.NDArray[np.int64]) -> Matrix:
    codes = np.stack(columns, axis=1) if columns else np.empty((ROWS, 0))
    return Matrix(features, codes.astype(np.int32))


@pytest.fixture(scope="module")
def rows() -> Rows:
    rng = np.random.default_rng(7)
    region, size = rng.integers(0, 3, ROWS), rng.integers(0, 5, ROWS)
    age = np.minimum(3, size - rng.integers(0, 2, ROWS) * (size > 0))
    status = np.where(rng.random(ROWS) < 0.8, region, rng.integers(0, 3, ROWS))
    active = (rng.random(ROWS) < 0.2 + 0.2 * age).astype(np.int64)
    constant = np.zeros(ROWS, np.int64)
    target = matrix(TARGET, age, status, constant, active)
    return Rows(matrix(CONTEXT, region, size), target, np.arange(ROWS) // 3)


def fitted(kind: type[TableGenerator], rows: Rows) -> TableGenerator:
    return kind.fit(rows.context, rows.target, rows.units, Support())


def drawn(model: TableGenerator, context: Codes, seed: int = 1) -> Codes:
    return model.sample(context, {}, np.random.default_rng(seed))


def no_codes(count: int) -> Codes:
    return np.empty((count, 0), np.int32)


def test_a_model_names_its_file(kind: type[TableGenerator]) -> None:
    assert kind.__module__ == f"generators.tables.{kind.kind}"


def test_a_row_of_codes_in_range_is_drawn_per_row_of_context(
    kind: type[TableGenerator], rows: Rows
) -> None:
    codes = drawn(fitted(kind, rows), rows.context.codes)
    assert codes.shape == rows.target.codes.shape
    assert codes.dtype == np.int32
    assert (codes >= 0).all()
    assert (codes < [f.size for f in TARGET]).all()


def test_the_probabilities_of_all_rows_add_up_to_one(
    kind: type[TableGenerator], rows: Rows
) -> None:
    every = np.array(list(product(*(range(f.size) for f in TARGET))), np.int32)
    model = fitted(kind, rows)
    for context in ([0, 0], [2, 4], [1, 3]):
        log = model.log_prob(np.tile(np.array(context, np.int32), (len(every), 1)), every)
        assert log.shape == (len(every),)
        assert np.exp(log).sum() == pytest.approx(1, abs=1e-4)


def test_rows_are_drawn_as_often_as_their_probability_says(
    kind: type[TableGenerator], rows: Rows
) -> None:
    count = 40_000
    context = np.tile(np.array([1, 3], np.int32), (count, 1))
    every = np.array(list(product(*(range(f.size) for f in TARGET))), np.int32)
    model = fitted(kind, rows)
    expected = np.exp(model.log_prob(context[: len(every)], every))
    place = np.ravel_multi_index(tuple(drawn(model, context).T), [f.size for f in TARGET])
    share = np.bincount(place, minlength=len(every)) / count
    deviation = np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(share - expected) <= 5 * deviation + 1e-4).all()


def test_evidence_is_kept(kind: type[TableGenerator], rows: Rows) -> None:
    given = np.arange(ROWS, dtype=np.int32) % 3
    model = fitted(kind, rows)
    codes = model.sample(rows.context.codes, {"status": given}, np.random.default_rng(1))
    assert np.array_equal(codes[:, 1], given)
    assert (codes < [f.size for f in TARGET]).all()


def test_a_restored_model_draws_the_same_rows(kind: type[TableGenerator], rows: Rows) -> None:
    model = fitted(kind, rows)
    state = {name: released.value for name, released in model.released().items()}
    restored = kind.restore(state)
    context = rows.context.codes
    assert np.array_equal(drawn(restored, context), drawn(model, context))
    assert np.array_equal(
        restored.log_prob(context, rows.target.codes), model.log_prob(context, rows.target.codes)
    )
    assert restored.released().keys() == model.released().keys()


def test_only_released_arrays_and_plain_values_leave(
    kind: type[TableGenerator], rows: Rows
) -> None:
    for released in fitted(kind, rows).released().values():
        assert isinstance(released, Released)
        assert isinstance(released.value, np.ndarray | pa.Array | list | dict | str | int | float)


def test_another_seed_draws_other_rows(kind: type[TableGenerator], rows: Rows) -> None:
    model = fitted(kind, rows)
    assert not np.array_equal(
        drawn(model, rows.context.codes, 1), drawn(model, rows.context.codes, 2)
    )


def test_a_code_with_too_few_units_is_never_drawn(kind: type[TableGenerator], rows: Rows) -> None:
    codes = rows.target.codes.copy()
    codes[:, 0], codes[:, 1] = codes[:, 0] % 3, codes[:, 1] % 2
    codes[:30, 0] = 3  # ten units of three rows each
    codes[:30, 1] = 2
    model = kind.fit(rows.context, Matrix(TARGET, codes), rows.units, Support())
    many = np.repeat(rows.context.codes, 10, axis=0)
    assert drawn(model, many)[:, 0].max() == 2
    assert drawn(model, many)[:, 1].max() == 1
    assert np.isneginf(model.log_prob(rows.context.codes[:30], codes[:30])).all()


def test_rows_of_fewer_than_k_units_teach_nothing(kind: type[TableGenerator], rows: Rows) -> None:
    codes = np.zeros((ROWS, len(TARGET)), np.int32)
    model = kind.fit(rows.context, Matrix(TARGET, codes), np.arange(ROWS) % 10, Support())
    shown = drawn(model, rows.context.codes)
    assert [len(np.unique(shown[:, j])) for j in range(len(TARGET))] == [f.size for f in TARGET]


def test_a_model_is_fitted_to_no_rows(kind: type[TableGenerator]) -> None:
    empty = Matrix(CONTEXT, np.empty((0, 2), np.int32)), Matrix(TARGET, np.empty((0, 4), np.int32))
    model = kind.fit(*empty, np.empty(0, np.int64), Support())
    codes = drawn(model, np.zeros((50, 2), np.int32))
    assert codes.shape == (50, len(TARGET))
    assert (codes < [f.size for f in TARGET]).all()


def test_no_rows_are_drawn_for_no_context_rows(kind: type[TableGenerator], rows: Rows) -> None:
    codes = drawn(fitted(kind, rows), rows.context.codes[:0])
    assert codes.shape == (0, len(TARGET))
    assert codes.dtype == np.int32


def test_a_model_needs_no_context(kind: type[TableGenerator], rows: Rows) -> None:
    model = kind.fit(Matrix((), no_codes(ROWS)), rows.target, rows.units, Support())
    assert drawn(model, no_codes(80)).shape == (80, len(TARGET))


def test_a_model_needs_no_features(kind: type[TableGenerator], rows: Rows) -> None:
    model = kind.fit(rows.context, Matrix((), no_codes(ROWS)), rows.units, Support())
    assert drawn(model, rows.context.codes).shape == (ROWS, 0)
    assert np.array_equal(model.log_prob(rows.context.codes, no_codes(ROWS)), np.zeros(ROWS))
    state = {name: released.value for name, released in model.released().items()}
    assert drawn(kind.restore(state), rows.context.codes).shape == (ROWS, 0)


def test_shares_of_codes_are_kept(kind: type[TableGenerator], rows: Rows) -> None:
    codes = drawn(fitted(kind, rows), np.repeat(rows.context.codes, 10, axis=0))
    for j, feature in enumerate(TARGET):
        learned = np.bincount(rows.target.codes[:, j], minlength=feature.size) / ROWS
        shown = np.bincount(codes[:, j], minlength=feature.size) / len(codes)
        # Five deviations of a share among the rows learned from.
        assert np.abs(learned - shown).max() <= 5 * np.sqrt(0.25 / ROWS)


def test_rows_drawn_with_evidence_stand_for_all_rows_by_their_weights(
    kind: type[TableGenerator], rows: Rows
) -> None:
    count, names = 60_000, ("status", "active")
    model, rng = fitted(kind, rows), np.random.default_rng(3)
    context = np.tile(np.array([1, 3], np.int32), (count, 1))
    given = {"status": rng.integers(0, 3, count), "active": rng.integers(0, 2, count)}
    evidence = {name: codes.astype(np.int32) for name, codes in given.items()}
    codes = model.sample(context, evidence, rng)
    weights = np.exp(model.log_weight(context, codes, names)) * 6  # evidence has chance 1 / 6
    every = np.array(list(product(*(range(f.size) for f in TARGET))), np.int32)
    expected = np.exp(model.log_prob(context[: len(every)], every))
    place = np.ravel_multi_index(tuple(codes.T), [f.size for f in TARGET])
    share = np.bincount(place, weights, minlength=len(every)) / count
    square = np.bincount(place, weights**2, minlength=len(every)) / count
    assert (np.abs(share - expected) <= 5 * np.sqrt(square / count) + 1e-4).all()


def test_a_row_without_evidence_weighs_one(kind: type[TableGenerator], rows: Rows) -> None:
    model = fitted(kind, rows)
    codes = drawn(model, rows.context.codes)
    assert np.allclose(model.log_weight(rows.context.codes, codes, ()), 0)
