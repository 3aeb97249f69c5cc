"""Street addresses of invented people: a house number and a street."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.identities import house_number, street_name
from generators.invented import Invented, all_capitals, all_small


def number_last(values: pa.Array) -> pa.Array:
    """Which texts start with a word and end in a number."""
    return pc.match_substring_regex(values, r"^\D.*\d\D?$")


@dataclass(frozen=True, slots=True)
class Street(Invented):
    """The house number and street of each row's identity."""

    kind: ClassVar[str] = "street"
    looks: ClassVar[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
        "capitals": all_capitals,
        "small": all_small,
        "number_last": number_last,
    }

    def invent(self, draw: Draw) -> pa.Array:
        """The address of each identity, with the number where the column has it."""
        number = house_number(draw.identities)
        street = street_name(draw.identities)
        parts = (street, number) if self.prevails("number_last") else (number, street)
        return self.styled(pc.binary_join_element_wise(*parts, " "))


generator: type[ColumnGenerator] = Street
