"""One time is never further than so long from another: returned within ten days of being lent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.gaps import brought, drawn, quantiles
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, View
from generators.magnitudes import (
    DAY,
    Scale,
    finite,
    later,
    magnitudes,
    scale_of,
    step_of,
    stored,
)
from generators.privacy.support import Support, distinct
from generators.quantities import datatype_of, names

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NARROWER = 0.5
"""How much narrower the time between must be spread than the later time is."""
_BEYOND = 0.5
"""Part of the last tenth by which single values lie beyond the mean of the last k units."""
_FEWEST = 8
"""Of how many units of time a bound must at least consist, so that it is rounded up by little."""
_CELLS = 16
"""Parts of a number, in each of which times lie apart in a way of their own."""
_CELL_ROWS = 50
"""Rows that each part has at least."""
_TELLS = 0.8
"""How much narrower the time between must be where a number is known, for it to be told by that."""
_EITHER = 1.1
"""By how much closer two times must be of which either may come first."""
_UNITS = {"days": DAY, "hours": DAY // 24, "minutes": DAY // 1440, "seconds": 1_000_000}
_ENDS = np.array([0.1, 0.9])


class Lag:
    """`end <= start + interval`, where the two times of a row come in this order.

    Otherwise `end BETWEEN start - interval AND start + interval`.
    """

    name: ClassVar[str] = "lag"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; the closest times first, until what is found ties them all.

        A spanning tree of least weight (Kruskal, 1956): what it leaves out follows, more or less.
        """
        pairs = sorted(_pairs(view), key=lambda pair: pair.spread)
        tied: dict[Term, Term] = {}
        for pair in pairs:
            ends = [_root(tied, t) for t in (pair.start, pair.end)]
            if ends[0] == ends[1]:
                continue
            bounds = _bounds(view, pair)
            if bounds is not None:
                tied[ends[0]] = ends[1]
                if not pair.fixed:
                    form = "<= +" if len(bounds) == 1 else "within"
                    yield Invariant(
                        cls.name, form, view.table.name, (pair.end, pair.start), constants=bounds
                    )

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        end, start = map(str, rule.terms)
        return _condition(rule, end, start)

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        return row_claim(schema, rule, _condition(rule, "{0}", "{1}"))

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the later one, then the earlier one."""
        return tuple(term.column for term in rule.terms)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how far the two lie apart, as quantiles.

        The first row of them is of all rows, the others are of parts of the number that tells
        most of it, where one does.
        """
        end, start = rule.terms
        gaps, both = _gaps(view, start, end)
        gaps = np.clip(gaps[both], *_range(rule))
        support, units = view.support, view.units[both]
        parts = _telling(view, gaps, both)
        cells = np.zeros(len(gaps), np.int64) if parts is None else parts.cells(view)[both]
        count = 0 if parts is None else len(parts.edges) + 1
        groups = [np.ones(len(gaps), np.bool_), *(cells == n for n in range(count))]
        found = [quantiles(support, gaps[g], units[g]) for g in groups]
        if any(not len(q) for q in found):
            found, parts = found[:1], None
        behind = distinct(units)
        state: dict[str, Any] = {
            "gaps": support.seal(np.array(found), behind) or support.declared(np.empty((0, 0))),
            "grid": support.seal(_grid(gaps, units, support.k), behind) or support.declared(1),
        }
        if parts is not None and (edges := support.seal(parts.edges, behind)) is not None:
            state |= {"by": support.declared(parts.by.column), "edges": edges}
        return state

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        return _astray(rule, scene)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; times move where they lie apart as none were learned to.

        What breaks the rule is drawn anew; and where drawn times altogether lie apart in another
        way than learned ones, all move, those that are the furthest apart remaining so; but not
        what is another table's value, or moved already.
        """
        scene, target = drawing.scene, Term(drawing.target)
        values, (end, start) = scene.values(target), (_moments(scene.values(t)) for t in rule.terms)
        gaps, both = _gaps(scene, rule.terms[1], rule.terms[0])
        fresh = gaps.astype(np.float64)
        if len(state["gaps"]) and not drawing.tight and not drawing.settled:
            fresh = _like_learned(state, drawing, fresh, both)
        low, high = _range(rule)
        wrong = both & ((fresh < low) | (fresh > high))
        fresh[wrong] = _anew(rule, state, drawing, fresh[wrong])
        rows = np.flatnonzero(both & (fresh != gaps))
        apart = np.rint(fresh[rows] / state["grid"]) * state["grid"]
        apart = np.clip(apart, low, high).astype(np.int64)
        backwards = target == rule.terms[1]
        anchor = (end if backwards else start)[rows]
        datatype = scene.table.column(drawing.target).datatype
        moved = _on_grid(later(anchor, -apart if backwards else apart), anchor, datatype)
        return patched(values, rows, stored(moved, np.ones(len(rows), np.bool_), datatype))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two times that follow each other closely.

    Attributes:
        spread: how far the time between is spread, where the number is known that tells most of
            it; a little more where either time may come first, so that of much the same ones those
            are found that come in order.
        fixed: whether it is always the same, which other kinds say better.
    """

    start: Term
    end: Term
    spread: float
    fixed: bool


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts of a number of the row."""

    by: Term
    edges: Floats

    def cells(self, scene: Scene) -> Ints:
        """The part of each row; -1 where the number is not known."""
        numbers = magnitudes(scene.values(self.by), Scale.NUMBER)
        return np.where(numbers.known, np.searchsorted(self.edges, numbers.values), -1)


def _root(tied: Mapping[Term, Term], term: Term) -> Term:
    while term in tied:
        term = tied[term]
    return term


def _pairs(view: View) -> Iterator[_Pair]:
    """Times whose distance is spread less than they are."""
    for one, two in combinations(_times(view), 2):
        gaps, both = _gaps(view, one, two)
        if not both.any():
            continue
        start, end = (one, two) if np.median(gaps[both]) >= 0 else (two, one)
        gaps = np.where(start == one, gaps, -gaps)[both]
        spread = float(np.diff(np.quantile(gaps, _ENDS))[0])
        ends = _moments(view.values(end))[both]
        if spread > _NARROWER * float(np.diff(np.quantile(ends, _ENDS))[0]):
            continue
        parts = _telling(view, gaps, both)
        if parts is not None:
            spread = _within(gaps, parts.cells(view)[both])
        if (gaps < 0).mean() > MOST_BROKEN:
            spread *= _EITHER
        yield _Pair(start, end, spread, bool(gaps.min() == gaps.max()))


def _times(view: View) -> Iterator[Term]:
    """The columns of the rows that hold moments and are no keys."""
    for term in view.terms:
        if not term.keys and term.column not in names(view.table):
            datatype = datatype_of(view.schema, view.table.name, term)
            if scale_of(datatype) is Scale.MOMENT:
                yield term


def _telling(view: View, gaps: Floats | Ints, both: Bools) -> _Parts | None:
    """The number of the row that tells most of how far two times lie apart, in parts."""
    found: _Parts | None = None
    least = _TELLS * float(np.diff(np.quantile(gaps, _ENDS))[0]) if len(gaps) else 0.0
    count = min(_CELLS, len(gaps) // max(_CELL_ROWS, 4 * view.support.k))
    for term in view.terms if count > 1 else ():
        datatype = datatype_of(view.schema, view.table.name, term)
        if term.keys or term.column in names(view.table):
            continue
        if scale_of(datatype) is not Scale.NUMBER:
            continue
        numbers = magnitudes(view.values(term), Scale.NUMBER)
        if not numbers.known[both].all():
            continue
        shares = np.linspace(0, 1, count + 1)[1:-1]
        known = np.asarray(numbers.values[both], np.float64)
        edges = np.unique(view.support.quantiles(known, view.units[both], shares).value)
        parts = _Parts(term, edges)
        within = _within(gaps, parts.cells(view)[both])
        if len(edges) and within < least:
            found, least = parts, within
    return found


def _within(gaps: Floats | Ints, cells: Ints) -> float:
    """How far times are spread within parts, on average over rows."""
    order = np.lexsort((gaps, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-2))
    sizes = np.diff(np.append(starts, len(gaps)))
    ends = [starts + (share * (sizes - 1)).astype(np.int64) for share in _ENDS]
    low, high = (np.asarray(gaps, np.float64)[order][place] for place in ends)
    return float((high - low) @ sizes) / len(gaps)


def _bounds(view: View, pair: _Pair) -> tuple[str, ...] | None:
    """How long after and, if not 0, before one time another may be; None where chance does that."""
    gaps, both = _gaps(view, pair.start, pair.end)
    units, known, support = view.units[both], np.asarray(gaps[both], np.float64), view.support
    released = support.quantiles(known, units, np.array([0.0, *_ENDS, 1.0])).value
    if not len(released):
        return None
    columns = (view.table.column(t.column) for t in (pair.start, pair.end))
    days = all(c.datatype.kind is Kind.DATE for c in columns)
    high = _rounded(_highest(known, units, released[2:], support), days=days)
    bounds = [high]
    if (known < 0).mean() > MOST_BROKEN:
        low = _highest(-known, units, -released[1::-1], support)
        bounds = [_rounded(low, days=days), high]
    most = _micros(high)
    if not most:
        return None  # they are one moment, which other kinds say better
    least = -_micros(bounds[0]) if len(bounds) > 1 else 0
    ends, starts = (_moments(view.values(t))[both] for t in (pair.end, pair.start))
    mixed = ends[shuffled(len(ends))] - starts
    chance = float(((mixed > most) | ((mixed < least) & (len(bounds) > 1))).mean())
    wrong = (gaps > most) | ((gaps < least) & (len(bounds) > 1))
    return tuple(bounds) if holds(wrong, both, view.units, chance, support.k) else None


def _highest(gaps: Floats, units: Ints, released: Floats, support: Support) -> int:
    """The highest gap where k units share it, or else one beyond the mean of the last k units'."""
    if distinct(units[gaps == gaps.max()]) >= support.k:
        return max(0, int(gaps.max()))
    return max(0, int(released[1] + _BEYOND * (released[1] - released[0])))


def _condition(rule: Invariant, end: str, start: str) -> str:
    after = f"{start} + interval {literal(rule.constants[-1])}"
    if len(rule.constants) == 1:
        return f"{end} <= {after}"
    return f"{end} between {start} - interval {literal(rule.constants[0])} and {after}"


def _range(rule: Invariant) -> tuple[int, int]:
    """The least and the most microseconds between the two; any number where none is said."""
    most = _micros(rule.constants[-1])
    return (-_micros(rule.constants[0]) if len(rule.constants) > 1 else -_ANY), most


_ANY = 1 << 62


def _grid(gaps: Ints, units: Ints, k: int) -> int:
    """The longest unit of time that all gaps are whole numbers of, but for fewer than k units'."""
    whole = (u for u in _UNITS.values() if distinct(units[gaps % u != 0]) < k)
    return next(whole, 1)


def _gaps(scene: Scene, start: Term, end: Term) -> tuple[Ints, Bools]:
    """Microseconds from one time to another, and where both are known and finite."""
    one, two = scene.values(start), scene.values(end)
    both = finite(one) & finite(two)
    return np.where(both, _moments(two) - _moments(one), 0), both


def _astray(rule: Invariant, scene: Scene) -> Bools:
    """The rows that break a rule."""
    end, start = rule.terms
    gaps, both = _gaps(scene, start, end)
    low, high = _range(rule)
    return np.asarray(both & ((gaps < low) | (gaps > high)))


def _like_learned(state: Mapping[str, Any], drawing: Drawing, gaps: Floats, both: Bools) -> Floats:
    """Gaps that are spread as learned ones are, in each part of the number that tells of them."""
    found, wanted = gaps.copy(), state["gaps"]
    if "by" not in state:
        found[both] = brought(gaps[both], wanted[0], drawing.rng)
        return found
    cells = _Parts(Term(state["by"]), np.asarray(state["edges"])).cells(drawing.scene)
    for cell in np.unique(cells[both]):
        rows = np.flatnonzero(both & (cells == cell))
        found[rows] = brought(gaps[rows], wanted[cell + 1], drawing.rng)
    return found


def _anew(rule: Invariant, state: Mapping[str, Any], drawing: Drawing, gaps: Floats) -> Floats:
    """Gaps for rows that break a rule: as learned, or else as near as they may be."""
    low, high = _range(rule)
    if drawing.tight or not len(state["gaps"]):
        return np.clip(gaps, low, high)
    return drawn(state["gaps"][0], len(gaps), drawing.rng)


def _moments(values: pa.Array) -> Ints:
    """Microseconds since 1970."""
    return np.asarray(magnitudes(values, Scale.MOMENT).values, np.int64)


def _rounded(gap: int, *, days: bool) -> str:
    """An interval of two digits or fewer, in the largest unit that fits, not below a gap."""
    fitting = ((name, unit) for name, unit in _UNITS.items() if days or gap >= _FEWEST * unit)
    name, unit = next(fitting, ("seconds", _UNITS["seconds"]))
    count = -(-gap // unit)
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // step) * step} {name}"


def _micros(bound: str) -> int:
    count, name = bound.split()
    return int(count) * _UNITS[name]


def _on_grid(moved: Ints, anchor: Ints, datatype: DataType) -> Ints:
    """Moments as a column holds them, no further from others than they were, nor beyond those."""
    step = max(1, int(step_of(datatype)))
    earlier = moved < anchor
    nearer = np.where(earlier, -(-moved // step), moved // step) * step
    further = np.where(earlier, nearer - step, nearer + step)
    beyond = np.where(earlier, nearer > anchor, nearer < anchor)
    return np.where(beyond, further, nearer)


invariant: type[InvariantKind] = Lag
