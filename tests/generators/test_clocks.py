"""Siblings are ordered by a column that tells their order, not by any number they have."""

import numpy as np
import numpy.typing as npt

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.relations.clocks import Candidate, Origin, choose_clock, choose_start

OWNERS = np.random.default_rng(1).permutation(np.repeat(np.arange(400), 4))


def numbered(name: str, ticks: npt.NDArray[np.int64]) -> Candidate:
    return Candidate(Column(name, DataType(Kind.INTEGER, "integer", bits=32), False), ticks)


def test_numbers_that_are_dealt_out_among_all_rows_order_nothing() -> None:
    quantity = numbered("quantity", np.random.default_rng(2).integers(1, 5, len(OWNERS)))
    assert choose_clock([quantity], OWNERS) is None


def test_numbers_that_count_siblings_order_them() -> None:
    order = np.argsort(OWNERS, kind="stable")
    line = np.empty(len(OWNERS), np.int64)
    line[order] = np.arange(len(OWNERS)) % 4 + 1
    season = line + 1990 + OWNERS % 17
    for candidate in (numbered("line", line), numbered("season", season)):
        assert choose_clock([candidate], OWNERS) is candidate


def test_a_start_that_says_no_more_than_the_calendar_is_none() -> None:
    """A quarter of first times are one day, counted from another day that all owners share."""
    rng = np.random.default_rng(3)
    ticks = np.where(np.arange(400) % 4 == 0, 900, rng.integers(0, 1000, 400))
    first, known = np.arange(400), np.ones(400, np.bool_)
    shared = Origin("created", np.zeros(400, np.int64), known)
    assert choose_start(ticks, first, [shared]) is None
    own = rng.integers(-3000, 0, 400)
    begun = np.where(np.arange(400) % 4 == 0, own, ticks)
    hired = Origin("hired", own, known)
    assert choose_start(begun, first, [shared, hired]) is hired
