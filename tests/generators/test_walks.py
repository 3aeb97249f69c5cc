"""Walks along a beat: which beat a learned row came at, and where a drawn one comes."""

import numpy as np

from generators.relations.beats import Beat
from generators.relations.walks import (
    advanced,
    ahead,
    before_first,
    company,
    matched,
    so_far,
    steps_taken,
)

OWNERS = np.array([0, 0, 0, 2, 2])
TICKS = np.array([10, 10, 12, 7, 9])
TEAMS = np.array([1, 2, 1, 3, 4])
BEAT = Beat.of(OWNERS, TICKS, TEAMS[:, None].astype(np.int32))


def test_of_two_beats_of_one_time_a_row_is_at_the_one_that_it_is_like() -> None:
    owners, ticks = np.array([0, 0, 0, 2, 1]), np.array([10, 10, 12, 8, 10])
    places = matched(BEAT, owners, ticks, [(np.array([2, 1, 9, 3, 1]), TEAMS)])
    assert places.tolist() == [1, 0, 2, -1, -1]


def test_a_walk_starts_before_the_first_beat_of_its_owner() -> None:
    assert before_first(BEAT, np.array([0, 2])).tolist() == [-1, 2]


def test_steps_lead_from_beat_to_beat_and_never_to_those_of_another_owner() -> None:
    owners, before = np.array([0, 0, 0, 2, 1]), np.array([-1, 0, 2, 2, 2])
    steps = np.array([1, 0, 5, 2, 1], np.int32)
    assert advanced(BEAT, owners, before, steps).tolist() == [0, 0, 2, 4, -1]


def test_a_learned_walk_comes_back_from_its_steps() -> None:
    places, start = np.array([0, 0, 2, 3]), np.array([-1, -1, -1, 2])
    before = np.array([-1, 0, 0, 2])
    owners = np.array([0, 0, 0, 2])
    steps = steps_taken(places, before)
    assert start[0] == before[0]
    assert advanced(BEAT, owners, before, steps).tolist() == places.tolist()


def test_rows_that_share_a_beat_are_counted_before_the_next_and_before_each() -> None:
    places, position = np.array([0, 0, 0, 1, 5]), np.array([0, 1, 2, 3, 0])
    assert so_far(places, position).tolist() == [0, 1, 2, 3, 0]
    assert company(places, position).tolist() == [0, 1, 2, 0, 0]


def test_a_walk_knows_how_many_beats_are_left_for_how_many_rows() -> None:
    state = np.array([-1, 2]), np.array([0, 1]), np.array([4, 0])
    told = ahead(BEAT, (), np.array([0, 0]), state)
    spare, left, here = (told.column(name) for name in ("@spare", "@beats left", "@here"))
    assert (spare - spare[1]).tolist() == [5 - 3 - 1, 0]
    assert left.tolist() == [3, 0]
    assert here.tolist() == [0, 1]
