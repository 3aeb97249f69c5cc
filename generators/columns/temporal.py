"""Dates, times, timestamps and intervals: spikes and bins on the calendar's own rhythm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from connectors.datatypes import INFINITE, TIMES, Kind, arrow_type
from connectors.schema import Column
from generators.binning import Binning, Bins, declared_bins, restored_bins
from generators.columns import MOST_CODES, Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.plausible import day_range, positions
from generators.privacy.support import Floats, Ints, Released, Support
from generators.specials import Specials, supported

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
_STEPS = (_DAY, _HOUR, 1800 * _SECOND, 900 * _SECOND, 300 * _SECOND, 60 * _SECOND, _SECOND, 1000)
_NEARLY_ALL = 0.999
_LOOKED_AT = 50_000
_MOMENTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a week or a day repeats: warps time so that each moment is as long as it is busy.

    Attributes:
        elapsed: share of a period's rows before each of its equal phases, and 1 at last.
        period: length of a period, in the column's steps.
    """

    elapsed: Floats
    period: float

    def warp(self, positions: Floats) -> Floats:
        """Positions in steps to positions in periods of even traffic."""
        cycles = np.floor(positions / self.period)
        phase = (positions / self.period - cycles) * (len(self.elapsed) - 1)
        return cycles + np.interp(phase, np.arange(len(self.elapsed)), self.elapsed)

    def unwarp(self, warped: Floats) -> Floats:
        """The inverse of `warp`."""
        cycles = np.floor(warped)
        phase = np.interp(warped - cycles, self.elapsed, np.arange(len(self.elapsed)))
        return (cycles + phase / (len(self.elapsed) - 1)) * self.period


@dataclass(frozen=True, slots=True, eq=False)
class Temporal:
    """Codes are spikes and bins in ascending order; the remainder is the moment inside a bin."""

    kind: ClassVar[str] = "temporal"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    step: int
    rhythm: Rhythm
    bins: Bins
    unseen: bool
    specials: Specials
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at every date, time and interval."""
        return 0.6 if traits.column.datatype.kind in TIMES else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns granularity, rhythm, spikes and bins; recent years where support is lacking."""
        kind = column.datatype.kind
        counts, units = _counts(sample.values), sample.units
        specials = supported(_infinity(kind), counts, units, support)
        finite = ~np.isin(counts, _infinity(kind))
        counts, units = counts[finite], units[finite]
        step = _step(kind, counts, units, support)
        places = counts // step
        phases = _phases(kind, step, places, units, support)
        rhythm = _rhythm(kind, step, phases.value)
        most = MOST_CODES - len(specials.value)
        bins = Binning(support, most, warp=rhythm.warp).fit(places, units)
        if bins is None:
            step = 1 if kind is Kind.DATE else 60 * _SECOND
            phases = support.declared(np.ones(1))
            warp = _rhythm(kind, step, phases.value).warp
            bins = {
                **declared_bins(_plausible(column), support, warp),
                "unseen": support.declared(1),
            }
        form: State = {"step": support.declared(step), "phases": phases, "specials": specials}
        return cls._assembled(column, {**form, **bins})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        step = int(state["step"].value)
        rhythm = _rhythm(column.datatype.kind, step, state["phases"].value)
        bins = restored_bins(state)
        specials = Specials(state["specials"].value, bins.size)
        return cls(column, step, rhythm, bins, "unseen" in state, specials, state)

    @property
    def size(self) -> int:
        """Spikes and bins, and infinity."""
        return self.bins.size + self.specials.count

    @property
    def ordered(self) -> bool:
        """Codes ascend with time."""
        return True

    def encode(self, values: pa.Array) -> Codes:
        """The bin of each moment; infinity gets the outermost where it has no code."""
        counts = _counts(values)
        return self.specials.marked(self.bins.encode(counts // self.step), counts)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A moment of the learned granularity inside each code's bin."""
        unseen = self.unseen and self.column.datatype.kind is not Kind.INTERVAL
        places = positions(self.column.name, draw) if unseen else draw.rng.random(len(codes))
        inside = self.specials.others(codes)
        counts = self.bins.at(inside, places, self.rhythm.unwarp) * self.step
        counts = self.specials.put(counts, codes)
        target = arrow_type(self.column.datatype)
        return pa.array(counts.astype(np.int32 if target.bit_width == 32 else np.int64)).view(
            target
        )

    def released(self) -> State:
        """Granularity, shares of a period's phases, and bins."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these bins."""
        opened = {name: Support().declared(value) for name, value in state.items()}
        return cls._assembled(column, opened)


def _infinity(kind: Kind) -> Ints:
    """Infinity and minus infinity as counts; nothing for times that have none."""
    if kind is not Kind.DATE and kind not in _MOMENTS:
        return np.empty(0, np.int64)
    infinite = INFINITE[32 if kind is Kind.DATE else 64]
    return np.array([infinite, -infinite])


def _counts(values: pa.Array) -> Ints:
    """Days of dates, microseconds of all others."""
    stored = pa.int32() if values.type.bit_width == 32 else pa.int64()
    found: Ints = values.view(stored).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _step(kind: Kind, counts: Ints, units: Ints, support: Support) -> int:
    """The coarsest granularity that nearly all rows keep."""
    if kind is Kind.DATE:
        return 1
    stride = len(counts) // _LOOKED_AT + 1
    looked, owners = counts[::stride], units[::stride]
    told = looked != 0
    if not told.any():
        return 1
    for step in _STEPS:
        holds = looked[told] % step == 0
        if holds.mean() > 0.9 and support.share(holds, owners[told]).value >= _NEARLY_ALL:
            return step
    return 1


def _phases(kind: Kind, step: int, places: Ints, units: Ints, support: Support) -> Released[Floats]:
    """Shares of the hours of a week, of a day or of the days of a week, if support covers them."""
    for count in _phase_counts(kind, step):
        width = _phase_steps(kind, step)
        phase = places // width % count
        known = support.supported(phase, units, count)
        if len(phase) and known[phase].mean() >= 0.98:
            return support.histogram(phase, units, count)
    return support.declared(np.ones(1))


def _phase_counts(kind: Kind, step: int) -> tuple[int, ...]:
    if kind is Kind.DATE or (kind in _MOMENTS and step == _DAY):
        return (7,)
    return (168, 24) if kind in _MOMENTS and step <= _HOUR else ()


def _phase_steps(kind: Kind, step: int) -> int:
    """Steps per phase: a day for dates, an hour for moments."""
    return 1 if kind is Kind.DATE else max(1, _HOUR // step)


def _rhythm(kind: Kind, step: int, phases: Floats) -> Rhythm:
    """A trace of evenness is added, so that the warp can be inverted where nothing happens."""
    shares = phases + 1e-7
    elapsed = np.concatenate([[0.0], np.cumsum(shares / shares.sum())])
    elapsed[-1] = 1.0
    return Rhythm(elapsed, float(len(phases) * _phase_steps(kind, step)))


def _plausible(column: Column) -> list[float]:
    """First and last day, or minute, that a column without support holds."""
    kind, days = column.datatype.kind, day_range(column.name)
    if kind is Kind.DATE or kind in _MOMENTS:
        return [day * (1.0 if kind is Kind.DATE else 1440.0) for day in days]
    return [8 * 60.0, 20 * 60.0] if kind is Kind.TIME else [0.0, 24 * 60.0]


generator: type[ColumnGenerator] = Temporal
