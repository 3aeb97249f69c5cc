"""A value equals another one: of the same row, or of the row that a foreign key leads to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.invariants import Claim, Invariant, Term, foreign_key, key_named, row_claim
from connectors.schema import Schema, Table, TableName
from generators.distinct import dealt, numbered, patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.hashing import hashed
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import magnitudes, scale_of, stored

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_OPERATORS = {"=": "=", "path": "=", "is": "IS NOT DISTINCT FROM"}
_WITHOUT_EQUALITY = frozenset({Kind.JSON, Kind.ARRAY, Kind.OTHER})


class Equality(Plain):
    """`a = b`; as form `path`, that two paths of keys lead to one row; as `is`, nulls too."""

    name: ClassVar[str] = "equality"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from other equalities and keys is left out."""
        told = _Classes()
        for key in view.table.foreign_keys:
            for column, above in zip(key.columns, key.parent_columns, strict=True):
                told.join(Term(column), Term(above, (key.name,)))
        for pair in _candidates(view):
            if told.apart(*pair) and not told.reaches(*pair) and (form := _form(view, *pair)):
                told.join(*pair)
                yield Invariant(cls.name, form, view.table.name, pair)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        one, other = rule.terms
        return f"{one} {_OPERATORS[rule.form].lower()} {other}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        return row_claim(schema, rule, f"{{0}} {_OPERATORS[rule.form]} {{1}}")

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the one that is less of a key first."""
        return rule.columns

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        one, other = (scene.values(t) for t in rule.terms)
        wrong = _bools(pc.fill_null(pc.invert(_same(one, other)), False))
        if rule.form != "is":
            return wrong
        return np.asarray(wrong | (_bools(one.is_valid()) != _bools(other.is_valid())))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; what is null stays so, unless nulls coincide.

        Of a key that a path goes along, another row is chosen: one that holds what is wanted.
        """
        del state
        if Term(drawing.target) not in rule.terms:
            return _chosen(rule, drawing)
        own, column = Term(drawing.target), drawing.scene.table.column(drawing.target)
        drawn = drawing.scene.values(own)
        [other] = [term for term in rule.terms if term != own] or [own]
        wanted = _as(drawing.scene.values(other), column.datatype)
        spoken = wanted.is_valid()
        if rule.form != "is":
            spoken = pc.and_(spoken, drawn.is_valid())
        elif column.nullable:
            return wanted
        return pc.if_else(spoken, wanted, drawn)


def _chosen(rule: Invariant, drawing: Drawing) -> pa.Array:
    """A key's values, those that lead to another value than wanted replaced where any leads there.

    Each row that will do is as likely as any other; keys that were drawn alike, and for which the
    same is wanted, lead to the same one.
    """
    scene, drawn = drawing.scene, drawing.scene.values(Term(drawing.target))
    [far], [near] = ([t for t in rule.terms if bool(t.keys) is side] for side in (True, False))
    key, wanted = key_named(scene.table, far.keys[0]), scene.values(near)
    off = pc.fill_null(pc.invert(_same(scene.values(far), wanted)), False)
    rows = np.flatnonzero(_bools(off))
    held = _held(drawing, key.parent, far.keys[1:], far.column)
    names = drawing.keys(key.parent, key.parent_columns[0])
    codes, asked = numbered([held], [wanted.take(pa.array(rows))])
    places = dealt(codes, asked, hashed(drawn.take(pa.array(rows)), drawing.seed))
    fresh = names.take(pa.array(places[places >= 0]))
    return patched(drawn, rows[places >= 0], fresh.cast(drawn.type))


def _held(drawing: Drawing, table: TableName, path: tuple[str, ...], column: str) -> pa.Array:
    """What each row of a table holds in a column that keys lead to."""
    if not path:
        return drawing.keys(table, column)
    key = key_named(drawing.scene.schema.table(table), path[0])
    above = _held(drawing, key.parent, path[1:], column)
    names = drawing.keys(key.parent, key.parent_columns[0])
    led = drawing.keys(table, key.columns[0])
    return above.take(pc.index_in(led.cast(names.type), value_set=names, skip_nulls=True))


@dataclass
class _Classes:
    """Terms that are known to be equal."""

    above: dict[Term, Term] = field(default_factory=dict)

    def root(self, term: Term) -> Term:
        while term in self.above:
            term = self.above[term]
        return term

    def apart(self, one: Term, other: Term) -> bool:
        return self.root(one) != self.root(other)

    def reaches(self, own: Term, far: Term) -> bool:
        """Whether a column equals one of the row between: far ones are that row's matter then."""
        known = (*self.above, *self.above.values()) if len(far.keys) > 1 else ()
        near = (t for t in known if len(t.keys) == 1 and t.keys[0] == far.keys[0])
        return any(not self.apart(own, term) for term in near)

    def join(self, one: Term, other: Term) -> None:
        if self.apart(one, other):
            self.above[self.root(one)] = self.root(other)


def _as(values: pa.Array, datatype: DataType) -> pa.Array:
    """Values as those of a column that may be narrower."""
    if datatype.kind is Kind.TEXT and datatype.length is not None:
        return pc.utf8_slice_codeunits(values, 0, datatype.length)
    if datatype.kind not in (Kind.INTEGER, Kind.DECIMAL):
        return values
    scale = scale_of(datatype)
    wanted = arrow_type(datatype)
    if scale is None or values.type == wanted:
        return values
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:  # some have more digits than fit, and are rounded or cut
        found = magnitudes(values, scale)
        return stored(found.values, found.known, datatype)


def _candidates(view: View) -> Iterator[tuple[Term, Term]]:
    """Pairs that a few rows have equal, those within a row first; each may be set first of all."""
    few = pa.array(view.few)
    sample = {t: view.values(t).take(few) for t in (*view.terms, *view.further)}
    types = {t: _comparable(_home(view, t).column(t.column).datatype) for t in sample}
    rank = {t: (_keyness(view.table, t), -n) for n, t in enumerate(sample) if not t.keys}
    own = sorted(rank, key=lambda t: rank[t])
    pairs = [(a, b) for n, a in enumerate(own) for b in own[n + 1 :]]
    pairs += product(own, (t for t in sample if t.keys))
    seen: set[tuple[Term, tuple[str, ...]]] = set()
    for one, other in pairs:
        if types[one] is None or types[one] != types[other] or (one, other.keys) in seen:
            continue
        if _alike(sample[one], sample[other]):
            if other.keys:
                seen.add((one, other.keys))  # a second column there equals the first
            yield one, other


def _alike(one: pa.Array, other: pa.Array) -> bool:
    same = _same(one, other)
    known = int(len(same) - same.null_count)
    return known > 0 and int(pc.sum(pc.invert(same)).as_py()) <= _TOLERATED * known


def _same(one: pa.Array, other: pa.Array) -> pa.Array:
    """Which values are equal; decimals of two types as floats, for which there is always room."""
    if one.type != other.type and pa.types.is_decimal(one.type):
        one, other = (pc.cast(v, pa.float64(), safe=False) for v in (one, other))
    return pc.equal(one, other)


def _comparable(datatype: DataType) -> tuple[object, ...] | None:
    """What two types have to share for the database to compare their values."""
    if datatype.kind in _WITHOUT_EQUALITY:
        return None
    if datatype.kind is Kind.ENUM:
        return datatype.kind, datatype.plain
    return datatype.kind, datatype.padded, datatype.bits if datatype.kind is Kind.FLOAT else 0


def _home(view: View, term: Term) -> Table:
    if not term.keys:
        return view.table
    return view.schema.table(foreign_key(view.schema, view.table.name, term.keys).parent)


def _keyness(table: Table, term: Term) -> int:
    """How much else a column is needed for."""
    primary = table.primary_key
    if primary is not None and term.column in primary.columns:
        return 3
    if any(term.column in u.columns for u in table.uniques):
        return 2
    return int(term.column in _referring(table))


def _referring(table: Table) -> frozenset[str]:
    return frozenset(c for key in table.foreign_keys for c in key.columns)


def _form(view: View, one: Term, other: Term) -> str | None:
    """The form in which two terms are equal; None where they are not, or by chance."""
    left, right = view.values(one), view.values(other)
    same = _same(left, right)
    spoken = _bools(same.is_valid())
    rows = np.flatnonzero(spoken)
    mixed = _same(left.take(pa.array(rows)), right.take(pa.array(rows[shuffled(len(rows))])))
    chance = float((~_bools(mixed)).mean()) if len(rows) else 0.0
    if not holds(~_bools(pc.fill_null(same, True)), spoken, view.units, chance, view.support.k):
        return None
    if _counts(view, one) and _counts(view, other):
        return None
    if _nulls_coincide(view, left, right):
        return "is"
    return "path" if other.keys and _both_refer(view, one, other) else "="


def _counts(view: View, term: Term) -> bool:
    """Whether a column numbers the rows, as another counter beside it would."""
    numbers = view.numbers(term)
    codes = view.codes(term)
    if numbers is None or not len(codes) or codes.min() < 0 or numbers.values.dtype == np.int64:
        return False
    span = float(numbers.values.max() - numbers.values.min())
    return len(np.unique(codes)) == len(codes) and span < 1.5 * len(codes)


def _nulls_coincide(view: View, left: pa.Array, right: pa.Array) -> bool:
    """Whether one is null just where the other is, and would not be by chance."""
    here, there = _bools(left.is_valid()), _bools(right.is_valid())
    all_rows = np.ones(len(here), np.bool_)
    chance = float((here != there[shuffled(len(there))]).mean()) if len(here) else 0.0
    return holds(here != there, all_rows, view.units, chance, view.support.k)


def _both_refer(view: View, one: Term, other: Term) -> bool:
    return all(term.column in _referring(_home(view, term)) for term in (one, other))


def _bools(values: pa.Array) -> Bools:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)


invariant: type[InvariantKind] = Equality
