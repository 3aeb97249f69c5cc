"""Texts that stay where enough units share them, and are scrambled where not."""

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.masks import Mask, Masking
from generators.scrambling import scrambled
from generators.textual import TextMask


class Rare(TextMask):
    """Labels such as a status or a kind stay readable; what only a few have does not."""

    kind: ClassVar[str] = "rare"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Each text that is not spared scrambled."""
        shared = pc.is_in(values, masking.spared).to_pylist()
        pairs = zip(values.to_pylist(), shared, strict=True)
        return pa.array([v if s else scrambled(v, masking.cipher) for v, s in pairs], pa.string())


mask: type[Mask] = Rare
