"""True and false, a code each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Support


@dataclass(frozen=True, slots=True)
class Boolean:
    """Code 0 is false, code 1 is true; both are declared by the type, so nothing is learned."""

    kind: ClassVar[str] = "boolean"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Certain of every boolean."""
        return 1.0 if traits.column.datatype.kind is Kind.BOOLEAN else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:  # noqa: ARG003 - nothing to learn
        """The same for every column."""
        return cls()

    @property
    def size(self) -> int:
        """False and true."""
        return 2

    @property
    def ordered(self) -> bool:
        """Two codes have no order worth knowing."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """0 for false, 1 for true."""
        return np.asarray(values.to_numpy(zero_copy_only=False)).astype(np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:  # noqa: ARG002 - the code says all
        """False for 0, true for 1."""
        return pa.array(codes == 1)

    def released(self) -> State:
        """Nothing was learned."""
        return {}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:  # noqa: ARG003 - no state
        """The same for every column."""
        return cls()


generator: type[ColumnGenerator] = Boolean
