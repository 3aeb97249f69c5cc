"""Which values of a column a rule may name, and these values as texts that SQL reads."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import TIMES, DataType, Kind, arrow_type, endless
from connectors.invariants import Term
from connectors.schema import Column
from generators.columns import Sample, choose
from generators.encoding import traits
from generators.invariants import View

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_WORDLESS = frozenset({Kind.JSON, Kind.ARRAY, Kind.BYTES, Kind.INTERVAL, Kind.OTHER})
"""Kinds whose values have no one text that compares as they do."""
_MOST_VALUES = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """A column with few values, each of which may be named.

    Attributes:
        codes: the place of each row's value; -1 for null.
        texts: the values as texts.
    """

    term: Term
    codes: Ints
    texts: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.texts)


def listing(view: View, term: Term) -> Listing | None:
    """A column of the rows with few values that k units share each; None for any other."""
    codes = view.codes(term)
    if view.table.column(term.column).datatype.kind in TIMES:
        return None  # a moment is no label
    size = int(codes.max(initial=-1)) + 1
    if not 1 < size <= _MOST_VALUES:
        return None
    known = codes >= 0
    enough = view.support.supported(codes[known], view.units[known], size).all()
    if not enough or not quotable(view, term):
        return None
    return Listing(term, codes, tuple(texts_of(view, term, np.arange(size)).to_pylist()))


def quotable(view: View, term: Term) -> bool:
    """Whether values of a column that k units share may be named: none that stand for a person."""
    column = view.table.column(term.column)
    if column.datatype.kind in _WORDLESS:
        return False
    values = view.values(term)
    if endless(values).true_count:
        return False
    if column.datatype.kind is not Kind.TEXT:
        return True
    return _told_by_value(view, column, values)


def _told_by_value(view: View, column: Column, values: pa.Array) -> bool:
    there = values.is_valid().to_numpy(zero_copy_only=False)
    sample = Sample(values.drop_null(), view.units[there])
    generator = choose(traits(view.table.name, column, sample, view.support))
    return not generator.personal and generator.kind != "text"


def texts_of(view: View, term: Term, codes: Ints) -> pa.Array:
    """The values that some codes of a term stand for, as texts; null for -1."""
    found, first = np.unique(view.codes(term), return_index=True)
    rows = first[np.searchsorted(found, codes)] if len(found) else np.empty(0, np.int64)
    places = pa.array(rows, mask=codes < 0, type=pa.int64())
    return as_text(view.values(term).take(places))


def as_text(values: pa.Array) -> pa.Array:
    """Values as texts, equal where they are."""
    if pa.types.is_fixed_size_binary(values.type):
        return pa.array([v and v.hex() for v in values.to_pylist()], pa.string())
    if pa.types.is_duration(values.type):
        return values.view(pa.int64()).cast(pa.string())
    return values.cast(pa.string())


def from_text(texts: pa.Array, datatype: DataType) -> pa.Array:
    """The values whose `as_text` this was."""
    wanted, texts = arrow_type(datatype), texts.cast(pa.string())
    if datatype.kind is Kind.UUID:
        return pa.array([t and bytes.fromhex(t) for t in texts.to_pylist()], wanted)
    if datatype.kind is Kind.TIME:
        moments = pc.binary_join_element_wise("1970-01-01", texts, " ")
        return moments.cast(pa.timestamp("us")).cast(wanted)
    if datatype.kind is Kind.INTERVAL:
        return texts.cast(pa.int64()).view(wanted)
    return texts.cast(wanted)


def key_columns(view: View) -> frozenset[str]:
    """The columns of the table that a key holds or leads to; no rule sets or names their values."""
    table = view.table
    held = (u.columns for u in table.uniques)
    led = (f.columns for f in (*table.foreign_keys, *table.polymorphic, *table.computed_keys))
    return view.schema.referenced(table.name).union(table.typed_columns, *held, *led)
