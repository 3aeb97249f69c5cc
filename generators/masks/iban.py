"""Bank accounts of a country that does not exist, with valid check digits."""

import re
from typing import ClassVar

import pyarrow as pa

from generators.ciphers import Cipher
from generators.masks import Mask, Masking
from generators.scrambling import scrambled
from generators.textual import TextMask

_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_COUNTRY = "XX"
_MODULUS = 97


class Iban(TextMask):
    """XX, a code that ISO 3166 leaves to its users, and an account of the same form.

    The accounts of a country are permuted among themselves. What is no IBAN is scrambled.
    """

    kind: ClassVar[str] = "iban"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Another account for each, blanks where they were."""
        return pa.array([_account(v, masking.cipher) for v in values.to_pylist()], pa.string())


def _account(value: str, cipher: Cipher) -> str:
    compact = value.replace(" ", "").upper()
    if not _SHAPE.fullmatch(compact):
        return scrambled(value, cipher)
    # The country stands in front, so that accounts of each have a permutation of their own.
    account = scrambled(f"{_signs(compact[:2])}{compact[4:]}", cipher)[2:]
    fresh = iter(f"{_COUNTRY}{check_digits(account)}{account}")
    return "".join(c if c == " " else next(fresh) for c in value)


def _signs(country: str) -> str:
    """A country as two signs that no mask changes."""
    return "".join(chr(0x2500 + ord(c) - ord("A")) for c in country)


def check_digits(account: str) -> str:
    """The check digits of an account in XX (ISO 13616-1: 98 minus the rest by 97)."""
    digits = "".join(str(int(c, 36)) for c in f"{account}{_COUNTRY}00")
    return f"{98 - int(digits) % _MODULUS:02d}"


mask: type[Mask] = Iban
