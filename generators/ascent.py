"""The order of invented keys: ascending with their rows, where those of the source do."""

from dataclasses import dataclass

import numpy as np

from generators.feistel import Rows, mixed


@dataclass(frozen=True, slots=True)
class Ascent:
    """How many rows come first, and whether their keys rise or fall.

    A permutation hides how many rows lie between two keys, and nothing else: a row is drawn from
    what was learned, and so is its place among the rows, so that no key, in whatever order, stands
    for a key of the source. (A mask does, and permutes under a secret key.) So the order may be
    that of the source's keys on disk, which planners choose their scans by.

    Attributes:
        rows: of the first load; keys of rows that are added later lie between theirs.
    """

    rows: int
    rises: bool = True

    def places(self, rows: Rows, size: int, salt: int) -> Rows:
        """Where a bijection of 0..size-1, in order on the first rows, sends each row.

        Each of the first rows has a part of the range, as wide as those of the others, and lies
        anywhere in it; rows after them go around the same parts, and last come the numbers that
        did not suffice for one more each.
        """
        first = max(1, min(self.rows, size))
        width = size // first
        part, turn = rows % first, rows // first
        begins = (mixed(part.astype(np.uint64), salt) % np.uint64(width)).astype(np.int64)
        nth = part if self.rises else first - 1 - part
        return np.where(turn < width, nth * width + (begins + turn) % width, rows)
