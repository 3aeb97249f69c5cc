"""A column is filled, or varies, only from some point on: divisions exist since 1969."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from generators.magnitudes import magnitudes, scale_of
from generators.privacy.support import distinct
from generators.quoting import from_text, key_columns, quotable, texts_of
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
_IFF, _NULL, _SAME = "iff", "null", "="
_SIDES = ("<", ">")
_SQL = {
    _IFF: "({{0}} IS NULL) = ({{1}} {0} {1})",
    _NULL: "CASE WHEN {{1}} {0} {1} THEN {{0}} IS NULL END",
    _SAME: "CASE WHEN {{1}} {0} {1} THEN {{0}} = {2} END",
}
_WORDS = {
    _IFF: "{3} is null iff {4} {0} {1}",
    _NULL: "{4} {0} {1} -> {3} is null",
    _SAME: "{4} {0} {1} -> {3} = {2}",
}


class Onset(Plain):
    """`x < c -> y is null`, `y is null iff x < c` and `x < c -> y = v`, or the same beyond c."""

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


def _onsets(view: View, told: Term, point: Term) -> Iterator[_Onset]:
    """Where a column is null, else where it holds its commonest value, up to a point."""
    numbers, null = view.numbers(point), view.codes(told) < 0
    if numbers is None:
        return
    for side in _SIDES:
        along = numbers.values if side == "<" else -numbers.values
        if null.any() and (edge := _edge(view, along, numbers.known, ~null)) is not None:
            exact = bool((~null)[numbers.known & (along >= edge)].all())
            constants = _texts(view, point, along, edge)
            before = int((numbers.known & (along < edge)).sum())
            yield _Onset(f"{_IFF if exact else _NULL} {side}", point, constants, before)
        elif not null.all():
            yield from _same(view, told, (point, side), (along, numbers.known & ~null))


def _same(
    view: View, told: Term, place: tuple[Term, str], where: tuple[Floats | Ints, Bools]
) -> Iterator[_Onset]:
    """Where a column holds its commonest value, as it does in most rows."""
    codes, (point, side), (along, known) = view.codes(told), place, where
    common = int(np.bincount(codes[codes >= 0]).argmax())
    other = known & (codes != common)
    if other.sum() > (1 - _STEADY) * known.sum():
        return
    edge = _edge(view, along, known, other)
    if edge is not None and quotable(view, told):
        value = texts_of(view, told, np.array([common])).to_pylist()
        constants = (*_texts(view, point, along, edge), *value)
        yield _Onset(f"{_SAME} {side}", point, constants, int((known & (along < edge)).sum()))


def _texts(view: View, point: Term, along: Floats | Ints, edge: float) -> tuple[str, ...]:
    row = int(np.flatnonzero((along == edge) & (view.codes(point) >= 0))[0])
    return tuple(texts_of(view, point, view.codes(point)[[row]]).to_pylist())


def _edge(view: View, along: Floats | Ints, known: Bools, other: Bools) -> Any:
    """The first place at which rows are otherwise; None unless k units are so just there.

    Before it so many rows must be alike that this is no chance, at several places.
    """
    there = known & other
    if not there.any() or not (known & ~other).any():
        return None
    edge = along[there].min()
    units, k = view.units, view.support.k
    before = known & (along < edge)
    if distinct(units[there & (along == edge)]) < k or len(np.unique(along[before])) < _BEYOND:
        return None
    chance = float(there.sum() / known.sum())
    return edge if holds(np.zeros(len(before), np.bool_), before, units, chance, k) else None


invariant: type[InvariantKind] = Onset
