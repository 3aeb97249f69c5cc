"""Columns of one code: all that a value says is its remainder."""

import numpy as np
import pyarrow as pa

from generators.columns import Codes


class Single:
    """What kinds of columns have in common whose every value has code 0."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """One code stands for everything."""
        return 1

    @property
    def ordered(self) -> bool:
        """One code has no neighbour."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """Code 0 for every value."""
        return np.zeros(len(values), np.int32)
