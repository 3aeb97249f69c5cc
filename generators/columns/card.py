"""Numbers of payment cards that no bank has issued."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.feistel import Rows, permute, salt_of
from generators.invented import Shaped
from generators.shapes import Characters, characters_of, digits_of, filled, shapes_of, slots

_TEST_RANGE = "424242"
_GROUPINGS = (
    "9999999999999999",
    "9999 9999 9999 9999",
    "9999-9999-9999-9999",
    "9999 999999 99999",
    "9999-999999-99999",
    "999999999999999",
)


@dataclass(frozen=True, slots=True)
class Card(Shaped):
    """A number in the range of payment providers' test cards, with a valid check digit.

    Distinct for up to 10**8 rows, the serial numbers of the shortest format.
    """

    kind: ClassVar[str] = "card"
    reserved: ClassVar[str | None] = r"^4242[ -]?42"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = 15

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits as 9; blanks and hyphens as they are."""
        return shapes_of(values)

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape is one in which cards are written."""
        return shape in _GROUPINGS

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """Sixteen digits, or fifteen in a narrower column."""
        return _GROUPINGS[0] if widest is None or widest >= 16 else _GROUPINGS[-1]

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A card number for every row, a function of its index."""
        width = len(slots(shape)) - len(_TEST_RANGE) - 1
        serials: Rows = permute(draw.rows % 10**width, 10**width, salt_of(self.column.name))
        lead = characters_of(_TEST_RANGE, len(serials))
        payload = np.hstack([lead, digits_of(serials, width)])
        return filled(shape, np.hstack([payload, luhn_digits(payload)]))


def luhn_digits(payload: Characters) -> Characters:
    """The check digit for each row of digits (ISO/IEC 7812-1, annex B)."""
    digits = payload.astype(np.int64)[:, ::-1] - ord("0")
    doubled = digits[:, ::2] * 2
    total = (doubled - 9 * (doubled > 9)).sum(axis=1) + digits[:, 1::2].sum(axis=1)
    return digits_of(-total % 10, 1)


generator: type[ColumnGenerator] = Card
