"""What most masks of texts have in common."""

from typing import ClassVar

from connectors.datatypes import DataType
from generators.masks import is_text


class TextMask:
    """Of texts, each by itself; different ones may become one pseudonym, in no space of its own."""

    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)
