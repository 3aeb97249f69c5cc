"""Random UUIDs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Support
from generators.single import Single


@dataclass(frozen=True, slots=True)
class Uuid(Single):
    """One code; the remainder is all: a random UUID of version 4 (RFC 9562)."""

    kind: ClassVar[str] = "uuid"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at every UUID."""
        return 0.6 if traits.column.datatype.kind is Kind.UUID else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:  # noqa: ARG003 - nothing to learn
        """The same for every column."""
        return cls()

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A random UUID per row."""
        data = np.frombuffer(draw.rng.bytes(16 * len(codes)), dtype=np.uint8).copy()
        made = data.reshape(-1, 16)
        made[:, 6] = made[:, 6] & 0x0F | 0x40
        made[:, 8] = made[:, 8] & 0x3F | 0x80
        return pa.Array.from_buffers(pa.binary(16), len(codes), [None, pa.py_buffer(data)])

    def released(self) -> State:
        """Nothing was learned."""
        return {}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:  # noqa: ARG003 - no state
        """The same for every column."""
        return cls()


generator: type[ColumnGenerator] = Uuid
