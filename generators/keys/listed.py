"""Keys of a column that may hold a few declared values only: those, each once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import Rows
from generators.keys import KeyGenerator, require_capacity
from generators.privacy.support import Support

_KINDS = {
    Kind.BOOLEAN,
    Kind.INTEGER,
    Kind.FLOAT,
    Kind.DECIMAL,
    Kind.TEXT,
    Kind.ENUM,
    Kind.DATE,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """The declared values in their order."""

    column: Column
    values: pa.Array

    kind: ClassVar[str] = "listed"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, limits: Limits = UNLIMITED, /
    ) -> float:
        """Every column whose values a check or an enum lists."""
        return 3.0 if limits.values is not None and column.datatype.kind in _KINDS else 0.0

    @classmethod
    def fit(
        cls,
        column: Column,
        _sample: Sample,
        _support: Support,
        _pattern: str | None = None,
        limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns nothing: the values are declared."""
        allowed = [v for v in dict.fromkeys(limits.values or ()) if _is_within(v, column, limits)]
        return cls(column, pa.array(allowed, arrow_type(column.datatype)))

    @property
    def capacity(self) -> int:
        """How many values there are."""
        return len(self.values)

    def at(self, rows: Rows) -> pa.Array:
        """The value of each row."""
        require_capacity(self, self.column, rows)
        return self.values.take(pa.array(rows))

    def released(self) -> State:
        """The values, as texts."""
        return {"values": Support().declared(pc.cast(self.values, pa.string()).to_pylist())}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator of these values."""
        texts = pa.array(list(state["values"]), pa.string())
        return cls(column, pc.cast(texts, arrow_type(column.datatype)))


def _is_within(value: Any, column: Column, limits: Limits) -> bool:
    length = column.datatype.length
    return (
        (limits.least is None or value >= limits.least)
        and (limits.most is None or value <= limits.most)
        and (length is None or len(value) <= length)
    )


generator: type[KeyGenerator] = Listed
