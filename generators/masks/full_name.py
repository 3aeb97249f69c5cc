"""Full names: the invented names of their parts."""

from typing import ClassVar

import pyarrow as pa

from generators.masks import Mask, Masking
from generators.pseudonyms import cut_to, full_name
from generators.textual import TextMask


class FullName(TextMask):
    """Each part as in columns of first and last names."""

    kind: ClassVar[str] = "full_name"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An invented name for each."""
        found = [full_name(value, masking.cipher) for value in values.to_pylist()]
        return cut_to(found, masking.column.datatype)


mask: type[Mask] = FullName
