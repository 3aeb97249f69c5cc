"""Whose data each row is: the tables of privacy units, and every table's way to one."""

from collections.abc import Mapping
from types import MappingProxyType

from connectors.datatypes import Kind
from connectors.profile import TableSize, UnitPath
from connectors.schema import Column, ForeignKey, Schema, Table, TableName
from generators.privacy.classify import identifies
from generators.privacy.wording import unit_kind

Ways = Mapping[TableName, str | None]
"""Per table, a column of the key by which its rows lead to their units; None for nobody's."""

_NAMES = frozenset({"first_name", "last_name", "full_name"})
_FEWEST_ENTITIES = 500
_WIDEST_ENTITY = 100


def unit_paths(
    schema: Schema,
    sizes: Mapping[TableName, TableSize],
    named: tuple[TableName, ...] = (),
    ways: Ways = MappingProxyType({}),
) -> Mapping[TableName, UnitPath]:
    """Each table's way to its privacy unit.

    Units are the tables in `named`, else those that hold people by the names of their columns,
    else large root tables with few children per row. A table that leads to none belongs to
    nobody and is not split; where there are no units at all, every row that nothing references
    stands for itself. In `ways` a person tells better: who hands out an order is not whose it is.
    """
    units = named or _people(schema) or _entities(schema, sizes)
    if not units:
        referenced = {f.parent for f in schema.foreign_keys if not f.self_reference}
        return {t.name: UnitPath(None, splits=t.name not in referenced) for t in schema.tables}
    found = {unit: UnitPath(unit) for unit in units}
    while step := _next_step(schema, found, ways):
        found |= step
    return {t.name: found.get(t.name, UnitPath(None, splits=False)) for t in schema.tables}


def _people(schema: Schema) -> tuple[TableName, ...]:
    """Tables of named people, and of identified ones that no foreign key ties to the former."""
    keyed = [t for t in schema.tables if t.primary_key is not None]
    kinds = {t.name: _identifying(t) for t in keyed}
    named = {n for n, kind in kinds.items() if kind & _NAMES}
    alone = {
        t.name
        for t in keyed
        if kinds[t.name] and not any(f.parent in named for f in t.foreign_keys)
    }
    return tuple(sorted(named | alone))


def _identifying(table: Table) -> frozenset[str]:
    kinds = (
        unit_kind(table.name, column.name)
        for column in table.columns
        if column.datatype.kind is Kind.TEXT
    )
    return frozenset(kind for kind in kinds if kind is not None and identifies(kind))


def _entities(schema: Schema, sizes: Mapping[TableName, TableSize]) -> tuple[TableName, ...]:
    rows = {t.name: sizes[t.name].rows if t.name in sizes else 0 for t in schema.tables}
    children: dict[TableName, list[int]] = {}
    for key in schema.foreign_keys:
        if not key.self_reference:
            children.setdefault(key.parent, []).append(rows.get(key.table, 0))
    return tuple(
        sorted(
            t.name
            for t in schema.tables
            if t.name in children
            and t.primary_key is not None
            and all(f.self_reference for f in t.foreign_keys)
            and rows[t.name] >= _FEWEST_ENTITIES
            and max(children[t.name]) <= _WIDEST_ENTITY * rows[t.name]
        )
    )


def _next_step(
    schema: Schema, found: Mapping[TableName, UnitPath], ways: Ways
) -> dict[TableName, UnitPath]:
    """Paths for the tables that reference one with a path and have none yet."""
    step = {}
    for table in schema.tables:
        keys = [f for f in table.foreign_keys if f.parent in found and not f.self_reference]
        if table.name in ways:
            keys = [f for f in keys if ways[table.name] in f.columns]
        if table.name not in found and keys:
            best = min(keys, key=lambda f: _rank(table, f))
            above = found[best.parent]
            step[table.name] = UnitPath(above.unit, (best, *above.keys))
    return step


def _rank(table: Table, key: ForeignKey) -> tuple[bool, bool, bool, str]:
    """Sorts the closest bond first: part of a key, never null, deleted with its parent."""
    columns: list[Column] = [table.column(c) for c in key.columns]
    return (
        not any(set(key.columns) <= set(u.columns) for u in table.uniques),
        any(c.nullable for c in columns),
        key.on_delete != "CASCADE",
        key.name,
    )
