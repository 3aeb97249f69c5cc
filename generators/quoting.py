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
_NAMED = 0.98
"""Share of rows whose labels k units share each, from which the others do not matter."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A column with few values, each of which may be named.

    Attributes:
        codes: the place of each row's value; -1 for null, and for values of fewer than k units.
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
    """A column of the rows with few values that nearly all rows share with k units; else None.

    The other rows are as those with no value; all rows are asked once a rule is said.
    """
    codes = view.codes(term)
    if view.table.column(term.column).datatype.kind in TIMES:
        return None  # a moment is no label
    size = int(codes.max(initial=-1)) + 1
    if not 1 < size <= _MOST_VALUES:
        return None
    known = codes >= 0
    enough = view.support.supported(codes[known], view.units[known], size)
    if enough.sum() < 2 or enough[codes[known]].mean() < _NAMED or not quotable(view, term):
        return None
    named = np.flatnonzero(enough)
    places = np.append(np.where(enough, np.cumsum(enough) - 1, -1), -1)
    return Listing(term, places[codes], tuple(texts_of(view, term, named).to_pylist()))


def quotable(view: View, term: Term) -> bool:
    """Whether values of a column that k units share may be named: none that stand for a person."""
    column = view.table.column(term.column)
    if column.datatype.kind in _WORDLESS:
        return False
    values = view.values(term)
    if not bool(pc.all(_writable(values)).as_py()):
        return False
    if column.datatype.kind is not Kind.TEXT:
        return True
    return _told_by_value(view, column, values)


def _writable(values: pa.Array) -> pa.Array:
    """Which dates and moments lie in years that SQL writes as Arrow does; all else does."""
    if not (pa.types.is_date32(values.type) or pa.types.is_timestamp(values.type)):
        return pa.repeat(True, len(values))
    far = endless(values)
    years = pc.year(pc.if_else(far, None, values))
    return pc.if_else(far, False, pc.and_(pc.greater(years, 0), pc.less(years, _LAST_YEAR)))


_LAST_YEAR = 10_000


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
    if pa.types.is_time64(values.type):
        return _clocks(values)
    return values.cast(pa.string())


def from_text(texts: pa.Array, datatype: DataType) -> pa.Array:
    """The values whose `as_text` this was."""
    wanted, texts = arrow_type(datatype), texts.cast(pa.string())
    if datatype.kind is Kind.UUID:
        return pa.array([t and bytes.fromhex(t) for t in texts.to_pylist()], wanted)
    if datatype.kind is Kind.TIME:
        return _from_clocks(texts)
    if datatype.kind is Kind.INTERVAL:
        return texts.cast(pa.int64()).view(wanted)
    return texts.cast(wanted)


def _clocks(values: pa.Array) -> pa.Array:
    """Times of day as texts; midnight at the end of a day, too, which Arrow does not write."""
    moments = values.cast(pa.int64()).dictionary_encode()
    texts = [None if m is None else _clock(m) for m in moments.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(moments.indices)


def _clock(moment: int) -> str:
    seconds, micros = divmod(moment, 1_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}"


def _from_clocks(texts: pa.Array) -> pa.Array:
    parts = [None if t is None else t.replace(".", ":").split(":") for t in texts.to_pylist()]
    units = (3_600_000_000, 60_000_000, 1_000_000, 1)
    moments = [p and sum(int(n) * u for n, u in zip(p, units, strict=True)) for p in parts]
    return pa.array(moments, pa.int64()).view(pa.time64("us"))


def key_columns(view: View) -> frozenset[str]:
    """The columns of the table that a key holds or leads to; no rule sets or names their values."""
    table = view.table
    held = (u.columns for u in table.uniques)
    led = (f.columns for f in (*table.foreign_keys, *table.polymorphic, *table.computed_keys))
    return view.schema.referenced(table.name).union(table.typed_columns, *held, *led)
