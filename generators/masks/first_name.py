"""Given names: those of invented people."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.masks import Mask, Masking, is_text
from generators.pseudonyms import cut_to, first_names


class FirstName:
    """One invented name per name, whatever its letter case."""

    kind: ClassVar[str] = "first_name"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An invented name for each."""
        return cut_to(first_names(values.to_pylist(), masking.cipher), masking.column.datatype)


mask: type[Mask] = FirstName
