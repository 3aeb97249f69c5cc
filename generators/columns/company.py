"""Names of invented companies."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from generators.columns import ColumnGenerator, Draw
from generators.identities import company_name
from generators.invented import Invented


@dataclass(frozen=True, slots=True)
class Company(Invented):
    """The company of each row's identity."""

    kind: ClassVar[str] = "company"

    def invent(self, draw: Draw) -> pa.Array:
        """The company of each identity in the column's letter case."""
        return self.styled(company_name(draw.identities))


generator: type[ColumnGenerator] = Company
