"""Given names: those of invented people."""

from typing import ClassVar

import pyarrow as pa

from generators.masks import Mask, Masking
from generators.pseudonyms import cut_to, first_names
from generators.textual import TextMask


class FirstName(TextMask):
    """One invented name per name, whatever its letter case."""

    kind: ClassVar[str] = "first_name"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An invented name for each."""
        return cut_to(first_names(values.to_pylist(), masking.cipher), masking.column.datatype)


mask: type[Mask] = FirstName
