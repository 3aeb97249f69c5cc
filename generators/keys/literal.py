"""Keys of types without a form of their own: ranges, article numbers, addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import Rows
from generators.keys import KeyGenerator, require_capacity
from generators.literals import type_name
from generators.numbered import Numbered, numbered
from generators.privacy.support import Support

_NOTHING = Numbered(0, lambda numbers: pa.array([""] * len(numbers)))


@dataclass(frozen=True, slots=True)
class Literal:
    """The literal of the row's index."""

    column: Column

    kind: ClassVar[str] = "literal"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every type of which literals can be numbered."""
        other = column.datatype.kind is Kind.OTHER
        return 1.0 if other and numbered(type_name(column.datatype)) is not None else 0.0

    @classmethod
    def fit(
        cls,
        column: Column,
        _sample: Sample,
        _support: Support,
        _pattern: str | None = None,
        _limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns nothing."""
        return cls(column)

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

    def released(self) -> State:
        """Nothing."""
        return {}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:  # noqa: ARG003 - nothing was learned
        """The generator of this column."""
        return cls(column)


generator: type[KeyGenerator] = Literal
