"""UUIDs: others of the same version and variant."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType, Kind
from generators.ciphers import Cipher
from generators.masks import Mask, Masking

_FIXED = 0xF << 76 | 0b11 << 62
"""The bits of version and variant (RFC 9562, 4.1 and 4.2)."""
_LOW, _MIDDLE = (1 << 62) - 1, (1 << 12) - 1


class Uuid:
    """Permutes the 122 bits that are free."""

    kind: ClassVar[str] = "uuid"
    one_to_one: ClassVar[bool] = True
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """UUIDs."""
        return datatype.kind is Kind.UUID

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Another UUID for each."""
        return pa.array([_other(v, masking.cipher) for v in values.to_pylist()], values.type)


def _other(value: bytes, cipher: Cipher) -> bytes:
    bits = int.from_bytes(value, "big")
    free = bits >> 80 << 74 | (bits >> 64 & _MIDDLE) << 62 | bits & _LOW
    found = cipher.permuted(free, 1 << 122, "uuid")
    spread = found >> 74 << 80 | (found >> 62 & _MIDDLE) << 64 | found & _LOW
    return (spread | bits & _FIXED).to_bytes(16, "big")


mask: type[Mask] = Uuid
