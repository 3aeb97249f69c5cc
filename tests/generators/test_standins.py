"""A value that few units hold counts as the released one that its rows are most like."""

import numpy as np

from generators.privacy.support import Support
from generators.standins import with_stand_ins
from generators.tables import Feature, Matrix

FEATURES = (Feature("club", 3, ordered=False), Feature("year", 30, ordered=True))


def stood_in(ids: np.ndarray, codes: np.ndarray, years: np.ndarray) -> np.ndarray:
    matrix = Matrix(FEATURES, np.stack([codes, years], axis=1).astype(np.int32))
    found = with_stand_ins(matrix, {"club": ids}, np.arange(len(ids)), Support(11))
    assert (found.codes[:, 1] == years).all()
    return found.codes[:, 0]


def test_a_rare_value_counts_as_one_of_its_time() -> None:
    rng = np.random.default_rng(0)
    years = np.concatenate([np.repeat([2, 12, 22], 100) + rng.integers(0, 6, 300), [13, 14, 16]])
    ids = np.append(np.repeat([0, 1, 2], 100), [7, 7, 7])
    found = stood_in(ids, np.append(ids[:300], [0, 0, 0]), years)
    assert found.tolist() == [*ids[:300], 1, 1, 1]


def test_released_values_and_nulls_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    years = rng.integers(0, 30, 303)
    ids = np.append(np.repeat([0, 1, 2], 100), [-1, -1, -1])
    assert stood_in(ids, np.maximum(ids, 0), years).tolist() == [*ids[:300], 0, 0, 0]


def test_a_code_of_withheld_values_alone_stays_theirs() -> None:
    years = np.append(np.repeat([2, 12], 100), np.repeat(13, 5))
    ids = np.append(np.repeat([0, 1], 100), np.arange(5) + 5)
    codes = np.append(np.repeat([0, 1], 100), np.repeat(2, 5))
    assert (stood_in(ids, codes, years) == codes).all()
