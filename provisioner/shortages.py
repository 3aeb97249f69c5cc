"""What a plan asks for and its model or schema has no room for, each as a finding."""

from collections.abc import Iterator, Mapping

from connectors.schema import Schema, Table, TableName, Unique
from generators.layout import KeyLayout
from generators.model import DatabaseModel, TableModel
from generators.relations.references import Mode, Reference
from generators.rings import covering_keys, endless_keys
from provisioner.feasibility import (
    constraints_met,
    left_to_server,
    unkept,
    unmodelled,
    unwritable,
)
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.leaving import without
from provisioner.report import Finding, Severity
from provisioner.room import Room, room


def shortages(
    model: DatabaseModel,
    layouts: Mapping[TableName, KeyLayout],
    empty: frozenset[TableName],
    kept: frozenset[TableName],
) -> Iterator[Finding]:
    """Every finding that can be made before a row is drawn.

    Args:
        model: what was learned.
        layouts: how many rows of each table each shard has.
        empty: tables that stay empty.
        kept: tables whose rows are in the target already.
    """
    rows = {name: layout.total for name, layout in layouts.items()}
    functions = callable_functions(model.schema)
    for table in model.schema.tables:
        fitted = model.tables[table.name]
        if table.name in kept or table.name in model.carried:
            continue
        yield from _orphaned(model, table.name, rows, kept)
        yield from _too_many_keys(model.schema, table, fitted, rows[table.name])
        yield from _too_many_rows(table, fitted, rows, keeper(table, functions))
        yield from _too_few_parents(table, fitted, rows)
        yield from _owned_by_empty(table, fitted, model, empty)
        yield from _types_without_rows(table, fitted, rows)
        yield from unwritable(table, fitted)
    yield from _too_few_children(model, rows)
    for name in endless_keys(model):
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            str(name),
            "its keys depend on themselves through foreign keys that are part of keys; make one "
            "of the columns on this ring a column of its own",
        )
    met = constraints_met(model)
    yield from left_to_server(met)
    yield from unkept(met)
    yield from unmodelled(model.schema)
    yield from without(model.schema)


def _orphaned(
    model: DatabaseModel,
    name: TableName,
    rows: Mapping[TableName, int],
    kept: frozenset[TableName],
) -> Iterator[Finding]:
    """A table whose every row belongs to one of a kept table, which has none."""
    key = model.owners.get(name)
    if key is None or key.parent not in kept or rows[key.parent]:
        return
    if model.tables[name].rows.value:
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            f"{name} {key.name}",
            f"each row belongs to a row of {key.parent}, which is kept and has none in the "
            "target; fill it, or do not keep it",
        )


def _too_many_keys(schema: Schema, table: Table, model: TableModel, rows: int) -> Iterator[Finding]:
    """Keys that run out of values, and cannot go on with nulls."""
    needed = schema.referenced(table.name)
    for column, key in model.keys.items():
        if rows > key.capacity and (column in needed or not table.column(column).nullable):
            yield _unmeetable(f"{table.name}.{column}", rows, column, key.capacity)


def _too_many_rows(
    table: Table, model: TableModel, rows: Mapping[TableName, int], keeper: Keeper
) -> Iterator[Finding]:
    """Unique keys of several columns, or of no generated key, with less room than rows."""
    for unique in table.uniques:
        found = room(table, model, unique, rows, keeper)
        known = any(set(unique.columns) <= set(f.columns) for f in table.foreign_keys)
        if found is not None and rows[table.name] > found.most and not known:
            keyed = len(unique.columns) == 1 and unique.columns[0] in model.keys
            if not keyed or table.column(unique.columns[0]).nullable:
                yield _crowded(table, unique, rows[table.name], found)


def _crowded(table: Table, unique: Unique, rows: int, found: Room) -> Finding:
    place = f"{table.name} {unique.name}"
    if len(unique.columns) == 1:
        return _unmeetable(place, rows, unique.columns[0], found.most)
    return Finding(
        "unmeetable",
        Severity.ERROR,
        place,
        f"{rows} rows asked for, each with another combination of ({', '.join(unique.columns)}); "
        f"at most {found.most} are possible ({found}): lower the scale, or ask for fewer rows",
    )


def _unmeetable(place: str, rows: int, column: str, most: int) -> Finding:
    return Finding(
        "unmeetable",
        Severity.ERROR,
        place,
        f"{rows} rows asked for, each with another value of {column}; types, formats and checks "
        f"allow at most {most}: lower the scale, or ask for at most {most} rows",
    )


def _too_few_parents(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for reference in model.references:
        parents = rows[reference.key.parent]
        short = reference.mode is Mode.UNIQUE and rows[table.name] > parents
        if rows[table.name] and not _may_lack(table, model, reference) and (short or not parents):
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table.name} {reference.key.name}",
                f"{rows[table.name]} rows asked for, each with a row of "
                f"{reference.key.parent} of its own, which has {parents}",
            )


def _too_few_children(model: DatabaseModel, rows: Mapping[TableName, int]) -> Iterator[Finding]:
    for table, name in sorted(covering_keys(model)):
        parent = model.foreign_key(table, name).parent
        if rows[table] < rows[parent]:
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table} {name}",
                f"{rows[table]} rows asked for, but each of the {rows[parent]} rows of {parent} "
                f"refers to one of its own among them: ask for at least as many",
            )


def _may_lack(table: Table, model: TableModel, reference: Reference) -> bool:
    """Whether rows do without a parent: a column may be null, or no value leads anywhere."""
    key = reference.key
    nullable = any(table.column(c).nullable for c in key.columns)
    return nullable or (not key.declared and model.dangling[key.name].value >= 1)


def _owned_by_empty(
    table: Table, fitted: TableModel, model: DatabaseModel, empty: frozenset[TableName]
) -> Iterator[Finding]:
    owner = model.owners.get(table.name)
    wanted = owner is not None and fitted.rows.value > 0 and table.name not in empty
    if owner is not None and wanted and owner.parent in empty:
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            f"{table.name} {owner.name}",
            f"each of its rows needs a row of {owner.parent}, whose mode is empty; expected that "
            f"mode for {table.name} too",
        )


def _types_without_rows(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for key in table.polymorphic:
        leading = rows[table.name] and model.dangling[key.name].value < 1
        if leading and not rows[key.parent]:
            yield Finding(
                "type-without-rows",
                Severity.WARNING,
                f"{table.name} {key.name}",
                f"{key.parent} has no rows; rows of this type get null, or stop the run where "
                "null may not be: give it rows",
            )
