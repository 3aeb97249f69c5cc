"""Arrow arrays as numpy views of their memory, and back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def fixed_values(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The values of a fixed-width array, one item of `dtype` each; nulls hold anything."""
    if len(array) == 0:
        return np.empty(0, dtype)
    values: npt.NDArray[Any] = np.frombuffer(array.buffers()[1], dtype)
    return values[array.offset : array.offset + len(array)]


def offsets(array: pa.Array) -> Ints:
    """Where each value of a binary or string array starts in `content`, and where the last ends."""
    if len(array) == 0:
        return np.zeros(1, np.int64)
    found = np.frombuffer(array.buffers()[1], np.int32)[array.offset :][: len(array) + 1]
    return np.asarray(found.astype(np.int64) - found[0])


def content(array: pa.Array) -> Bytes:
    """The bytes of all values of a binary or string array, end to end."""
    if len(array) == 0 or array.buffers()[2] is None:
        return np.empty(0, np.uint8)
    bounds = np.frombuffer(array.buffers()[1], np.int32)[array.offset :]
    whole: Bytes = np.frombuffer(array.buffers()[2], np.uint8)
    return whole[bounds[0] : bounds[len(array)]]


def validity(array: pa.Array) -> Bools:
    """Which values are not null."""
    return np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False))


def fixed_width(values: npt.NDArray[Any], valid: Bools | None = None) -> pa.Array:
    """A binary array of items that all have `values.itemsize` bytes."""
    size = values.dtype.itemsize
    starts = np.arange(0, size * (len(values) + 1), size, dtype=np.int32)
    return variable_width(np.ascontiguousarray(values), starts, valid)


def variable_width(
    data: npt.NDArray[Any], starts: npt.NDArray[np.int32], valid: Bools | None = None
) -> pa.Array:
    """A binary array over `data`; its values start, and the last one ends, at `starts`."""
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(starts), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(starts) - 1, buffers)
