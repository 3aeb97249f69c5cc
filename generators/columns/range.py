"""Ranges of numbers and times: where they start, how long they are, which lack an end or both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import Column
from generators.binning import Binning, Bins, declared_bins, restored_bins
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Floats, Ints, Released, Support
from generators.spans import NUMBERS, SCALES, bounds, literals

Flags = npt.NDArray[np.bool_]

_DAY = 86_400_000_000
_STEPS = (_DAY, _DAY // 24, _DAY // 1440, 1_000_000)
_NEARLY_ALL = 0.999
_MOST_STARTS = 100
_MOST_LENGTHS = 60
_PLAIN_STARTS = {"daterange": [18_993.0, 20_088.0], "number": [1.0, 1000.0]}


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """Codes are bins of the start, twice where some ranges have no end; the length is drawn.

    Then follow one code each for ranges without a start, for empty and for boundless ones, as far
    as they have support.
    """

    kind: ClassVar[str] = "range"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    step: int
    starts: Bins
    lengths: Bins
    reach: Floats
    endless: bool
    others: tuple[str, ...]
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Certain of the built-in range types."""
        return 0.9 if traits.column.datatype.plain in SCALES else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns starts, lengths, the step that all keep, and which kinds have support."""
        low, high = bounds(sample.values, column.datatype.plain)
        step = _step(column.datatype.plain, (low, high), sample.units, support)
        low, high = low / step, high / step
        closed = ~np.isnan(low) & ~np.isnan(high)
        started = ~np.isnan(low)
        lasting = np.rint((high - low)[closed]).astype(np.int64)
        ints = [np.floor(low[started]).astype(np.int64), lasting]
        starts = Binning(support, most=_MOST_STARTS).fit(ints[0], sample.units[started])
        lengths = Binning(support, most=_MOST_LENGTHS).fit(ints[1], sample.units[closed])
        state: dict[str, Released[Any]] = {}
        state |= _prefixed("starts.", starts or _plain_starts(column.datatype.plain, step, support))
        plain = declared_bins([1.0, 100.0], support)
        state |= _prefixed("lengths.", lengths or plain)
        codes = restored_bins(lengths or plain).encode(ints[1]).astype(np.int64)
        size = restored_bins(lengths or plain).size
        shares = support.histogram(codes, sample.units[closed], size)
        state["shares"] = shares if shares.value.any() else support.declared(np.ones(size) / size)
        unbounded = np.isnan(high) & started
        state["endless"] = support.share(unbounded, sample.units)
        found = _others(sample.values, low, high)
        held = [name for name in found if support.share(found[name], sample.units).value > 0]
        state |= {"others": support.declared(held), "step": support.declared(step)}
        return cls._assembled(column, state)

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        starts, lengths = (restored_bins(_part(state, p)) for p in ("starts.", "lengths."))
        reach = np.cumsum(state["shares"].value)
        endless, others = state["endless"].value > 0, tuple(state["others"].value)
        step = int(state["step"].value)
        return cls(column, step, starts, lengths, reach, endless, others, state)

    @property
    def _bounded(self) -> int:
        """How many codes tell a start."""
        return self.starts.size * (2 if self.endless else 1)

    @property
    def size(self) -> int:
        """Bins of the start, for ranges with an end and without, and the other kinds."""
        return self._bounded + len(self.others)

    @property
    def ordered(self) -> bool:
        """Starts ascend, unless they do so twice or are not all."""
        return not self.endless and not self.others

    def encode(self, values: pa.Array) -> Codes:
        """The bin of the start; a kind without support counts as the first."""
        low, high = bounds(values, self.column.datatype.plain)
        known = np.where(np.isnan(low), 0, low).astype(np.int64) // self.step
        codes = np.where(np.isnan(low), 0, self.starts.encode(known))
        codes = codes + self.starts.size * (np.isnan(high) & self.endless)
        found = _others(values, low, high)
        for number, name in enumerate(self.others):
            codes = np.where(found[name], self._bounded + number, codes)
        return np.asarray(codes, dtype=np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A range that starts in each code's bin, closed below and open above."""
        anywhere = draw.rng.integers(self.starts.size, size=len(codes))
        inside = np.where(codes < self._bounded, codes % self.starts.size, anywhere)
        low = self.starts.draw(inside.astype(np.int32), draw.rng)
        inner = np.searchsorted(self.reach, draw.rng.random(len(codes)) * self.reach[-1], "right")
        drawn = self.lengths.draw(
            np.minimum(inner, self.lengths.size - 1).astype(np.int32), draw.rng
        )
        high = low + np.maximum(1, drawn)
        kinds = np.array(["", *self.others])[np.maximum(0, codes - self._bounded + 1)]
        unbounded = (codes >= self.starts.size) & (codes < self._bounded)
        ends = np.where(unbounded | (kinds == "boundless"), np.nan, high * self.step)
        begins = np.where(np.isin(kinds, ["beginless", "boundless"]), np.nan, low * self.step)
        found = literals(begins, ends, self.column.datatype.plain)
        return pc.if_else(pa.array(kinds == "empty"), "empty", found)

    def released(self) -> State:
        """Bins of starts and lengths, shares of lengths, and which other kinds there are."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these bins."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _others(values: pa.Array, low: Floats, high: Floats) -> Mapping[str, Flags]:
    """Which ranges are of a kind without a start."""
    unread = np.asarray(pc.equal(values, "empty").to_numpy(zero_copy_only=False), dtype=np.bool_)
    return {
        "beginless": np.isnan(low) & ~np.isnan(high),
        "empty": unread,
        "boundless": np.isnan(low) & np.isnan(high) & ~unread,
    }


def _step(sql: str, ends: tuple[Floats, Floats], units: Ints, support: Support) -> int:
    """The coarsest step that nearly all bounds of ranges of time keep; an hour where none is known.

    Bounds of other ranges are whole steps already.
    """
    if SCALES[sql] != 1 or sql in NUMBERS:
        return 1
    known = ~np.isnan(ends[0]) & ~np.isnan(ends[1])
    if len(np.unique(units[known])) < support.k:
        return _STEPS[1]
    for step in _STEPS:
        holds = (ends[0][known] % step == 0) & (ends[1][known] % step == 0)
        if support.share(holds, units[known]).value >= _NEARLY_ALL:
            return step
    return 1


def _plain_starts(sql: str, step: int, support: Support) -> State:
    knots = _PLAIN_STARTS["number" if sql in NUMBERS else "daterange"]
    scale = SCALES[sql] if sql in NUMBERS else _DAY // SCALES[sql] // step
    return declared_bins([knot * scale for knot in knots], support)


def _prefixed(prefix: str, state: State) -> State:
    return {prefix + name: part for name, part in state.items()}


def _part(state: State, prefix: str) -> State:
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}


generator: type[ColumnGenerator] = Range
