"""Addresses: an invented street, with other house numbers of as many digits."""

import re
from typing import ClassVar

import pyarrow as pa

from generators.ciphers import Cipher
from generators.masks import Mask, Masking
from generators.pseudonyms import cut_to, streets
from generators.scrambling import scrambled
from generators.textual import TextMask

_NUMBER = re.compile(r"\d+\w?")


class Street(TextMask):
    """The words of an address become a street; its numbers stay before or behind it."""

    kind: ClassVar[str] = "street"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An invented address for each."""
        found = [_address(value, masking.cipher) for value in values.to_pylist()]
        return cut_to(found, masking.column.datatype)


def _address(value: str, cipher: Cipher) -> str:
    numbers = _NUMBER.findall(value)
    words = " ".join(_NUMBER.sub(" ", value).split())
    [street] = streets([words], cipher)
    if not numbers:
        return street
    number = scrambled(numbers[0], cipher)
    return f"{number} {street}" if value[:1].isdigit() else f"{street} {number}".strip()


mask: type[Mask] = Street
