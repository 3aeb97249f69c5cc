"""Gives rows the keys that those which lead to them tell of: each team the seasons of its players.

Rows of an owner get keys that are alike but for their time, one after the other, and all else is
drawn given these. Where a table of few owners is drawn by itself, the rows that lead to it hardly
find any row that they were drawn to lead to.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.schema import ForeignKey, Table, TableName
from generators.columns import Codes
from generators.distinct import groups, patched
from generators.model import DatabaseModel
from generators.relations.beats import ticks
from generators.relations.casts import Turns
from generators.relations.histories import LAST, History, positions
from generators.relations.repeating import repeats_of
from provisioner.job import Ints, Job, Seats, Values, features
from provisioner.plan import Plan

_APART = 3
"""Steps between two keys beyond which they are of two runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Keys that are alike but for their time: places of what they are alike in, and their times."""

    kind: int
    times: Ints


def seats(job: Job) -> Seats | None:
    """The keys of a shard's rows; None where nobody tells of the table, or its rows are told."""
    if job.seen.seats is not None:
        return job.seen.seats
    told, clock = _told(job), None if job.model.history is None else job.model.history.clock
    if not told or clock is None or not len(job.indexes):
        return None
    others = [c for c in told if c != clock.column]
    kinds = groups([told[c] for c in others])
    shards = len(job.setting.plan.layout(job.table.name).rows)
    own = np.flatnonzero(kinds % shards == job.shard)
    runs = _runs(kinds[own], ticks(told[clock.column])[own])
    kind, times = _seated(np.bincount(job.parents), runs)
    rows = np.flatnonzero(kind >= 0)
    first = np.unique(kinds, return_index=True)[1]
    places = pa.array(first[kind[rows]])
    found = Seats(rows, times[rows], {c: told[c].take(places) for c in others})
    job.seen.seats = found
    return found


def evidence(job: Job, history: History, known: Seats) -> Mapping[str, Codes]:
    """The codes that seated rows are drawn given: as the sibling before, where they are."""
    position = positions(job.parents[known.rows])
    names = [feature.name for feature in history.features]
    codes = np.zeros((len(known.rows), len(names)), np.int32)
    repeats = np.zeros(codes.shape, np.int8)
    for fitted in job.model.columns:
        name = fitted.column.name
        if name not in known.values:
            continue
        codes[:, names.index(name)] = fitted.encode(known.values[name])
        if name in history.repeated:
            again = repeats_of(groups([known.values[name]]), position) == LAST
            repeats[again, names.index(name)] = LAST
    drawn = history.with_repeats(codes, repeats)
    return {f.name: drawn[:, i] for i, f in enumerate(history.drawn) if f.name in known.values}


def seated(job: Job, values: Values, turns: Turns) -> Values:
    """The values, where rows that are as their keys were told have these."""
    known = seats(job)
    if known is None or not known.values.keys() <= values.keys():
        return values
    names = [feature.name for feature in features(job.model)]
    same = turns.ticks[known.rows] == known.times
    for fitted in (f for f in job.model.columns if f.column.name in known.values):
        own = turns.codes[known.rows, names.index(fitted.column.name)]
        same &= own == fitted.encode(known.values[fitted.column.name])
    rows, chosen = known.rows[same], pa.array(np.flatnonzero(same))
    fresh = {c: patched(values[c], rows, v.take(chosen)) for c, v in known.values.items()}
    return values | fresh


def witnessed(model: DatabaseModel, plan: Plan, name: TableName) -> Mapping[str, pa.Array]:
    """The keys of a table that those which lead there tell of, by column; empty for none."""
    table = model.schema.table(name)
    parts: dict[tuple[str, ...], list[list[pa.Array]]] = {}
    for key in _leading(model, name):
        told = model.tables[key.table].witnesses[key.name]
        held = told.columns(model.schema.table(key.table))
        pairs = sorted(zip(key.parent_columns, key.columns, strict=True))
        found = [held[c].cast(_type(table, p)) for p, c in pairs]
        parts.setdefault(tuple(p for p, _ in pairs), []).append(found)
    if not parts or not _is_free(plan, name):
        return {}
    names, lists = max(parts.items(), key=lambda part: (len(part[1]), part[0]))
    together = [pa.concat_arrays(column) for column in zip(*lists, strict=True)]
    first = pa.array(np.unique(groups(together), return_index=True)[1])
    return {c: v.take(first) for c, v in zip(names, together, strict=True)}


def all_witnessed(model: DatabaseModel, plan: Plan) -> Mapping[TableName, Mapping[str, pa.Array]]:
    """`witnessed` of each table of which anybody tells."""
    found = {name: witnessed(model, plan, name) for name in model.tables}
    return {name: told for name, told in found.items() if told}


def _leading(model: DatabaseModel, name: TableName) -> Iterator[ForeignKey]:
    """The keys that lead to a table and tell of it."""
    for table in model.tables.values():
        for reference in table.natural:
            if reference.key.parent == name and reference.key.name in table.witnesses:
                yield reference.key


def _type(table: Table, column: str) -> pa.DataType:
    return arrow_type(table.column(column).datatype)


def _is_free(plan: Plan, name: TableName) -> bool:
    """Whether all rows of a table are drawn, and none of them has a part to play."""
    fixed = name in plan.stands or name in plan.carried or name in plan.keeps
    return not (fixed or plan.before(name) or plan.roles(name))


def _told(job: Job) -> Mapping[str, pa.Array]:
    """What is told of a job's table, if its rows come in an order that a column of it tells."""
    history = job.model.history
    told = job.setting.witnessed.get(job.table.name, {})
    learned = {f.column.name for f in job.model.columns}
    if history is None or history.clock is None or history.clock.walk is not None:
        return {}
    timed = history.clock.column in told and len(told) > 1
    return told if timed and told.keys() <= learned and not len(job.seats) else {}


def _runs(kinds: Ints, times: Ints) -> list[Run]:
    """Keys that are alike but for their time, apart where these are far apart.

    What lies between two of them is as they are: too few rows lead there for it to be told.
    """
    order = np.lexsort((times, kinds))
    kinds, times = kinds[order], times[order]
    steps, same = np.diff(times), np.diff(kinds) == 0
    usual = np.unique(steps[same], return_counts=True)
    pace = int(usual[0][usual[1].argmax()]) if same.any() else 1
    cuts = np.flatnonzero(~same | (steps > _APART * pace)) + 1
    parts = zip(np.split(kinds, cuts), np.split(times, cuts), strict=True)
    return [Run(int(k[0]), _filled(t, pace)) for k, t in parts if len(k)]


def _filled(times: Ints, pace: int) -> Ints:
    between = np.arange(times[0], times[-1] + 1, pace)
    return between if np.isin(times, between).all() else times


def _seated(sizes: Ints, runs: list[Run]) -> tuple[Ints, Ints]:
    """Per row of owners of these sizes what its key is, -1 for nothing, and its time.

    The largest owners have the longest runs; one that is left with more rows than its run is long
    has one that begins where that ends. Rows that are still left come right before these and after.
    """
    kind, times = np.full(int(sizes.sum()), -1), np.zeros(int(sizes.sum()), np.int64)
    starts, free = np.cumsum(sizes) - sizes, _Free(runs)
    latest = max((int(run.times[-1]) for run in runs), default=0)
    for owner in np.argsort(-sizes, kind="stable"):
        rows, chain = int(sizes[owner]), list[Run]()
        run = free.take(rows, None) if rows else None
        while run is not None:
            chain.append(run)
            rows -= len(run.times)
            run = free.take(rows, int(run.times[-1])) if rows else None
        if chain:
            part = slice(starts[owner], starts[owner] + sizes[owner])
            kind[part], times[part] = _lengthened(chain, rows, latest, free.pace)
    return kind, times


def _lengthened(chain: list[Run], rows: int, latest: int, pace: int) -> tuple[Ints, Ints]:
    """Runs one after the other, with so many more rows at either end, none after the latest."""
    first, last = int(chain[0].times[0]), int(chain[-1].times[-1])
    behind = min(rows, (latest - last) // pace)
    before = np.arange(behind - rows, 0) * pace + first
    after = last + pace * np.arange(1, behind + 1)
    ends = Run(chain[0].kind, before), Run(chain[-1].kind, after)
    whole = [ends[0], *chain, ends[1]]
    kinds = [np.full(len(run.times), run.kind) for run in whole]
    return np.concatenate(kinds), np.concatenate([run.times for run in whole])


class _Free:
    """Runs that no owner has yet."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = [*runs]
        steps = [int(np.diff(run.times).min()) for run in runs if len(run.times) > 1]
        self.pace = min(steps, default=1)
        self.by_length = sorted((len(run.times), n) for n, run in enumerate(runs))
        self.by_start: dict[int, list[tuple[int, int]]] = {}
        for length, number in self.by_length:
            self.by_start.setdefault(int(runs[number].times[0]), []).append((length, number))

    def take(self, rows: int, behind: int | None) -> Run | None:
        """The longest run that so many rows have room for, else the beginning of a longer one.

        One that begins right behind a time, if any is given, or else later.
        """
        found = _fitting(self._among(behind), (rows, len(self.runs)))
        if found is None:
            return None
        length, number = found
        run = self.runs[number]
        for entries in (self.by_length, self.by_start[int(run.times[0])]):
            del entries[bisect_left(entries, found)]
        if length <= rows:
            return run
        entry = length - rows, len(self.runs)
        self.runs.append(Run(run.kind, run.times[rows:]))
        insort(self.by_length, entry)
        insort(self.by_start.setdefault(int(run.times[rows]), []), entry)
        return Run(run.kind, run.times[:rows])

    def _among(self, behind: int | None) -> list[list[tuple[int, int]]]:
        """Runs by length, in one list or several."""
        if behind is None:
            return [self.by_length]
        if following := self.by_start.get(behind + self.pace):
            return [following]
        return [found for start, found in self.by_start.items() if start > behind]


def _fitting(lists: list[list[tuple[int, int]]], most: tuple[int, int]) -> tuple[int, int] | None:
    """The highest entry up to the most, else the lowest of all; each list ascends."""
    filled = [entries for entries in lists if entries]
    below = ((entries, bisect_right(entries, most)) for entries in filled)
    fitting = [entries[place - 1] for entries, place in below if place]
    return max(fitting, default=min((entries[0] for entries in filled), default=None))
