"""Texts that stay where enough units share them, and are scrambled where not."""

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType
from generators.masks import Mask, Masking, is_text
from generators.scrambling import scrambled


class Rare:
    """Labels such as a status or a kind stay readable; what only a few have does not."""

    kind: ClassVar[str] = "rare"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Each text that is not spared scrambled."""
        shared = pc.is_in(values, masking.spared).to_pylist()
        pairs = zip(values.to_pylist(), shared, strict=True)
        return pa.array([v if s else scrambled(v, masking.cipher) for v, s in pairs], pa.string())


mask: type[Mask] = Rare
