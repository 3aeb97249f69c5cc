"""Full names of invented people, in the order that the column prefers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.identities import first_name, last_name
from generators.invented import Invented, all_capitals, all_small


def has_comma(values: pa.Array) -> pa.Array:
    """Which texts are written "Last, First"."""
    return pc.match_substring(values, ", ")


@dataclass(frozen=True, slots=True)
class FullName(Invented):
    """First and last name of each row's identity."""

    kind: ClassVar[str] = "full_name"
    looks: ClassVar[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
        "capitals": all_capitals,
        "small": all_small,
        "comma": has_comma,
    }

    def invent(self, draw: Draw) -> pa.Array:
        """First and last name, or "Last, First", of each identity in the column's letter case."""
        first = first_name(draw.identities)
        last = last_name(draw.identities)
        if self.prevails("comma"):
            return self.styled(pc.binary_join_element_wise(last, first, ", "))
        return self.styled(pc.binary_join_element_wise(first, last, " "))


generator: type[ColumnGenerator] = FullName
