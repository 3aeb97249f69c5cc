"""The rows of some entities, table by table, with whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.profile import UnitPath
from connectors.schema import TableName
from generators.relations.links import parent_rows

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Population:
    """Entities, and the rows that belong to them.

    Attributes:
        size: how many entities there are.
        tables: the rows of each table.
        entities: whose each row is: 0 to size - 1.
    """

    size: int
    tables: Mapping[TableName, pa.Table]
    entities: Mapping[TableName, Ints]

    def of(self, chosen: Ints) -> "Population":
        """Some entities, numbered anew in their order, with their rows."""
        places = np.full(self.size, -1)
        places[chosen] = np.arange(len(chosen))
        owners = {name: places[own] for name, own in self.entities.items()}
        kept = {name: np.flatnonzero(own >= 0) for name, own in owners.items()}
        return Population(
            len(chosen),
            {name: rows.take(pa.array(kept[name])) for name, rows in self.tables.items()},
            {name: own[kept[name]] for name, own in owners.items()},
        )

    def selected(self, columns: Mapping[TableName, list[str]]) -> "Population":
        """The same with some tables, and of them some columns."""
        tables = {name: self.tables[name].select(names) for name, names in columns.items()}
        return Population(self.size, tables, {name: self.entities[name] for name in columns})


def together(one: Population, other: Population) -> Population:
    """The entities of both, those of the first one first."""
    return Population(
        one.size + other.size,
        {n: pa.concat_tables([rows, other.tables[n]]) for n, rows in one.tables.items()},
        {n: np.concatenate([e, other.entities[n] + one.size]) for n, e in one.entities.items()},
    )


def by_units(
    unit: TableName, tables: Mapping[TableName, pa.Table], units: Mapping[TableName, Ints]
) -> Population:
    """Read rows by the ids of their units; the rows of the units' own table are the entities.

    Entities are in the order of their ids. A row whose unit is not among them is nobody's.
    """
    known = np.unique(units[unit])
    owners = {name: _positions(known, ids) for name, ids in units.items() if name in tables}
    return _without_strays(len(known), tables, owners)


def by_keys(
    unit: TableName, paths: Mapping[TableName, UnitPath], drawn: Mapping[TableName, pa.Table]
) -> Population:
    """Drawn rows by the keys that lead to their unit."""
    size = len(drawn[unit])
    owners = {name: _followed(name, paths[name], drawn) for name in paths}
    owners[unit] = np.arange(size)
    return _without_strays(size, {name: drawn[name] for name in owners}, owners)


def _positions(known: Ints, ids: Ints) -> Ints:
    if not len(known):
        return np.full(len(ids), -1)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[places] == ids, places, -1)


def _followed(name: TableName, path: UnitPath, drawn: Mapping[TableName, pa.Table]) -> Ints:
    found = np.arange(len(drawn[name]))
    for key in path.keys:
        above = parent_rows(drawn[key.table], drawn[key.parent], key)
        found = np.where(found < 0, -1, above[found]) if len(above) else found
    return found


def _without_strays(
    size: int, tables: Mapping[TableName, pa.Table], owners: Mapping[TableName, Ints]
) -> Population:
    kept = {name: np.flatnonzero(own >= 0) for name, own in owners.items()}
    return Population(
        size,
        {name: tables[name].take(pa.array(kept[name])) for name in owners},
        {name: own[kept[name]] for name, own in owners.items()},
    )
