"""Dates and times: one after the other where they lie dense, else scattered over their range."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type, endless
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.feistel import Rows, salt_of
from generators.keys import KeyGenerator, require_capacity
from generators.plausible import day_range
from generators.privacy.support import Support
from generators.stretch import Scatter, Stretch, scatter, stretch

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR
_STEPS = (_DAY, _HOUR, 60 * _SECOND, _SECOND)
"""Units of time in microseconds, the coarsest first."""
_ROOMY, _ROOMY_DAY = 1_000_000, 80_000
"""So many moments between declared bounds, or in a day, keep a learned step."""
_DENSE = 0.25
"""Share of a range's moments that keys must hold to come one after the other."""
_FIRST, _LAST = -719_162, 2_932_896
"""Days since 1970: 0001-01-01 and 9999-12-31, which every engine and client holds."""


@dataclass(frozen=True, slots=True)
class Instant:
    """start + step * row, in days for a date and in microseconds for any other time.

    Between declared bounds it goes around again from the earliest moment. Keys that lie far apart
    are scattered over the range of those learned first.
    """

    column: Column
    moments: Stretch
    scattered: Scatter | None
    state: State

    kind: ClassVar[str] = "instant"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every date, time and timestamp."""
        kinds = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)
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
        """Learns the unit that all values keep, and the days of the lowest and the highest."""
        day, (earliest, latest) = _day(column), _reach(column)
        known = ~endless(sample.values).to_numpy(zero_copy_only=False)
        counts, units = _counts(sample.values)[known], sample.units[known]
        unit = {1: 1, _HOUR: _SECOND}.get(day) or _unit(counts)
        step = support.seal(unit, len(np.unique(units))) or support.declared(min(day, _SECOND))
        ends = support.quantiles(counts.astype(np.float64), units, np.array([0.0, 1.0]))
        days = [int(end // day) for end in ends.value]
        plain = (earliest, latest) if day == _HOUR else day_range(column.name)
        held = bool(days) and earliest <= days[0] < latest
        start, last = (days[0], min(days[1], latest)) if held else plain
        room = (last - start + 1) * day // int(step.value)
        # `quantiles` has averaged over k units; this only rounds its answers to days.
        state = {
            "start": support.seal(start, support.k) or support.declared(plain[0]),
            "step": step,
        }
        if len(np.unique(counts)) < _DENSE * room:
            state["last"] = support.seal(last, support.k) or support.declared(plain[1])
        return cls._of(column, {**state, **_bounds(column, support, limits)})

    @classmethod
    def _of(cls, column: Column, state: State) -> Self:
        day, step = _day(column), int(state["step"].value)
        start = int(state["start"].value) * day
        low, high = start, (_reach(column)[1] + 1) * day - step
        if "low" in state:
            low, high = int(state["low"].value), int(state["high"].value)
            units = (step, *_STEPS, 1) if day > 1 else (1,)
            least = _ROOMY_DAY if column.datatype.kind is Kind.TIME else _ROOMY
            step = next((s for s in units if s <= step and (high - low) // s >= least), 1)
            start = start if start >= low else -(-low // day) * day
        moments = stretch(start, step, low, high)
        return cls(column, moments, _scattered(column, moments, start, state), state)

    @property
    def capacity(self) -> int:
        """How many steps lead from the start, or a bound, to a bound or the end of 9999."""
        return self.moments.count

    def at(self, rows: Rows) -> pa.Array:
        """The moment of each row."""
        require_capacity(self, self.column, rows)
        target = arrow_type(self.column.datatype)
        width = np.int32 if target.bit_width == 32 else np.int64
        places = rows if self.scattered is None else self.scattered.at(rows)
        return pa.array(self.moments.at(places).astype(width)).view(target)

    def released(self) -> State:
        """The first day, the step, and the last day and the bounds where there are any."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with this start, step and bounds."""
        kept = {name: Support().declared(value) for name, value in state.items()}
        return cls._of(column, kept)


def _scattered(column: Column, moments: Stretch, start: int, state: State) -> Scatter | None:
    """The order in which moments come, counted from the start; None where that is their own."""
    if "last" not in state or not moments.count:
        return None
    end = (int(state["last"].value) + 1) * _day(column) - 1
    reach = max(0, (end - start) // moments.step)
    return scatter((0, reach), (0, moments.count - 1), salt_of(column.name))


def _bounds(column: Column, support: Support, limits: Limits) -> State:
    """The declared bounds as a state; nothing where there are none."""
    if limits.least is None and limits.most is None and column.datatype.kind is not Kind.TIME:
        return {}
    day, (earliest, latest) = _day(column), _reach(column)
    ends = {"low": earliest * day, "high": (latest + 1) * day - 1}
    for name, moment in (("low", limits.least), ("high", limits.most)):
        if moment is not None:
            ends[name] = int(_counts(pa.array([moment], arrow_type(column.datatype)))[0])
    return {name: support.declared(value) for name, value in ends.items()}


def _day(column: Column) -> int:
    """What a start is rounded to: a day, of a time of day an hour."""
    if column.datatype.kind is Kind.TIME:
        return _HOUR
    return 1 if column.datatype.kind is Kind.DATE else _DAY


def _reach(column: Column) -> tuple[int, int]:
    """The first and the last day, or hour of a day, that a key may hold."""
    return (0, 23) if column.datatype.kind is Kind.TIME else (_FIRST, _LAST)


def _counts(values: pa.Array) -> Rows:
    width = pa.int32() if values.type.bit_width == 32 else pa.int64()
    return np.asarray(pc.cast(values.view(width), pa.int64()).to_numpy(zero_copy_only=False))


def _unit(counts: Rows) -> int:
    """The coarsest unit that all values are multiples of, a second at the finest."""
    return next((step for step in _STEPS if not np.any(counts % step)), _SECOND)


generator: type[KeyGenerator] = Instant
