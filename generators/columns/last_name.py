"""Family names of invented people."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.identities import last_name
from generators.invented import Invented


@dataclass(frozen=True, slots=True)
class LastName(Invented):
    """The family name of each row's identity."""

    kind: ClassVar[str] = "last_name"

    def invent(self, draw: Draw) -> pa.Array:
        """The family name of each identity in the column's letter case."""
        return self.styled(last_name(draw.identities))


generator: type[ColumnGenerator] = LastName
