"""From when until when each value of a category is in use: a club's seasons, a product's years.

Trees learn when a value is frequent, but hold decades in a leaf; a value that began in one of its
years would be drawn for all of them. So what lies outside of a value's era is drawn again.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.privacy.support import Released, Support, distinct
from generators.tables import Feature

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST_CODES = 3
_REFERENCE = "->"
"""Begins the names of features that are clusters of referenced rows, and no values."""
_GAP = 4.0
"""How much wider than the widest one of evenly spread rows a gap is that no chance explains."""
_EDGE = 0.02
"""Share of rows before which and after which a value may begin or end by chance."""
_UNIFORM = 12**0.5 / 2
"""Standard deviations from the middle of evenly spread rows to either end."""


@dataclass(frozen=True, slots=True)
class Eras:
    """When the codes of features are in use.

    Attributes:
        bounds: per feature, of shape (codes, 4): the ticks at which each code begins, pauses,
            goes on and ends. Of one that never pauses, the pause ends as it begins; of one held by
            too few units, nothing is bounded.
    """

    bounds: Mapping[str, Released[Floats]]

    def outside(self, name: str, codes: Codes, ticks: Ints) -> Bools:
        """Which rows hold a code of a feature at a time when it is not in use."""
        begin, pause, again, end = self.bounds[name].value[codes].T
        return np.asarray((ticks < begin) | (ticks > end) | ((ticks > pause) & (ticks < again)))


def learned_eras(
    features: tuple[Feature, ...], codes: Codes, ticks: Ints, units: Ints, support: Support
) -> Eras:
    """The eras of all categories: each bound follows from means over at least k units.

    Args:
        features: of the rows, the clock's among them.
        codes: of each row, in the order of its features.
        ticks: per row, its time.
        units: per row, its privacy unit.
        support: the rule of release.
    """
    told = {
        feature.name: _bounds(codes[:, place], feature.size, (ticks, units), support)
        for place, feature in enumerate(features)
        if not feature.ordered
        and feature.size >= _FEWEST_CODES
        and not feature.name.startswith(_REFERENCE)
    }
    usual = np.quantile(ticks, [_EDGE, 1 - _EDGE]) if len(ticks) else np.zeros(2)
    sealed = {
        name: support.seal(bounds, support.k)
        for name, bounds in told.items()
        if _tells(bounds, usual)
    }
    return Eras({name: bounds for name, bounds in sealed.items() if bounds is not None})


def _tells(bounds: Floats, usual: Floats) -> bool:
    """Whether any code is out of use at a time between two usual ones."""
    begin, pause, again, end = bounds.T
    return bool(((begin > usual[0]) | (end < usual[1]) | (again > pause)).any())


def _bounds(codes: Codes, size: int, when: tuple[Ints, Ints], support: Support) -> Floats:
    found = np.tile([-np.inf, 0.0, 0.0, np.inf], (size, 1))
    order = np.lexsort((when[0], codes))
    ends = np.searchsorted(codes[order], np.arange(size + 1))
    for code, (start, end) in enumerate(itertools.pairwise(ends)):
        rows = order[start:end]
        if distinct(when[1][rows]) >= support.k:
            found[code] = _era(when[0][rows].astype(np.float64), when[1][rows], support.k)
    return found


def _era(ticks: Floats, units: Ints, k: int) -> Floats:
    """The bounds of one code, of whose rows the times ascend."""
    begin, end = _first(ticks, units, k), _last(ticks, units, k)
    steps = np.diff(ticks)
    cut = 1 + int(steps.argmax()) if len(steps) else 0
    chance = (ticks[-1] - ticks[0]) / max(1, len(ticks)) * np.log(max(2, len(ticks)))
    sides = (slice(0, cut), slice(cut, None))
    if not cut or steps.max() <= _GAP * chance or any(distinct(units[s]) < 2 * k for s in sides):
        return np.array([begin, begin, begin, end])
    pause, again = _last(ticks[:cut], units[:cut], k), _first(ticks[cut:], units[cut:], k)
    return np.array([begin, max(pause, begin), min(max(again, pause), end), end])


def _last(ticks: Floats, units: Ints, k: int) -> float:
    return -_first(-ticks[::-1], units[::-1], k)


def _first(ticks: Floats, units: Ints, k: int) -> float:
    """Where ascending times begin, were they spread as evenly as they first are.

    The mean of the first k units' rows, drawn out by as much as that of the next ones is later; of
    too few of those, by as much as even rows scatter. So that no time of a single unit shows.
    """
    first = _block(units, k)
    following = _block(units[first:], k)
    others = slice(first, first + following) if following else slice(0, None)
    near, far = (first - 1) / 2, first + (following - 1) / 2 if following else (len(ticks) - 1) / 2
    if far <= 2 * near:
        return float(np.floor(ticks.mean() - _UNIFORM * ticks.std()))
    slope = (ticks[others].mean() - ticks[:first].mean()) / (far - near)
    return float(np.floor(ticks[:first].mean() - slope * near))


def _block(units: Ints, k: int) -> int:
    """How many rows from the first on hold k units; 0 where all of them hold fewer."""
    fresh = np.zeros(len(units), np.bool_)
    fresh[np.unique(units, return_index=True)[1]] = True
    enough = np.flatnonzero(np.cumsum(fresh) >= k)
    return int(enough[0]) + 1 if len(enough) else 0
