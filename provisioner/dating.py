"""Moves the rows of an owner into the years that its dates leave for them.

All rows of one owner move together, as far apart as they were drawn: who would play before the
debut begins in its year. Where there is less time than they take, they are closer in proportion.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import ForeignKey
from generators.distinct import alike, groups, numbered, patched
from generators.lifespans import limits
from generators.relations.beats import ticks
from generators.relations.timing import pressed
from provisioner.job import Ints, Job, Values

_FAR = 1 << 30


def dated(job: Job, values: Values) -> Values:
    """The values, with years between the dates of owners; rows made by hand stay."""
    found = dict(values)
    for column, least, most in _limits(job, values):
        found[column] = _moved(job, values[column], least, most)
    return found


def led_in_time(job: Job, values: Values) -> Values:
    """The same of rows that lead elsewhere by natural keys: now to rows of the nearest such year.

    To one that has all else that theirs had, or else to any. Where a rule says that some row leads
    to each, one stays; where it says that no more than one does, all do.
    """
    found = dict(values)
    for column, least, most in _limits(job, values):
        years = ticks(found[column])
        wanted = np.clip(years, least[job.parents], most[job.parents])
        astray = np.setdiff1d(np.flatnonzero(wanted != years), job.seats)
        for key in (r.key for r in job.model.natural if column in r.key.columns):
            if len(astray) and (job.table.name, key.name) not in job.setting.single:
                rows = _spare(job, key, found, astray)
                _lead(job, key, found, (column, wanted[rows], rows))
    return found


def _spare(job: Job, key: ForeignKey, found: Values, rows: Ints) -> Ints:
    """Those of some rows that others are left for to lead where they do, if any has to."""
    if (job.table.name, key.name) not in job.setting.covering:
        return rows
    group = groups([found[c] for c in key.columns])
    leaving = np.bincount(group[rows], minlength=int(group.max(initial=0)) + 1)
    staying = np.bincount(group, minlength=len(leaving)) - leaving
    later = np.setdiff1d(np.arange(len(rows)), np.unique(group[rows], return_index=True)[1])
    return np.union1d(rows[later], rows[staying[group[rows]] > 0])


def _lead(job: Job, key: ForeignKey, found: Values, asked: tuple[str, Ints, Ints]) -> None:
    """Has rows lead to others of the years asked for, where there are any, in place."""
    column, years, rows = asked
    reachable, rng = job.setting.reachable(key), job.randomness("in time", key.name)
    known = job.setting.keys(key.parent, key.parent_columns, reachable)
    there = dict(zip(key.columns, known, strict=True))
    some = {c: found[c].take(pa.array(rows)) for c in key.columns}
    some[column] = pa.array(years)
    for columns in (key.columns, (column,)):
        place = alike(*numbered([there[c] for c in columns], [some[c] for c in columns]), rng)
        led = np.flatnonzero(place >= 0)
        for name in key.columns:
            fresh = there[name].take(pa.array(place[led]))
            found[name] = patched(found[name], rows[led], fresh)
        rows, left = rows[place < 0], pa.array(np.flatnonzero(place < 0))
        some = {c: v.take(left) for c, v in some.items()}


def _limits(job: Job, values: Values) -> Iterator[tuple[str, Ints, Ints]]:
    """Columns of years, with the first and the last year that each owner leaves for them."""
    known = [*limits(job.setting.model, job.table.name, job.setting.orientation)]
    for column in sorted({one.year for one in known} & values.keys()):
        first = _years(job, [one.day for one in known if one.year == column and one.first])
        last = _years(job, [one.day for one in known if one.year == column and not one.first])
        least = first.max(axis=0, initial=-_FAR)
        most = np.where(last == -_FAR, _FAR, last).min(axis=0, initial=_FAR)
        yield column, least, np.maximum(least, most)


def _years(job: Job, days: list[str]) -> Ints:
    """The years of some dates (first axis) of each owner, very early where one has no date."""
    if job.owner is None or not days:
        return np.zeros((0, len(job.above[job.owner.parent].indexes) if job.owner else 0), np.int64)
    above = job.above[job.owner.parent].values
    years = [pc.fill_null(pc.year(above[day]), -_FAR) for day in days]
    return np.stack([year.to_numpy(zero_copy_only=False).astype(np.int64) for year in years])


def _moved(job: Job, values: pa.Array, least: Ints, most: Ints) -> pa.Array:
    """Years as far apart as before, or closer, that lie between those of each row's owner."""
    rows = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    rows = np.setdiff1d(rows, job.seats)
    owners, years = job.parents[rows], ticks(values)[rows]
    first, last = np.full(len(least), _FAR), np.full(len(least), -_FAR)
    np.minimum.at(first, owners, years)
    np.maximum.at(last, owners, years)
    taken = np.maximum(last - first, 0)
    room = np.minimum(taken, most - least)
    begins = np.clip(first, least, np.maximum(least, most - room))
    fresh = begins[owners] + pressed(years - first[owners], taken[owners], room[owners])
    changed = np.flatnonzero(fresh != years)
    return patched(values, rows[changed], pa.array(fresh[changed]))
