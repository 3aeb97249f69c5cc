"""Whole numbers that stand for things, such as keys: others with as many digits."""

from bisect import bisect_right
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType, Kind
from generators.ciphers import Cipher
from generators.masks import Mask, Masking

_LARGEST = (2**15 - 1, 2**31 - 1, 2**63 - 1)
_STARTS: list[int] = sorted({1, *(10**n for n in range(1, 77)), *(most + 1 for most in _LARGEST)})
"""Where blocks of numbers begin that are permuted among themselves; each fits every type or none
of its numbers does."""


class Number:
    """Permutes the numbers of as many digits, whatever the width of the column; 0 stays."""

    kind: ClassVar[str] = "number"
    one_to_one: ClassVar[bool] = True
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Integers, and decimals, of which the whole ones are masked."""
        return datatype.kind in {Kind.INTEGER, Kind.DECIMAL}

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Another number for each; a decimal's digits after the point stay."""
        return pa.array([_other(v, masking.cipher) for v in values.to_pylist()], values.type)


def _other(value: int | Decimal, cipher: Cipher) -> int | Decimal:
    whole = int(value)
    found = _permuted(abs(whole), cipher)
    signed = -found if whole < 0 else found
    return signed if isinstance(value, int) else value - whole + signed


def _permuted(number: int, cipher: Cipher) -> int:
    place = bisect_right(_STARTS, number)
    if not 0 < place < len(_STARTS):
        return number
    start, end = _STARTS[place - 1], _STARTS[place]
    return start + cipher.permuted(number - start, end - start, f"number\n{start}")


mask: type[Mask] = Number
