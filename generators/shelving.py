"""All keys of one column side by side, so that a value finds those that hold it in one look.

Asking each key of a database about each of its columns would take the square of its tables.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import TableName
from generators.invariants import Listed

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The keys of one Arrow type.

    Attributes:
        values: of all keys, one key after the other.
        places: the number of the key of each value.
    """

    keys: tuple[Listed, ...]
    values: pa.ChunkedArray
    places: Ints

    def holding(self, values: pa.Array) -> list[Listed]:
        """The keys that hold any of some values."""
        found = pc.is_in(self.values, values).to_numpy()
        return [self.keys[place] for place in np.unique(self.places[found]).tolist()]


def shelves(
    keys: Iterable[tuple[TableName, str, pa.Array]],
) -> Iterator[tuple[pa.DataType, Shelf]]:
    """A shelf for each type of values; whole numbers of any width stand on one."""
    found: dict[pa.DataType, list[tuple[Listed, pa.Array]]] = {}
    for table, column, values in keys:
        wide = widened(pc.drop_null(values))
        if len(wide):
            one = Listed(table, column, len(wide), _width(wide))
            found.setdefault(wide.type, []).append((one, wide))
    for kind, held in found.items():
        arrays = [values for _, values in held]
        places = np.repeat(np.arange(len(held)), [len(values) for values in arrays])
        yield kind, Shelf(tuple(one for one, _ in held), pa.chunked_array(arrays), places)


def widened(values: pa.Array) -> pa.Array:
    """Whole numbers as the widest; all else as it is."""
    return values.cast(pa.int64()) if pa.types.is_integer(values.type) else values


def _width(values: pa.Array) -> int:
    if not pa.types.is_integer(values.type):
        return 0
    ends = pc.min_max(values)
    return int(ends["max"].as_py()) - int(ends["min"].as_py()) + 1
