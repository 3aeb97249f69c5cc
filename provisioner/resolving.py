"""Finds the rows that natural keys lead to: those nearest to what was drawn."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import ForeignKey
from generators.columns import Codes
from generators.distinct import groups, numbered
from generators.relations.beats import CLOCKS, ticks
from generators.relations.references import Reference
from provisioner.job import Floats, Ints, Job, Values, features

Bools = npt.NDArray[np.bool_]

_DEVIATIONS = 2.0
_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it lie evenly between whole numbers, however many are taken."""


def resolved(job: Job, values: Values, codes: Codes) -> Values:
    """The values with natural keys that lead to rows that are there.

    A row leads to one that has all that was drawn, or else all but one of the columns, and so on;
    its time is given up last. Rows for which the same was drawn go together then, to the one that
    the fewest rows lead to; and so do rows that would make one far more popular than its like.

    Args:
        job: the table and shard.
        values: the rows' values.
        codes: what they were drawn as.
    """
    found = dict(values)
    for reference in job.model.natural:
        rows = _nearest(job, reference, values, codes)
        if len(rows):
            fresh = job.setting.keys(reference.key.parent, reference.key.parent_columns, rows)
            found |= zip(reference.key.columns, fresh, strict=True)
    return found


def _nearest(job: Job, reference: Reference, values: Values, codes: Codes) -> Ints:
    """The index of the row that each row leads to; none where none can be led to."""
    key = reference.key
    reachable = job.setting.reachable(key)
    if not len(reachable):
        return np.empty(0, np.int64)
    known = job.setting.keys(key.parent, key.parent_columns, reachable)
    there = dict(zip(key.parent_columns, known, strict=True))
    rng = job.randomness("nearest", key.name)
    timed = _timed(job, key)
    troupes, when = groups([values[c] for c in key.columns]), ticks(values[timed[0]])
    crowd = _crowd(ticks(there[timed[1]]), when)
    expected = crowd * _expected(job, reference, reachable, codes)
    expected = _told(job, reference, known, expected)
    covering = (job.table.name, key.name) in job.setting.covering
    if not covering and (expected > 0).any():  # nothing leads to a team that no play-off saw
        some = np.flatnonzero(expected)
        there = {p: v.take(pa.array(some)) for p, v in there.items()}
        reachable, expected = reachable[some], expected[some]
    offsets = np.asarray((reachable * _GOLDEN + _turn(job)) % 1, np.float64)
    most = _most(expected, _part(job), offsets)
    found, loads = np.full(len(job.indexes), -1), np.zeros(len(reachable), np.int64)
    for columns in _parts(job, key, values):
        left = rng.permutation(np.flatnonzero(found < 0))
        asked = [values[c].take(pa.array(left)) for c in columns]
        equal = numbered([there[p] for p in columns.values()], asked)
        found[left] = _led(equal, (troupes[left], when[left]), loads, _turn(job))
        if len(columns) > 1:  # afterwards those that are left go wherever there is room
            found[_beyond(found, most)] = -1
        loads = np.bincount(found[found >= 0], minlength=len(loads))
    left = np.flatnonzero(found < 0)
    found[left] = rng.integers(0, len(reachable), len(left))
    if covering:
        found = _covered(found, (when, ticks(there[timed[1]])), _own(job, len(reachable)))
    return np.asarray(reachable[found], dtype=np.int64)


def _timed(job: Job, key: ForeignKey) -> tuple[str, str]:
    """The time of a key, and what it leads to: what orders siblings, or else its first time."""
    clock = job.model.history.clock if job.model.history else None
    pairs = zip(key.columns, key.parent_columns, strict=True)
    kinds = {c: job.table.column(c).datatype.kind for c in key.columns}
    timed = [pair for pair in pairs if kinds[pair[0]] in CLOCKS]
    first = clock.column if clock is not None else ""
    return min(timed, key=lambda pair: (pair[0] != first, kinds[pair[0]] is Kind.INTEGER))


def _crowd(times: Ints, when: Ints) -> Floats:
    """How many more rows than usual come at each time for one that they may lead to."""
    known = np.unique(times)
    sizes = [
        np.bincount(np.searchsorted(known, t[np.isin(t, known)]), minlength=len(known)) / len(t)
        for t in (when, times)
        if len(t)
    ]
    if len(sizes) < 2:
        return np.ones(len(times))
    return (sizes[0] / sizes[1])[np.searchsorted(known, times)]


def _expected(job: Job, reference: Reference, reachable: Ints, codes: Codes) -> Floats:
    """How many rows lead to each row, as many as to its like."""
    place = [f.name for f in features(job.model)].index(reference.feature.name)
    clusters = job.setting.model.tables[reference.key.parent].clusters
    total = job.setting.plan.layout(reference.key.parent).total
    own = clusters.of(reachable, total)
    asked = np.bincount(reference.inside(codes[:, place]), minlength=clusters.count)
    return np.asarray((asked / np.maximum(1, np.bincount(own, minlength=clusters.count)))[own])


def _told(job: Job, reference: Reference, known: list[pa.Array], expected: Floats) -> Floats:
    """The same, where enough units tell how many rows lead to one as many as they tell of."""
    told = job.model.witnesses.get(reference.key.name)
    if told is None:
        return expected
    columns = told.columns(job.table)
    own, there = numbered([columns[c] for c in reference.key.columns], known)
    place = np.full(max(own.max(initial=0), there.max(initial=0)) + 2, -1)
    place[own] = np.arange(len(own))
    which, parent = place[there], reference.key.parent
    times = job.setting.model.rows[parent] / max(1, job.setting.plan.layout(parent).total)
    shares = np.append(told.shares.value, 0.0)[which] * len(job.indexes) * times
    return np.where(which >= 0, shares, expected)


def _part(job: Job) -> float:
    """The share of all rows of the table that are in the shard."""
    return len(job.indexes) / max(1, job.setting.plan.layout(job.table.name).total)


def _turn(job: Job) -> float:
    """Where among places of one sort the shard begins, so that each begins elsewhere."""
    return job.shard / len(job.setting.plan.layout(job.table.name).rows)


def _most(expected: Floats, part: float, offsets: Floats) -> Ints:
    """How many rows of the shard may lead to each row where so many are expected.

    Chance adds to those of all shards, of which this one has its part. A fraction is one more in
    as many shards, other ones for each row, as offsets say.
    """
    most = expected + _DEVIATIONS * np.sqrt(expected * part)
    return np.floor(most + offsets).astype(np.int64)


def _beyond(found: Ints, most: Ints) -> Ints:
    """The rows that are too many where they lead to."""
    there = np.flatnonzero(found >= 0)
    order = there[np.argsort(found[there], kind="stable")]
    starts = np.flatnonzero(np.diff(found[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return order[rank >= most[found[order]]]


def _own(job: Job, places: int) -> Bools:
    """The places that the shard has to lead a row to, of those that need one."""
    shards = len(job.setting.plan.layout(job.table.name).rows)
    return np.asarray(np.arange(places) % shards == job.shard)


def _covered(found: Ints, times: tuple[Ints, Ints], own: Bools) -> Ints:
    """The places of rows, of which some that are not needed lead to a place without any.

    To one of their own time, and what is left over in the order of time. Needed is the first row
    of an own place; other places have theirs of other shards.

    Args:
        found: the place of each row.
        times: of the rows, and of the places.
        own: the places that may not be left without a row.
    """
    covered, (when, known) = found.copy(), times
    for exactly in (True, False):
        loads = np.bincount(covered, minlength=len(own))
        empty, spare = np.flatnonzero(own & (loads == 0)), _beyond(covered, own.astype(np.int64))
        empty, spare = empty[np.argsort(known[empty])], spare[np.argsort(when[spare])]
        if exactly:
            pairs = _paired(known[empty], when[spare])
            empty, spare = empty[pairs[0]], spare[pairs[1]]
        some = min(len(empty), len(spare))
        evenly = np.linspace(0, len(spare) - 1, some).astype(np.int64)
        covered[spare[evenly]] = empty[:some]
    return covered


def _paired(some: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Where the first of each value stand in both, the second, and so on; both in order."""
    _, codes = np.unique(np.concatenate([some, others]), return_inverse=True)
    pair = codes[: len(some)], codes[len(some) :]
    one, other = (c * len(codes) + np.arange(len(c)) - np.searchsorted(c, c) for c in pair)
    _, places, others = np.intersect1d(one, other, return_indices=True)
    return places, others


def _parts(job: Job, key: ForeignKey, values: Values) -> Iterator[Mapping[str, str]]:
    """Columns to ask for, with those that they lead to: all, then fewer, those with the time first.

    Of these the ones with most values, which say most.
    """
    told = {c: int(pc.count_distinct(values[c]).as_py()) for c in key.columns}
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    timed, _ = _timed(job, key)
    parts = (dict(p) for size in range(len(pairs)) for p in combinations(pairs, size + 1))
    yield from sorted(parts, key=lambda p: (timed not in p, -len(p), -sum(told[c] for c in p)))


def _led(equal: tuple[Ints, Ints], of: tuple[Ints, Ints], loads: Ints, turn: float = 0.0) -> Ints:
    """Per row asked for, the place of a known one that is equal; -1 where none is.

    Rows of one troupe go to one place, the largest first, each to the emptiest one.

    Args:
        equal: a number per known row, and per row asked for.
        of: the rows' troupes, and when they come.
        loads: how many rows lead to each known one already.
        turn: where among equally empty places to begin, from 0 to 1.
    """
    (own, others), (troupes, when), loads = equal, of, loads.copy()
    found = np.full(len(others), -1, np.int64)
    order = np.lexsort((troupes, others))
    starts = np.flatnonzero(np.diff(others[order], prepend=-2))
    places = np.argsort(own, kind="stable")
    for rows in sorted(np.split(order, starts[1:]), key=lambda r: int(when[r].min(initial=0))):
        if not len(rows):
            continue
        span = np.searchsorted(own[places], [others[rows[0]], others[rows[0]] + 1])
        free = places[slice(*span)]
        if not len(free):
            continue
        free = np.roll(free, -int(turn * len(free)))
        _, firsts, sizes = np.unique(troupes[rows], return_index=True, return_counts=True)
        for troupe in np.argsort(-sizes, kind="stable"):
            place = free[np.argmin(loads[free])]
            found[rows[firsts[troupe] : firsts[troupe] + sizes[troupe]]] = place
            loads[place] += sizes[troupe]
    return found
