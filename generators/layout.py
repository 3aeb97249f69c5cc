"""Which row indexes each shard of a table holds, as a function of the plan alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KeyLayout:
    """A table's rows, shard by shard; row indexes run from 0 and follow the shards."""

    rows: tuple[int, ...]

    @property
    def total(self) -> int:
        """Rows over all shards."""
        return sum(self.rows)

    def offset(self, shard: int) -> int:
        """Index of a shard's first row."""
        return sum(self.rows[:shard])

    def indexes(self, shard: int) -> Ints:
        """Indexes of a shard's rows, ascending."""
        return np.arange(self.rows[shard], dtype=np.int64) + self.offset(shard)


def spread(total: int, weights: Sequence[float] | npt.NDArray[np.float64]) -> Ints:
    """Splits a whole number in proportion to weights, so that the parts add up to it.

    Parts are differences of the rounded running sum, so each is within 1 of its exact share.
    """
    running = np.cumsum(np.asarray(weights, np.float64))
    if not len(running) or running[-1] <= 0:
        running = np.arange(1, len(running) + 1, dtype=np.float64)
    if not len(running):
        return np.empty(0, np.int64)
    marks = np.rint(running / running[-1] * total).astype(np.int64)
    return np.asarray(np.diff(marks, prepend=0))


_GOLDEN = 0.6180339887498949


def scatter(positions: Ints, size: int) -> Ints:
    """A fixed bijection of 0..size-1 that sends neighbours far apart: i -> a i mod size."""
    return positions * _multiplier(size) % size if size > 1 else positions


def gather(indexes: Ints, size: int) -> Ints:
    """The inverse of `scatter`."""
    return indexes * pow(_multiplier(size), -1, size) % size if size > 1 else indexes


def _multiplier(size: int) -> int:
    """A number coprime to size near the golden section; below 2**31 rows products fit int64."""
    factor = max(1, round(size * _GOLDEN))
    while gcd(factor, size) != 1:
        factor += 1
    return factor
