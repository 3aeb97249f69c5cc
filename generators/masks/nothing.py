"""Null in every row."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.masks import Mask, Masking


class Nothing:
    """What nobody may see, and nobody needs."""

    kind: ClassVar[str] = "nothing"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:  # noqa: ARG003 - every type has null
        """Everything."""
        return True

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:  # noqa: ARG003 - as above
        """Null for each."""
        return pa.nulls(len(values), values.type)


mask: type[Mask] = Nothing
