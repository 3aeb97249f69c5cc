"""Has rows stand beside those of tables drawn before under the same owner, as rules say.

Rows are drawn without regard to these. Those that lead elsewhere take over the keys of rows that
they come nearest to: of those that are alike in most at the same time, else at about that time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.companions import Companion, apart
from generators.company import Asking, choice
from generators.determination import joint
from generators.distinct import SPREADABLE, alike, groups, nearest, numbered, patched
from generators.pairing import matched
from generators.relations.beats import CLOCKS, ticks
from generators.sorting import ranks
from provisioner.dating import spans
from provisioner.job import Ints, Job, Values
from provisioner.seating import Parties, Seating

Bools = npt.NDArray[np.bool_]


def accompanied(job: Job, values: Values) -> Values:
    """The values, with keys as those of the rows that stand beside them; hand-made rows stay."""
    found, taken = dict(values), np.zeros(len(job.indexes), np.bool_)
    taken[job.seats] = True
    every = job.setting.companions.get(job.table.name, ())
    known = [c for c in every if values.keys() >= set(c.columns)]
    _choose(job, known, found, ~taken)
    for one in (c for c in known if c.asks and c.pairs):
        beside = _Beside.of(job, one, found, np.arange(len(job.above[one.other].parents)))
        _take_over(job, one, found, _asked(beside, taken))
    return found


def _choose(job: Job, known: Sequence[Companion], found: Values, free: Bools) -> None:
    """Gives free rows the keys of those that they choose, in place."""
    above = [(one, job.above[one.other]) for one in known]
    asking = [(c, Asking.of(c, other.parents, other.values)) for c, other in above]
    chosen = choice(asking, spans(job)) if asking else None
    if chosen is None:
        return
    one, there = chosen
    beside, differing = _Beside.of(job, one, found, there), apart(job.setting.model, one)
    differing = tuple(a for a in differing if a <= found.keys())
    if not differing:
        rows, others = _chosen(job, beside, free)
        _take_over(job, one, found, (rows, there[others]))
        return
    rows, others, like = _placed(job, one, beside, (found, free, differing[0]))
    _take_over(job, one, found, (rows, there[others]))
    changed = np.flatnonzero(like != rows)
    for column in sorted(differing[0] - {*one.columns}):
        fresh = found[column].take(pa.array(like[changed]))
        found[column] = patched(found[column], rows[changed], fresh)


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
    def of(cls, job: Job, one: Companion, values: Values, some: Ints) -> "_Beside":
        """What there is of the rows of a job, drawn so far, and of some that it has beside it."""
        other, chosen = job.above[one.other], pa.array(some)
        both = [(other.values[there].take(chosen), values[own]) for own, there in one.pairs]
        numbers = [numbered([there], [own]) for there, own in both]
        timed, rows = _timed(job, one), len(some)
        times = np.zeros(rows + len(job.parents), np.int64)
        if timed is not None:
            times = ranks(np.concatenate([ticks(column) for column in both[timed]]))
        return cls(
            ((other.parents[some], job.parents), *numbers),
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


def _placed(
    job: Job, one: Companion, beside: _Beside, drawn: tuple[Values, Bools, frozenset[str]]
) -> tuple[Ints, Ints, Ints]:
    """Free rows, the row that each stands beside, and one that is as it is to be in what differs.

    No two of an owner are equal in that. Those that are alike in all stand together, then those
    alike in less, each at the nearest time; who finds no place has one that others would have
    there. `drawn` are the values, the free rows and the columns in all of which rows are to differ.
    """
    found, free, differing = drawn
    rows, rest = np.flatnonzero(free), sorted(differing - {*one.columns})
    parents, spread = job.parents[rows], _may_follow(job, rest)
    told = groups([found[c] for c in rest])[rows] if rest else np.zeros(len(rows), np.int64)
    parties = Parties.of(parents, told, spread=spread)
    held = tuple(n for n, c in enumerate(one.columns) if c in differing)
    there, (then, now) = beside.numbers[0][0], beside.times
    seating = Seating.of(parties, there, beside.alike(held)[0])
    for known, here in (beside.alike(part) for part in beside.parts):
        seating.seat_alike(parties.own, here[rows], known)
    seating.seat_near((parties.own, now[rows]), (seating.parties, then[seating.others]))
    if spread:
        seating.seat_near((parents, now[rows]), (there[seating.others], then[seating.others]))
    seated = np.flatnonzero(seating.found >= 0)
    places = seating.found[seated]
    like = rows[parties.like[seating.parties[places]]]
    own = seating.parties[places] == parties.own[seated]
    seats, like = seating.others[places], np.where(own, rows[seated], like)
    if not _may_repeat(job, one, differing):
        return rows[seated], seats, like
    left = rows[seating.found < 0]
    near = _near(beside, np.arange(len(then)), left)
    left, near = left[near >= 0], near[near >= 0]
    seats, like = np.concatenate([seats, near]), np.concatenate([like, left])
    return np.concatenate([rows[seated], left]), seats, like


def _may_follow(job: Job, columns: Sequence[str]) -> bool:
    """Whether columns may be as other rows have them; there are some."""
    learned = {f.column.name for f in job.model.columns if f.generator.reserved is None}
    keyed = {c for key in job.table.foreign_keys for c in key.columns}
    keyed |= job.setting.model.schema.referenced(job.table.name) | job.table.typed_columns
    free = learned - keyed - job.setting.orientation.targets(job.table.name)
    return bool(columns) and {*columns} <= free


def _may_repeat(job: Job, one: Companion, columns: frozenset[str]) -> bool:
    """Whether rows may repeat each other in columns: no key says so, or one of them may move."""
    declared = (frozenset(u.columns) - {*one.owner} for u in job.table.uniques if u.whole)
    if columns not in declared:
        return True
    keyed = {c for key in job.table.foreign_keys for c in key.columns}
    learned = (f.column for f in job.model.columns if f.column.name not in {*keyed, *one.columns})
    return any(c.name in columns and c.datatype.kind in SPREADABLE for c in learned)


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
