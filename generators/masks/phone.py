"""Telephone numbers that belong to nobody: those that end in 555-0100 to 555-0199."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.ciphers import Cipher
from generators.masks import Mask, Masking, is_text
from generators.scrambling import scrambled

_LOCAL = 7


class Phone:
    """Digits in the style of the number, the last seven set aside for fiction (ATIS-0300115).

    That leaves a hundred numbers for each area, so numbers of one length may become one. What has
    fewer than seven digits is no number that rings, and is scrambled.
    """

    kind: ClassVar[str] = "phone"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = (
        r"(5[^0-9]*5[^0-9]*5[^0-9]*0[^0-9]*1[^0-9]*[0-9][^0-9]*[0-9][^0-9]*$)"
        r"|^([^0-9]*[0-9]){0,6}[^0-9]*$"
    )

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """A fictional number for each; how it is written tells no numbers apart."""
        return pa.array([_number(v, masking.cipher) for v in values.to_pylist()], pa.string())


def _number(value: str, cipher: Cipher) -> str:
    digits = "".join(c for c in value if c.isdecimal())
    if len(digits) < _LOCAL:
        return scrambled(value, cipher)
    word = cipher.word("phone", digits)
    lead = str(word // 100 % 10**18).zfill(18)[-(len(digits) - _LOCAL) :]
    lead = lead.rjust(len(digits) - _LOCAL, "0") if len(digits) > _LOCAL else ""
    fresh = iter(f"{lead}55501{word % 100:02d}")
    return "".join(next(fresh) if c.isdecimal() else c for c in value)


mask: type[Mask] = Phone
