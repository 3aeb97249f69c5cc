"""How the rows of all owners are drawn turn by turn, each given those before it."""

from dataclasses import replace

import numpy as np
import pytest

from generators import forest
from generators.privacy.support import Support
from generators.relations.casts import Cast, Told, Turns
from generators.relations.drawings import drawings
from generators.relations.histories import History, positions, sums_before
from generators.relations.turns import take_turns
from generators.tables import Feature, Matrix
from generators.tables.trees import Trees

OWNERS = 700
FEATURES = (Feature("n", 6, ordered=True), Feature("kind", 3, ordered=False))
HISTORY = History(FEATURES, frozenset(), None, None, ())


def cast() -> Cast:
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
    return Cast(HISTORY, model, None, base, some, owners, none, nothing, None, {})


def drawn() -> Turns:
    return take_turns(cast(), np.random.default_rng(5))


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


def test_each_of_several_drawings_is_one_of_all_owners() -> None:
    owners = cast()
    several = drawings(owners, 3, np.random.default_rng(5))
    number, kind = (np.stack([d.codes[:, place] for d in several]) for place in (0, 1))
    goes_on = (number[:, 1:] == (number[:, :-1] + 1) % 6)[:, owners.before[1:] > 0]
    assert len(several) == 3
    assert goes_on.mean(axis=1).min() > 0.95
    assert (kind == owners.base[:, 0]).mean(axis=1).min() > 0.95
    assert all(np.array_equal(d.told.codes[:, :1], owners.base) for d in several)
    # What begins a history is drawn anew each time.
    first = number[:, owners.before == 0]
    assert ((first[0] == first[1]).mean(), (first[1] == first[2]).mean()) < (0.95, 0.95)


def test_siblings_repeat_those_of_their_own_drawing() -> None:
    model = cast()
    repeating = History(FEATURES, frozenset({"kind"}), None, None, ())
    again = np.where(model.before > 0, FEATURES[1].size, model.base[:, 0])
    codes = np.stack([model.before % 6, again], axis=1).astype(np.int32)
    context = np.zeros((len(codes), 1 + len(repeating.past)), np.int32)
    known = (Feature("owner", 1, ordered=False), *repeating.past)
    context[:, 1] = model.before > 0
    learned = Trees.fit(
        Matrix(known, context), Matrix(repeating.drawn, codes), model.owners, Support(11)
    )
    several = drawings(
        replace(model, history=repeating, generator=learned), 3, np.random.default_rng(5)
    )
    for found in several:
        taken = np.flatnonzero(found.sources[:, 1] >= 0)
        sources = found.sources[taken, 1]
        assert len(taken) > 0.9 * (model.before > 0).sum()
        assert (model.owners[sources] == model.owners[taken]).all()
        assert (found.codes[sources, 1] == found.codes[taken, 1]).all()


def test_one_owner_alone_draws_as_often_as_asked() -> None:
    rows = cast().of(np.zeros(4, np.int64))
    assert [d.told.rows for d in drawings(rows, 3, np.random.default_rng(5))] == [4, 4, 4]
