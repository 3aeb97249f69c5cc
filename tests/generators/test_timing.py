"""Rows of owners that begin late come in the time that is left, and not all at its end."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.columns import Sample, column_generators
from generators.contexts import FACTOR, timely
from generators.encoding import FittedColumn
from generators.privacy.support import Support
from generators.relations.casts import Cast
from generators.relations.clocks import Origin
from generators.relations.courses import Course, follow
from generators.relations.timing import pressed
from generators.relations.turns import take_turns
from generators.tables import Feature, Matrix
from generators.tables.independent import Independent
from generators.tables.trees import Trees

Ints = npt.NDArray[np.int64]

DAY = 86_400_000_000
LATEST = 2025
YEARS = 30
"""Rows that an owner has, a year each, the first one ten years after it was born."""


def years(born: Ints) -> Ints:
    """The years in which owners have their rows, as drawn from what early ones had."""
    rng = np.random.default_rng(0)
    origins = np.repeat(np.arange(1900, LATEST - 10 - YEARS + 2), YEARS * 11)
    owners = np.repeat(np.arange(len(origins) // YEARS), YEARS)
    ticks = origins + 10 + np.arange(len(origins)) % YEARS
    column = Column("year", DataType(Kind.INTEGER, "integer", bits=32), nullable=False)
    fit = column_generators()["numeric"].fit
    time = FittedColumn(column, fit(column, Sample(pa.array(ticks), owners), Support(11)), False)
    target = Matrix((time.feature,), time.encode(pa.array(ticks))[:, None])
    base = Matrix((), np.empty((len(ticks), 0), np.int32))
    origin = Origin("born", origins, np.ones(len(ticks), np.bool_))
    repeats = np.zeros((len(ticks), 1), np.int8)
    course = Course(base, target, owners, owners, repeats, time, ticks, (origin,), frozenset())
    followed = follow(course, None, Independent.fit, Support(11))
    rows = len(born) * YEARS
    cast = Cast(
        followed.history,
        Independent.fit(followed.context, Matrix((), base.codes), owners, Support(11)),
        time,
        np.empty((rows, 0), np.int32),
        np.empty(0, np.int64),
        np.repeat(np.arange(len(born)), YEARS),
        np.repeat(born, YEARS),
        np.ones(rows, np.bool_),
        None,
        {},
    )
    return take_turns(cast, rng).ticks.reshape(len(born), YEARS)


def test_rows_of_an_owner_with_little_time_left_do_not_pile_up_at_its_end() -> None:
    drawn = years(np.array([1950, 2000]))
    assert (np.diff(drawn[0]) == 1).all()
    _, counts = np.unique(drawn[1], return_counts=True)
    assert drawn.max() <= LATEST
    assert counts.max() <= -(-YEARS // (LATEST - 2010)) + 1


def test_an_owner_that_would_begin_beyond_the_latest_time_begins_sooner() -> None:
    [drawn] = years(np.array([2020]))
    _, counts = np.unique(drawn, return_counts=True)
    assert drawn.min() >= 2020
    assert drawn.max() <= LATEST
    assert counts.max() <= YEARS // 2


def timed(owners: Ints, ticks: Ints, *origins: Origin) -> tuple[Course, FittedColumn]:
    """Rows that have nothing but these times."""
    column = Column("at", DataType(Kind.TIMESTAMP, "timestamp"), nullable=False)
    values = pa.array(ticks, pa.timestamp("us"))
    fit = column_generators()["temporal"].fit
    time = FittedColumn(column, fit(column, Sample(values, owners), Support(11)), False)
    target = Matrix((time.feature,), time.encode(values)[:, None])
    rows = len(owners)
    base, repeats = Matrix((), np.empty((rows, 0), np.int32)), np.zeros((rows, 1), np.int8)
    course = Course(base, target, owners, owners, repeats, time, ticks, origins, frozenset())
    return course, time


def test_an_owners_first_row_comes_when_that_goes_with_what_its_rows_have_in_common() -> None:
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 2, 400)
    owners, first = np.repeat(np.arange(400), 3), 365 * DAY * (10 + 20 * kind)
    ticks = (first[:, None] + DAY * np.sort(rng.integers(0, 900, (400, 3)), axis=1)).ravel()
    course, time = timed(owners, ticks)
    common = Feature(f"{FACTOR}0.visit", 2, ordered=True)
    course = replace(course, base=Matrix((common,), kind[owners].astype(np.int32)[:, None]))
    followed = follow(course, None, Trees.fit, Support(11))
    nothing = Matrix((), np.empty((1200, 0), np.int32))
    cast = Cast(
        followed.history,
        Independent.fit(followed.context, nothing, owners, Support(11)),
        time,
        course.base.codes,
        timely(course.base.features),
        owners,
        np.zeros(1200, np.int64),
        np.zeros(1200, np.bool_),
        None,
        {},
    )
    drawn = take_turns(cast, rng).ticks[::3]
    assert ((drawn > 365 * DAY * 20) == kind).mean() >= 0.95


def test_no_time_is_moved_off_the_days_that_all_times_are_at() -> None:
    rng = np.random.default_rng(1)
    owners = np.repeat(np.arange(200), 3)
    ticks = DAY * np.sort(rng.integers(0, 900, (200, 3)), axis=1).ravel()
    course, _ = timed(owners, ticks)
    clock = follow(course, None, Independent.fit, Support(11)).history.clock
    assert clock is not None
    assert ticks.min() <= clock.bounds[0] < clock.bounds[1] <= ticks.max()
    assert not any(bound % DAY for bound in clock.bounds)


def test_times_counted_from_what_is_at_any_hour_are_at_midnight_where_all_are() -> None:
    rng = np.random.default_rng(2)
    owners = np.repeat(np.arange(200), 3)
    ticks = DAY * (np.repeat(rng.integers(0, 900, 200), 3) + np.tile([9, 16, 23], 200))
    born = np.repeat(ticks[::3] - 9 * DAY, 3)
    course, time = timed(owners, ticks, Origin("born", born, np.ones(600, np.bool_)))
    followed = follow(course, None, Independent.fit, Support(11))
    drawn = take_turns(
        Cast(
            followed.history,
            Independent.fit(followed.context, course.base, owners, Support(11)),
            time,
            course.base.codes,
            np.empty(0, np.int64),
            owners,
            born + DAY // 3,
            np.ones(600, np.bool_),
            None,
            {},
        ),
        rng,
    )
    assert not (drawn.ticks % DAY).any()


@given(
    gaps=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    unit=st.sampled_from([1, 60, 86_400_000_000]),
    share=st.floats(0, 1),
)
def test_what_is_pressed_keeps_its_order_its_ends_and_its_grid(
    gaps: list[int], unit: int, share: float
) -> None:
    since = np.cumsum([0, *gaps]) * unit
    taken = np.full(len(since), since[-1])
    room = (taken * share).astype(np.int64) // unit * unit
    found = pressed(since, taken, room)
    assert (np.diff(found) >= 0).all()
    assert (found % unit == 0).all()
    assert found[0] == 0
    assert found[-1] <= room[0]
    assert room[0] - found[-1] < max(1, np.gcd.reduce(since))
