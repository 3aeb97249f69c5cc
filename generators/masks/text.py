"""Texts of the same form: another letter for each letter, another digit for each digit."""

from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.masks import Mask, Masking, is_text
from generators.scrambling import scrambled


class Text:
    """Permutes all texts of one form, so that unique ones stay unique."""

    kind: ClassVar[str] = "text"
    one_to_one: ClassVar[bool] = True
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Each text scrambled."""
        return pa.array([scrambled(v, masking.cipher) for v in values.to_pylist()], pa.string())


mask: type[Mask] = Text
