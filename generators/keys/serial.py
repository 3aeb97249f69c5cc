"""Numbers that count up, as sequences and identity columns give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, DataType, Kind, arrow_type
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import LARGEST, Rows
from generators.keys import KeyGenerator, require_capacity
from generators.privacy.support import Floats, Support

_LARGEST_STEP = 1_000
_WIDEST_GAP = 100
"""Beyond this mean distance keys are no block but scattered."""
_FAR = 10
"""How many times farther from 0 than a block would reach by chance."""
_WIDE = 2**31 - 1
_EXACT = {32: 2**24, 64: 2**53}
"""The integers that a float of so many bits tells apart (IEEE 754)."""


@dataclass(frozen=True, slots=True)
class Serial:
    """start + step * row."""

    column: Column
    start: int
    step: int
    state: State

    kind: ClassVar[str] = "serial"

    @classmethod
    def claims(cls, column: Column, _pattern: str | None = None, /) -> float:
        """Every number that can be whole."""
        return 1.0 if column.datatype.kind in NUMBERS and _highest(column.datatype) > 0 else 0.0

    @classmethod
    def fit(
        cls, column: Column, sample: Sample, support: Support, _pattern: str | None = None, /
    ) -> Self:
        """Learns the step that all keys keep and, of a dense block, the round number before it."""
        highest = _highest(column.datatype)
        steps = _common_step(sample.values) if highest >= _WIDE else 1
        step = support.seal(steps, len(np.unique(sample.units))) or support.declared(1)
        keys = pc.cast(sample.values, pa.float64()).to_numpy(zero_copy_only=False)
        ends = support.quantiles(keys, sample.units, np.array([0.0, 1.0])).value
        base = _base(ends, len(keys), support.k) // step.value * step.value
        # `quantiles` has averaged over k units; this only rounds its answer.
        start = base + step.value if base <= highest // 2 else step.value
        released = support.seal(start, support.k) or support.declared(1)
        return cls(column, released.value, step.value, {"start": released, "step": step})

    @property
    def capacity(self) -> int:
        """How many steps fit between the start and the largest value of the type."""
        return min(LARGEST, (_highest(self.column.datatype) - self.start) // self.step + 1)

    def at(self, rows: Rows) -> pa.Array:
        """The number of each row."""
        require_capacity(self, self.column, rows)
        numbers = pa.array(rows * self.step + self.start, pa.int64())
        if self.column.datatype.kind is Kind.DECIMAL:
            numbers = pc.cast(numbers, pa.decimal128(19, 0))
        return pc.cast(numbers, arrow_type(self.column.datatype))

    def released(self) -> State:
        """Start and step."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with this start and step."""
        kept = {name: Support().declared(value) for name, value in state.items()}
        return cls(column, int(state["start"]), int(state["step"]), kept)


def _highest(datatype: DataType) -> int:
    """The largest whole number that a type holds."""
    if datatype.kind is Kind.INTEGER:
        return int(2 ** ((datatype.bits or 64) - 1)) - 1
    if datatype.kind is Kind.FLOAT:
        return _EXACT[datatype.bits or 64]
    decimal = arrow_type(datatype)
    return min(LARGEST, int(10 ** max(0, decimal.precision - decimal.scale)) - 1)


def _common_step(keys: pa.Array) -> int:
    """The number up to 1,000 that all keys are multiples of; 1 where there is none."""
    if not pa.types.is_integer(keys.type) or len(keys) == 0:
        return 1
    step = int(np.gcd.reduce(pc.cast(keys, pa.int64()).to_numpy(zero_copy_only=False)))
    return step if 1 <= step <= _LARGEST_STEP else 1


def _base(ends: Floats, keys: int, k: int) -> int:
    """The round number below a dense block of keys far from 0; 0 where they are none."""
    if len(ends) == 0 or not np.all(np.isfinite(ends)) or ends[0] <= 0:
        return 0
    low, gap = int(ends[0]), float(ends[1] - ends[0]) / max(1, keys - 1)
    if gap > _WIDEST_GAP or low <= _FAR * k * max(1.0, gap):
        return 0
    unit = 10 ** (len(str(low)) - 1)
    return int(low // unit * unit)


generator: type[KeyGenerator] = Serial
