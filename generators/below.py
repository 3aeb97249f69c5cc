"""The rows below along one key, read once, and what they come to as far as they are seen."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.invariants import Term
from connectors.schema import Column, ForeignKey, Table
from generators.invariants import Scene, View
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of
from generators.partial import is_end, is_part
from generators.privacy.support import distinct
from generators.quantities import names
from generators.tallied import Broods, broods

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SUMMED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_BROOD = 2
"""Children per parent from which their sum is more than what one of them holds."""


@dataclass(frozen=True, slots=True)
class Below:
    """The children along one key, their columns read once."""

    scene: Scene
    key: ForeignKey
    child: Table
    family: Broods
    _numbers: dict[str, Magnitudes | None] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: Scene, key: ForeignKey) -> "Below":
        """The children along a key of the rows of a scene."""
        _, parents = scene.children((key.table, key.name), key.columns[0])
        return cls(scene, key, scene.schema.table(key.table), broods(parents, scene.rows))

    def values(self, column: str) -> pa.Array:
        """A child's column, a row each."""
        return self.scene.children((self.key.table, self.key.name), column)[0]

    def numbers(self, column: str) -> Magnitudes | None:
        """A child's column as numbers; None where it has no order."""
        if column not in self._numbers:
            scale = scale_of(self.child.column(column).datatype)
            values = None if scale is None else magnitudes(self.values(column), scale)
            self._numbers[column] = values
        return self._numbers[column]

    def product(self, columns: tuple[str, ...]) -> tuple[Floats | Ints, Bools]:
        """Per child one number: a column, a product of two, or one less a third's share."""
        known = np.ones(0, np.bool_)
        found: Floats | Ints = np.ones(0)
        for place, column in enumerate(columns):
            one = self.numbers(column)
            if one is None:
                raise TypeError(f"{self.key.table}.{column}: no number")
            part = one.values if place < 2 else 1 - one.values
            found = part if not place else found * part
            known = one.known if not place else known & one.known
        return found, known


def reduced(
    below: Below, family: Broods, form: str, terms: tuple[str, ...]
) -> tuple[Floats | Ints, Bools]:
    """Per parent what its children come to, and whether they come to anything."""
    if form == "count":
        return family.counts, np.ones(family.size, np.bool_)
    values, known = below.product(terms)
    return family.known(known).reduced("sum" if form == "sum of product" else form, values)


def latest_of(below: Below, family: Broods, terms: tuple[str, ...]) -> pa.Array:
    """Per parent the first term's value of the child that is last by the second."""
    order = below.numbers(terms[1])
    if order is None:
        raise TypeError(f"{below.key.table}.{terms[1]}: no order")
    rows = family.known(order.known).latest(order.values)
    return below.values(terms[0]).take(pa.array(rows, mask=rows < 0))


def comparable(below: Below, column: Column, terms: tuple[str, ...]) -> bool:
    """Whether values of the two columns are of one type; all numbers are."""
    if scale_of(column.datatype) is Scale.NUMBER:
        return bool(terms) or column.datatype.kind is Kind.INTEGER
    return bool(terms) and below.child.column(terms[0]).datatype.kind is column.datatype.kind


def partial_sums(view: View, below: Below) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Counts and sums, but for children that are held out.

    Where children are of other units than their parent, only the source's rows can tell.
    """
    if below.family.counts.sum() < _BROOD * max(1, (below.family.counts > 0).sum()):
        return
    named = names(below.child)
    terms = [c.name for c in below.child.written if c.datatype.kind in _SUMMED]
    forms = [("count", ()), *(("sum", (term,)) for term in terms if term not in named)]
    owns = [c for c in _unnamed(view.table) if c.datatype.kind in _SUMMED]
    for form, of in forms:
        found, there = reduced(below, below.family, form, of)
        for own in owns:
            numbers = view.numbers(Term(own.name))
            if numbers is None or not comparable(below, own, of):
                continue
            spoken = there & numbers.known & (distinct(view.units) >= view.support.k)
            if is_part(found, numbers.values, spoken):
                yield form, own.name, of


def partial_ends(view: View, below: Below) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The least and the greatest, but for children that are held out."""
    if distinct(view.units) < view.support.k:
        return
    family, own = below.family, _unnamed(view.table)
    random = np.random.default_rng(len(family.rows)).random(int(family.rows.max(initial=-1)) + 1)
    any_child = family.latest(random)
    for column in _unnamed(below.child):
        scale = scale_of(column.datatype)
        alike = [c for c in own if scale is not None and scale_of(c.datatype) is scale]
        for held in (c for c in alike if comparable(below, c, (column.name,))):
            numbers, (values, known) = view.numbers(Term(held.name)), below.product((column.name,))
            if numbers is None or not known.all():
                continue
            for form in ("min", "max"):
                ends, there = family.reduced(form, values)
                rows = np.flatnonzero(there & numbers.known)
                if is_end(ends[rows], numbers.values[rows], values[any_child[rows]], form):
                    yield form, held.name, (column.name,)


def _unnamed(table: Table) -> list[Column]:
    """The columns that are written, but for those that name rows."""
    named = names(table)
    return [column for column in table.written if column.name not in named]
