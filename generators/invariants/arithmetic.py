"""A number is computed from others: a sum, a product, a share, a constant apart or a multiple."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, bounded, row_claim
from connectors.schema import Schema
from generators.equations import equations
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.formulas import SHAPES, Formula, formula_of
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import Scale, finite, magnitudes, scale_of, stored
from generators.privacy.support import distinct
from generators.quantities import Quantity, datatype_of, loosely, quantities

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_TELLING = 0.05
"""Share of rows that must break a rule once any one of its terms is drawn from another row."""
_FREE = frozenset({"shift", "scale", "ratio", "balance", "multiple"})
"""Shapes with a constant that was fitted."""


class Arithmetic(Plain):
    """`a = b + c` and the like, with or without rounding; see `generators.formulas`."""

    name: ClassVar[str] = "arithmetic"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from others, or from one term alone, is left out."""
        found = list(quantities(view))

        def stands(formula: Formula, terms: Sequence[Quantity]) -> bool:
            return _stands(view, formula, terms)

        for formula, terms in equations(found, view.few, stands):
            kept = tuple(q.term for q in terms)
            yield Invariant(cls.name, formula.form, view.table.name, kept, constants=formula.texts)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        return formula_of(rule).words([str(term) for term in rule.terms])

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        types = [datatype_of(schema, rule.table, term) for term in rule.terms]
        number = "double precision" if any(map(loosely, types)) else "numeric"
        casts = {Kind.INTEGER: number, Kind.DECIMAL: number, Kind.FLOAT: number}
        casts[Kind.DATE] = "timestamp"
        columns = [
            f"{{{n}}}::{casts[datatype.kind]}" if datatype.kind in casts else f"{{{n}}}"
            for n, datatype in enumerate(types)
        ]
        for n, datatype in enumerate(types):
            if scale_of(datatype) is Scale.MOMENT:
                columns[n] = bounded(columns[n])
        return row_claim(schema, rule, formula_of(rule).sql(columns))

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; of a sum any term, of all else the left side."""
        formula = formula_of(rule)
        solvable = SHAPES[formula.shape].signs and formula.way in ("", "near")
        terms = rule.terms if solvable else rule.terms[:1]
        return tuple(dict.fromkeys(t.column for t in terms if not t.keys))

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        read = _read(rule, scene)
        if read is None:
            return None
        arrays, known = read
        formula = formula_of(rule)
        right = _right(formula, arrays)
        return np.asarray(known & _computable(right) & formula.broken(arrays[0], right))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; what is null or keeps the rule already stays."""
        del state
        scene, formula = drawing.scene, formula_of(rule)
        drawn, read = scene.values(Term(drawing.target)), _read(rule, scene)
        if read is None:
            return drawn
        arrays, known = read
        place = rule.terms.index(Term(drawing.target))
        wanted = _solved(formula, arrays, place)
        wrong = known & _computable(wanted)
        wrong &= formula.broken(arrays[0], _right(formula, arrays))
        fresh = stored(
            np.where(wrong, wanted, arrays[place]),
            wrong,
            scene.table.column(drawing.target).datatype,
        )
        return pc.if_else(pa.array(wrong), fresh, drawn)


def _read(rule: Invariant, scene: Scene) -> tuple[list[Any], Bools] | None:
    """The terms of a rule as numbers, and where all are known; None where one is no number."""
    arrays, known = [], np.ones(scene.rows, np.bool_)
    for term in rule.terms:
        scale = scale_of(datatype_of(scene.schema, rule.table, term))
        if scale is None:
            return None
        numbers = magnitudes(scene.values(term), scale)
        arrays.append(numbers.values)
        known &= numbers.known & finite(scene.values(term))
    return arrays, known


def _right(formula: Formula, arrays: Sequence[Any]) -> Any:
    return formula.computed(arrays if formula.shape == "multiple" else arrays[1:])


def _solved(formula: Formula, arrays: Sequence[Any], place: int) -> Any:
    """The values of the term at a place with which the rule holds."""
    if place == 0:
        return formula.rounded(_right(formula, arrays))
    signs = SHAPES[formula.shape].signs
    if signs is None:
        raise ValueError(f"{formula.shape}: only its left side can be set")
    each = signs(len(arrays))
    others = [s * a for n, (s, a) in enumerate(zip(each, arrays, strict=True)) if n != place]
    constant = formula.numbers[0] if formula.constants else 0
    solved = each[place] * (constant - sum(others[1:], others[0]))
    return solved if formula.places is None else np.round(solved, formula.places)


def _computable(values: Any) -> Bools:
    return np.asarray(np.isfinite(values.astype(np.float64)))


def _stands(view: View, formula: Formula, terms: Sequence[Quantity]) -> bool:
    """Whether all rows keep a rule, and each of its terms matters."""
    arrays = [q.values for q in terms]
    right = _right(formula, arrays)
    spoken = np.all([q.known for q in terms], axis=0) & _computable(right)
    broken = formula.broken(arrays[0], right)
    if distinct(view.units[spoken & ~broken]) < view.support.k:
        return False
    chance = 1.0 if formula.shape == "multiple" else _chance(view, formula, arrays, spoken)
    return chance >= _TELLING and holds(broken, spoken, view.units, chance, view.support.k)


def _chance(view: View, formula: Formula, arrays: Sequence[Any], spoken: Bools) -> float:
    """Share of rows that break a rule once the least telling of its terms is of another row."""
    few = view.few[spoken[view.few]]
    rows = few if len(few) >= 500 else np.flatnonzero(spoken)
    other, lowest = rows[shuffled(len(rows))], 1.0
    for place in range(len(arrays)):
        mixed = [a[other if n == place else rows] for n, a in enumerate(arrays)]
        right = _right(formula, mixed)
        wrong = formula.broken(mixed[0], right) | ~_computable(right)
        lowest = min(lowest, float(wrong.mean()) if len(rows) else 0.0)
    return lowest


invariant: type[InvariantKind] = Arithmetic
