"""Arrays: whole ones where many share them, else a learned length and learned elements."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column, TableName
from generators.binning import Binning, Bins, declared_bins, restored_bins
from generators.columns import (
    MOST_CODES,
    Codes,
    ColumnGenerator,
    Draw,
    Sample,
    State,
    Traits,
    choose,
    column_generators,
)
from generators.privacy.classify import semantic
from generators.privacy.support import Floats, Ints, Released, Support

_MOST_CLASSES = 40
_WHOLE = 0.9
_SEPARATOR = "\x1f"
_NULL = "\x00"
_WRITTEN = frozenset(
    {Kind.TEXT, Kind.ENUM, Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE}
)
"""Element kinds whose text form reads back as the same value."""
_NOWHERE = TableName("", "")
_ELEMENT = "element."


@dataclass(frozen=True, slots=True)
class Elements:
    """The generator of an array's elements, and the cumulative share of each of its codes."""

    generator: ColumnGenerator
    reach: Floats

    def draw(self, count: int, draw: Draw) -> pa.Array:
        """That many elements, each drawn alone."""
        codes = np.searchsorted(self.reach, draw.rng.random(count), side="right")
        known: Codes = np.minimum(codes, self.generator.size - 1).astype(np.int32)
        seeds = draw.rng.integers(2**63, size=count).astype(np.uint64)
        return self.generator.decode(known, Draw(draw.rng, np.arange(count), seeds))


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Codes are whole arrays if nearly all rows hold a supported one, else classes of length."""

    kind: ClassVar[str] = "array"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    whole: pa.Array
    bins: Bins
    elements: Elements
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at every array."""
        return 0.6 if traits.column.datatype.kind is Kind.ARRAY else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns whole arrays, lengths and elements."""
        bins = Binning(support, most=_MOST_CLASSES).fit(_lengths(sample.values), sample.units)
        lengths = bins or declared_bins([0.0, 3.0, 5.0], support)
        whole = support.declared(_whole_arrays(column, sample, support))
        fields = _fitted_elements(_element_column(column), _flattened(sample), support)
        return cls._assembled(column, {"whole": whole, **lengths, **fields})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        fields = {
            n.removeprefix(_ELEMENT): v.value for n, v in state.items() if n.startswith(_ELEMENT)
        }
        element = column_generators()[state["elements"].value].restore(
            _element_column(column), fields
        )
        elements = Elements(element, np.cumsum(state["codes"].value))
        return cls(column, state["whole"].value, restored_bins(state), elements, state)

    @property
    def size(self) -> int:
        """Whole arrays, or classes of length."""
        return len(self.whole) or self.bins.size

    @property
    def ordered(self) -> bool:
        """Classes of length ascend, whole arrays have no order."""
        return not len(self.whole)

    def encode(self, values: pa.Array) -> Codes:
        """The array's own code, the first for one never learned; or the class of its length."""
        if not len(self.whole):
            return self.bins.encode(_lengths(values))
        found = pc.fill_null(pc.index_in(_written(values), value_set=self.whole), 0)
        return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A released array, or drawn elements of a length in each code's class."""
        if len(self.whole):
            return _read(self.whole, self.column.datatype).take(pa.array(codes))
        lengths = self.bins.draw(codes, draw.rng)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        made = self.elements.draw(int(lengths.sum()), draw)
        return pa.ListArray.from_arrays(pa.array(offsets), made).cast(
            arrow_type(self.column.datatype)
        )

    def released(self) -> State:
        """Whole arrays, classes of length, and what the elements' generator learned."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these arrays, lengths and elements."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _lengths(values: pa.Array) -> Ints:
    found: Ints = pc.list_value_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _element_column(column: Column) -> Column:
    element = column.datatype.element or DataType(Kind.TEXT, "text")
    return replace(column, datatype=element, nullable=False, default=None)


def _whole_arrays(column: Column, sample: Sample, support: Support) -> pa.Array:
    """Text forms of the supported arrays; none where they cover too few rows, or are personal."""
    element = column.datatype.element
    if element is None or element.kind not in _WRITTEN:
        return pa.array([], pa.string())
    if semantic(_NOWHERE, _element_column(column), _flattened(sample)) is not None:
        return pa.array([], pa.string())
    found = support.shares(_written(sample.values), sample.units).value
    covered = found.shares[:MOST_CODES].sum() >= _WHOLE
    return found.values[:MOST_CODES] if covered else found.values[:0]


def _written(values: pa.Array) -> pa.Array:
    """An array as text: its length, then its elements, all between separators."""
    elements = pc.fill_null(values.flatten().cast(pa.string()), _NULL)
    lengths = pc.list_value_length(values)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), elements)
    joined = pc.binary_join(lists, _SEPARATOR)
    return pc.binary_join_element_wise(lengths.cast(pa.string()), joined, _SEPARATOR)


def _read(written: pa.Array, datatype: DataType) -> pa.Array:
    """The inverse of `_written`."""
    parts = [text.split(_SEPARATOR) for text in written.to_pylist()]
    lists = [part[1 : int(part[0]) + 1] for part in parts]
    texts = pa.array(
        [[None if e == _NULL else e for e in one] for one in lists], pa.list_(pa.string())
    )
    return texts.cast(arrow_type(datatype))


def _flattened(sample: Sample) -> Sample:
    """All elements that are not null, each with the unit of its array."""
    units = np.repeat(sample.units, _lengths(sample.values))
    elements = sample.values.flatten()
    known = elements.is_valid()
    return Sample(elements.filter(known), units[known.to_numpy(zero_copy_only=False)])


def _fitted_elements(column: Column, sample: Sample, support: Support) -> State:
    """The chosen kind of generator, the share of each of its codes, and what it learned."""
    generator = _chosen(column, sample, support).fit(column, sample, support)
    codes = generator.encode(sample.values).astype(np.int64)
    fields: dict[str, Released[Any]] = {"elements": support.declared(generator.kind)}
    shares = support.histogram(codes, sample.units, generator.size)
    fields["codes"] = shares if shares.value.any() else support.declared(np.ones(generator.size))
    return fields | {_ELEMENT + name: part for name, part in generator.released().items()}


def _chosen(column: Column, sample: Sample, support: Support) -> type[ColumnGenerator]:
    """The generator that claims the elements; JSON and the like count as never supported."""
    plain = column.datatype.kind in _WRITTEN
    counted = len(sample.values.unique()) if plain else len(sample.values)
    supported = 1 - support.shares(sample.values, sample.units).value.rest if plain else 0.0
    personal = semantic(_NOWHERE, column, sample, supported)
    return choose(Traits(_NOWHERE, column, sample, counted, supported, personal))


generator: type[ColumnGenerator] = Array
