"""Numbers of passports, licences, social security and tax files that no state has issued."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Rows, permute, salt_of
from generators.invented import Shaped
from generators.shapes import (
    ALPHABETS,
    Characters,
    characters_of,
    digits_of,
    filled,
    shapes_of,
    slots,
    written,
)

_LETTERED, _NUMERIC = "XX", "000"
_FEWEST_DIGITS = 4
_PLAIN = "AA9999999"


@dataclass(frozen=True, slots=True)
class Passport(Shaped):
    """A document number that starts with XX, or with 000 where the column holds digits only.

    XX is a country code left to its users (ISO 3166-1), 000 an area that social security never
    uses. The digits that follow are a permutation of the row's index; beyond them come letters,
    so that numbers of the learned length stay distinct for a million rows at the least.
    """

    kind: ClassVar[str] = "passport"
    reserved: ClassVar[str | None] = "^(XX|000)"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = 7

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits as 9; AA in front where there is any letter."""
        uniform = pc.replace_substring_regex(shapes_of(values), "[Aa]", "9")
        lettered = pc.starts_with(uniform, "99")
        lettered = pc.and_(lettered, pc.match_substring_regex(values, r"\p{L}"))
        lettered = pc.and_(lettered, pc.invert(pc.starts_with(values, _NUMERIC)))
        front = pc.binary_join_element_wise("AA", pc.utf8_slice_codeunits(uniform, 2), "")
        return pc.if_else(lettered, front, uniform)

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape has room for the mark in front and four digits behind."""
        marked = re.fullmatch(r"(AA|999)[9 ./-]*9", shape) is not None
        return marked and len(slots(shape)) >= len(_mark(shape)) + _FEWEST_DIGITS

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """XX and seven digits, or as many as fit."""
        return _PLAIN[:widest]

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A document number for every row, a function of its index."""
        mark = characters_of(_mark(shape), len(draw.rows))
        width = len(slots(shape)) - mark.shape[1]
        return filled(shape, np.hstack([mark, _serial(draw.rows, width, self.column.name)]))


def _mark(shape: str) -> str:
    return _LETTERED if shape.startswith("AA") else _NUMERIC


def _serial(rows: Rows, width: int, name: str) -> Characters:
    """Permuted digits for the first 10**width rows; a letter and characters for the others."""
    digits = min(width, 18)
    texts = digits_of(permute(rows % 10**digits, 10**digits, salt_of(name)), width)
    beyond = np.flatnonzero(rows >= 10**digits)
    alphabets = [ALPHABETS["A"]] + [ALPHABETS["9"] + ALPHABETS["A"]] * (min(width, 12) - 1)
    texts[beyond, -len(alphabets) :] = written(rows[beyond] - 10**digits, alphabets)
    return texts


generator: type[ColumnGenerator] = Passport
