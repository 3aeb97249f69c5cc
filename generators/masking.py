"""Masks one column: nulls stay, equal values are masked once, arrays by their elements."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType
from generators.masks import Masking, masks

Bools = npt.NDArray[np.bool_]


def masked_column(values: pa.Array, kind: str, masking: Masking) -> pa.Array:
    """A column's values by the mask of a kind that suits its type."""
    mask, datatype = masks()[kind], masking.column.datatype
    if datatype.element is not None and not mask.suits(datatype):
        return _by_element(values, kind, masking, datatype.element)
    there = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    some = values.filter(pa.array(there))
    if mask.by_row:
        fresh = mask.masked(some, replace(masking, units=masking.units[there]))
    else:
        encoded = some.dictionary_encode()
        fresh = mask.masked(encoded.dictionary, masking).take(encoded.indices)
    return fresh.take(pa.array(np.cumsum(there) - 1, mask=~there))


def elements(values: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The elements of all arrays, and how many each has; none for null."""
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    return values.flatten(), np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def _by_element(values: pa.Array, kind: str, masking: Masking, element: DataType) -> pa.Array:
    flat, lengths = elements(values)
    column = replace(masking.column, datatype=element)
    units = np.repeat(masking.units, lengths) if len(masking.units) else masking.units
    fresh = masked_column(flat, kind, replace(masking, column=column, units=units))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    found = pa.ListArray.from_arrays(offsets, fresh, mask=values.is_null())
    return found.cast(values.type)
