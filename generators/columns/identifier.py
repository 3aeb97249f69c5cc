"""Numbers that somebody gave to people: of customers, accounts, devices, authors."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Rows, mixed, salt_of
from generators.invented import Shaped
from generators.shapes import ALPHABETS, Characters, filled, shapes_of, slots, written

_FEWEST = 4
_PLAIN = "99999999"
_PER_WORD = 8


@dataclass(frozen=True, slots=True)
class Identifier(Shaped):
    """A shape that k units share, with a random letter or digit in each of its places."""

    kind: ClassVar[str] = "identifier"
    shortest: ClassVar[int] = _FEWEST

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits as 9, capitals as A, other letters as a, and what lies between them."""
        return shapes_of(values)

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """In ASCII, and with enough places to fill."""
        return shape.isascii() and len(slots(shape)) >= _FEWEST

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """Eight digits, or as many as fit."""
        return _PLAIN[:widest]

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A text of that shape for each identity."""
        alphabets = [ALPHABETS[shape[at]] for at in slots(shape)]
        parts: list[Characters] = []
        for start in range(0, len(alphabets), _PER_WORD):
            salt = salt_of(f"{self.column.name} {start}")
            words: Rows = (mixed(draw.identities, salt) >> np.uint64(1)).astype(np.int64)
            parts.append(written(words, alphabets[start : start + _PER_WORD]))
        return filled(shape, np.hstack(parts))


generator: type[ColumnGenerator] = Identifier
