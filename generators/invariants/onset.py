"""A column is filled, null, or varies only from some point on: divisions exist since 1969."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema, Table
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import DAY, LAST_DAY, Scale, magnitudes, scale_of, stored
from generators.privacy.support import distinct
from generators.quoting import as_text, from_text, key_columns, quotable, texts_of
from generators.redrawing import filled, masked, redrawn

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ORDERED = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_FEWEST = 20
"""Values from which on a column is no label, whose values are named one by one."""
_STEADY = 0.5
"""Share of rows that must hold what all rows before hold."""
_BEYOND = 5
"""Values that must lie before the point."""
_PERIODS = (1, 3, 12)
"""Months, to whose begin a point is moved where only there enough units stand behind it."""
_IFF, _NULL, _FILLED, _SAME = "iff", "null", "filled", "="
_SIDES = ("<", ">")
_SQL = {
    _IFF: "({{0}} IS NULL) = ({{1}} {0} {1})",
    _NULL: "CASE WHEN {{1}} {0} {1} THEN {{0}} IS NULL END",
    _FILLED: "CASE WHEN {{1}} {0} {1} THEN {{0}} IS NOT NULL END",
    _SAME: "CASE WHEN {{1}} {0} {1} THEN {{0}} = {2} END",
}
_WORDS = {
    _IFF: "{3} is null iff {4} {0} {1}",
    _NULL: "{4} {0} {1} -> {3} is null",
    _FILLED: "{4} {0} {1} -> {3} is not null",
    _SAME: "{4} {0} {1} -> {3} = {2}",
}


class Onset(Plain):
    """What holds of a column before a point of another, or beyond it.

    `x < c -> y is null`, `y is null iff x < c`, `x < c -> y is not null` and `x < c -> y = v`.
    """

    name: ClassVar[str] = "onset"
    part: ClassVar[Part] = Part.MASKS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; of each column the one that tells it of most rows."""
        keys, points = key_columns(view), [t for t in view.terms if _is_point(view, t)]
        for told in (t for t in view.terms if not t.keys and t.column not in keys):
            found = [one for point in points if point != told for one in _onsets(view, told, point)]
            if found:
                best = max(found, key=lambda one: (one.form.startswith(_IFF), one.spoken))
                terms, constants = (told, best.point), best.constants
                yield Invariant(cls.name, best.form, view.table.name, terms, constants=constants)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        what, side = rule.form.split()
        point, value = _literals(rule)
        return _WORDS[what].format(side, point, value, *rule.terms)

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        what, side = rule.form.split()
        escaped = (p.replace("{", "{{").replace("}", "}}") for p in _literals(rule))
        return row_claim(schema, rule, _SQL[what].format(side, *escaped))

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; what is told, since the point is a date or a year."""
        return (rule.terms[0].column,)

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        told, within = scene.values(rule.terms[0]), _within(rule, scene)
        full = filled(told)
        if rule.form.startswith(_SAME):
            return np.asarray(within[0] & full & ~_is_same(rule, scene, told))
        empty, rest = within
        if rule.form.startswith(_FILLED):
            return np.asarray(empty & ~full)
        return np.asarray((empty & full) | (rest & ~full & rule.form.startswith(_IFF)))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; nulls or the value where they belong, else values drawn again."""
        del state
        scene = drawing.scene
        told, (within, rest) = scene.values(rule.terms[0]), _within(rule, scene)
        if rule.form.startswith(_SAME):
            rows = np.flatnonzero(within & filled(told))
            value = _value(rule, scene)
            return patched(told, rows, value.take(pa.array(np.zeros(len(rows), np.int64))))
        if rule.form.startswith(_FILLED):
            return redrawn(drawing, told, np.flatnonzero(within & ~filled(told)), filled)
        found = masked(told, within)
        if not rule.form.startswith(_IFF):
            return found
        return redrawn(drawing, found, np.flatnonzero(rest & ~filled(found)), filled)


@dataclass(frozen=True, slots=True)
class _Onset:
    """What a column holds before a point of another, or beyond it."""

    form: str
    point: Term
    constants: tuple[str, ...]
    spoken: int


def _literals(rule: Invariant) -> tuple[str, str]:
    """The point and the value, empty for none, as SQL."""
    point, *value = map(literal, rule.constants)
    return point, "".join(value)


def _within(rule: Invariant, scene: Scene) -> tuple[Bools, Bools]:
    """Rows before the point, or beyond it, and those that are not."""
    datatype = scene.table.column(rule.terms[1].column).datatype
    if (scale := scale_of(datatype)) is None:
        raise TypeError(f"{rule.terms[1]}: no order")
    here = magnitudes(scene.values(rule.terms[1]), scale)
    point = magnitudes(from_text(pa.array(rule.constants[:1]), datatype), scale).values[0]
    within = here.values < point if rule.form.endswith("<") else here.values > point
    return here.known & within, here.known & ~within


def _value(rule: Invariant, scene: Scene) -> pa.Array:
    """The value as the only one of an array."""
    datatype = scene.table.column(rule.terms[0].column).datatype
    return from_text(pa.array(rule.constants[1:]), datatype)


def _is_same(rule: Invariant, scene: Scene, values: pa.Array) -> Bools:
    found = pc.is_in(values, value_set=_value(rule, scene))
    return np.asarray(found.to_numpy(zero_copy_only=False))


def _is_point(view: View, term: Term) -> bool:
    """Whether a column says when: numbers and dates, but for those that name a row."""
    if term.keys or view.table.column(term.column).datatype.kind not in _ORDERED:
        return False
    single = term.column in _naming(view.table)
    return not single and view.codes(term).max(initial=-1) + 1 >= _FEWEST and quotable(view, term)


def _naming(table: Table) -> frozenset[str]:
    """Columns that are a key, or lead to another row, by themselves."""
    alone = (u.columns for u in table.uniques if u.whole)
    led = (key.columns for key in table.foreign_keys)
    return frozenset(columns[0] for columns in (*alone, *led) if len(columns) == 1)


@dataclass(frozen=True, slots=True)
class _Along:
    """Rows along a point of theirs, forwards for what holds before one, else backwards."""

    view: View
    point: Term
    side: str
    scale: Scale
    values: Floats | Ints
    known: Bools

    def before(self, edge: float) -> Bools:
        """The rows that come before one place."""
        return np.asarray(self.known & (self.values < edge))

    def text(self, edge: float) -> str:
        """A place as SQL has it."""
        datatype = self.view.table.column(self.point.column).datatype
        place = np.full_like(self.values[:1], edge if self.side == "<" else -edge)
        return str(as_text(stored(place, np.ones(1, np.bool_), datatype))[0].as_py())

    def edge(self, other: Bools) -> Any:
        """The first place at which rows are otherwise; None unless k units are so just there.

        Or in its month, quarter or year, which then is the place. Before it so many rows must be
        alike that this is no chance, at several places.
        """
        there = self.known & other
        if not there.any() or not (self.known & ~other).any():
            return None
        edge = self._place(there)
        if edge is None:
            return None
        before = self.before(edge)
        if len(np.unique(self.values[before])) < _BEYOND:
            return None
        chance, none = float(there.sum() / self.known.sum()), np.zeros(len(before), np.bool_)
        stands = holds(none, before, self.view.units, chance, self.view.support.k)
        return edge if stands else None

    def _place(self, there: Bools) -> Any:
        """Where the first of some rows are, or the begin of the shortest period with k units."""
        first, units, k = self.values[there].min(), self.view.units, self.view.support.k
        if distinct(units[there & (self.values == first)]) >= k:
            return first
        if self.scale is not Scale.MOMENT or self.side != "<" or abs(first) >= LAST_DAY * DAY:
            return None
        for months in _PERIODS:
            begin, end = _period(int(first), months)
            if distinct(units[there & (self.values < end)]) >= k:
                return begin
        return None


def _period(moment: int, months: int) -> tuple[int, int]:
    """Begin and end of the period of some months in which a moment lies."""
    month = int(np.datetime64(moment, "us").astype("datetime64[M]").astype(np.int64))
    first = month - month % months
    begin, end = (np.datetime64(n, "M").astype("datetime64[us]") for n in (first, first + months))
    return int(begin.astype(np.int64)), int(end.astype(np.int64))


def _onsets(view: View, told: Term, point: Term) -> Iterator[_Onset]:
    """Where a column is null or filled, else where it holds its commonest value, up to a point."""
    numbers, null = view.numbers(point), view.codes(told) < 0
    if numbers is None:
        return
    for side in _SIDES:
        values = numbers.values if side == "<" else -numbers.values
        along = _Along(view, point, side, numbers.scale, values, numbers.known)
        if null.all():
            continue
        if not null.any():
            yield from _same(along, told)
        elif (edge := along.edge(~null)) is not None:
            exact = bool((~null)[along.known & (values >= edge)].all())
            yield _onset(along, _IFF if exact else _NULL, edge)
        elif (edge := along.edge(null)) is not None:
            yield _onset(along, _FILLED, edge)
        else:
            yield from _same(along, told)


def _onset(along: _Along, form: str, edge: float, *values: str) -> _Onset:
    constants, spoken = (along.text(edge), *values), int(along.before(edge).sum())
    return _Onset(f"{form} {along.side}", along.point, constants, spoken)


def _same(along: _Along, told: Term) -> Iterator[_Onset]:
    """Where a column holds its commonest value, as it does in most rows."""
    codes = along.view.codes(told)
    along = replace(along, known=along.known & (codes >= 0))
    common = int(np.bincount(codes[codes >= 0]).argmax())
    other = along.known & (codes != common)
    if other.sum() > (1 - _STEADY) * along.known.sum():
        return
    edge = along.edge(other)
    if edge is not None and quotable(along.view, told):
        value = texts_of(along.view, told, np.array([common])).to_pylist()
        yield _onset(along, _SAME, edge, *value)


invariant: type[InvariantKind] = Onset
