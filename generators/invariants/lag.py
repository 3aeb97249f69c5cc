"""One time is never more than so long after another: returned within ten days of being lent."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.gaps import drawn, learned
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
_UNITS = {"days": DAY, "hours": DAY // 24, "minutes": DAY // 1440, "seconds": 1_000_000}


class Lag:
    """`end <= start + interval`, of two times of a row that come in this order."""

    name: ClassVar[str] = "lag"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; for each time, the one before it that it follows most closely."""
        closest: dict[Term, tuple[int, Term, str]] = {}
        for start, end in permutations(_times(view), 2):
            bound = _bound(view, start, end)
            if bound and (end not in closest or _micros(bound) < closest[end][0]):
                closest[end] = _micros(bound), start, bound
        for end, (_, start, bound) in closest.items():
            if not _is_fixed(view, start, end):
                yield Invariant(cls.name, "<= +", view.table.name, (end, start), constants=(bound,))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        end, start = rule.terms
        return f"{end} <= {start} + interval {literal(rule.constants[0])}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        return row_claim(schema, rule, f"{{0}} <= {{1}} + interval {literal(rule.constants[0])}")

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the later one, then the earlier one."""
        return tuple(term.column for term in rule.terms)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how far the two lie apart, as quantiles."""
        end, start = rule.terms
        gaps, both = _gaps(view, start, end)
        gaps = np.minimum(gaps[both], _micros(rule.constants[0]))
        return {"gaps": learned(view.support, gaps, view.units[both])}

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        return _late(rule, scene)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; only what breaks the rule moves, as far as was learned."""
        most = _micros(rule.constants[0])
        values, target = drawing.scene.values(Term(drawing.target)), Term(drawing.target)
        end, start = (_moments(drawing.scene.values(term)) for term in rule.terms)
        wrong = np.flatnonzero(_late(rule, drawing.scene))
        apart = np.full(len(wrong), most)
        if len(state["gaps"]) and not drawing.tight:
            apart = np.rint(drawn(state["gaps"], len(wrong), drawing.rng)).astype(np.int64)
        backwards = target == rule.terms[1]
        anchor = (end if backwards else start)[wrong]
        moved = later(anchor, -apart if backwards else apart)
        datatype = drawing.scene.table.column(drawing.target).datatype
        moved = _on_grid(moved, anchor, datatype, backwards=backwards)
        return patched(values, wrong, stored(moved, np.ones(len(wrong), np.bool_), datatype))


def _times(view: View) -> Iterator[Term]:
    """The columns of the rows that hold moments and are no keys."""
    for term in view.terms:
        if not term.keys and term.column not in names(view.table):
            datatype = datatype_of(view.schema, view.table.name, term)
            if scale_of(datatype) is Scale.MOMENT:
                yield term


def _bound(view: View, start: Term, end: Term) -> str | None:
    """The bound that one time keeps after another; None where it keeps none, or by chance."""
    gaps, both = _gaps(view, start, end)
    if not both.any() or (gaps[both] < 0).mean() > MOST_BROKEN:
        return None
    units, known = view.units[both], np.asarray(gaps[both], np.float64)
    released = view.support.quantiles(known, units, np.array([0.1, 0.9, 1.0])).value
    ends = _moments(view.values(end))[both]
    low, high = np.quantile(ends, [0.1, 0.9])
    if not len(released) or released[1] - released[0] > _NARROWER * (high - low):
        return None
    days = {view.table.column(t.column).datatype.kind for t in (start, end)} == {Kind.DATE}
    bound = _rounded(_highest(known, units, released, view.support), days=days)
    most = _micros(bound)
    if not most:
        return None  # they are one moment, which other kinds say better
    chance = float((ends[shuffled(len(ends))] - _moments(view.values(start))[both] > most).mean())
    return bound if holds(gaps > most, both, view.units, chance, view.support.k) else None


def _is_fixed(view: View, start: Term, end: Term) -> bool:
    """Whether one time always follows as long after another, which other kinds say better."""
    gaps, both = _gaps(view, start, end)
    return bool(gaps[both].min() == gaps[both].max())


def _highest(gaps: Floats, units: Ints, released: Floats, support: Support) -> int:
    """The highest gap where k units share it, or else one beyond the mean of the last k units'."""
    if distinct(units[gaps == gaps.max()]) >= support.k:
        return int(gaps.max())
    return int(released[2] + _BEYOND * (released[2] - released[1]))


def _gaps(scene: Scene, start: Term, end: Term) -> tuple[Ints, Bools]:
    """Microseconds from one time to another, and where both are known and finite."""
    one, two = scene.values(start), scene.values(end)
    both = finite(one) & finite(two)
    return np.where(both, _moments(two) - _moments(one), 0), both


def _late(rule: Invariant, scene: Scene) -> Bools:
    """The rows that break a rule."""
    end, start = rule.terms
    gaps, both = _gaps(scene, start, end)
    return np.asarray(both & (gaps > _micros(rule.constants[0])))


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


def _on_grid(moved: Ints, anchor: Ints, datatype: DataType, *, backwards: bool) -> Ints:
    """Moments as a column holds them, no further from others than they were, nor beyond those."""
    step = max(1, int(step_of(datatype)))
    nearer = -(-moved // step) * step if backwards else moved // step * step
    further = nearer - step if backwards else nearer + step
    beyond = nearer > anchor if backwards else nearer < anchor
    return np.where(beyond, further, nearer)


invariant: type[InvariantKind] = Lag
