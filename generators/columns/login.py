"""User names of invented people."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.identities import first_name, last_name
from generators.invented import Invented, cut_before


@dataclass(frozen=True, slots=True)
class Login(Invented):
    """Initial, last name and the row's index, which keeps user names distinct."""

    kind: ClassVar[str] = "login"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = 8

    def invent(self, draw: Draw) -> pa.Array:
        """The user name of each identity; the name gives way where the column is narrow."""
        identities = draw.identities
        initials = pc.utf8_slice_codeunits(first_name(identities), 0, 1)
        people = pc.binary_join_element_wise(initials, last_name(identities), "")
        indexes = pc.cast(pa.array(draw.rows), pa.string())
        return cut_before(pc.utf8_lower(people), indexes, self.column.datatype.length)


generator: type[ColumnGenerator] = Login
