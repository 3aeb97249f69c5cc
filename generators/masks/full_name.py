"""Full names: the invented names of their parts."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.masks import Mask, Masking, is_text
from generators.pseudonyms import cut_to, full_name


class FullName:
    """Each part as in columns of first and last names."""

    kind: ClassVar[str] = "full_name"
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
        found = [full_name(value, masking.cipher) for value in values.to_pylist()]
        return cut_to(found, masking.column.datatype)


mask: type[Mask] = FullName
