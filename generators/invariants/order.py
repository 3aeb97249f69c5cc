"""One value is never above another: an end after its start, a part within the whole."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Claim, Invariant, Term, row_claim, sight
from connectors.schema import Schema, TableName
from generators.distinct import crowded, patched
from generators.evidence import ENOUGH, MOST_BROKEN, holds, shuffled, ways
from generators.gaps import brought, drawn, learned
from generators.invariants import Drawing, InvariantKind, Part, Postponement, Scene, State, View
from generators.leeway import beyond, grid_of, least_gap, room
from generators.lending import lenders, of_several
from generators.magnitudes import (
    DAY,
    LAST_DAY,
    Magnitudes,
    Scale,
    finite,
    magnitudes,
    scale_of,
    stored,
)
from generators.privacy.support import distinct
from generators.quantities import home, names
from generators.relations.clocks import usual_share
from generators.updates import Values, updated

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_EQUAL = 0.999
"""Share of equal values from which two columns are one, and no order."""
_WORD = 3
"""Letters at the end of names that must agree for two numbers to mean the same."""
_FURTHER = 2
"""Keys that lead to a row above the one above."""
_TIES = 20.0
"""Equal values that chance would bring, before their absence makes an order strict."""
_NEAR = 1 / 64
"""Part of the time that rows come in, within which they follow the row that they lead to."""
_REST = 0.05
"""Share of rows at either end that may be further off."""
_FREQUENT = 0.05
"""Share of rows from which on a moment is none like others."""
_FIXED = 0.5
"""Share of gaps from which on one length is what gaps are."""
_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""


class Order:
    """`a <= b` or `a < b`, within a row or between a row and one that a key leads to."""

    name: ClassVar[str] = "order"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from two others is left out."""
        found = {pair: form for pair in _candidates(view) if (form := _form(view, *pair))}
        for (low, high), form in found.items():
            if not _follows(low, high, found) and not _is_above(view, low, high, found):
                yield Invariant(cls.name, form, view.table.name, (low, high))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        low, high = rule.terms
        return f"{low} {rule.form} {high}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        return row_claim(schema, rule, f"{{0}} {rule.form} {{1}}")

    @classmethod
    def postponed(
        cls, rule: Invariant, column: str, _state: Mapping[str, Any], schema: Schema
    ) -> Postponement | None:
        """See `Postponable`; what lies beyond the other value becomes equal to it."""
        own, other = sorted(rule.terms, key=lambda term: term != Term(column))
        table, seen = schema.table(rule.table), sight(schema, rule.table, rule.terms)
        homes = (home(schema, rule.table, term).column(term.column) for term in (own, other))
        if rule.form != "<=" or len({one.datatype.plain for one in homes}) > 1:
            return None
        low, high = (seen.column(term) for term in rule.terms)
        values = Values(seen.column(other), seen.source, "r", f"{low} > {high}")
        sql = updated(table, column, values)
        reads = ((home(schema, rule.table, other).name, other.column),)
        return None if sql is None else Postponement(sql, reads)

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the greater one, then the smaller one."""
        low, high = rule.terms
        return tuple(term.column for term in (high, low) if not term.keys)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how far the two lie apart, as quantiles.

        Of moments of one row also how far those do that are not as many others, and of a row and
        another one that it is near to.
        """
        low, high = (view.numbers(term) for term in rule.terms)
        if low is None or high is None:
            raise TypeError(f"{cls.words(rule)}: no order among values of these types")
        both = low.known & high.known & np.all([finite(view.values(t)) for t in rule.terms], axis=0)
        gaps = high.values[both] - low.values[both]
        state: dict[str, Any] = {"gaps": learned(view.support, gaps, view.units[both])}
        plain = both & _plain(low, high)
        apart = (high.values - low.values)[plain]
        moment = low.scale is Scale.MOMENT and _is_near(rule, (low, high), apart)
        if moment and usual_share(apart) < _FIXED:
            state["plain"] = learned(view.support, apart, view.units[plain])
        return state

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        low, high = rule.terms
        datatype = home(scene.schema, rule.table, low).column(low.column).datatype
        if (scale := scale_of(datatype)) is None:
            return None
        one, other = (magnitudes(scene.values(t), scale) for t in (low, high))
        return broken(one, other, rule.form)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; only what breaks the rule moves, as far as was learned.

        And moments that altogether lie apart in another way than learned ones, unless they are
        those of other tables' rows.
        """
        values = drawing.scene.values(Term(drawing.target))
        scale = scale_of(drawing.scene.table.column(drawing.target).datatype)
        if scale is None:
            return values
        low, high = (magnitudes(drawing.scene.values(t), scale) for t in rule.terms)
        upwards = drawing.target == rule.terms[1].column and not rule.terms[1].keys
        if len(state.get("plain", ())) and not drawing.tight and not drawing.settled:
            values = _apart(state["plain"], drawing, (low, high), upwards=upwards)
            fresh = magnitudes(values, scale)
            low, high = (low, fresh) if upwards else (fresh, high)
        wrong = np.flatnonzero(broken(low, high, rule.form))
        if not len(wrong):
            return values
        anchor = (low if upwards else high).values[wrong]
        fresh = _moved(rule, state, drawing, (wrong, anchor))
        values = patched(values, wrong, fresh)
        if scale is Scale.NUMBER or drawing.tight:
            return values
        lent = lenders((low, high), wrong, rule.form, drawing.rng, upwards=upwards)
        moved = magnitudes(fresh, scale).values
        lent = of_several((low, high)[upwards], (wrong, moved), lent, state["gaps"])
        return values.take(pa.array(lent))


def _moved(
    rule: Invariant,
    state: Mapping[str, Any],
    drawing: Drawing,
    rows: tuple[Ints, Floats | Ints],
) -> pa.Array:
    """Values of rows that break a rule, as far from what they are held against as learned."""
    wrong, anchor = rows
    upwards = drawing.target == rule.terms[1].column and not rule.terms[1].keys
    datatype = drawing.scene.table.column(drawing.target).datatype
    number = scale_of(datatype) is Scale.NUMBER
    known = state.get("plain", ())
    known = known if len(known) else state["gaps"]
    gaps = np.zeros(len(wrong)) if drawing.tight else drawn(known, len(wrong), drawing.rng)
    if rule.form == "<":
        gaps = np.maximum(gaps, least_gap(anchor, datatype))
    if number:
        gaps = np.minimum(gaps, room(drawing, anchor, upwards=upwards))
    moved = beyond(anchor, gaps, grid_of(drawing, datatype), upwards=upwards)
    fresh = stored(moved, np.ones(len(wrong), np.bool_), datatype)
    bound = drawing.scene.values(rule.terms[0 if upwards else 1]).take(pa.array(wrong))
    if rule.form == "<=" and number and bound.type == fresh.type:
        further = pc.max_element_wise if upwards else pc.min_element_wise
        fresh = further(fresh, bound)  # a number of many digits lies beside its float
    return fresh


def _apart(
    wanted: Floats, drawing: Drawing, pair: tuple[Magnitudes, Magnitudes], *, upwards: bool
) -> pa.Array:
    """The target's moments as far from others as learned, those further apart still further.

    A moment that many have stays, and one that would lie beyond all that are drawn.
    """
    values = drawing.scene.values(Term(drawing.target))
    datatype = drawing.scene.table.column(drawing.target).datatype
    anchor, own = (np.asarray(m.values, np.int64) for m in (pair if upwards else pair[::-1]))
    rows = np.flatnonzero(_plain(*pair) & finite(values))
    gaps = brought((pair[1].values - pair[0].values)[rows].astype(np.float64), wanted, drawing.rng)
    step = grid_of(drawing, datatype)
    gaps = np.where(gaps < step, gaps, np.rint(gaps / step) * step)
    moved = beyond(anchor[rows], gaps, step, upwards=upwards).astype(np.int64)
    limits = own[rows].min(initial=LAST_DAY * DAY), own[rows].max(initial=-LAST_DAY * DAY)
    kept = (moved >= limits[0]) & (moved <= limits[1])
    fresh = stored(moved[kept], np.ones(int(kept.sum()), np.bool_), datatype)
    return patched(values, rows[kept], fresh)


def _is_near(rule: Invariant, pair: tuple[Magnitudes, Magnitudes], gaps: Floats | Ints) -> bool:
    """Whether moments lie as far apart as in one row: nearer than a bin of a column tells apart.

    Else what tells rows of the same time from each other would be moved for how far it lies from
    a row that many rows lead to.
    """
    own = [m.values[m.known] for m, term in zip(pair, rule.terms, strict=True) if not term.keys]
    if len(own) != 1 or not len(gaps):
        return len(own) == len(pair)
    low, high = np.quantile(own[0], [_REST, 1 - _REST])
    return bool(np.quantile(gaps, 1 - _REST) <= _NEAR * (high - low))


def _plain(low: Magnitudes, high: Magnitudes) -> Bools:
    """Rows in which both are known, and neither is what many have."""
    return np.asarray(low.known & high.known & ~_frequent(low) & ~_frequent(high))


def _frequent(numbers: Magnitudes) -> Bools:
    """Rows with a value that many have: "for good", say.

    A value that so many have has a hash that as many have, which few others do; and it stands,
    among all of these in order, at one at least of places as far apart.
    """
    known = numbers.values[numbers.known]
    many = max(2, math.ceil(_FREQUENT * len(numbers.values)))
    known = crowded(known, many)
    there = np.partition(known, np.arange(many - 1, len(known), many))[many - 1 :: many]
    often = [value for value in np.unique(there) if np.count_nonzero(known == value) >= many]
    if not often:
        return np.zeros(len(numbers.values), np.bool_)
    return np.asarray(numbers.known & np.isin(numbers.values, often))


def broken(low: Magnitudes, high: Magnitudes, form: str) -> Bools:
    """Rows in which both are known and stand the wrong way round."""
    wrong = low.values >= high.values if form == "<" else low.values > high.values
    return np.asarray(wrong & low.known & high.known)


def _candidates(view: View) -> Iterator[tuple[Term, Term]]:
    """Pairs of comparable columns that a few rows have in this order, and not in it alone."""
    for low, high in permutations(_usable(view), 2):
        one = view.numbers(low)
        if one is not None and _may_differ(view, one.scale, low, high) and _stand(view, low, high):
            yield low, high


def _may_differ(view: View, scale: Scale, low: Term, high: Term) -> bool:
    """Whether an order of two columns would say something of the rows.

    An order among numbers of two tables is nearly always chance, but for two that are called alike.
    """
    if low.keys and high.keys:
        return False
    if scale is not Scale.NUMBER or not (low.keys or high.keys):
        return True
    return _called_alike(low.column, high.column) and _meet(view, low, high)


def _called_alike(one: str, other: str) -> bool:
    """Whether two names end in the same word: `unitprice` and `listprice`."""
    ends = {name.lower().rstrip("_0123456789")[-_WORD:] for name in (one, other)}
    return one != other and len(ends) == 1 and len(min(ends)) == _WORD


def _meet(view: View, low: Term, high: Term) -> bool:
    """Whether rows of enough units reach the bound, of those whose bound is not the least one."""
    one, two = view.numbers(low), view.numbers(high)
    if one is None or two is None:
        return False
    both, bound = one.known & two.known, (one if low.keys else two).values
    ends = bound.min(initial=0, where=both), bound.max(initial=0, where=both)
    inner = both & (bound != (ends[0] if low.keys else ends[1]))
    return distinct(view.units[inner & (one.values == two.values)]) >= view.support.k


def _usable(view: View) -> Iterable[Term]:
    """Columns with an order, but for keys: their values are names; no row twice, by two ways."""
    seen: list[tuple[TableName, Term]] = []
    for term in (*view.terms, *view.further):
        table = home(view.schema, view.table.name, term)
        scale = scale_of(table.column(term.column).datatype)
        if scale is None or term.column in names(table):
            continue
        if len(term.keys) < _FURTHER:
            seen.append((table.name, term))
            yield term
        elif scale in (Scale.MOMENT, Scale.NUMBER) and not any(
            place == table.name and one.column == term.column and _coincide(view, one, term)
            for place, one in seen
        ):
            yield term


def _coincide(view: View, one: Term, other: Term) -> bool:
    """Whether two ways lead a few rows to the same values."""
    few = pa.array(view.few)
    return bool(view.values(one).take(few).equals(view.values(other).take(few)))


def _form(view: View, low: Term, high: Term) -> str | None:
    """The form in which the order stands; None where it does not, or says nothing."""
    one, two = view.numbers(low), view.numbers(high)
    if one is None or two is None:
        return None
    both = one.known & two.known
    rows = np.flatnonzero(both)
    other = rows[shuffled(len(rows))]
    mixed = one.values[rows], two.values[other]
    chance = float((mixed[0] > mixed[1]).mean()) if len(rows) else 0.0
    wrong = one.values > two.values
    stands = holds(wrong, both, view.units, chance, view.support.k)
    if not stands and not _is_apart(view, (one, two), both, chance):
        return None
    equal = (one.values == two.values) & both
    if equal.sum() >= _EQUAL * both.sum():
        return None
    ties = float((mixed[0] >= mixed[1]).mean())
    strict = not equal.any() and (ties - chance) * len(rows) >= _TIES
    return "<" if strict else "<="


def _is_apart(view: View, pair: tuple[Magnitudes, Magnitudes], both: Bools, chance: float) -> bool:
    """Whether all moments of one column lie before all of another, so that no chance breaks that.

    Were both columns' moments of one sort, m and n different ones would lie so with a probability
    of one in m + n over n; numbers lie apart where they measure different things.
    """
    one, two = pair
    if chance or one.scale is not Scale.MOMENT or distinct(view.units[both]) < view.support.k:
        return False
    several = [len(np.unique(m.values[both])) for m in pair]
    return bool((one.values <= two.values)[both].all()) and ways(*several) >= ENOUGH


def _follows(low: Term, high: Term, found: Mapping[tuple[Term, Term], str]) -> bool:
    """Whether an order follows from two others."""
    between: Sequence[Term] = [b for a, b in found if a == low and b != high]
    return any((b, high) in found and (b, low) not in found for b in between)


def _is_above(view: View, low: Term, high: Term, found: Mapping[tuple[Term, Term], str]) -> bool:
    """Whether an order with a row two keys away follows from one of the row between."""
    far = low if len(low.keys) >= _FURTHER else high
    if len(far.keys) < _FURTHER:
        return False
    pairs = (pair for pair in found if (pair[1] == high if far is low else pair[0] == low))
    between = (pair[0] if far is low else pair[1] for pair in pairs)
    near = (t for t in between if len(t.keys) == 1 and t.keys[0] == far.keys[0])
    return any(_stand(view, *((far, t) if far is low else (t, far))) for t in near)


def _stand(view: View, low: Term, high: Term) -> bool:
    """Whether nearly all of a few rows have two terms in this order."""
    one, two = view.numbers(low), view.numbers(high)
    if one is None or two is None or one.scale is not two.scale:
        return False
    both = (one.known & two.known)[view.few]
    wrong = (one.values > two.values)[view.few]
    return bool(both.any() and (wrong & both).sum() <= _TOLERATED * both.sum())


invariant: type[InvariantKind] = Order
