"""Numbers that count up, as sequences and identity columns give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, DataType, Kind, arrow_type
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import LARGEST, Rows, salt_of
from generators.keys import KeyGenerator, require_capacity
from generators.privacy.support import Floats, Ints, Support
from generators.stretch import Scatter, Stretch, scatter, stretch

_LARGEST_STEP = 1_000
_WIDEST_GAP = 100
"""Beyond this mean distance keys are no block but scattered."""
_FAR = 10
"""How many times farther from 0 than a block would reach by chance."""
_WIDE = 2**31 - 1
_EXACT = {32: 2**24, 64: 2**53}
"""The integers that a float of so many bits tells apart (IEEE 754)."""


_ROOMY = 1_000_000
"""So many numbers between declared bounds keep a learned step, and need no fractions."""
_BELOW = 2**40
"""Room below 0, or below the highest number allowed, where no lowest one is declared."""
_SCANT = 1_000_000
"""So many whole numbers of a type need no fractions beside them."""
_MANY, _NEARLY_ALL = 0.5, 0.999
_ROUNDING = {32: 1e-6, 64: 1e-9}
"""By bits: how far a float may lie from the decimal that it stands for, as a share of it."""
_FINEST = 6
_FINE = 3
"""Digits after the point: at most, and where the type does not say."""


@dataclass(frozen=True, slots=True)
class Serial:
    """start + step * row, and between declared bounds around again from the lowest number.

    Where bounds leave few whole numbers, fractions follow: those with `digits` digits after the
    point, the lowest first. Keys that were fractions already lie scattered over their range.

    Attributes:
        low: the lowest number, in units of the last digit.
        high: the highest number, in the same units.
        scattered: fractions in the same units; None where keys count up.
    """

    column: Column
    whole: Stretch
    digits: int
    low: int
    high: int
    scattered: Scatter | None
    state: State

    kind: ClassVar[str] = "serial"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every number."""
        return 1.0 if column.datatype.kind in NUMBERS else 0.0

    @classmethod
    def fit(
        cls,
        column: Column,
        sample: Sample,
        support: Support,
        _pattern: str | None = None,
        limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns the step that all keys keep and, of a dense block, the round number before it.

        Of keys that are mostly fractions it learns their digits and their range.
        """
        highest = _highest(column.datatype)
        steps = _common_step(sample.values) if highest >= _WIDE else 1
        step = support.seal(steps, len(np.unique(sample.units))) or support.declared(1)
        keys = pc.cast(sample.values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        ends = support.quantiles(keys, sample.units, np.array([0.0, 1.0])).value
        base = _base(ends, len(keys), support.k) // step.value * step.value
        # `quantiles` has averaged over k units; this only rounds its answer.
        start = base + step.value if base <= highest // 2 else step.value
        released = support.seal(start, support.k) or support.declared(1)
        fractions = _fractions(column.datatype, (keys, sample.units), support, limits)
        bounds = fractions or _bounds(column.datatype, support, limits)
        return cls._of(column, {"start": released, "step": step, **bounds})

    @classmethod
    def _of(cls, column: Column, state: State) -> Self:
        start, step = int(state["start"].value), int(state["step"].value)
        if "low" not in state:
            highest = _highest(column.datatype)
            whole = stretch(start, step, start, highest)
            return cls(column, whole, 0, start, highest, None, state)
        low, high = int(state["low"].value), int(state["high"].value)
        digits = int(state["digits"].value)
        ends = -(-low // 10**digits), high // 10**digits
        step = step if (ends[1] - ends[0]) // step >= _ROOMY else 1
        if not ends[0] <= start <= ends[1]:
            start = max(ends[0], ends[1] - _ROOMY if ends[0] <= 0 else 0)
        far = None
        if "first" in state:
            range_ = (int(state["first"].value), int(state["last"].value))
            far = scatter(range_, (low, high), salt_of(column.name))
        return cls(column, stretch(start, step, *ends), digits, low, high, far, state)

    @property
    def capacity(self) -> int:
        """How many numbers fit between the start, or a declared bound, and the largest one."""
        if self.scattered is not None:
            return self.scattered.count
        if not self.digits:
            return self.whole.count
        return min(LARGEST, max(0, self.high - self.low + 1))

    def at(self, rows: Rows) -> pa.Array:
        """The number of each row."""
        require_capacity(self, self.column, rows)
        if self.scattered is not None:
            return _typed(self.scattered.at(rows), self.digits, self.column.datatype)
        numbers = self.whole.at(np.minimum(rows, max(0, self.whole.count - 1)))
        units = numbers * 10**self.digits
        late = np.flatnonzero(rows >= self.whole.count)
        units[late] = self._fraction(rows[late] - self.whole.count)
        return _typed(units, self.digits, self.column.datatype)

    def _fraction(self, rows: Rows) -> Rows:
        """The numbers between the whole ones, in units of the last digit, the lowest first."""
        unit = 10**self.digits
        before = min(-self.low % unit, self.high - self.low + 1)
        after = np.maximum(rows - before, 0)
        within = after // (unit - 1) * unit + after % (unit - 1) + 1
        return np.where(rows < before, rows, within + before) + self.low

    def released(self) -> State:
        """Start and step, and the bounds where there are any."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with this start, step and bounds."""
        return cls._of(column, {n: Support().declared(value) for n, value in state.items()})


def _bounds(datatype: DataType, support: Support, limits: Limits) -> State:
    """The declared bounds as a state; nothing where there are none."""
    if limits.least is None and limits.most is None:
        return {}
    highest = _highest(datatype)
    most = min(limits.most, highest) if limits.most is not None else highest
    least = limits.least if limits.least is not None else min(0, most) - _BELOW
    least = max(least, -highest)
    digits = _digits(datatype) if most - least < _ROOMY else 0
    scale = 10**digits
    ends = {"low": ceil(least * scale), "high": floor(most * scale), "digits": digits}
    return {name: support.declared(value) for name, value in ends.items()}


def _fractions(
    datatype: DataType, keys: tuple[Floats, Ints], support: Support, limits: Limits
) -> State:
    """Digits, range and bounds of keys that are fractions or have no room for whole numbers."""
    known = np.isfinite(keys[0])
    numbers, units = keys[0][known], keys[1][known]
    ends = support.quantiles(numbers, units, np.array([0.0, 1.0])).value
    plain = limits.least is None and limits.most is None and _highest(datatype) < _SCANT
    seen = bool(len(ends)) and support.share(numbers % 1 != 0, units).value > _MANY
    if not _finest(datatype) or not (seen or (plain and not len(ends))):
        return {}
    digits = (
        _learned_digits(datatype, (numbers, units), ends, support) if seen else _digits(datatype)
    )
    unit, most = 10**digits, _highest_unit(datatype, digits)
    low = max(-most, ceil(limits.least * unit)) if limits.least is not None else -most
    high = min(most, floor(limits.most * unit)) if limits.most is not None else most
    first, last = (int(np.rint(end * unit)) for end in ends) if seen else (1, most)
    found = {"low": low, "high": high, "digits": digits, "first": first, "last": last}
    return {name: support.declared(value) for name, value in found.items()}


def _learned_digits(
    datatype: DataType, keys: tuple[Floats, Ints], ends: Floats, support: Support
) -> int:
    """The fewest digits after the point that nearly all keys keep; the most where none do."""
    numbers, units = keys
    most = _finest(datatype)
    while most and float(np.abs(ends).max()) * 10**most > _highest_unit(datatype, most):
        most -= 1
    for digits in range(1, most):
        scaled = numbers * 10.0**digits
        error = _ROUNDING[datatype.bits or 64]
        holds = np.abs(scaled - np.rint(scaled)) <= error * np.maximum(1, np.abs(scaled))
        if support.share(holds, units).value >= _NEARLY_ALL:
            return digits
    return most


def _finest(datatype: DataType) -> int:
    """The most digits after the point that are tried."""
    if datatype.kind is Kind.INTEGER:
        return 0
    return _FINEST if datatype.scale is None else max(0, min(_FINEST, datatype.scale))


def _highest_unit(datatype: DataType, digits: int) -> int:
    """The largest number of units in the last of some digits that a type holds."""
    if datatype.kind is Kind.FLOAT:
        return _EXACT[datatype.bits or 64]
    decimal = arrow_type(datatype)
    return min(LARGEST // 2, int(10 ** (decimal.precision - decimal.scale + digits)) - 1)


def _digits(datatype: DataType) -> int:
    """Digits after the point that fractions of a type may have."""
    if datatype.kind is Kind.INTEGER:
        return 0
    known = datatype.kind is Kind.DECIMAL and datatype.precision is not None
    return min(_FINEST, datatype.scale or 0) if known else _FINE


def _typed(units: Rows, digits: int, datatype: DataType) -> pa.Array:
    """Numbers given in units of their last digit, in the type's Arrow type."""
    target = arrow_type(datatype)
    if datatype.kind is Kind.DECIMAL:
        words = np.stack([units, units >> 63], axis=1).astype("<i8")
        buffers = [None, pa.py_buffer(words.tobytes())]
        return pc.cast(
            pa.Array.from_buffers(pa.decimal128(38, digits), len(units), buffers), target
        )
    numbers = pa.array(units / 10**digits if digits else units)
    return pc.cast(numbers, target)


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
