"""Passwords, hashes, tokens and keys that open nothing."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Words, mixed, permute, salt_of
from generators.invented import Shaped
from generators.shapes import ALPHABETS, Characters, filled, written

_SHORTEST = 8
_LONGEST = 4_096
_PLAIN = 32
_DIGITS_PER_WORD = 15
_HEX = ALPHABETS["h"]


@dataclass(frozen=True, slots=True)
class Secret(Shaped):
    """Hexadecimal digits, as many as the secrets of the column have characters.

    Distinct for up to 16**8 rows, as many as the shortest secret can tell apart.
    """

    kind: ClassVar[str] = "secret"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = _SHORTEST

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """The length alone: an h for every character, at least eight."""
        blurred = pc.replace_substring_regex(pc.ascii_rtrim(values, " "), r"(?s).", "h")
        return pc.ascii_rpad(pc.utf8_slice_codeunits(blurred, 0, _LONGEST), _SHORTEST, "h")

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Always: any length will do."""
        return re.fullmatch("h+", shape) is not None

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """Thirty-two digits, or as many as fit."""
        return "h" * (_PLAIN if widest is None else min(_PLAIN, widest))

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A secret for every row: its permuted index, then digits from its identity."""
        salt, width = salt_of(self.column.name), min(len(shape), _DIGITS_PER_WORD)
        first = permute(draw.rows % 16**width, 16**width, salt)
        parts: list[Characters] = [written(first, [_HEX] * width)]
        for start in range(width, len(shape), _DIGITS_PER_WORD):
            words: Words = mixed(draw.identities, salt + start)
            count = min(_DIGITS_PER_WORD, len(shape) - start)
            parts.append(written((words >> np.uint64(4)).astype(np.int64), [_HEX] * count))
        return filled(shape, np.hstack(parts))


generator: type[ColumnGenerator] = Secret
