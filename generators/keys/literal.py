"""Keys of types without a form of their own: ranges, article numbers, addresses."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.feistel import Rows
from generators.keys import KeyGenerator, require_capacity
from generators.literals import type_name
from generators.numbered import Numbered, numbered
from generators.unlearned import Unlearned

_NOTHING = Numbered(0, lambda numbers: pa.array([""] * len(numbers)))


@dataclass(frozen=True, slots=True)
class Literal(Unlearned):
    """The literal of the row's index."""

    kind: ClassVar[str] = "literal"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every type of which literals can be numbered."""
        other = column.datatype.kind is Kind.OTHER
        return 1.0 if other and numbered(type_name(column.datatype)) is not None else 0.0

    @property
    def capacity(self) -> int:
        """How many literals of the type can be told apart."""
        return self._literals.count

    @property
    def _literals(self) -> Numbered:
        return numbered(type_name(self.column.datatype)) or _NOTHING

    def at(self, rows: Rows) -> pa.Array:
        """The literal of each row."""
        require_capacity(self, self.column, rows)
        return self._literals.write(rows).cast(pa.string())


generator: type[KeyGenerator] = Literal
