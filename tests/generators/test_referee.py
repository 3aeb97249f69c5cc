"""A referee finds what tells drawn histories from learned ones, and prefers those alike."""

import numpy as np
import numpy.typing as npt
import pytest

from generators import forest
from generators.privacy.support import Support
from generators.raking import raked
from generators.relations.casts import Told, Turns, put_turns
from generators.relations.histories import History
from generators.relations.lives import lives
from generators.relations.referee import (
    CANDIDATES,
    CEILING,
    Choice,
    Referee,
    candidates,
    chosen,
    fit_referee,
    tilted,
)
from generators.tables import Feature

OWNERS = 4000
WIDTHS = np.array([10, 10], np.int64)
Bytes = npt.NDArray[np.uint8]


def drawn(rng: np.random.Generator, *, alike: bool) -> Bytes:
    """Two inputs of each owner, of which the second follows the first only where they are alike."""
    first = rng.integers(0, 10, OWNERS)
    second = first if alike else rng.integers(0, 10, OWNERS)
    return np.array([first, second], np.uint8)


@pytest.fixture(scope="module")
def referee() -> Referee:
    rng = np.random.default_rng(1)
    pool = [drawn(rng, alike=False) for _ in range(CANDIDATES)]
    real = drawn(rng, alike=True)
    return fit_referee(real, pool, WIDTHS, np.arange(OWNERS), Support())


def test_what_a_referee_prefers_is_nearer_to_what_was_learned(referee: Referee) -> None:
    rng = np.random.default_rng(2)
    pool = np.stack([drawn(rng, alike=False) for _ in range(CANDIDATES)])
    odds = np.stack([referee.odds(candidate) for candidate in pool])
    kept = pool[chosen(odds, rng), :, np.arange(OWNERS)]
    distance = np.abs(kept[:, 0].astype(int) - kept[:, 1]).mean()
    # Any two of 0 to 9 differ by 3.3 on average, and the nearest of several pairs by well below 1.
    assert distance < 1.5
    assert referee.scores[0] > 0.75
    assert referee.scores[1] < referee.scores[0]


def test_nothing_is_learned_where_there_is_nothing_to_tell() -> None:
    rng = np.random.default_rng(3)
    pool = [drawn(rng, alike=True) for _ in range(CANDIDATES)]
    found = fit_referee(drawn(rng, alike=True), pool, WIDTHS, np.arange(OWNERS), Support())
    assert not found.trees


def test_a_referee_comes_back_as_it_was_released(referee: Referee) -> None:
    state = {name: value.value for name, value in referee.released().items()}
    restored, inputs = Referee.restore(state), drawn(np.random.default_rng(4), alike=False)
    assert (restored.odds(inputs) == referee.odds(inputs)).all()
    assert restored.scores == referee.scores


def test_machine_code_tells_the_odds_that_numpy_tells(
    referee: Referee, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, told = drawn(np.random.default_rng(9), alike=False), []
    for worth in (-1, 10**12):
        monkeypatch.setattr(forest.EFFORT, "worth", worth)
        told.append(referee.odds(inputs))
    assert np.array_equal(told[0], told[1])


def test_tilts_come_back_as_they_were_released(referee: Referee) -> None:
    tilts = {1: np.array([0.5, -0.5]), 4: np.array([0.0, 0.25, -0.25])}
    state = referee.tilting(tilts, OWNERS, Support()).released()
    restored = Referee.restore({name: value.value for name, value in state.items()}).tilts
    assert {place: tilt.tolist() for place, tilt in restored.items()} == {
        place: tilt.tolist() for place, tilt in tilts.items()
    }


def test_a_history_that_fewer_than_k_units_have_leaves_no_trace() -> None:
    rng = np.random.default_rng(6)
    real = np.zeros((1, OWNERS), np.uint8)
    pool = [(rng.random((1, OWNERS)) < 0.5).astype(np.uint8) for _ in range(CANDIDATES)]
    few = real.copy()
    few[0, :10] = 1
    widths, units = np.array([2], np.int64), np.arange(OWNERS)
    fitted = [fit_referee(r, pool, widths, units, Support()) for r in (real, few)]
    rare = np.ones((1, 1), np.uint8)
    # Both saw the same histories drawn, of which those chosen differ by chance alone.
    assert abs(fitted[0].odds(rare)[0] - fitted[1].odds(rare)[0]) < 0.5
    assert fitted[0].trees


def test_candidates_are_chosen_as_often_as_their_odds_say() -> None:
    odds = np.log(np.array([[1.0], [3.0]])) @ np.ones((1, 10_000))
    share = chosen(odds, np.random.default_rng(5)).mean()
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 10_000)


def test_histories_drawn_one_after_another_are_kept_as_often_as_their_odds_say() -> None:
    rng = np.random.default_rng(5)
    likelier = rng.random((CANDIDATES, 10_000)) < 0.5
    choice, kept = Choice.among(10_000, rng), np.zeros(10_000, np.bool_)
    for drawn_now in likelier:
        owners = np.flatnonzero(choice.undecided)
        odds = np.log(np.where(drawn_now[owners], 1.5, 0.5))
        taken = owners[choice.offered(owners, odds)]
        kept[taken] = drawn_now[taken]
    assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 10_000)


def test_owners_of_many_rows_draw_fewer_histories() -> None:
    assert candidates(0) == candidates(10_000) == CANDIDATES
    assert CANDIDATES > candidates(40_000) > candidates(10_000_000) > 1


def test_an_owner_that_keeps_a_history_draws_no_other() -> None:
    choice = Choice.among(2, np.random.default_rng(7))
    assert choice.offered(np.arange(2), np.array([np.log(CEILING), -50.0])).all()
    assert choice.undecided.tolist() == [False, True]
    assert not choice.offered(np.array([1]), np.array([-90.0])).any()


def test_rows_that_are_put_into_a_drawing_go_on_taking_values_from_each_other() -> None:
    found, fresh = turns([-1, 0, -1, -1]), turns([-1, 0])
    fresh.codes[:] = 1
    put_turns(found, fresh, np.array([2, 3]), np.array([0, 1]))
    assert found.sources[:, 0].tolist() == [-1, 0, -1, 2]
    assert found.codes[:, 0].tolist() == [0, 0, 1, 1]


def turns(sources: list[int]) -> Turns:
    """Rows of one feature, each with the row that its value is taken from."""
    taken, zeros = np.array(sources)[:, None], np.zeros((len(sources), 1), np.int32)
    none = np.full(taken.shape, -1)
    told, ticks = Told.of(zeros.copy()), np.zeros(len(taken), int)
    return Turns(told, zeros.copy(), taken, none, ticks, none[:, 0])


def test_tilted_odds_choose_rows_that_have_the_margins_learned() -> None:
    rng = np.random.default_rng(8)
    starts = np.arange(0, 3 * OWNERS, 3)
    pool = [rng.integers(0, 2, (3 * OWNERS, 1)).astype(np.int32) for _ in range(CANDIDATES)]
    tilts = raked(np.zeros((CANDIDATES, OWNERS)), pool, starts, {0: np.array([0.4, 0.6])})
    kept = chosen(np.stack([tilted(tilts, codes, starts) for codes in pool]), rng)
    rows = np.stack(pool)[np.repeat(kept, 3), np.arange(3 * OWNERS), 0]
    # Half of the rows would be ones; five deviations of a share, and what 15 small steps leave.
    assert abs(rows.mean() - 0.6) < 5 * np.sqrt(0.24 / (3 * OWNERS)) + 0.01


def test_histories_are_told_by_length_first_last_and_repeats() -> None:
    history = History((Feature("a", 4, ordered=True),), frozenset(), None, None, ())
    codes = np.array([[0], [0], [3], [1]], np.int32)
    context = np.zeros((4, len(history.past)), np.int32)
    found = lives(history, (), (context, codes), np.array([0, 3]))
    length, first, last = found.binned[:3]
    assert length.tolist() == [3, 1]
    assert first.tolist() == [0, 1]
    assert last.tolist() == [3, 1]
    assert (found.binned < found.widths[:, None]).all()
