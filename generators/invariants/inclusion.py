"""Values of a column are keys of another table, though no foreign key says so."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, quoted, relation
from connectors.schema import Column, Schema, Table
from generators.choices import fitting
from generators.distinct import patched
from generators.hashing import hashed
from generators.invariants import Drawing, InvariantKind, Listed, Part, Plain, Together, View
from generators.privacy.support import distinct

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_KINDS = frozenset({Kind.INTEGER, Kind.TEXT, Kind.UUID})
_MOST_MISSING = 0.2
"""Share of rows whose value may be no key, where it is a text: those seldom agree by chance."""
_MISSING_NUMBERS = 0.01
"""The same for numbers, unless a name says that they are keys."""
_HELD_OUT = 0.12
"""Share of keys that may be missing among training rows alone."""
_FEWEST = 5
"""Distinct values that must be keys."""
_FEWEST_IMPERFECT = 50
_SPARSE = 3
"""Numbers in the range of keys for each key, from which numbers tell by themselves."""
_STEM = 3


class Inclusion(Plain, Together):
    """`column in (table.key)`, but for some rows of those where the source has such."""

    name: ClassVar[str] = "inclusion"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = _MOST_MISSING

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; of several tables that would do, the one with the fewest keys."""
        for column in _usable(view):
            some = view.values(Term(column.name)).take(pa.array(view.few))
            found = [
                (len(view.column(key.table, key.column)), key.table, key.column)
                for key in view.listed(some)
                if _may_lead(view, column, key) and _leads(view, column, some, key)
            ]
            if found:
                _, table, key = min(found)
                term = Term(column.name)
                yield Invariant(cls.name, "in", view.table.name, (term,), other=(table, key))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        table, key = rule.other or (rule.table, "")
        return f"{rule.terms[0]} in ({table}.{key})"

    @classmethod
    def claim(cls, rule: Invariant, _schema: Schema) -> Claim:
        """See `InvariantKind`."""
        table, key = rule.other or (rule.table, rule.terms[0].column)
        own = f"r.{quoted(rule.terms[0].column)}"
        return Claim(
            f"SELECT EXISTS (SELECT FROM {relation(table)} AS k WHERE k.{quoted(key)} = {own})"  # noqa: S608 # quoted
            f" AS holds FROM {relation(rule.table)} AS r WHERE {own} IS NOT NULL"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`."""
        return rule.columns

    @classmethod
    def realise(cls, rule: Invariant, _state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; equal values become equal keys, so that popular ones stay so."""
        values = drawing.scene.values(rule.terms[0])
        table, key = rule.other or (rule.table, rule.terms[0].column)
        keys = fitting(drawing.keys(table, key), values.type).drop_null()
        there = values.is_valid().to_numpy(zero_copy_only=False)
        numbers = hashed(values, drawing.seed)
        wrong = np.flatnonzero(there & ~_among(values, keys))
        # As many stay as are to be no key, the same values first in every shard.
        stray = int(drawing.broken * there.sum())
        wrong = np.sort(wrong[np.argsort(numbers[wrong], kind="stable")][stray:])
        if not len(keys) or not len(wrong):
            return values
        fresh = keys.take(pa.array(numbers[wrong] // 10_000 % len(keys)))
        return patched(values, wrong, fresh)


def _usable(view: View) -> Iterator[Column]:
    """Columns that no key holds yet, and whose values are enough to tell."""
    taken = {c for f in (*view.table.foreign_keys, *view.table.polymorphic) for c in f.columns}
    alone = {u.columns[0] for u in view.table.uniques if u.whole and len(u.columns) == 1}
    for column in view.table.written:
        codes = view.codes(Term(column.name)) if column.datatype.kind in _KINDS else None
        if codes is None or column.name in taken | alone:
            continue
        if codes.max(initial=-1) + 1 >= _FEWEST and distinct(view.units) >= view.support.k:
            yield column


def _may_lead(view: View, column: Column, key: Listed) -> bool:
    """Whether types agree; and for numbers, whether names do, or keys lie far apart."""
    kind = view.schema.table(key.table).column(key.column).datatype.kind
    if key.table == view.table.name or kind is not column.datatype.kind:
        return False
    return _is_sure(view, column, key) or key.width >= _SPARSE * key.count


def _is_sure(view: View, column: Column, key: Listed) -> bool:
    """Whether a value that is a key is no chance: texts seldom agree, and some names tell."""
    table = view.schema.table(key.table)
    named = _alike(column.name, table, table.column(key.column))
    return column.datatype.kind is not Kind.INTEGER or named


def _leads(view: View, column: Column, some: pa.Array, key: Listed) -> bool:
    """Whether so many values are keys that chance does not explain it; `some` weeds out."""
    values, keys = view.values(Term(column.name)), view.column(key.table, key.column)
    few = _among(some, keys)
    filled = some.is_valid().to_numpy(zero_copy_only=False)
    sure = _is_sure(view, column, key)
    most = _HELD_OUT + _MOST_MISSING if sure else _MISSING_NUMBERS
    if not filled.any() or 1 - few[filled].mean() > 2 * most:
        return False
    there = values.is_valid().to_numpy(zero_copy_only=False)
    known = _among(values, keys)
    missing = float((there & ~known).sum()) / max(1, int(there.sum()))
    kept = int(pc.count_distinct(values.filter(pa.array(known))).as_py())
    if missing > most or kept < (_FEWEST_IMPERFECT if missing > most / 20 else _FEWEST):
        return False
    # Numbers may mean keys whatever their name, where keys lie too far apart to be met by chance.
    return sure or 2 * kept >= key.count


def _alike(name: str, table: Table, key: Column) -> bool:
    """Whether a column is named after a key or after its table."""
    plain, home = _letters(name), _letters(table.name.name)
    own = _letters(key.name)
    stem = home.removesuffix("s") if len(home) > _STEM else home
    named = own not in {"id", "code", "no"} and plain.endswith(own)
    return named or (len(stem) >= _STEM and stem in plain and plain.endswith(own[-2:]))


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _among(values: pa.Array, keys: pa.Array) -> Bools:
    found = pc.is_in(values, fitting(keys, values.type).drop_null())
    return np.asarray(found.to_numpy(zero_copy_only=False))


invariant: type[InvariantKind] = Inclusion
