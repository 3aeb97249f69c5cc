"""Which parent row each child row points to, found by matching key values."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import ForeignKey
from generators.distinct import hashable

Ints = npt.NDArray[np.int64]


def parent_rows(child: pa.Table, parent: pa.Table, key: ForeignKey) -> Ints:
    """The position of each child row's parent in `parent`; -1 where it is null or not there."""
    child_codes, parent_codes = np.zeros(len(child), np.int64), np.zeros(len(parent), np.int64)
    for column, target in zip(key.columns, key.parent_columns, strict=True):
        values = _flat(parent[target])
        known = pc.unique(values)
        child_codes = _extended(child_codes, _positions(_flat(child[column]), known), len(known))
        parent_codes = _extended(parent_codes, _positions(values, known), len(known))
    return _positions(pa.array(child_codes, mask=child_codes < 0), pa.array(parent_codes))


def _flat(values: pa.ChunkedArray) -> pa.Array:
    return hashable(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)


def _positions(values: pa.Array, known: pa.Array) -> Ints:
    """Positions of values among known ones; -1 for null and unknown."""
    if values.type != known.type:
        values = pc.cast(values, known.type, safe=False)
    found = pc.index_in(values, value_set=known, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _extended(codes: Ints, digits: Ints, base: int) -> Ints:
    """Codes with one more digit; -1 stays -1 in either part."""
    return np.where((codes < 0) | (digits < 0), -1, codes * max(1, base) + digits)
