"""Puts a table's training rows in the order of their siblings, with what may tell of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, endless
from connectors.schema import TableName
from generators.contexts import Rows, context
from generators.encoding import FittedColumn
from generators.magnitudes import looks_like_years
from generators.privacy.support import Ints
from generators.relations.beats import Beat, converted, ticks
from generators.relations.clocks import (
    Candidate,
    Origin,
    can_be_clock,
    choose_clock,
)
from generators.relations.courses import Course, Pulse, choose_beat, is_bound
from generators.relations.histories import CURRENT, Repeats, following, positions
from generators.relations.repeating import repeats_of
from generators.relations.walks import matched
from generators.tables import Matrix

Bools = npt.NDArray[np.bool_]

_SHARED = 0.8
"""Share of rows that must have the beat's value in a column for that to have a code of its own."""
_SHARED_NUMBERS = 0.25
"""Share of rows from which on that is beyond chance, whatever else the others have."""
_CLOSES = 0.01
"""Share of last rows beyond which more are as the owner's last beat than as the one in force."""
_NEVER_ABOVE = 0.995
"""Share of rows whose number must be no greater than the beat's for none that is to be drawn."""
BEAT = ""
"""The name of the origin that is the beat table's first time."""
ONGOING = "@ongoing"
"""That of the origin from which a row a year leads to the latest year."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The training rows of a table that was fitted before.

    Attributes:
        rows: as stored.
        codes: of each row, with those that it was drawn given.
        owners: per row, the position of its owner's row; empty for a root.
        clock: the column that orders siblings; None where none does.
        learned: the columns whose values are drawn from codes, with their types.
        met: the share of these rows that other rows of the same owner can meet among those read.
    """

    rows: pa.Table
    codes: Rows
    owners: Ints
    owner: TableName | None
    clock: FittedColumn | None
    learned: Mapping[str, FittedColumn]
    met: float


@dataclass(frozen=True, slots=True)
class Young:
    """The training rows of a table about to be fitted.

    Attributes:
        rows: as stored, with their privacy units.
        columns: those whose values are learned.
        target: codes of each row.
        alike: per feature whose repeats count, what must be equal in two rows for one to repeat
            the other; -1 where nothing does.
        clusters: each row's cluster, and how many there are.
    """

    rows: pa.Table
    units: Ints
    columns: Sequence[FittedColumn]
    target: Matrix
    alike: Mapping[str, Ints]
    clusters: tuple[npt.NDArray[np.int32], int]


@dataclass(frozen=True, slots=True)
class _Repetition:
    """How rows repeat others; all else as in `generators.relations.courses.Course`."""

    repeats: Repeats
    shared: frozenset[str] = frozenset()
    bounded: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()


def ordered(
    young: Young, link: Ints, owner: TableName, seen: Mapping[TableName, Seen]
) -> tuple[Course, Pulse | None, Ints]:
    """The rows that have an owner, siblings side by side; their beat; and their positions.

    Args:
        young: the rows.
        link: per row, the position of its owner's row; -1 for none.
        owner: the owner's table.
        seen: what was fitted before, the owner among it.
    """
    kept = np.flatnonzero(link >= 0)
    clock = choose_clock(_candidates(young, kept), link[kept])
    times = np.zeros(len(kept), np.int64) if clock is None else clock.ticks
    order = np.lexsort((times, link[kept]))
    known, times = kept[order], times[order]
    owners = link[known]
    base = context(seen[owner].codes, owners, young.clusters[0][known], young.clusters[1])
    time = None if clock is None else _fitted(young.columns, clock.column.name)
    pulse = None if time is None else choose_beat(times, owners, _pulses(owner, time, seen))
    places = None
    if pulse is not None and is_bound(times, owners, pulse):
        places = _places(young, known, (owners, times), seen[pulse.table], pulse)
        order = np.lexsort((places, times, owners))
        known, times, places = known[order], times[order], places[order]
    told = _Repetition(_repeats(young, known, positions(owners)))
    if pulse is not None:
        inside = pulse.beat.at(owners, times) if places is None else places
        told = _with_beat(young, (known, owners, inside), (seen[pulse.table], pulse), told.repeats)
    course = Course(
        base,
        Matrix(young.target.features, young.target.codes[known]),
        owners,
        young.units[known],
        told.repeats,
        time,
        times,
        () if time is None else _origins(time, times, owners, seen[owner], pulse),
        told.shared,
        places,
        told.bounded,
        told.closing,
    )
    return course, pulse, known


def _with_beat(
    young: Young, rows: tuple[Ints, Ints, Ints], beat: tuple[Seen, Pulse], repeats: Repeats
) -> _Repetition:
    """How rows repeat others, those of the beat among them.

    `rows` are which of the young ones, their owners, and where their beats stand.
    """
    (known, owners, inside), (seen, pulse) = rows, beat
    there, last = np.append(pulse.beat.rows, -1), following(owners) == 0
    current = there[inside]
    equal = _equal_to_beat(young, known, seen, current)
    ended = np.where(last, there[pulse.beat.last(owners)], current)
    at_end = _equal_to_beat(young, known, seen, ended)
    closing = {n for n in equal if _share(at_end[n][last]) > _share(equal[n][last]) + _CLOSES}
    equal = {name: at_end[name] if name in closing else same for name, same in equal.items()}
    shared = _shared(equal, np.flatnonzero(last), pulse.met)
    for place, feature in enumerate(young.target.features):
        if feature.name in shared:
            repeats[equal[feature.name], place] = CURRENT
    return _Repetition(repeats, shared, _bounded(young, known, seen, current), shared & closing)


def _share(found: Bools) -> float:
    return float(found.mean()) if len(found) else 0.0


def _places(young: Young, known: Ints, when: tuple[Ints, Ints], beat: Seen, pulse: Pulse) -> Ints:
    """The place of each row's beat, given its owner and time."""
    ids = [(own[known], others) for own, others in _common_ids(young, beat).values()]
    return matched(pulse.beat, *when, ids)


def origin_ticks(values: pa.Array, source: Kind, target: Kind) -> tuple[Ints, Bools]:
    """A column's times as ticks of another kind, and where they are known."""
    known = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    known = known & ~endless(values).to_numpy(zero_copy_only=False)
    return converted(ticks(values), source, target), known


def _candidates(young: Young, kept: Ints) -> list[Candidate]:
    found = []
    for fitted in young.columns:
        values = _column(young.rows, fitted.column.name)
        learned = fitted.generator.kind in {"numeric", "temporal"}
        timed = learned and can_be_clock(fitted.column)
        if timed and not values.null_count and not pc.any(endless(values)).as_py():
            found.append(Candidate(fitted.column, ticks(values)[kept]))
    return found


def _pulses(owner: TableName, time: FittedColumn, seen: Mapping[TableName, Seen]) -> list[Pulse]:
    """The tables under the same owner whose times can be held against these."""
    found = []
    for name, other in seen.items():
        if other.owner != owner or other.clock is None:
            continue
        if other.clock.column.datatype.kind is not time.column.datatype.kind:
            continue
        kept = np.flatnonzero(other.owners >= 0)
        times = ticks(_column(other.rows, other.clock.column.name))[kept]
        codes = other.codes.target
        beat = Beat.of(other.owners[kept], times, codes.codes[kept])
        found.append(Pulse(name, codes.features, beat, other.met))
    return found


def _origins(
    time: FittedColumn, times: Ints, owners: Ints, owner: Seen, pulse: Pulse | None
) -> tuple[Origin, ...]:
    found = []
    kind = time.column.datatype.kind
    for name, source in _moments(owner):
        if kind is Kind.INTEGER and not looks_like_years(times):
            continue
        origin, known = origin_ticks(_column(owner.rows, name), source, kind)
        found.append(Origin(name, origin[owners], known[owners]))
    if pulse is not None:
        first = pulse.beat.first(owners)
        found.append(Origin(BEAT, pulse.beat.ticks_at(first), first >= 0))
    if kind is Kind.INTEGER and looks_like_years(times):
        begun = ongoing(owners, int(times.max()))
        found.append(Origin(ONGOING, begun, np.ones(len(times), np.bool_)))
    return tuple(found)


def ongoing(owners: Ints, latest: int) -> Ints:
    """The year in which each row's owner began, had it a row in each year until the latest."""
    return np.asarray(latest + 1 - np.bincount(owners)[owners])


def _moments(owner: Seen) -> list[tuple[str, Kind]]:
    """The owner's columns that hold dates or timestamps."""
    found = []
    for field in owner.rows.schema:
        if pa.types.is_date(field.type):
            found.append((field.name, Kind.DATE))
        elif pa.types.is_timestamp(field.type):
            found.append((field.name, Kind.TIMESTAMP))
    return found


def _repeats(young: Young, known: Ints, position: Ints) -> Repeats:
    """How a row is like its older siblings, by feature."""
    found = np.zeros((len(known), len(young.target.features)), np.int8)
    for place, feature in enumerate(young.target.features):
        if feature.name in young.alike:
            found[:, place] = repeats_of(young.alike[feature.name][known], position)
    return found


def _equal_to_beat(young: Young, known: Ints, beat: Seen, current: Ints) -> Mapping[str, Bools]:
    """Per column that the beat's table has too, which rows have its value in the row in force.

    Where no row of the beat is in force yet, none has.
    """
    found = {}
    for name, (own, others) in _common_ids(young, beat).items():
        theirs = np.append(others, -1)[current]
        found[name] = (own[known] == theirs) & (own[known] >= 0) & (current >= 0)
    return found


def _common_ids(young: Young, beat: Seen) -> Mapping[str, tuple[Ints, Ints]]:
    """Per column that both tables have, the clock apart, numbers of the values of each one's rows.

    Of the beat's, those that have an owner.
    """
    found = {}
    there = np.flatnonzero(beat.owners >= 0)
    for fitted in young.columns:
        name = fitted.column.name
        if beat.clock is None or name == beat.clock.column.name or name not in beat.learned:
            continue
        if beat.learned[name].column.datatype != fitted.column.datatype:
            continue
        both = pa.chunked_array([_column(young.rows, name), _column(beat.rows, name)])
        ids = value_ids(both.combine_chunks())
        found[name] = ids[: len(young.rows)], ids[len(young.rows) :][there]
    return found


def _shared(equal: Mapping[str, Bools], last: Ints, met: float) -> frozenset[str]:
    """Columns in which so many rows have the beat's value that it cannot be chance.

    Or so many owners' last rows: what ends a post ends the last salary.
    """
    return frozenset(
        name
        for name, same in equal.items()
        if any(len(s) and float(s.mean()) >= _SHARED * met for s in (same, same[last]))
        or (len(same) and float(same.mean()) >= _SHARED_NUMBERS * met)
    )


def _bounded(young: Young, known: Ints, beat: Seen, current: Ints) -> frozenset[str]:
    """Numbers of both tables that hardly ever are above those of the beat's row in force."""
    found = set[str]()
    names = [f.name for f in young.target.features]
    rows = np.flatnonzero(current >= 0)
    there = pa.array(np.flatnonzero(beat.owners >= 0))
    for name in _common_ids(young, beat):
        fitted, place = _fitted(young.columns, name), names.index(name)
        if fitted.nullable or not fitted.feature.ordered or not len(rows):
            continue
        theirs = fitted.encode(_column(beat.rows, name).take(there))[current[rows]]
        own = young.target.codes[known[rows], place]
        if float((own <= theirs).mean()) >= _NEVER_ABOVE:
            found.add(name)
    return frozenset(found)


def value_ids(values: pa.Array) -> Ints:
    """A number per distinct value; -1 for null. Nested values are told apart by their text."""
    if pa.types.is_nested(values.type):
        values = pa.array([None if v is None else str(v) for v in values.to_pylist()], pa.string())
    indices = pc.fill_null(values.dictionary_encode().indices, -1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _fitted(columns: Sequence[FittedColumn], name: str) -> FittedColumn:
    return next(c for c in columns if c.column.name == name)


def _column(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].combine_chunks()
