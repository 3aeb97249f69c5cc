"""Moves the rows of an owner into the years that its dates leave for them.

All rows of one owner move together, as far apart as they were drawn: who would play before the
debut begins in its year. Where there is less time than they take, they are closer in proportion.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from connectors.schema import ForeignKey
from generators.distinct import alike, numbered, patched
from generators.lifespans import lifespans
from generators.relations.beats import ticks
from generators.relations.timing import pressed
from generators.sorting import ordered
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
    to each, one of those that may leads there; where it says that no more than one does, all stay.
    """
    found = dict(values)
    for column, least, most in _limits(job, values):
        years, room = ticks(found[column]), (least[job.parents], most[job.parents])
        wanted = np.clip(years, *room)
        astray = np.setdiff1d(np.flatnonzero(wanted != years), job.seats)
        for key in (r.key for r in job.model.natural if column in r.key.columns):
            place = job.table.name, key.name
            if len(astray) and place not in job.setting.single:
                _lead(job, key, found, (column, wanted[astray], astray))
            if place in job.setting.covering:
                _cover(job, key, found, (column, *room))
    return found


def any_in_time(job: Job, key: ForeignKey, rows: Ints, rng: np.random.Generator) -> Ints:
    """Any row that a key may lead to, for some rows, in the years that owners leave for these."""
    reachable, told = job.setting.reachable(key), spans(job)
    chosen = rng.choice(reachable, len(rows))
    for column in (c for c in key.columns if c in told):
        parent = key.parent_columns[key.columns.index(column)]
        years = ticks(*job.setting.keys(key.parent, (parent,), reachable))
        order = ordered(years)
        least, most = (end[job.parents[rows]] for end in told[column])
        low, high = (
            np.searchsorted(years[order], least),
            np.searchsorted(years[order], most, "right"),
        )
        place = low + (rng.random(len(rows)) * (high - low)).astype(np.int64)
        chosen = np.where(low < high, reachable[order[np.minimum(place, len(order) - 1)]], chosen)
    return chosen


def _cover(job: Job, key: ForeignKey, found: Values, limits: tuple[str, Ints, Ints]) -> None:
    """Leads rows to those of this shard's that none leads to, in place.

    Each time one that others go with where it leads, and for which that year is left; the nearest.
    """
    column, least, most = limits
    reachable = job.setting.reachable(key)
    known = job.setting.keys(key.parent, key.parent_columns, reachable)
    there = dict(zip(key.columns, known, strict=True))
    times, years = ticks(there[column]), ticks(found[column]).copy()
    rng = job.randomness("covering", key.name)
    led = alike(*numbered(known, [found[c] for c in key.columns]), rng)
    loads = np.bincount(led[led >= 0], minlength=len(reachable))
    own = np.arange(len(reachable)) % len(job.setting.plan.layout(key.table).rows) == job.shard
    moved, free = np.full(len(years), -1), np.ones(len(years), np.bool_)
    free[job.seats] = False
    for place in np.flatnonzero(own & (loads == 0)):
        spare = free & ((loads[led] > 1) | ~own[led] | (led < 0))
        inside = spare & (least <= times[place]) & (times[place] <= most)
        some = np.flatnonzero(inside if inside.any() else spare)
        if not len(some):
            break
        row = some[np.argmin(np.abs(years[some] - times[place]))]
        loads[led[row]] -= led[row] >= 0
        led[row] = moved[row] = place
        loads[place], free[row] = 1, False
    rows = np.flatnonzero(moved >= 0)
    for name in key.columns:
        found[name] = patched(found[name], rows, there[name].take(pa.array(moved[rows])))


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
    for column, (least, most) in spans(job).items():
        if column in values:
            yield column, least, most


def spans(job: Job) -> Mapping[str, tuple[Ints, Ints]]:
    """The first and the last year that each owner leaves for columns of years, by column."""
    if job.owner is None:
        return {}
    setting, dates = job.setting, job.above[job.owner.parent].values
    found = lifespans(setting.model, job.table.name, setting.orientation, dates)
    return {c: (least, np.maximum(least, most)) for c, (least, most) in found.items()}


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
