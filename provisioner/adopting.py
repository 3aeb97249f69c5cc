"""Keys that are values released elsewhere: a city that many flights go to is among the cities.

Of a column whose values are found to be keys of another table, those that enough units share are
released, and drawn. Were all keys invented, none of these would lead anywhere, and each would have
to give way to one that nobody knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type
from connectors.schema import TableName
from generators.columns.category import Category
from generators.distinct import patched
from generators.keys import KeyGenerator
from generators.model import DatabaseModel
from generators.sight import Node
from provisioner.plan import Plan

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Adopted:
    """Values that the first rows of a table have as their keys.

    Rows that would have one of these by their index get what the first ones would have had.

    Attributes:
        values: the keys of the first rows.
        missed: those of them that are keys of other rows, if of any.
        spare: keys that the first rows would have had, one for each of those.
    """

    values: pa.Array
    missed: pa.Array
    spare: pa.Array

    @classmethod
    def of(cls, values: pa.Array, key: KeyGenerator) -> Self:
        """The values as the first keys, in place of those that a generator gives."""
        first = key.at(np.arange(len(values)))
        missed = values.filter(pc.invert(pc.is_in(values, first)))
        return cls(values, missed, first.filter(pc.invert(pc.is_in(first, values))))

    def among(self, indexes: Ints, keys: pa.Array) -> pa.Array:
        """The keys of rows at some indexes, given those that a generator gives them."""
        place = pc.fill_null(pc.index_in(keys, self.missed), -1).to_numpy(zero_copy_only=False)
        taken = np.flatnonzero(place >= 0)
        keys = patched(keys, taken, self.spare.take(pa.array(place[taken].astype(np.int64))))
        first = np.flatnonzero(indexes < len(self.values))
        return patched(keys, first, self.values.take(pa.array(indexes[first])))


def adopted(model: DatabaseModel, plan: Plan) -> Mapping[Node, Adopted]:
    """The keys of a plan's tables that are values of other tables' columns."""
    asked: dict[Node, list[tuple[TableName, str]]] = {}
    for found in model.invariants:
        if found.rule.kind == "inclusion" and found.rule.other is not None:
            place = found.rule.table, found.rule.terms[0].column
            asked.setdefault(found.rule.other, []).append(place)
    return {
        (name, column): Adopted.of(values, model.tables[name].keys[column])
        for (name, column), places in asked.items()
        if name not in plan.stands and _is_free(model, name, column)
        if len(values := _released(model, plan, (name, column), places))
    }


def _is_free(model: DatabaseModel, name: TableName, column: str) -> bool:
    """Whether a key is a text that is invented, and that no check speaks of."""
    table = model.schema.table(name)
    checked = {c for check in table.checks for c in check.columns}
    invented = name in model.tables and column in model.tables[name].keys
    return invented and table.column(column).datatype.kind is Kind.TEXT and column not in checked


def _released(
    model: DatabaseModel, plan: Plan, key: Node, places: list[tuple[TableName, str]]
) -> pa.Array:
    """The values that are released of some columns, as many as there are rows at most."""
    (name, column), known = key, list[str]()
    for table, other in places:
        fitted = (f for f in model.tables[table].columns if f.column.name == other)
        for generator in (f.generator for f in fitted if isinstance(f.generator, Category)):
            known += generator.groups.texts.to_pylist()
    own = model.schema.table(name).column(column)
    longest = own.datatype.length
    fit = [v for v in dict.fromkeys(known) if longest is None or len(v) <= longest]
    return pa.array(fit[: plan.layout(name).total], arrow_type(own.datatype))
