"""Bank accounts of a country that does not exist."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.feistel import permute, salt_of
from generators.invented import Shaped
from generators.shapes import Characters, characters_of, digits_of, filled, shapes_of, slots

_COUNTRY = "XX"
_COUNTRY_IN_DIGITS = "3333"
_PLAIN = 22
_SHORTEST = 15
_LONGEST = 34


@dataclass(frozen=True, slots=True)
class Iban(Shaped):
    """An IBAN with valid check digits in XX, a code that ISO 3166 leaves to its users.

    Distinct for up to 10**11 rows, the account numbers of the shortest format.
    """

    kind: ClassVar[str] = "iban"
    reserved: ClassVar[str | None] = "^XX"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = _SHORTEST

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits and letters as 9; blanks between groups as they are."""
        return pc.replace_substring_regex(shapes_of(values), "[Aa]", "9")

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape holds 15 to 34 characters, with or without blanks."""
        grouped = re.fullmatch(r"99[9 ]*9", shape) is not None
        return grouped and _SHORTEST <= len(slots(shape)) <= _LONGEST

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """Twenty-two characters, or as many as fit."""
        return "9" * (_PLAIN if widest is None else min(_PLAIN, widest))

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """An account for every row, a function of its index."""
        width = len(slots(shape)) - 4
        domain = 10 ** min(width, 18)
        account = digits_of(permute(draw.rows % domain, domain, salt_of(self.column.name)), width)
        country = characters_of(_COUNTRY, len(account))
        return filled(shape, np.hstack([country, check_digits(account), account]))


def check_digits(account: Characters) -> Characters:
    """The two check digits for each account in XX (ISO 13616-1: 98 minus the rest by 97)."""
    rest = np.zeros(len(account), np.int64)
    tail = characters_of(_COUNTRY_IN_DIGITS + "00", len(account))
    for digits in np.hstack([account, tail]).T:
        rest = (rest * 10 + digits - ord("0")) % 97
    return digits_of(98 - rest, 2)


generator: type[ColumnGenerator] = Iban
