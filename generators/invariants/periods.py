"""The periods of an owner follow each other, or one of them is open: its only current price."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import INFINITE, DataType, Kind
from connectors.invariants import Claim, Invariant, Term, literal, quoted, relation
from connectors.schema import Schema
from generators.closings import (
    ONE_OPEN,
    end_of,
    ends_of,
    followed,
    in_turn,
    moved,
    one_open,
    steps_of,
)
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.gaps import learned
from generators.invariants import (
    Drawing,
    InvariantKind,
    Part,
    Postponement,
    State,
    Together,
    View,
)
from generators.magnitudes import (
    DAY,
    LAST_DAY,
    Magnitudes,
    Scale,
    finite,
)
from generators.marking import marking
from generators.privacy.support import distinct
from generators.quantities import names
from generators.succession import (
    Succession,
    families,
    family_of,
    few_families,
    mixed,
    owned,
    paired_keys,
    parted,
    said_of,
    sibling_groups,
    sibling_keys,
    siblings_of,
    succession,
)
from generators.updates import updated

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_FAR = np.datetime64("2100-01-01", "us").astype(np.int64)
"""A date beyond it is none."""
_ABOVE = 10
"""How much more often than the last date but one a date stands that means `not yet`."""


class Periods(Together):
    """Siblings' periods that are contiguous or disjoint, and owners with one open sibling."""

    name: ClassVar[str] = "periods"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what holds of fewer columns' siblings holds of those of more."""
        spans, seen = list(_spans(view)), list[tuple[frozenset[str], object]]()
        for key in sibling_keys(view.table):
            owners, columns = view.owners(key.name), frozenset(key.columns)
            for terms, form, constants in _found(view, spans, owners):
                what = form, terms[0], constants
                if not any(done <= columns and what == other for done, other in seen):
                    place = view.table.name
                    yield Invariant(cls.name, form, place, terms, (place, key.name), constants)
                if form != "contiguous":
                    seen.append((columns, what))
        for key, beside, last in (*sibling_groups(view.table), *paired_keys(view.table)):
            columns = frozenset({*key.columns, beside})
            for terms, form, constants in _grouped(view, spans, (key.name, beside, last)):
                if not any(d <= columns and o == (form, terms[0], constants) for d, o in seen):
                    place = view.table.name
                    named = place, key.name
                    found = Invariant(cls.name, form, place, terms, named, constants)
                    yield replace(found, beside=(beside,))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        return _said(rule)

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per sibling that another follows, or per owner."""
        columns, table = siblings_of(rule, schema), relation(rule.table)
        if rule.form in ONE_OPEN:
            most = "<= 1" if rule.form == "one open" else "= 1"
            return Claim(
                f"SELECT count(*) FILTER (WHERE {_openness(rule)}) {most} AS holds "  # noqa: S608
                f"FROM {table} WHERE {owned(columns)} GROUP BY {parted(columns)}"
            )
        start, end = (quoted(term.column) for term in rule.terms)
        kind = schema.table(rule.table).column(rule.terms[0].column).datatype.kind
        compared = "<=" if rule.form == "disjoint" else "="
        return Claim(
            f"SELECT CASE WHEN later IS NOT NULL THEN "  # noqa: S608 # all quoted
            f"coalesce({moved('e', rule, kind)} {compared} later, false) END AS holds FROM "
            f"(SELECT {end} AS e, lead({start}) OVER (PARTITION BY {parted(columns)} "
            f"ORDER BY {start}, {end}) AS later FROM {table} "
            f"WHERE {owned(columns)} AND {start} IS NOT NULL) AS s"
        )

    @classmethod
    def postponed(
        cls, rule: Invariant, column: str, _state: Mapping[str, Any], schema: Schema
    ) -> Postponement | None:
        """See `Postponable`; what ends too late, or a contiguous one too soon, ends in time."""
        table, columns = schema.table(rule.table), siblings_of(rule, schema)
        values = None if rule.form in ONE_OPEN else followed(rule, table, columns)
        sql = None if values is None else updated(table, column, values)
        reads = tuple((rule.table, name) for name in (*columns, rule.terms[0].column))
        return None if sql is None else Postponement(sql, reads)

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the end, or the flag."""
        return (rule.terms[0 if rule.form in ONE_OPEN else 1].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how long a closed period lasts, and how many last ones are open."""
        start, end = ends_of(rule, view)
        if start is None or end is None:
            return {}
        closed = end.known & start.known & finite(view.values(end_of(rule)))
        last = _sentinel(view, end_of(rule))
        if last is not None:
            closed &= end.values != last
        gaps = end.values[closed] - start.values[closed]
        if rule.key is None:
            raise ValueError("periods stand along a foreign key")
        along = succession(family_of(rule, view), (start.values,), start.known)
        final = along.rows[along.last]
        is_open = ~end.known[final] | (end.values[final] == last if last is not None else False)
        units = 0 if last is None else distinct(view.units[end.known & (end.values == last)])
        sentinel = view.support.seal(last, units)
        return {
            "gaps": learned(view.support, gaps, view.units[closed]),
            "open": view.support.share(is_open, view.units[final]),
            "sentinel": view.support.declared(None) if sentinel is None else sentinel,
        }

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; a closed end is never before its start."""
        if rule.form in ONE_OPEN:
            return one_open(rule, state, drawing)
        return in_turn(rule, state, drawing)


def _said(rule: Invariant) -> str:
    per = f"per {said_of(rule)}" if rule.key else ""
    first = rule.terms[0]
    if rule.form in ONE_OPEN:
        sign = "<=" if rule.form == "one open" else "="
        what = {"null": "is null", "true": ""}.get(rule.constants[0], f"= '{rule.constants[0]}'")
        return f"count({f'{first} {what}'.strip()}) {sign} 1 {per}"
    sign = "<=" if rule.form == "disjoint" else "="
    step = f" + {rule.constants[0]}" if rule.constants and rule.constants[0] != "0" else ""
    return f"{rule.terms[1]}{step} {sign} next {first} {per}"


def _openness(rule: Invariant) -> str:
    column = quoted(rule.terms[0].column)
    known = {"null": f"{column} IS NULL", "true": column}
    return known.get(rule.constants[0], f"{column} = {literal(rule.constants[0])}")


@dataclass(frozen=True, slots=True)
class _Span:
    """A start and an end, as columns and as numbers."""

    start: Term
    end: Term
    starts: Magnitudes
    ends: Magnitudes
    closed: Bools
    kind: Kind


def _spans(view: View) -> Iterator[_Span]:
    """Pairs of columns of one type of which a few rows have the one before the other."""
    few = view.few
    own = [t for t in view.terms if not t.keys and t.column not in names(view.table)]
    for start, end in permutations(own, 2):
        kinds = {view.table.column(t.column).datatype.kind for t in (start, end)}
        one, two = view.numbers(start), view.numbers(end)
        if one is None or two is None or len(kinds) > 1 or one.scale not in _SCALES:
            continue
        both = (one.known & two.known)[few]
        wrong, equal = (one.values > two.values)[few], (one.values == two.values)[few]
        if (wrong & both).sum() <= _TOLERATED * both.sum() and (both & ~equal).any():
            closed = two.known & finite(view.values(end))
            yield _Span(start, end, one, two, closed, kinds.pop())


_SCALES = (Scale.MOMENT, Scale.NUMBER)


def _found(
    view: View, spans: list[_Span], owners: Ints
) -> Iterator[tuple[tuple[Term, ...], str, tuple[str, ...]]]:
    """Terms, form and constants of each rule along one key."""
    sample, turns = few_families(owners), set[Term]()
    for span in spans:
        if (turn := _turn(view, span, owners, sample)) is not None:
            turns.add(span.end)
            yield (span.start, span.end), "contiguous" if turn else "disjoint", turn
    for column, start, constant, is_open in _openable(view, spans):
        form = _open_form(view, owners, is_open)
        if form == "exactly one open" or (form and column not in turns):
            yield (column, *([start] if start else [])), form, (constant,)


def _grouped(
    view: View, spans: list[_Span], group: tuple[str, str, str | None]
) -> Iterator[tuple[tuple[Term, ...], str, tuple[str, ...]]]:
    """The same of rows with more in common than an owner: one version of a part at a time."""
    key, beside, last = group
    begun = [span for span in spans if last in (None, span.start.column)]
    owners = families(view, key, (beside,)) if begun else np.empty(0, np.int64)
    sample = few_families(owners) if begun else owners
    for span in begun:
        if (turn := _turn(view, span, owners, sample)) is not None:
            yield (span.start, span.end), "contiguous" if turn else "disjoint", turn


def _turn(view: View, span: _Span, owners: Ints, sample: Ints) -> tuple[str, ...] | None:
    """The step from an end to the next start, none where ends are only before; None for neither."""
    if not _likely(span, owners, sample):
        return None
    # A row whose end is its start stands before others that begin then.
    ends = np.where(span.closed, span.ends.values, np.iinfo(np.int64).max)
    along = succession(owners, (span.starts.values, ends), span.starts.known)
    before, after = along.pairs
    known = span.closed[before]
    gaps = span.starts.values[after] - span.ends.values[before]
    every, units = np.ones(len(before), np.bool_), view.units[before]
    other = span.starts.values[after][shuffled(len(after))] - span.ends.values[before]
    for name, step in steps_of(span.kind).items():
        chance = float((other != step).mean()) if len(other) else 0.0
        if holds(~known | (gaps != step), every, units, chance, view.support.k):
            return (name,)
    chance = _overlaps(span, along)
    return () if holds(~known | (gaps < 0), every, units, chance, view.support.k) else None


def _likely(span: _Span, owners: Ints, sample: Ints) -> bool:
    """Whether nearly no period of some owners overlaps the next."""
    starts, closed = span.starts.values[sample], span.closed[sample]
    ends = np.where(closed, span.ends.values[sample], np.iinfo(np.int64).max)
    along = succession(owners[sample], (starts, ends), span.starts.known[sample])
    before, after = along.pairs
    wrong = ~closed[before] | (ends[before] > starts[after])
    return bool(wrong.sum() <= _TOLERATED * len(before))


def _overlaps(span: _Span, along: Succession) -> float:
    """Share of periods that would overlap the next, were their lengths dealt out by chance."""
    before, after = along.pairs
    room = span.starts.values[after] - span.starts.values[before]
    inner = mixed(along)[~along.last]
    found = []
    for other in (inner, before[shuffled(len(before))]):
        length = span.ends.values[other] - span.starts.values[other]
        known = span.closed[other]
        found.append(float((length > room)[known].mean()) if known.any() else 0.0)
    return min(found)


def _openable(view: View, spans: list[_Span]) -> Iterator[tuple[Term, Term | None, str, Bools]]:
    """Columns that can say that a row is open: with their start, what says it, and where."""
    ends = {s.end: s for s in reversed(spans) if s.starts.scale is Scale.MOMENT}
    for end, span in ends.items():
        if not span.ends.known.all():
            yield end, span.start, "null", ~span.ends.known
        if (last := _sentinel(view, end)) is not None:
            datatype = view.table.column(end.column).datatype
            yield end, span.start, _text(last, datatype), span.ends.values == last
    starts = [s.start for s in spans if s.starts.scale is Scale.MOMENT]
    for column in view.table.written:
        if column.datatype.kind is Kind.BOOLEAN:
            flag = view.values(Term(column.name)).fill_null(False)
            start = starts[0] if starts else None
            yield Term(column.name), start, "true", flag.to_numpy(zero_copy_only=False)


def _open_form(view: View, owners: Ints, is_open: Bools) -> str | None:
    found = marking(owners, is_open, view.units, view.support.k)
    return {"at most one": "one open", "exactly one": "exactly one open"}.get(found or "")


def _sentinel(view: View, end: Term) -> int | None:
    """The last date of a column where it means that there is none yet; k units hold it."""
    ends = view.numbers(end)
    if ends is None or ends.scale is not Scale.MOMENT or not ends.known.any():
        return None
    found, counts = np.unique(ends.values[ends.known], return_counts=True)
    often = len(found) > 1 and counts[-1] >= _ABOVE * counts[-2] and counts[-1] > counts[:-1].max()
    units = distinct(view.units[ends.known & (ends.values == found[-1])])
    return int(found[-1]) if (found[-1] >= _FAR or often) and units >= view.support.k else None


def _text(moment: int, datatype: DataType) -> str:
    """A moment as SQL reads it."""
    if datatype.kind is Kind.DATE:
        day = moment // DAY
        return "infinity" if day >= LAST_DAY else str(np.datetime64(day, "D"))
    if moment == INFINITE[64]:
        return "infinity"
    zone = "+00" if datatype.kind is Kind.TIMESTAMPTZ else ""
    return str(np.datetime64(moment, "us")) + zone


invariant: type[InvariantKind] = Periods
