"""Telephone numbers that belong to nobody: 555-0100 to 555-0199 of North American areas."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Rows, Words, mixed, salt_of
from generators.invented import Shaped
from generators.shapes import Characters, characters_of, digits_of, filled, shapes_of, slots

_LOCAL_DIGITS = 7
_AREA_DIGITS = 3
_MOST_DIGITS = 15
"""The longest number of ITU-T E.164."""


@dataclass(frozen=True, slots=True)
class Phone(Shaped):
    """A number in the fictional range of the North American Numbering Plan, per identity.

    The last seven digits are those set aside for fiction (ATIS-0300115); those before make an area
    code, and any further ones a prefix of 1 and zeros, so that every supported style is kept.
    """

    kind: ClassVar[str] = "phone"
    reserved: ClassVar[str | None] = (
        r"5[^0-9]*5[^0-9]*5[^0-9]*0[^0-9]*1[^0-9]*[0-9][^0-9]*[0-9][^0-9]*$"
    )
    shortest: ClassVar[int] = _LOCAL_DIGITS

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits as 9; separators as they are."""
        return shapes_of(values)

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape holds digits and ASCII separators, and at least seven digits."""
        digits = len(slots(shape))
        plain = re.fullmatch(r"[+9 ()./-]+", shape) is not None
        return plain and _LOCAL_DIGITS <= digits <= _MOST_DIGITS

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """An area code and a local number, as far as they fit."""
        shapes = ("999-999-9999", "9999999999", "999-9999", "9999999")
        return next(s for s in shapes if widest is None or len(s) <= widest or len(s) == 7)

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A fictional number for every row, the same for equal identities."""
        words = mixed(draw.identities, salt_of(self.column.name))
        line = digits_of((words % np.uint64(100)).astype(np.int64), 2)
        local = np.hstack([characters_of("55501", len(line)), line])
        lead = _lead(words // np.uint64(100), len(slots(shape)) - _LOCAL_DIGITS)
        return filled(shape, np.hstack([lead, local]))


def _lead(words: Words, width: int) -> Characters:
    """Country and area code in as many digits as a style has before the local number."""
    areas: Rows = (words % np.uint64(800)).astype(np.int64) + 200
    if width <= _AREA_DIGITS:
        return digits_of(areas, _AREA_DIGITS)[:, _AREA_DIGITS - width :]
    country = characters_of("1".ljust(width - _AREA_DIGITS, "0"), len(areas))
    return np.hstack([country, digits_of(areas, _AREA_DIGITS)])


generator: type[ColumnGenerator] = Phone
