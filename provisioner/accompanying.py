"""Has rows stand beside those of tables drawn before under the same owner, as rules say.

Rows are drawn without regard to these. Those that lead elsewhere take over the keys of rows that
they come nearest to: of those that are alike in most at the same time, else at about that time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.companions import Companion
from generators.determination import joint
from generators.distinct import alike, nearest, numbered, patched
from generators.pairing import matched
from generators.relations.beats import CLOCKS, ticks
from generators.sorting import ranks
from provisioner.job import Ints, Job, Values

Bools = npt.NDArray[np.bool_]


def accompanied(job: Job, values: Values) -> Values:
    """The values, with keys as those of the rows that stand beside them; hand-made rows stay."""
    found, taken = dict(values), np.zeros(len(job.indexes), np.bool_)
    taken[job.seats] = True
    known = [c for c in job.setting.companions.get(job.table.name, ()) if c.pairs]
    known = [c for c in known if values.keys() >= set(c.columns)]
    for one in reversed([c for c in known if not c.asks]):
        _take_over(job, one, found, _chosen(job, _Beside.of(job, one, found), ~taken))
    for one in (c for c in known if c.asks):
        _take_over(job, one, found, _asked(_Beside.of(job, one, found), taken))
    return found


def _take_over(job: Job, one: Companion, found: Values, pairs: tuple[Ints, Ints]) -> None:
    """Gives rows the keys of rows of the other table, in place."""
    rows, others = pairs
    for own, there in one.pairs:
        fresh = job.above[one.other].values[there].take(pa.array(others))
        found[own] = patched(found[own], rows, fresh)


@dataclass(frozen=True, slots=True)
class _Beside:
    """Rows of a table and of an earlier one as numbers, equal where they are alike.

    Attributes:
        numbers: of the owner, then of each pair of columns, per row of the earlier table and per
            own row; -1 for null.
        times: the place of the time among all; 0 where there is none.
        parts: pairs of columns, by number, in which rows are sought that are alike.
    """

    numbers: tuple[tuple[Ints, Ints], ...]
    times: tuple[Ints, Ints]
    parts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, job: Job, one: Companion, values: Values) -> "_Beside":
        """What there is of the rows of a job, drawn so far, and of those that it has beside it."""
        other = job.above[one.other]
        both = [(other.values[there], values[own]) for own, there in one.pairs]
        numbers = [numbered([there], [own]) for there, own in both]
        timed, rows = _timed(job, one), len(other.parents)
        times = np.zeros(rows + len(job.parents), np.int64)
        if timed is not None:
            times = ranks(np.concatenate([ticks(column) for column in both[timed]]))
        return cls(
            ((other.parents, job.parents), *numbers),
            (times[:rows], times[rows:]),
            tuple(_parts(job, one, timed)),
        )

    def alike(self, part: Iterable[int]) -> tuple[Ints, Ints]:
        """A number per row of either table, equal where the owner and some pairs are."""
        pairs = [self.numbers[0], *(self.numbers[1 + place] for place in part)]
        found = joint([np.concatenate(pair) for pair in pairs])
        return found[: len(self.times[0])], found[len(self.times[0]) :]


def _timed(job: Job, one: Companion) -> int | None:
    """Which pair of columns says when rows come, if any."""
    clock = job.model.history.clock if job.model.history else None
    kinds = [job.table.column(own).datatype.kind for own in one.columns]
    keyed = {c for key in job.table.foreign_keys for c in key.columns}
    places = [n for n, kind in enumerate(kinds) if kind in CLOCKS]
    first = None if clock is None else clock.column
    ranked = sorted(places, key=lambda n: (one.columns[n] != first, one.columns[n] not in keyed))
    return next(iter(ranked), None)


def _parts(job: Job, one: Companion, timed: int | None) -> Iterator[tuple[int, ...]]:
    """Pairs to be alike in: all, what a unique key has of them, then ever fewer at one time."""
    every = tuple(range(len(one.pairs)))
    yield every
    for unique in job.table.uniques:
        part = tuple(n for n in every if one.columns[n] in unique.columns)
        if part and part != every:
            yield part
    sizes = range(len(every) - 1, 0, -1)
    parts = (part for size in sizes for part in combinations(every, size))
    yield from (part for part in parts if timed is None or timed in part)


def _chosen(job: Job, beside: _Beside, free: Bools) -> tuple[Ints, Ints]:
    """Free rows that stand beside no row, and for each the row that it comes nearest to."""
    place = np.full(len(free), -1)
    rng = job.randomness("beside")
    for part in beside.parts:
        there, here = beside.alike(part)
        left = np.flatnonzero(free & (place < 0))
        place[left] = alike(there, here[left], rng)
        if part == beside.parts[0]:
            free = free & (place < 0)
    left = np.flatnonzero(free & (place < 0))
    place[left] = _near(beside, np.arange(len(beside.times[0])), left)
    rows = np.flatnonzero(free & (place >= 0))
    return rows, place[rows]


def _near(beside: _Beside, others: Ints, rows: Ints) -> Ints:
    """The row of the other table, of some, that comes nearest in time to each own; -1 for none."""
    (there, here), (then, now) = beside.numbers[0], beside.times
    found = nearest((there[others], then[others]), (here[rows], now[rows]))
    return np.where(found < 0, -1, others[found]) if len(others) else found


def _asked(beside: _Beside, taken: Bools) -> tuple[Ints, Ints]:
    """Rows that are to stand beside rows of the other table, and these; taken ones stay.

    Taken are those in place that do so by now.
    """
    there, here = beside.alike(beside.parts[0])
    wanted, asking = np.unique(there, return_index=True)
    asking = asking[wanted >= 0]
    held, first = np.unique(here, return_index=True)
    taken[first[np.isin(held, there[asking])]] = True
    place = np.where(np.isin(there, held), -2, -1)
    asking = asking[place[asking] == -1]
    for part in beside.parts[1:]:
        there, here = beside.alike(part)
        left, free = asking[place[asking] < 0], np.flatnonzero(~taken & (here >= 0))
        mine, its = matched(there[left], here[free])
        place[left[mine]] = free[its]
        taken[free[its]] = True
    _seat(beside, asking, place, taken)
    asking = asking[place[asking] >= 0]
    return place[asking], asking


def _seat(beside: _Beside, asking: Ints, place: Ints, taken: Bools) -> None:
    """Gives those that still ask the row of their owner that is nearest in time, in place."""
    (there, here), (then, now) = beside.numbers[0], beside.times
    while len(left := asking[place[asking] < 0]):
        free = np.flatnonzero(~taken)
        found = nearest((here[free], now[free]), (there[left], then[left]))
        chosen, first = np.unique(found, return_index=True)
        first = first[chosen >= 0]
        if not len(first):
            break
        place[left[first]] = free[found[first]]
        taken[free[found[first]]] = True
