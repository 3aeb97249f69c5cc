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
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.gaps import drawn, learned
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, Together, View
from generators.magnitudes import (
    DAY,
    LAST_DAY,
    Magnitudes,
    Scale,
    finite,
    magnitudes,
    scale_of,
    stored,
)
from generators.marking import corrected, marking
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

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_FAR = np.datetime64("2100-01-01", "us").astype(np.int64)
"""A date beyond it is none."""
_ABOVE = 10
"""How much more often than the last date but one a date stands that means `not yet`."""
_TRIES = 3
"""Draws of an end that is not open, before it is computed."""
_STEPS = {
    Kind.DATE: {"0": 0, "1 day": DAY},
    Kind.TIMESTAMP: {"0": 0, "1 day": DAY, "1 second": 1_000_000, "1 microsecond": 1},
    Kind.INTEGER: {"0": 0, "1": 1},
}
_STEPS[Kind.TIMESTAMPTZ] = _STEPS[Kind.TIMESTAMP]
_NO_STEP = {"0": 0}


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
        if rule.form in _OPEN:
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
            f"coalesce({_moved('e', rule, kind)} {compared} later, false) END AS holds FROM "
            f"(SELECT {end} AS e, lead({start}) OVER (PARTITION BY {parted(columns)} "
            f"ORDER BY {start}, {end}) AS later FROM {table} "
            f"WHERE {owned(columns)} AND {start} IS NOT NULL) AS s"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the end, or the flag."""
        return (rule.terms[0 if rule.form in _OPEN else 1].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how long a closed period lasts, and how many last ones are open."""
        start, end = _ends(rule, view)
        if start is None or end is None:
            return {}
        closed = end.known & start.known & finite(view.values(_end(rule)))
        last = _sentinel(view, _end(rule))
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
        if rule.form in _OPEN:
            return _one_open(rule, state, drawing)
        return _in_turn(rule, state, drawing)


_OPEN = ("one open", "exactly one open")


def _said(rule: Invariant) -> str:
    per = f"per {said_of(rule)}" if rule.key else ""
    first = rule.terms[0]
    if rule.form in _OPEN:
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


def _moved(column: str, rule: Invariant, kind: Kind) -> str:
    """An end plus the step to the next start, whatever the session's time zone."""
    step = _step(rule, kind)
    if not step:
        return column
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return f"{column} + interval '{step} microseconds'"
    return f"{column} + 1"


def _step(rule: Invariant, kind: Kind) -> int:
    return _STEPS.get(kind, _NO_STEP)[rule.constants[0]] if rule.constants else 0


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
    for name, step in _STEPS.get(span.kind, _NO_STEP).items():
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


def _moment(text: str, datatype: DataType) -> int:
    """A moment from its text."""
    if text == "infinity":
        return int(LAST_DAY * DAY) if datatype.kind is Kind.DATE else INFINITE[64]
    return int(np.datetime64(text.removesuffix("+00"), "us").astype(np.int64))


def _end(rule: Invariant) -> Term:
    return rule.terms[0 if rule.form in _OPEN else 1]


def _ends(rule: Invariant, scene: Scene) -> tuple[Magnitudes | None, Magnitudes | None]:
    """Starts and ends of rows; None for a start that is not known and for a flag's end."""
    terms = rule.terms if rule.form not in _OPEN else (*rule.terms[1:], rule.terms[0])
    scales = [scale_of(scene.table.column(t.column).datatype) for t in terms]
    found = [
        None if scale is None else magnitudes(scene.values(term), scale)
        for term, scale in zip(terms, scales, strict=True)
    ]
    return (found[0], found[1]) if len(found) > 1 else (None, found[0])


def _in_turn(rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
    """Ends that lead to the next start, or are cut there."""
    scene, column = drawing.scene, drawing.scene.table.column(drawing.target)
    starts, ends = _ends(rule, scene)
    if starts is None or ends is None or rule.key is None:
        return scene.values(Term(drawing.target))
    along = succession(family_of(rule, scene), (starts.values,), starts.known)
    before, after = along.pairs
    due = starts.values[after] - _step(rule, column.datatype.kind)
    values, known = ends.values.copy(), ends.known.copy()
    closed = known & finite(scene.values(Term(drawing.target)))
    early = ~closed[before] | (values[before] > due)
    if rule.form == "contiguous":
        early[:] = True
    values[before[early]], known[before[early]] = due[early], True
    changed = np.zeros(scene.rows, np.bool_)
    changed[before[early]] = True
    fresh = stored(values[changed], known[changed], column.datatype)
    found = patched(scene.values(Term(drawing.target)), np.flatnonzero(changed), fresh)
    return _finished(rule, state, drawing, along, found)


def _finished(
    rule: Invariant, state: Mapping[str, Any], drawing: Drawing, along: Succession, ends: pa.Array
) -> pa.Array:
    """Opens last periods as often as was learned, and ends those that end before they start."""
    starts, drawn = _ends(rule, drawing.scene)
    column = drawing.scene.table.column(drawing.target)
    if starts is None or drawn is None:
        return ends
    final, sentinel = along.rows[along.last], state["sentinel"]
    is_open = ~drawn.known | (drawn.values == sentinel if sentinel is not None else False)
    wrong = final[~is_open[final] & (drawn.values[final] < starts.values[final])]
    opened = np.empty(0, np.int64)
    if sentinel is not None or column.nullable:
        opened = _opened(along, is_open, wrong, 0.0 if drawing.tight else state["open"], drawing)
    ends = patched(ends, opened, _open_values(len(opened), sentinel, column.datatype))
    wrong = np.setdiff1d(wrong, opened)
    fresh = starts.values[wrong] + _gaps(state, len(wrong), drawing).astype(starts.values.dtype)
    return patched(ends, wrong, stored(fresh, np.ones(len(wrong), np.bool_), column.datatype))


def _opened(along: Succession, is_open: Bools, wrong: Ints, share: float, drawing: Drawing) -> Ints:
    """Last rows to open: those first whose end is wrong, then whose siblings were drawn open."""
    final = along.rows[along.last]
    missing = int(np.rint(share * len(final))) - int(is_open[final].sum())
    if missing <= 0:
        return np.empty(0, np.int64)
    family = np.bincount(along.number, is_open[along.rows], len(final)) > 0
    rank = np.where(np.isin(final, wrong), 0, np.where(family, 1, 2))
    order = np.lexsort((drawing.rng.random(len(final)), rank))
    order = order[~is_open[final[order]]]
    return np.asarray(final[order[:missing]])


def _open_values(rows: int, sentinel: int | None, datatype: DataType) -> pa.Array:
    if sentinel is None:
        return stored(np.zeros(rows, np.int64), np.zeros(rows, np.bool_), datatype)
    return stored(np.full(rows, sentinel), np.ones(rows, np.bool_), datatype)


def _one_open(rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
    """Closes all open rows of an owner but one, and opens one where one has to be."""
    scene, target = drawing.scene, Term(drawing.target)
    starts, _ = _ends(rule, scene)
    if rule.key is None:
        return scene.values(target)
    is_open = _is_open(rule, scene.values(target), scene)
    orders = () if starts is None else (starts.values,)
    along = succession(family_of(rule, scene), orders, np.ones(scene.rows, np.bool_))
    surplus, missing = corrected(along, is_open)
    found = _closed(rule, state, drawing, surplus)
    if rule.form == "one open":
        return found
    return patched(found, missing, _marked(rule, len(missing), scene))


def _is_open(rule: Invariant, values: pa.Array, scene: Scene) -> Bools:
    if rule.constants[0] == "true":
        flag = values.fill_null(False)
        return np.asarray(flag.to_numpy(zero_copy_only=False))
    ends = magnitudes(values, Scale.MOMENT)
    if rule.constants[0] == "null":
        return ~ends.known
    datatype = scene.table.column(rule.terms[0].column).datatype
    return np.asarray(ends.known & (ends.values == _moment(rule.constants[0], datatype)))


def _marked(rule: Invariant, rows: int, scene: Scene) -> pa.Array:
    """Values that say that a row is open."""
    if rule.constants[0] == "true":
        return pa.array(np.ones(rows, np.bool_))
    datatype = scene.table.column(rule.terms[0].column).datatype
    null = rule.constants[0] == "null"
    return _open_values(rows, None if null else _moment(rule.constants[0], datatype), datatype)


def _closed(rule: Invariant, state: Mapping[str, Any], drawing: Drawing, rows: Ints) -> pa.Array:
    """The target with other values in some rows, that do not say that they are open."""
    scene, target = drawing.scene, Term(drawing.target)
    values = scene.values(target)
    if rule.constants[0] == "true":
        return patched(values, rows, pa.array(np.zeros(len(rows), np.bool_)))
    datatype = scene.table.column(drawing.target).datatype
    starts, _ = _ends(rule, scene)
    begin = np.zeros(len(rows), np.int64) if starts is None else starts.values[rows]
    fresh = begin + _gaps(state, len(rows), drawing).astype(np.int64)
    left = np.arange(len(rows))
    for _ in range(_TRIES):
        again = drawing.again(drawing.target, rows[left])
        drawn = magnitudes(again, Scale.MOMENT)
        good = ~_is_open(rule, again, scene) & finite(again) & (drawn.values >= begin[left])
        fresh[left[good]] = drawn.values[good]
        left = left[~good]
    return patched(values, rows, stored(fresh, np.ones(len(rows), np.bool_), datatype))


def _gaps(state: Mapping[str, Any], rows: int, drawing: Drawing) -> Floats:
    return np.asarray(np.rint(drawn(state["gaps"], rows, drawing.rng)))


invariant: type[InvariantKind] = Periods
