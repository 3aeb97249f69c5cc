"""How the rows of all owners are drawn turn by turn, each given those before it."""

import numpy as np
import pytest

from generators import forest
from generators.privacy.support import Support
from generators.relations.casts import Cast, Told, Turns
from generators.relations.histories import History, positions, sums_before
from generators.relations.turns import take_turns
from generators.tables import Feature, Matrix
from generators.tables.trees import Trees

OWNERS = 700
FEATURES = (Feature("n", 6, ordered=True), Feature("kind", 3, ordered=False))
HISTORY = History(FEATURES, frozenset(), None, None, ())


def drawn() -> Turns:
    """Rows whose number goes on from the sibling before, and whose kind is the owner's."""
    rng = np.random.default_rng(4)
    owners = np.repeat(np.arange(OWNERS), rng.integers(1, 6, OWNERS))
    base = (owners[:, None] % 3).astype(np.int32)
    position = positions(owners)
    codes = np.stack([(owners + position) % 6, base[:, 0]], axis=1).astype(np.int32)
    sums = sums_before(codes, position)[:, HISTORY.averaged]
    past = HISTORY.past_codes(np.roll(codes, 1, axis=0), sums, position)
    known = (Feature("owner", 3, ordered=False), *HISTORY.past)
    context = Matrix(known, np.concatenate([base, past], axis=1))
    model = Trees.fit(context, Matrix(FEATURES, codes), owners, Support(11))
    none, nothing = np.zeros(len(owners), np.int64), np.zeros(len(owners), np.bool_)
    some = np.empty(0, np.int64)
    cast = Cast(HISTORY, model, None, base, some, owners, none, nothing, None, {})
    return take_turns(cast, np.random.default_rng(5))


def test_machine_code_draws_siblings_that_numpy_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    for worth in (0, 10**9):
        monkeypatch.setattr(forest.EFFORT, "worth", worth)
        shown.append(drawn())
    assert np.array_equal(shown[0].codes, shown[1].codes)
    assert np.array_equal(shown[0].told.codes, shown[1].told.codes)
    assert shown[0].told.codes[:, 1:].any()


def test_of_what_a_row_was_told_twice_the_last_counts() -> None:
    told = Told(3, 1, [(np.arange(3), np.array([[1], [2], [3]], np.int32))])
    told.parts.append((np.array([1]), np.array([[7]], np.int32)))
    assert told.codes.ravel().tolist() == [1, 7, 3]
    told.parts.append((np.array([0]), np.array([[9]], np.int32)))
    assert told.codes.ravel().tolist() == [9, 7, 3]
