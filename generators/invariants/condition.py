"""Rows of one sort keep an order that others seldom do: who is voted in got the votes needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import ENOUGH, MOST_BROKEN, holds, shuffled, unlikely
from generators.gaps import drawn, learned
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, View
from generators.magnitudes import Magnitudes, Scale, finite, magnitudes, scale_of, stored
from generators.privacy.support import distinct
from generators.quantities import names
from generators.quoting import from_text, key_columns, listing, texts_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_OTHERWISE = 0.5
"""Share of all other rows that must break the order."""
_TELLING = 0.05
"""Share of rows of the sort that must break it once one of their two values is another row's."""
_FEW_MISSES = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_SCALES = (Scale.NUMBER, Scale.MOMENT)


class Condition:
    """`sort = x -> a <= b`, or `sort <> 0 -> a <= b`, where other rows have them the other way."""

    name: ClassVar[str] = "condition"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; of own columns that are no keys."""
        sorts = list(_sorts(view))
        usable = list(_usable(view)) if sorts else []
        for low, high in permutations(usable, 2):
            pair = _Pair.of(view, low, high)
            for sort in sorts if pair else ():
                if pair and sort.term not in (low, high) and pair.stands(view, sort.rows):
                    terms, constants = (low, high, sort.term), (sort.text,)
                    yield Invariant(
                        cls.name, sort.sign, view.table.name, terms, constants=constants
                    )

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        low, high, sort = rule.terms
        return f"{sort} {rule.form} {literal(rule.constants[0])} -> {low} <= {high}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        value = literal(rule.constants[0]).replace("{", "{{").replace("}", "}}")
        return row_claim(
            schema, rule, f"CASE WHEN {{2}} {rule.form} {value} THEN {{0}} <= {{1}} END"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the greater one, then the smaller one."""
        low, high, _ = rule.terms
        return high.column, low.column

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how far the two lie apart, as quantiles."""
        low, high = (_numbers(view, term) for term in rule.terms[:2])
        there = _of_sort(rule, view) & low.known & high.known
        there &= np.all([finite(view.values(t)) for t in rule.terms[:2]], axis=0)
        return {"gaps": learned(view.support, (high.values - low.values)[there], view.units[there])}

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        return _broken(rule, scene)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; only what breaks the rule moves, as far as was learned."""
        scene, values = drawing.scene, drawing.scene.values(Term(drawing.target))
        wrong = np.flatnonzero(_broken(rule, scene))
        if not len(wrong):
            return values
        upwards = drawing.target == rule.terms[1].column
        anchor = _numbers(scene, rule.terms[0 if upwards else 1]).values[wrong]
        gaps = (
            np.zeros(len(wrong)) if drawing.tight else drawn(state["gaps"], len(wrong), drawing.rng)
        )
        datatype = scene.table.column(drawing.target).datatype
        moved = _beyond(anchor, gaps, upwards=upwards)
        if datatype.kind is Kind.INTEGER:
            moved = np.ceil(moved) if upwards else np.floor(moved)
        return patched(values, wrong, stored(moved, np.ones(len(wrong), np.bool_), datatype))


def _broken(rule: Invariant, scene: Scene) -> Bools:
    """Rows of the sort in which both are known and stand the wrong way round."""
    low, high = (_numbers(scene, term) for term in rule.terms[:2])
    wrong = low.known & high.known & (low.values > high.values)
    return np.asarray(wrong & _of_sort(rule, scene))


def _beyond(anchor: Floats | Ints, gaps: Floats, *, upwards: bool) -> Any:
    apart = np.rint(gaps).astype(np.int64) if anchor.dtype == np.int64 else gaps
    return anchor + apart if upwards else anchor - apart


@dataclass(frozen=True, slots=True)
class _Sort:
    """Rows that a label tells, or that have another value than 0."""

    term: Term
    sign: str
    text: str
    rows: Bools


def _sorts(view: View) -> Iterator[_Sort]:
    """The sorts of rows by columns that no key holds."""
    keys = key_columns(view)
    for term in (t for t in view.terms if not t.keys and t.column not in keys):
        labels = listing(view, term)
        for place, text in enumerate(labels.texts if labels else ()):
            if labels:
                yield _Sort(term, "=", text, labels.codes == place)
        numbers = view.numbers(term)
        if numbers is None or numbers.scale is not Scale.NUMBER:
            continue
        none = numbers.known & (numbers.values == 0)
        if distinct(view.units[none]) >= view.support.k and not labels:
            text = texts_of(view, term, view.codes(term)[[none.argmax()]])[0].as_py()
            yield _Sort(term, "<>", text, numbers.known & ~none)


def _usable(view: View) -> Iterator[Term]:
    """Own columns with an order, but for those that only name things."""
    named = names(view.table) | key_columns(view)
    for term in view.terms:
        numbers = view.numbers(term) if not term.keys and term.column not in named else None
        if numbers is not None and numbers.scale in _SCALES:
            yield term


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two columns of a table: in which rows both are known, and the first is above the second."""

    low: Magnitudes
    high: Magnitudes
    both: Bools
    above: Bools

    @classmethod
    def of(cls, view: View, low: Term, high: Term) -> "_Pair | None":
        """The columns; None where they have different scales, or about one order in all rows."""
        one, two = view.numbers(low), view.numbers(high)
        if one is None or two is None or one.scale is not two.scale:
            return None
        both = one.known & two.known
        above = both & (one.values > two.values)
        few = view.few
        share = above[few].sum() / max(1, both[few].sum())
        return cls(one, two, both, above) if _FEW_MISSES < share < 1 else None

    def stands(self, view: View, rows: Bools) -> bool:
        """Whether rows of a sort never have the first above the second, as most others have."""
        few = view.few[(rows & self.both)[view.few]]
        if self.above[few].sum() > _FEW_MISSES * len(few):
            return False
        spoken, others = rows & self.both, self.both & ~rows
        if not others.any() or not spoken.any():
            return False
        otherwise = float(self.above[others].mean())
        if otherwise < _OTHERWISE or unlikely(int(spoken.sum()), otherwise) < 2 * ENOUGH:
            return False
        there = np.flatnonzero(spoken)
        mixed = self.high.values[there][shuffled(len(there))]
        told = float((self.low.values[there] > mixed).mean()) >= _TELLING
        return told and holds(self.above, spoken, view.units, otherwise, view.support.k)


def _numbers(scene: Scene, term: Term) -> Magnitudes:
    scale = scale_of(scene.table.column(term.column).datatype)
    if scale is None:
        raise TypeError(f"{term}: no order")
    return magnitudes(scene.values(term), scale)


def _of_sort(rule: Invariant, scene: Scene) -> Bools:
    """The rows that the condition is true of."""
    sort = rule.terms[2]
    values, datatype = scene.values(sort), scene.table.column(sort.column).datatype
    same = pc.is_in(values, value_set=from_text(pa.array(rule.constants), datatype))
    there = values.is_valid().to_numpy(zero_copy_only=False)
    found = same.to_numpy(zero_copy_only=False)
    return np.asarray(there & (found if rule.form == "=" else ~found))


invariant: type[InvariantKind] = Condition
