"""Columns whose values are amounts or times, told from those whose numbers are only names."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.datatypes import DataType, Kind
from connectors.invariants import Term, foreign_key
from connectors.schema import Schema, Table, TableName
from generators.invariants import View
from generators.magnitudes import Scale, finite, scale_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_PLACES = 6
_OFF_GRID = 1e-4
"""Share of a step that a float may lie beside it."""
_EXACT_DIGITS = 15
"""Digits that a float holds whatever they are."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of amounts or times.

    Attributes:
        values: one per row, as in `Magnitudes`.
        known: where there is one that is finite.
        places: digits after the point that its values have; None for times, and where no number
            of digits is enough.
        declared: those that its type allows; None for no limit.
        loose: whether its sums and products come out exactly in no arithmetic of its database, or
            not in ours.
    """

    term: Term
    kind: Kind
    values: Floats | Ints
    known: Bools
    places: int | None
    declared: int | None
    loose: bool


def quantities(view: View) -> Iterator[Quantity]:
    """The quantities of a table's rows and of the rows that its keys lead to; no constants."""
    for term in view.terms:
        datatype = datatype_of(view.schema, view.table.name, term)
        numbers = view.numbers(term)
        if numbers is None or term.column in names(home(view.schema, view.table.name, term)):
            continue
        known = numbers.known & finite(view.values(term))
        seen = numbers.values[view.few][known[view.few]]
        if len(seen) and seen.min() < seen.max():
            places = _places(seen) if numbers.scale is Scale.NUMBER else None
            declared = 0 if datatype.kind is Kind.INTEGER else datatype.scale
            loose = loosely(datatype)
            yield Quantity(term, datatype.kind, numbers.values, known, places, declared, loose)


def datatype_of(schema: Schema, table: TableName, term: Term) -> DataType:
    """The type of a term's column."""
    return home(schema, table, term).column(term.column).datatype


def loosely(datatype: DataType) -> bool:
    """Whether floats do not hold the values of a type exactly."""
    free = datatype.kind is Kind.DECIMAL and (datatype.precision or 99) > _EXACT_DIGITS
    return datatype.kind is Kind.FLOAT or free


def home(schema: Schema, table: TableName, term: Term) -> Table:
    """The table whose column a term is."""
    return schema.table(foreign_key(schema, table, term.keys).parent if term.keys else table)


def names(table: Table) -> frozenset[str]:
    """Columns of keys, whose values only name things; dates and moments mean what they say."""
    alone = (u.columns for u in table.uniques if u.whole and len(u.columns) == 1)
    keys = (f.columns for f in table.foreign_keys)
    named = {c for columns in (*alone, *keys) for c in columns}
    return frozenset(c for c in named if scale_of(table.column(c).datatype) is not Scale.MOMENT)


def _places(seen: Floats | Ints) -> int | None:
    for places in range(_MOST_PLACES + 1):
        steps = np.asarray(seen, np.float64) * 10.0**places
        if np.abs(steps - np.rint(steps)).max() <= _OFF_GRID:
            return places
    return None
