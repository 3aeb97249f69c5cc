"""Searches a table's quantities for one that is computed from others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
import numpy.typing as npt

from connectors.datatypes import NUMBERS, Kind
from generators.formulas import Formula, interval
from generators.magnitudes import GRIDS
from generators.novelty import Candidate, Known, Stands, novel
from generators.quantities import Quantity

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SAMPLE = 96
_MISSES = 2
"""Rows of the sample that may break a rule, of which few rows of all may break it."""
_FEW_MISSES = 0.005
"""Share of a few rows that may break what is then counted in all of them."""
_LEAST = 16
"""Rows of the sample that a combination must be known in, its left side not 0."""
_MOST = {2: 100, 3: 40, 4: 26}
"""Quantities among which combinations of so many are sought."""
_SHARES = 4
"""Quantities below 1 that are tried as discounts."""
_DIGITS = 6
"""Digits of a constant."""
_STEPS, _FITTED_STEPS = 8, 100
"""Steps that the bulk of rounded values must span, or rounding alone explains them."""
_UNITS = ("86400", "3600", "60", "1")
"""Seconds in which a span may be counted."""
_KINDS = 6
"""Values that a grid must hold: fewer are a list."""
_FLOAT_PLACES = 2
"""Most places of floats whose grid is no accident of how they were converted."""
_BY_CHANCE = 1e-4
"""Most probability that so many values are multiples of a step by chance."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of some quantities.

    Attributes:
        few: positions of the rows that judge what the sample lets through.
        rows: the sample, of shape (quantities, rows); NaN where not known.
    """

    members: Sequence[Quantity]
    few: Ints
    rows: Floats

    @property
    def own(self) -> list[int]:
        """Quantities of the rows themselves; the others are of rows that keys lead to."""
        return [n for n, q in enumerate(self.members) if not q.term.keys]

    def among(self, size: int) -> Ints:
        """Unordered combinations, of shape (combinations, size), at most one of a key's rows."""
        own = self.own[: _MOST[size]]
        found = list(combinations(own, size))
        if size == 2:
            found += product(own, [n for n, q in enumerate(self.members) if q.term.keys])
        return np.array(found, np.int64).reshape(-1, size)

    def matching(self, left: int, right: Floats, tolerance: Floats, chosen: Ints) -> Ints:
        """Numbers of the combinations whose right side is a quantity in nearly all rows."""
        off = np.abs(right - self.rows[left])
        telling = ~np.isnan(off) & (self.rows[left] != 0)
        known = telling.sum(axis=1) >= min(_LEAST, self.rows.shape[1])
        near = (off > tolerance).sum(axis=1) <= _MISSES
        return np.flatnonzero(known & near & (chosen != left).all(axis=1))

    def passes(self, formula: Formula, terms: Sequence[Quantity]) -> bool:
        """Whether a few rows keep a rule."""
        arrays = [q.values[self.few] for q in terms]
        right = formula.computed(arrays if formula.shape == "multiple" else arrays[1:])
        known = np.all([q.known[self.few] for q in terms], axis=0)
        known &= np.isfinite(right.astype(np.float64))
        wrong = formula.broken(arrays[0], right) & known
        return bool(known.any() and wrong.sum() <= _FEW_MISSES * known.sum())


def equations(found: Sequence[Quantity], few: Ints, stands: Stands) -> Iterator[Candidate]:
    """Every formula that stands, with its terms, left side first; none that follows from others.

    Args:
        found: the quantities, as their table holds them.
        few: positions of a sample of rows.
        stands: the judge.
    """
    known, numbers = Known(), _sampled([q for q in found if q.kind in NUMBERS], few)
    spans = _sampled([q for q in found if q.kind is Kind.INTERVAL], few)
    for kinds in ({Kind.DATE, Kind.TIMESTAMP}, {Kind.TIMESTAMPTZ}):
        moments = _sampled([q for q in found if q.kind in kinds], few)
        for search in (_shifts(moments), _lasting(moments, spans), _counted(moments, numbers)):
            yield from novel(search, known, stands)
    for search in (
        _shifts(numbers),
        *(_sums(numbers, size) for size in _MOST),
        _proportional(numbers),
        _products(numbers),
        _ratios(numbers),
        _multiples(numbers),
    ):
        yield from novel(search, known, stands)


def _sampled(members: Sequence[Quantity], few: Ints) -> Sample:
    """The rows in which most is known; no quantity twice."""
    order = np.random.default_rng(len(few)).permutation(len(few))
    known = sum((q.known[few].astype(np.int64) for q in members), np.zeros(len(few), np.int64))
    rows = few[order[np.argsort(-known[order], kind="stable")][:_SAMPLE]]
    taken: dict[bytes, tuple[Quantity, Floats]] = {}
    for q in members:
        values = np.where(q.known[rows], q.values[rows].astype(np.float64), np.nan)
        if (~np.isnan(values)).sum() >= min(_LEAST, len(rows)):
            taken.setdefault(values.tobytes(), (q, values))
    sample = np.array([v for _, v in taken.values()]).reshape(len(taken), len(rows))
    return Sample([q for q, _ in taken.values()], few, sample)


def _shifts(sample: Sample) -> Iterator[Candidate]:
    """One quantity a constant beyond an earlier one."""
    for early, late in combinations(sample.own, 2):
        terms = sample.members[late], sample.members[early]
        apart = sample.rows[late] - sample.rows[early]
        constant = _constant(apart, terms)
        if constant not in (None, "0", "0 days"):
            yield from _passing(sample, "shift", terms, (str(constant),))


def _constant(values: Floats, terms: Sequence[Quantity]) -> str | None:
    """What nearly all values are, as text."""
    values = values[~np.isnan(values)]
    if len(values) < _LEAST:
        return None
    middle = float(np.median(values))
    if (np.abs(values - middle) > 1e-6 * max(1.0, abs(middle))).sum() > _MISSES:
        return None
    if terms[0].kind not in NUMBERS:
        return interval(round(middle))
    return _plain(middle, max(q.places or 0 for q in terms))


def _plain(number: float, places: int) -> str:
    text = f"{number:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _sums(sample: Sample, size: int) -> Iterator[Candidate]:
    """Sums of so many operands, differences from a key's row, and sums that are a constant."""
    chosen = sample.among(size)
    right = sample.rows[chosen].sum(axis=1) if len(chosen) else np.zeros((0, 1))
    yield from _found(sample, "sum", chosen, right)
    if size == 2:
        above = np.array([c[::-1] for c in chosen if sample.members[c[1]].term.keys], np.int64)
        above = above.reshape(-1, 2)
        yield from _found(
            sample, "difference", above, sample.rows[above[:, 0]] - sample.rows[above[:, 1]]
        )
    for combination in chosen[_even(right)] if size < 4 else ():
        terms = tuple(sample.members[n] for n in combination)
        constant = _constant(sample.rows[combination].sum(axis=0), terms)
        if constant not in (None, "0") and not terms[-1].term.keys:
            yield from _passing(sample, "balance", terms[::-1], (str(constant),))


def _even(sums: Floats) -> Bools:
    """Which rows of a matrix are nearly all one value, as one of the first that they hold."""
    found = np.zeros(len(sums), np.bool_)
    for first in sums.T[: _MISSES + 1]:
        found |= (np.abs(sums - first[:, None]) > 1e-6).sum(axis=1) <= _MISSES
    return found


def _products(sample: Sample) -> Iterator[Candidate]:
    """Products of two, less a discount where there is one."""
    chosen = sample.among(2)
    right = sample.rows[chosen[:, 0]] * sample.rows[chosen[:, 1]]
    yield from _found(sample, "product", chosen, right)
    low, high = (f(sample.rows, axis=1, initial=0.5) for f in (np.nanmin, np.nanmax))
    shares = [n for n in range(len(low)) if low[n] >= 0 and high[n] <= 1 and low[n] < high[n]]
    for share in shares[:_SHARES]:
        kept = (chosen != share).all(axis=1)
        three = np.column_stack([chosen[kept], np.full(kept.sum(), share)])
        yield from _found(sample, "discounted", three, right[kept] * (1 - sample.rows[share]))


def _found(sample: Sample, shape: str, chosen: Ints, right: Floats) -> Iterator[Candidate]:
    """Quantities of the rows themselves that a right side is in nearly all of them."""
    places = np.array([np.inf if q.places is None else q.places for q in sample.members])
    total = np.sum if shape in ("product", "discounted") else np.max
    finest = total(places[chosen], axis=1) if len(chosen) else places[:0]
    for left in sample.own if len(chosen) else ():
        tolerance = np.where(finest > _places_of(sample, left), _coarse(sample, left), 0.0)[
            :, None
        ] + _fine(sample.rows[left])
        for n in sample.matching(left, right, tolerance, chosen):
            terms = tuple(sample.members[i] for i in (left, *chosen[n]))
            yield from _passing(sample, shape, terms, ())


def _resolution(shape: str, places: Sequence[int | None]) -> float:
    """Digits after the point that a right side has."""
    known = [p for p in places if p is not None]
    if len(known) < len(places) or shape in ("scale", "ratio", "span"):
        return np.inf
    return sum(known) if shape in ("product", "discounted") else max(known)


def _places_of(sample: Sample, left: int) -> float:
    places = sample.members[left].places
    return np.inf if places is None else places


def _coarse(sample: Sample, left: int, least: int = _STEPS) -> float:
    """What rounding may change; 0 where values are too few for rounding to prove anything."""
    step = 10.0 ** -_places_of(sample, left)
    low, high = np.nanquantile(sample.rows[left], [0.05, 0.95])
    return 1.005 * step if high - low >= least * step else 0.0


def _fine(values: Floats) -> Floats:
    return 1e-6 * np.abs(values) + 1e-9


def _passing(
    sample: Sample, shape: str, terms: tuple[Quantity, ...], constants: tuple[str, ...]
) -> Iterator[Candidate]:
    """The ways in which a formula comes out in a few rows."""
    for way, places in _ways(shape, terms):
        formula = Formula(shape, way, constants, places)
        if sample.passes(formula, terms):
            yield formula, terms


def _ways(shape: str, terms: Sequence[Quantity]) -> Iterator[tuple[str, int | None]]:
    left, *operands = terms
    finest, loose = (
        _resolution(shape, [q.places for q in operands or [left]]),
        any(q.loose for q in terms),
    )
    if not loose:
        yield "", None
    if left.places is None:
        if loose:
            yield "near", None
    elif finest <= left.places:
        if loose:
            yield "near", left.places
    else:
        yield "round", left.places
        yield "trunc", left.places


def _proportional(sample: Sample) -> Iterator[Candidate]:
    """One quantity a multiple of another, the simplest constants first."""
    chosen = np.array([[n] for n in sample.own], np.int64).reshape(-1, 1)
    found = list(_scaled(sample, "scale", chosen, sample.rows[chosen[:, 0]]))
    names = [q.term for q in sample.members]

    def rank(candidate: Candidate) -> tuple[int, bool]:
        formula, (left, right) = candidate
        return len(formula.constants[0]), names.index(left.term) < names.index(right.term)

    yield from sorted(found, key=rank)


def _ratios(sample: Sample) -> Iterator[Candidate]:
    """Multiples of one quantity over another."""
    pairs = sample.among(2)
    chosen = np.concatenate([pairs, pairs[:, ::-1]])
    over, under = sample.rows[chosen[:, 0]], sample.rows[chosen[:, 1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(under != 0, over / under, np.nan)
    yield from _scaled(sample, "ratio", chosen, right)


def _scaled(sample: Sample, shape: str, chosen: Ints, right: Floats) -> Iterator[Candidate]:
    """Quantities that are a constant times a right side."""
    right = np.where(right == 0, np.nan, right)
    for left in sample.own if len(chosen) else ():
        known = ~np.isnan(right) & ~np.isnan(sample.rows[left])
        one, other = np.where(known, right, 0), np.where(known, sample.rows[left], 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (one * other).sum(axis=1) / (one * one).sum(axis=1)
        tolerance = 1.5 * _coarse(sample, left, _FITTED_STEPS) + 2 * _fine(sample.rows[left])
        for n in sample.matching(left, factor[:, None] * right, tolerance, chosen):
            terms = tuple(sample.members[i] for i in (left, *chosen[n]))
            yield from _fitted(sample, shape, terms)


def _fitted(sample: Sample, shape: str, terms: tuple[Quantity, ...]) -> Iterator[Candidate]:
    """Each way with the simplest constant with which a few rows come out so."""
    arrays = [q.values[sample.few] for q in terms]
    right = Formula(shape, constants=("1",)).computed(arrays[1:])
    known = np.all([q.known[sample.few] for q in terms], axis=0) & np.isfinite(right) & (right != 0)
    one, other = arrays[0][known], right[known]
    for way, places in _ways(shape, terms):
        constant = _simplest(one, other, way, places)
        if constant is None or (shape == "scale" and constant == "1" and way in ("", "near")):
            continue
        formula = Formula(shape, way, (constant,), places)
        if sample.passes(formula, terms):
            yield formula, terms


def _simplest(left: Floats, right: Floats, way: str, places: int | None) -> str | None:
    """The constant of fewest digits that takes right sides to left ones."""
    if len(left) < _LEAST:
        return None
    step = 10.0 ** -(places or 0)
    below, above = {"round": (step / 2, step / 2), "trunc": (0, step)}.get(way, (0, 0))
    size, scale = np.abs(left), np.abs(right)
    fine = _fine(left) if not step or way in ("", "near") else 1e-9 * size
    spare = min(_MISSES, len(left) // 500)
    low = np.sort((size - below - fine) / scale)[-1 - spare]
    high = np.sort((size + above + fine) / scale)[spare]
    sign = np.sign((left * right).sum())
    middle = (low + high) / 2
    for digits in range(1, _DIGITS + 1):
        number = float(f"{middle:.{digits - 1}e}")
        if low <= number <= high and number > 0:
            return _plain(sign * number, 12)
    return None


def _lasting(moments: Sample, spans: Sample) -> Iterator[Candidate]:
    """Spans between two moments."""
    for span in (q for q in spans.members if not q.term.keys):
        for late, early in _two(moments):
            yield from _passing(spans, "difference", (span, late, early), ())


def _counted(moments: Sample, numbers: Sample) -> Iterator[Candidate]:
    """Whole or broken numbers of days, hours, minutes or seconds between two moments."""
    for number in (q for q in numbers.members if not q.term.keys and q.places is not None):
        for late, early in _two(moments):
            for unit in _UNITS:
                yield from _passing(numbers, "span", (number, late, early), (unit,))


def _two(moments: Sample) -> Iterator[tuple[Quantity, Quantity]]:
    for one, other in permutations(moments.members, 2):
        if not (one.term.keys and other.term.keys):
            yield one, other


def _multiples(sample: Sample) -> Iterator[Candidate]:
    """Quantities that lie on a grid coarser than their type's."""
    for q in (sample.members[n] for n in sample.own):
        if q.places is None:
            continue
        if q.loose and q.places > _FLOAT_PLACES:
            if (step := _unit(sample, q, q.places)) is not None:
                yield from _passing(sample, "multiple", (q,), (step, "0"))
            continue
        steps = np.rint(q.values[sample.few][q.known[sample.few]] * 10.0**q.places).astype(np.int64)
        kinds = len(np.unique(steps))
        least = 2 if q.declared is None or q.places >= q.declared or q.loose else 1
        for grid in (*GRIDS, 1):
            residues, counts = np.unique(steps % grid, return_counts=True)
            if grid < least or counts.max() < (1 - _FEW_MISSES) * len(steps):
                continue
            coarser = grid * 10.0 ** ((q.declared or 0) - q.places) if least == 1 else grid
            if kinds >= _KINDS and float(coarser) ** (1 - kinds) <= _BY_CHANCE:
                unit = 10.0**-q.places
                offset = _plain(float(residues[counts.argmax()]) * unit, q.places)
                texts = _plain(grid * unit, q.places), offset
                yield from _passing(sample, "multiple", (q,), texts)
            break


def _unit(sample: Sample, q: Quantity, places: int) -> str | None:
    """The step of floats that were counted in another unit: knots, in miles an hour.

    The least difference of two values, fitted to all of them. Where it is about as small as their
    last place, how they are written explains it.
    """
    found = np.unique(np.asarray(q.values[sample.few][q.known[sample.few]], np.float64))
    if len(found) < _KINDS:
        return None
    counts = np.rint(found / np.diff(found).min())
    step = round(float((found * counts).sum() / (counts**2).sum()), places)
    off = np.abs(found - step * counts).max()
    told = step > GRIDS[0] * 10.0**-places and off <= 10.0**-places
    chance = 2 * 10.0**-places / step if told else 1.0
    return _plain(step, places) if chance ** (len(found) - 1) <= _BY_CHANCE else None
