"""Splits an ordered column into spikes and quantile bins, and draws values inside a bin.

Values come either as int64, counted in the column's smallest step, or as float64 where no step
is known. A *spike* is a frequent value with a bin of its own; between spikes lie bins of about
equal mass, finer towards both tails.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.columns import MOST_CODES, Codes
from generators.forest import EFFORT
from generators.privacy.support import Floats, Ints, Released, Support, unit_counts

Values = npt.NDArray[Any]
Warp = Callable[[Floats], Floats]
"""A monotone map of positions, in which a bin's content is spread more evenly."""

_SEGMENTS = 8
_MOST_BINS = 100
_FEWER_BINS = 15
"""By how many bins fewer is tried where some hold rows of too few units."""
_NEARLY_NONE = 0.05
_SPIKE_SHARE = 1 / 250
_TAILS = (0.005, 0.002, 0.001, 0.0005, 0.0002)
_FAR = float(2**62)
_BELOW_ONE = 1 - 2.0**-53


def unwarped(positions: Floats) -> Floats:
    """The warp that changes nothing."""
    return positions


@dataclass(frozen=True, slots=True)
class Bins:
    """Ordered bins, one per code.

    Attributes:
        lows: the lowest value of each bin, strictly ascending, shape (size,).
        highs: the highest value of each bin, below the next bin's lowest, shape (size,).
        knots: warped positions of equally likely segments inside each bin, ascending along the
            second axis, shape (size, segments + 1).
    """

    lows: Values
    highs: Values
    knots: Floats

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.lows)

    def encode(self, values: Values) -> Codes:
        """The bin of each value; what lies between or outside all bins gets the one below it.

        Values below the first bin get the first, NaN gets the last.
        """
        found = np.searchsorted(self.lows, values, side="right") - 1
        return np.maximum(found, 0).astype(np.int32)

    def draw(self, codes: Codes, rng: np.random.Generator, unwarp: Warp = unwarped) -> Values:
        """A value inside each code's bin, by the piecewise-linear inverse of its distribution."""
        return self.at(codes, rng.random(len(codes)), unwarp)

    def at(self, codes: Codes, positions: Floats, unwarp: Warp = unwarped) -> Values:
        """The value at each position, 0 to 1, in the distribution of each code's bin."""
        found = unwarp(_between(self.knots, codes, np.minimum(positions, _BELOW_ONE)))
        if self.lows.dtype.kind == "i":
            found = np.floor(np.clip(found, -_FAR, _FAR)).astype(np.int64)
        return np.clip(found, self.lows[codes], self.highs[codes])

    def released(self, support: Support, units_behind: int) -> Mapping[str, Released[Any]] | None:
        """The three arrays by name; None where fewer than k units stand behind a bin."""
        parts = {"lows": self.lows, "highs": self.highs, "knots": self.knots}
        sealed = {name: support.seal(part, units_behind) for name, part in parts.items()}
        return {name: part for name, part in sealed.items() if part is not None} or None


def _between(knots: Floats, codes: Codes, uniform: Floats) -> Floats:
    """Where each number, from 0 to below 1, lies between the knots of its code's bin."""
    if EFFORT.is_repaid and len(codes) and codes.min() >= 0 and codes.max() < len(knots):
        from generators.walking import positioned  # noqa: PLC0415 - few need to wait for it

        asked = np.ascontiguousarray(codes, np.int32), np.ascontiguousarray(uniform)
        return np.asarray(positioned(*asked, np.array(knots)))
    place = uniform * (knots.shape[1] - 1)
    segment = place.astype(np.int64)
    left = knots[codes, segment]
    return np.asarray(left + (place - segment) * (knots[codes, segment + 1] - left))


def restored_bins(state: Mapping[str, Released[Any]]) -> Bins:
    """The bins whose `released` fields are among these."""
    return Bins(state["lows"].value, state["highs"].value, state["knots"].value)


def declared_bins(
    knots: list[float], support: Support, warp: Warp = unwarped
) -> Mapping[str, Released[Any]]:
    """One bin over whole steps from the first to the last knot, taken from no data."""
    ends = np.array([[int(knots[0])], [int(knots[-1])]])
    # The last step is as long as the others: it ends one step after the last knot.
    bins = Bins(ends[0], ends[1], warp(np.array([[*knots[:-1], knots[-1] + 1]], dtype=np.float64)))
    parts = {"lows": bins.lows, "highs": bins.highs, "knots": bins.knots}
    return {name: support.declared(part) for name, part in parts.items()}


@dataclass(frozen=True, slots=True)
class Binning:
    """How to bin: the rule of support, the most bins, the precision and the warp of positions.

    `grain` is int64, float64 or float32: the type in which the column holds its values, which
    decides what the next higher value is.
    """

    support: Support
    most: int = MOST_CODES
    grain: Any = np.int64
    warp: Warp = unwarped

    def fit(self, values: Values, units: Ints) -> Mapping[str, Released[Any]] | None:
        """Released bins of a sample without NaN; None where no bin has support."""
        if len(np.unique(units)) < self.support.k:
            return None
        spikes, room = self._spikes(values, units)
        positions = _spread(values) if self.grain is np.int64 else values
        edges = self._edges(positions, units, ~np.isin(values, spikes), room)
        lows = self._lows(spikes, edges, values, units)
        if not len(lows):
            return None
        bins = self._bins(lows, np.isin(lows, spikes), edges, (values, positions, units))
        counts = unit_counts(bins.encode(values).astype(np.int64), units, bins.size)
        return bins.released(self.support, int(counts.min()))

    def _spikes(self, values: Values, units: Ints) -> tuple[Values, int]:
        """The spikes, ascending, and how many bins may still be cut between them."""
        found = self.support.shares(pa.array(values), units).value
        frequent = found.values.to_numpy(zero_copy_only=False)
        if len(frequent) > self.most - 5:
            frequent = frequent[found.shares >= _SPIKE_SHARE]
        reserve = 40 if found.rest > 0.05 or len(frequent) < len(found.values) else 0
        for count in (len(frequent), 200, 160, 130, 100, 80, 60, 40, 20):
            spikes = np.sort(frequent[:count])
            gaps = np.searchsorted(spikes, values)
            rest = ~np.isin(values, spikes)
            occupied = self.support.supported(gaps[rest], units[rest], len(spikes) + 1).sum()
            room = self.most - len(spikes) - int(occupied)
            if room >= reserve:
                break
        return spikes, max(room, 0)

    def _edges(
        self, positions: Floats, units: Ints, rest: npt.NDArray[np.bool_], room: int
    ) -> Values:
        """Where bins start, and as last entry where the last one ends; empty without support."""
        spare = max(0, room - 2 * len(_TAILS))
        wanted = self._wanted(positions[rest], units[rest])
        levels = np.linspace(0, 1, min(max(1, wanted), max(1, spare)) + 1)
        tails = [t for t in _TAILS if t * rest.sum() >= 2 * self.support.k and spare]
        levels = np.unique(np.concatenate([levels, tails, 1 - np.array(tails)]))
        found = self.support.quantiles(positions[rest], units[rest], levels).value
        return self._representable(found)

    def _wanted(self, positions: Floats, units: Ints) -> int:
        """The most bins of equal mass of which nearly each would hold rows of 3 k units."""
        enough = 3 * self.support.k
        least = min(len(np.unique(units)) // enough, _MOST_BINS)
        if not len(positions):
            return 0
        ranks = np.empty(len(positions), np.int64)
        ranks[np.argsort(positions, kind="stable")] = np.arange(len(positions))
        for count in range(_MOST_BINS, least, -_FEWER_BINS):
            if count * enough <= len(positions):
                held = unit_counts(ranks * count // len(positions), units, count)
                if np.quantile(held, _NEARLY_NONE) >= enough:
                    return count
        return least

    def _representable(self, positions: Floats) -> Values:
        if self.grain is np.int64:
            return np.floor(positions).astype(np.int64)
        return positions.astype(self.grain).astype(np.float64)

    def _lows(self, spikes: Values, edges: Values, values: Values, units: Ints) -> Values:
        """Lowest values of all bins that enough units share; a spike always keeps its own."""
        after = self._beside(spikes, 1)
        after = after[after <= edges[-1]] if len(edges) else after[:0]
        lows = np.unique(np.concatenate([edges[:-1], spikes, after]))
        codes = np.maximum(np.searchsorted(lows, values, side="right") - 1, 0)
        kept = self.support.supported(codes, units, len(lows)) | np.isin(lows, spikes)
        return np.asarray(lows[kept])

    def _beside(self, values: Values, direction: int) -> Values:
        """The next higher (1) or lower (-1) value that the column can hold."""
        if self.grain is np.int64:
            return np.asarray(values + direction)
        narrow = values.astype(self.grain)
        return np.asarray(np.nextafter(narrow, self.grain(direction * np.inf)), dtype=np.float64)

    def _bins(
        self,
        lows: Values,
        single: npt.NDArray[np.bool_],
        edges: Values,
        rows: tuple[Values, Floats, Ints],
    ) -> Bins:
        values, positions, units = rows
        end = max(lows[-1], edges[-1]) if len(edges) else lows[-1]
        highs = np.where(single, lows, np.append(self._beside(lows[1:], -1), end))
        codes = np.maximum(np.searchsorted(lows, values, side="right") - 1, 0)
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(lows) + 1))
        knots = np.repeat(lows.astype(np.float64)[:, None], _SEGMENTS + 1, axis=1)
        width = 1 if self.grain is np.int64 else 0
        for code in np.flatnonzero(~single):
            here = order[starts[code] : starts[code + 1]]
            limits = np.array([lows[code], highs[code] + width], dtype=np.float64)
            inside = self.warp(np.clip(positions[here], limits[0], limits[1]))
            knots[code] = self._knots(inside, units[here], self.warp(limits))
        return Bins(lows, highs, knots)

    def _knots(self, positions: Floats, units: Ints, limits: Floats) -> Floats:
        """Smoothed quantiles at equal levels, extended by their slope to the levels 0 and 1.

        A quantile is a mean over at least k neighbours, so the outermost level that such a
        window can stand for is half a window inside.
        """
        inset = (self.support.k // 2) / max(1, len(positions) - 1)
        wanted = np.linspace(0, 1, _SEGMENTS + 1)
        if inset >= 0.25:
            return _centred(self.support.quantiles(positions, units, np.array([0.5])).value, limits)
        count = int(np.clip(len(np.unique(units)) // self.support.k, 2, _SEGMENTS + 1))
        levels = np.linspace(inset, 1 - inset, count)
        found = self.support.quantiles(positions, units, levels).value
        slopes = np.diff(found)[[0, -1]] / (levels[1] - levels[0]) * inset
        found = np.concatenate([[found[0] - slopes[0]], found, [found[-1] + slopes[1]]])
        levels = np.concatenate([[0.0], levels, [1.0]])
        return np.clip(np.interp(wanted, levels, found), limits[0], limits[1])


def _centred(mean: Floats, limits: Floats) -> Floats:
    """An even spread around a bin's mean, as wide as its limits allow."""
    reach = max(0.0, min(mean[0] - limits[0], limits[1] - mean[0]))
    return np.linspace(mean[0] - reach, mean[0] + reach, _SEGMENTS + 1)


def _spread(values: Values) -> Floats:
    """Positions in [v, v + 1) for each v, so that equal values fill their step evenly."""
    order = np.argsort(values, kind="stable")
    _, first, counts = np.unique(values[order], return_index=True, return_counts=True)
    rank = np.arange(len(values)) - np.repeat(first, counts)
    found = np.empty(len(values))
    found[order] = values[order] + (rank + 0.5) / np.repeat(counts, counts)
    return found
