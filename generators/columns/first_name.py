"""Given names of invented people; a column of middle names gets a second one."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.identities import first_name, middle_name
from generators.invented import Invented
from generators.privacy.wording import words


@dataclass(frozen=True, slots=True)
class FirstName(Invented):
    """The given name of each row's identity."""

    kind: ClassVar[str] = "first_name"

    def invent(self, draw: Draw) -> pa.Array:
        """The given name of each identity in the column's letter case."""
        middle = {"middle", "mname"} & set(words(self.column.name))
        names = middle_name if middle else first_name
        return self.styled(names(draw.identities))


generator: type[ColumnGenerator] = FirstName
