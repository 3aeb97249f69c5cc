"""Dates and timestamps that advance by one unit from row to row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type
from connectors.rules import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import Rows
from generators.keys import KeyGenerator, require_capacity
from generators.privacy.support import Support
from generators.stretch import Stretch, stretch

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_STEPS = (_DAY, 3_600 * _SECOND, 60 * _SECOND, _SECOND)
"""Units of time in microseconds, the coarsest first."""
_ROOMY = 1_000_000
"""So many moments between declared bounds keep a learned step."""
_PLAIN_START = 10_957
_FIRST, _LAST = -719_162, 2_932_896
"""Days since 1970: 2000-01-01, 0001-01-01 and 9999-12-31, which every engine and client holds."""


@dataclass(frozen=True, slots=True)
class Instant:
    """start + step * row, in days for a date and in microseconds for a timestamp.

    Between declared bounds it goes around again from the earliest moment.
    """

    column: Column
    moments: Stretch
    state: State

    kind: ClassVar[str] = "instant"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every date and timestamp."""
        kinds = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)
        return 1.0 if column.datatype.kind in kinds else 0.0

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
        """Learns the unit that all values keep, and the day of the lowest of them."""
        day = _day(column)
        counts = _counts(sample.values)
        unit = 1 if day == 1 else _unit(counts)
        step = support.seal(unit, len(np.unique(sample.units))) or support.declared(
            min(day, _SECOND)
        )
        lowest = support.quantiles(counts.astype(np.float64), sample.units, np.array([0.0])).value
        first = int(lowest[0] // day) if len(lowest) else _PLAIN_START
        # `quantiles` has averaged over k units; this only rounds its answer down to a day.
        start = support.seal(first if _FIRST <= first < _LAST else _PLAIN_START, support.k)
        ends = _bounds(column, support, limits)
        return cls._of(
            column, {"start": start or support.declared(_PLAIN_START), "step": step, **ends}
        )

    @classmethod
    def _of(cls, column: Column, state: State) -> Self:
        day, step = _day(column), int(state["step"].value)
        start = int(state["start"].value) * day
        if "low" not in state:
            return cls(column, stretch(start, step, start, (_LAST + 1) * day - step), state)
        low, high = int(state["low"].value), int(state["high"].value)
        units = (step, *_STEPS, 1) if day > 1 else (1,)
        roomy = (s for s in units if s <= step and (high - low) // s >= _ROOMY)
        start = start if start >= low else -(-low // day) * day
        return cls(column, stretch(start, next(roomy, 1), low, high), state)

    @property
    def capacity(self) -> int:
        """How many steps lead from the start, or a bound, to a bound or the end of 9999."""
        return self.moments.count

    def at(self, rows: Rows) -> pa.Array:
        """The moment of each row."""
        require_capacity(self, self.column, rows)
        target = arrow_type(self.column.datatype)
        width = np.int32 if target.bit_width == 32 else np.int64
        return pa.array(self.moments.at(rows).astype(width)).view(target)

    def released(self) -> State:
        """The day of the start, the step, and the bounds where there are any."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with this start, step and bounds."""
        kept = {name: Support().declared(value) for name, value in state.items()}
        return cls._of(column, kept)


def _bounds(column: Column, support: Support, limits: Limits) -> State:
    """The declared bounds as a state; nothing where there are none."""
    if limits.least is None and limits.most is None:
        return {}
    day = _day(column)
    ends = {"low": _FIRST * day, "high": (_LAST + 1) * day - 1}
    for name, moment in (("low", limits.least), ("high", limits.most)):
        if moment is not None:
            ends[name] = int(_counts(pa.array([moment], arrow_type(column.datatype)))[0])
    return {name: support.declared(value) for name, value in ends.items()}


def _day(column: Column) -> int:
    return 1 if column.datatype.kind is Kind.DATE else _DAY


def _counts(values: pa.Array) -> Rows:
    width = pa.int32() if values.type.bit_width == 32 else pa.int64()
    return np.asarray(pc.cast(values.view(width), pa.int64()).to_numpy(zero_copy_only=False))


def _unit(counts: Rows) -> int:
    """The coarsest unit that all values are multiples of, a second at the finest."""
    return next((step for step in _STEPS if not np.any(counts % step)), _SECOND)


generator: type[KeyGenerator] = Instant
