"""Companies that nobody runs."""

from typing import ClassVar

import pyarrow as pa

from generators.masks import Mask, Masking
from generators.pseudonyms import companies, cut_to
from generators.textual import TextMask


class Company(TextMask):
    """One invented name per name, whatever its letter case."""

    kind: ClassVar[str] = "company"

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An invented name for each."""
        return cut_to(companies(values.to_pylist(), masking.cipher), masking.column.datatype)


mask: type[Mask] = Company
