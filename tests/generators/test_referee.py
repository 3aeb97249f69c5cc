"""A referee finds what tells drawn histories from learned ones, and prefers those alike."""

import numpy as np
import numpy.typing as npt
import pytest

from generators.privacy.support import Support
from generators.relations.histories import History
from generators.relations.lives import lives
from generators.relations.referee import CANDIDATES, Referee, chosen, fit_referee
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
    # Any two of 0 to 9 differ by 3.3 on average, and the nearest of six pairs by well below 1.
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
