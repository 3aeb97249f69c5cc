"""Foreign keys that only the configuration states, added to a schema that bears them out."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from connectors.datatypes import Kind
from connectors.engines import Reader
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from provisioner.errors import WrongRequest

_TYPES = frozenset({Kind.TEXT, Kind.ENUM, Kind.INTEGER})
"""Kinds of columns that may tell the type of a polymorphic key."""


def with_undeclared(schema: Schema, keys: Iterable[ForeignKey], source: Reader) -> Schema:
    """The schema with keys that it does not declare; see `with_key`."""
    for key in keys:
        schema = with_key(schema, key, source)
    return schema


def with_key(schema: Schema, key: ForeignKey, source: Reader) -> Schema:
    """The schema with one key that it does not declare.

    Columns that the key leads to become a unique key, undeclared too, where none is declared.

    Raises:
        WrongRequest: the key names what is not there, or what cannot be a key.
    """
    fault = next(_faults(schema, key, source), None)
    if fault is not None:
        raise WrongRequest(f"{key.table} {key.name} cannot be a key: {fault}")
    return replace(schema, tables=tuple(_table(t, key) for t in schema.tables))


def undeclared_key(
    table: TableName,
    columns: tuple[str, ...],
    parent: TableName,
    parent_columns: tuple[str, ...],
    dangling: float | None = None,
    only: tuple[str, str] | None = None,
) -> ForeignKey:
    """A key that no DDL holds, under a name that says what it is; see `ForeignKey`."""
    name = f"{', '.join(columns)} -> {parent} ({', '.join(parent_columns)})"
    return ForeignKey(
        name if only is None else f"{name} where {only[0]} = {only[1]}",
        table,
        columns,
        parent,
        parent_columns,
        declared=False,
        dangling=dangling,
        only=only,
    )


def _faults(schema: Schema, key: ForeignKey, source: Reader) -> Iterator[str]:
    tables = {t.name: t for t in schema.tables}
    for name in (key.table, key.parent):
        if name not in tables:
            yield f"found no table {name}; expected one that is learned"
    child, parent = tables[key.table], tables[key.parent]
    told = () if key.only is None else (key.only[0],)
    yield from _missing(child, (*key.columns, *told))
    yield from _missing(parent, key.parent_columns)
    yield from _unlike(child, parent, key)
    if any(_pairs(f) == _pairs(key) and f.only == key.only for f in _between(child, parent)):
        yield "this key is known already, for the database declares it or it stands here twice"
    yield from _untellable(child, key)
    if not _is_unique(parent, key.parent_columns):
        unique = _undeclared_unique(key.parent_columns)
        if source.violations(parent, unique):
            listed = ", ".join(key.parent_columns)
            yield f"values of {parent.name} ({listed}) repeat; expected each in one row"


def _missing(table: Table, columns: tuple[str, ...]) -> Iterator[str]:
    known = [c.name for c in table.written]
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            yield f"{table.name} has no column {column} that may be written; {advice}"


def _unlike(child: Table, parent: Table, key: ForeignKey) -> Iterator[str]:
    for own, other in zip(key.columns, key.parent_columns, strict=True):
        one, two = child.column(own).datatype, parent.column(other).datatype
        if one.kind is not two.kind or (one.kind is Kind.OTHER and one.plain != two.plain):
            yield (
                f"{own} has type {one.sql} and {parent.name}.{other} has {two.sql}; "
                "expected types that can be equal"
            )


def _pairs(key: ForeignKey) -> frozenset[tuple[str, str]]:
    return frozenset(zip(key.columns, key.parent_columns, strict=True))


def _between(child: Table, parent: Table) -> Iterator[ForeignKey]:
    return (f for f in (*child.foreign_keys, *child.polymorphic) if f.parent == parent.name)


def _untellable(child: Table, key: ForeignKey) -> Iterator[str]:
    """What keeps a polymorphic key from being told by its type."""
    if key.only is None:
        if child.typed_columns & set(key.columns):
            yield "a polymorphic key holds one of its columns; expected columns of its own"
        return
    name, value = key.only
    for foreign in child.foreign_keys:
        if {name, *key.columns} & set(foreign.columns):
            yield f"the key {foreign.name} holds one of its columns; expected columns of its own"
    datatype = child.column(name).datatype
    if datatype.kind not in _TYPES:
        yield f"{name} has type {datatype.sql}; expected a text, an integer or an enum"
    if datatype.kind is Kind.ENUM and value not in datatype.labels:
        yield f"{name} cannot be {value}; expected one of {', '.join(datatype.labels)}"
    if datatype.kind is Kind.INTEGER and not value.lstrip("-").isdecimal():
        yield f"{name} cannot be {value}; expected a whole number"


def _is_unique(table: Table, columns: tuple[str, ...]) -> bool:
    return any(
        u.columns and set(u.columns) <= set(columns)
        for u in table.uniques
        if u.predicate is None and not u.expressions
    )


def _undeclared_unique(columns: tuple[str, ...]) -> Unique:
    name = f"undeclared ({', '.join(columns)})"
    return Unique(name, columns, constraint=False, declared=False)


def _table(table: Table, key: ForeignKey) -> Table:
    if table.name == key.parent and not _is_unique(table, key.parent_columns):
        unique = _undeclared_unique(key.parent_columns)
        table = replace(table, uniques=(*table.uniques, unique))
    if table.name != key.table:
        return table
    if key.only is None:
        return replace(table, foreign_keys=(*table.foreign_keys, key))
    columns = tuple(_labelled(c, *key.only) for c in table.columns)
    return replace(table, columns=columns, polymorphic=(*table.polymorphic, key))


def _labelled(column: Column, name: str, value: str) -> Column:
    """The column that tells types, with one more that the configuration names, unless an enum."""
    datatype = column.datatype
    if column.name != name or datatype.kind is Kind.ENUM or value in datatype.labels:
        return column
    return replace(column, datatype=replace(datatype, labels=(*datatype.labels, value)))
