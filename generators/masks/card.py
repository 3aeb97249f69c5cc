"""Numbers of payment cards that no bank issues, with a valid check digit."""

from typing import ClassVar

import pyarrow as pa

from generators.ciphers import Cipher
from generators.masks import Mask, Masking
from generators.scrambling import scrambled, scrambled_digits
from generators.textual import TextMask

_ISSUED = dict(zip("23456", "01789", strict=True))
"""The industries that banks issue cards in, and others (ISO/IEC 7812-1, section 4)."""


class Card(TextMask):
    """Permutes the numbers of one length, and moves them to an industry that is no bank's.

    Numbers with a wrong check digit, or of another industry, are none that pay: they are
    scrambled.
    """

    kind: ClassVar[str] = "card"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Another number for each, blanks and hyphens where they were."""
        return pa.array([_number(v, masking.cipher) for v in values.to_pylist()], pa.string())


def _number(value: str, cipher: Cipher) -> str:
    digits = "".join(c for c in value if c in "0123456789")
    if len(digits) < 12 or digits[0] not in _ISSUED or luhn(digits[:-1]) != digits[-1]:
        return scrambled(value, cipher)
    payload = _ISSUED[digits[0]] + scrambled_digits(digits[1:-1], cipher, f"card\n{digits[0]}")
    fresh = iter(payload + luhn(payload))
    return "".join(next(fresh) if c in "0123456789" else c for c in value)


def luhn(payload: str) -> str:
    """The check digit of some digits (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(c), 10)) for c in payload[::-2]]
    return str(-(sum(doubled) + sum(map(int, payload[-2::-2]))) % 10)


mask: type[Mask] = Card
