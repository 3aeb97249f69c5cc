"""Null, for a column that may be null and whose type nobody here knows how to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from connectors.datatypes import Kind, arrow_type
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.literals import is_known
from generators.privacy.support import Support
from generators.single import Single


@dataclass(frozen=True, slots=True)
class Nothing(Single):
    """One code, and no value: the only generator that makes nulls."""

    kind: ClassVar[str] = "nothing"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Certain where any other would make a literal that the database cannot read."""
        datatype = traits.column.datatype
        foreign = datatype.kind is Kind.OTHER and not is_known(datatype)
        return 0.99 if foreign and traits.column.nullable and not traits.supported else 0.0

    @classmethod
    def fit(cls, column: Column, _sample: Sample, _support: Support) -> Self:
        """Learns nothing."""
        return cls(column)

    def decode(self, codes: Codes, _draw: Draw) -> pa.Array:
        """Nulls."""
        return pa.nulls(len(codes), arrow_type(self.column.datatype))

    def released(self) -> State:
        """Nothing."""
        return {}

    @classmethod
    def restore(cls, column: Column, _state: Mapping[str, Any]) -> Self:
        """The generator of this column."""
        return cls(column)


generator: type[ColumnGenerator] = Nothing
