"""Intervals that a column's numbers lie in, found at a price by cutting where the numbers are.

The first cut is by powers of two, so that it needs to know nothing; each further cut is in up to
eight parts, of those intervals alone that seem to hold many rows. All parts are counted with noise,
empty ones too, so that no threshold and no delta is needed.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from generators.privacy.accountant import Accountant
from generators.privacy.bits import at_bits, ordered_bits
from generators.privacy.frequent import Price
from generators.privacy.mechanisms import noised, variance_of
from generators.privacy.projection import simplex
from generators.privacy.support import Floats, Ints

_MANTISSA = 52
_ONE, _BELOW, _ABOVE = 1023, 10, 63
"""The exponent of one in IEEE 754, and how far exponents lie from it at most."""
_PARTS = 3
"""Bits by which an interval is cut further."""
_CUTS = 3
_FIRST = 0.4
"""Share of the cost for the first cut."""
_STANDS_OUT = 4.0
"""Deviations of noise from which on an interval of the first cut is taken to hold rows."""
_HEAVY = 1 / 12
"""Share of the rows from which on an interval is cut further."""
_ALIKE = 4.0
"""How many times denser one of two neighbours may be."""
_EXACT = 1e-12
_NEARLY_ALL = 0.9
_MOST = 32
"""Intervals that are left at most, when light ones have been joined."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column's numbers, and what is known of them without looking.

    Attributes:
        whole: whether all are whole numbers.
        least: the lowest that the column may hold.
        most: the highest.
    """

    values: Floats
    whole: bool
    least: float = -np.inf
    most: float = np.inf


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Intervals of ordered bits, ascending, with about how many rows each holds."""

    starts: Ints
    ends: Ints
    counts: Floats


def found_intervals(what: str, numbers: Numbers, price: Price, accountant: Accountant) -> Floats:
    """Pairs of numbers, ascending: the intervals that most numbers lie in, of about equal weight.

    A unit brings at most `price.bound` numbers, all of which may lie in one interval.
    """
    bits, whole = ordered_bits(numbers.values), numbers.whole
    accountant.spend(what, price.rho)
    variance = variance_of(price.bound**2, price.rho * _FIRST)
    first = _octaves(numbers)
    place = np.searchsorted(first.starts, bits, side="right") - 1
    held = np.bincount(np.maximum(0, place), minlength=len(first.starts))
    counts = noised(held, variance).astype(np.float64)
    kept = counts >= max(1.0, _STANDS_OUT * float(variance) ** 0.5)
    if not kept.any():
        return np.empty((0, 2))
    leaves = _Leaves(first.starts[kept], first.ends[kept], np.maximum(counts[kept], 1.0))
    later = variance_of(price.bound**2, price.rho * (1 - _FIRST) / _CUTS)
    for _ in range(_CUTS):
        leaves = _cut(leaves, bits, whole, later)
    joined = _joined(leaves, float(later) ** 0.5)
    return at_bits(np.stack([joined.starts, joined.ends], 1))


def _octaves(numbers: Numbers) -> _Leaves:
    """Zero, and all powers of two from a thousandth to the largest whole number, of both signs.

    Those beyond what the column may hold are left out.
    """
    smallest = _ONE if numbers.whole else _ONE - _BELOW
    exponents = np.arange(smallest, _ONE + _ABOVE, dtype=np.int64) << _MANTISSA
    starts = np.concatenate([-(exponents[::-1] + (1 << _MANTISSA)), [0], exponents])
    width = np.int64(1) << _MANTISSA
    ends = starts + width
    ends[len(exponents)] = 1
    inside = (at_bits(ends) >= numbers.least) & (at_bits(starts) <= numbers.most)
    inside[len(exponents)] |= not inside.any()
    return _Leaves(starts[inside], ends[inside], np.zeros(int(inside.sum())))


def _cut(leaves: _Leaves, bits: Ints, whole: bool, variance: Fraction) -> _Leaves:
    """The leaves, heavy ones in parts; the parts' counts add up to the whole's."""
    heavy = leaves.counts >= _HEAVY * leaves.counts.sum()
    starts, ends, counts = [], [], []
    for start, end, count, many in zip(
        leaves.starts, leaves.ends, leaves.counts, heavy, strict=True
    ):
        parts = _parts(int(start), int(end), whole) if many else 1
        edges = start + (end - start) // parts * np.arange(parts + 1)
        edges[-1] = end
        held = np.histogram(bits, edges)[0] if parts > 1 else np.array([count])
        noisy = simplex(noised(held, variance).astype(np.float64), count) if parts > 1 else held
        starts.append(edges[:-1])
        ends.append(edges[1:])
        counts.append(noisy)
    return _Leaves(np.concatenate(starts), np.concatenate(ends), np.concatenate(counts))


def _parts(start: int, end: int, whole: bool) -> int:
    """In how many parts to cut an interval; whole numbers need none that are narrower than 1."""
    low, high = at_bits(np.array([start, end]))
    few = whole and high - low < 1 << _PARTS
    width = max(1, round(high - low)) if few else 1 << _PARTS
    return 1 << (width.bit_length() - 1) if end - start > width else 1


def _joined(leaves: _Leaves, deviation: float) -> _Leaves:
    """Alike neighbours joined until each holds its part of the rows and stands out of the noise."""
    enough = max(leaves.counts.sum() / _MOST, deviation)
    widths = at_bits(leaves.ends) - at_bits(leaves.starts)
    with np.errstate(over="ignore"):  # zero alone is 5e-324 wide: endlessly dense, as it should be
        density = (leaves.counts / np.where(widths > 0, widths, 1.0)).tolist()
    starts: list[int] = []
    ends: list[int] = []
    counts: list[float] = []
    for place, (start, end, count) in enumerate(
        zip(leaves.starts, leaves.ends, leaves.counts, strict=True)
    ):
        before, now = sorted(density[max(0, place - 1) : place + 1])[-2:] if place else (0.0, 0.0)
        alike = now <= _ALIKE * before
        if alike and starts and ends[-1] == start and counts[-1] + count <= enough:
            ends[-1], counts[-1] = end, counts[-1] + count
        else:
            starts.append(start)
            ends.append(end)
            counts.append(count)
    return _Leaves(np.array(starts), np.array(ends), np.array(counts))


def found_places(what: str, numbers: Floats, price: Price, accountant: Accountant) -> int | None:
    """How many digits after the point nearly all numbers do with; None for more than three.

    Each number may change all counts by 1, so the squared sensitivity is that of one, times their
    number.
    """
    accountant.spend(what, price.rho)
    fitting = [np.abs(numbers - np.round(numbers, p)) <= _EXACT * np.abs(numbers) for p in range(4)]
    counts = np.array([int(f.sum()) for f in fitting] + [len(numbers)])
    noisy = noised(counts, variance_of(len(counts) * price.bound**2, price.rho))
    enough = _NEARLY_ALL * noisy[-1]
    return next((p for p in range(4) if noisy[p] >= enough), None)
