"""Bytes: as many others."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType, Kind
from generators.masks import Mask, Masking


class Bytes:
    """Bytes that look random, as a function of those that were there."""

    kind: ClassVar[str] = "bytes"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Bytes."""
        return datatype.kind is Kind.BYTES

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """As many bytes for each."""
        found = (masking.cipher.stream("bytes", v, len(v)) for v in values.to_pylist())
        return pa.array(list(found), values.type)


mask: type[Mask] = Bytes
