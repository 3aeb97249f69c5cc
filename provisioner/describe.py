"""What a source holds: tables, sizes, owners, privacy units, personal columns."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.engines import Reader, Source
from connectors.errors import EmptyDatabase
from connectors.profile import Profile, Split, TableProfile, TableSize, UnitPath
from connectors.schema import Column, Schema, Table, TableName
from generators.columns import Sample
from generators.privacy.classify import semantic
from generators.privacy.units import unit_paths
from generators.relations.owners import Owners, choose_owners
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, silent

_LOOKED_AT = 1_000
_K = 11


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column of a source.

    Attributes:
        key: "primary", "unique", the table it references, or nothing.
        personal: the kind of personal data that it seems to hold; None where it seems to hold none.
        null_fraction: share of rows without a value.
        distinct: number of distinct values; None where it was not asked for.
    """

    name: str
    type: str
    key: str
    personal: str | None
    null_fraction: float
    distinct: int | None


@dataclass(frozen=True, slots=True)
class TableDescription:
    """One table of a source.

    Attributes:
        rows: exact.
        bytes: the planner's estimate of its size on disk.
        unit: the table of its privacy units; None where it belongs to nobody.
        owner: the table that its rows are drawn under; None for a root.
        depth: steps from its root; 0 for a root.
        references: the tables that its foreign keys lead to.
    """

    name: str
    rows: int
    bytes: int
    unit: str | None
    owner: str | None
    depth: int
    references: tuple[str, ...]
    columns: tuple[ColumnDescription, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """A source; its tables stand in the order of their owner trees, root first.

    Attributes:
        identity: digest that tells the source from any other database.
        unreadable: tables that the role may not read; nothing else is said of them.
    """

    identity: str
    tables: tuple[TableDescription, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that a description is told from."""

    profile: Profile
    paths: Mapping[TableName, UnitPath]
    owners: Owners
    sizes: Mapping[TableName, TableSize]
    personal: Mapping[tuple[TableName, str], str]


def describe(source: Source, listen: Listener = silent, *, distinct: bool = False) -> Description:
    """Describes a source; reads every table once to count, and 1,000 rows of each to classify.

    Raises:
        EmptyDatabase: the source has no tables that may be read.
    """
    declared = source.schema()
    unreadable = source.unreadable(declared)
    schema = declared.without(frozenset(unreadable))
    if not schema.tables:
        raise EmptyDatabase("the source holds no tables to describe; expected at least one")
    facts = _facts(source, schema, listen, distinct=distinct)
    lines = tuple(_table(schema.table(n), depth, facts) for n, depth in _as_trees(schema, facts))
    return Description(source.identity, lines, tuple(map(str, unreadable)))


def _facts(source: Source, schema: Schema, listen: Listener, *, distinct: bool) -> _Facts:
    began = time.monotonic()
    listen(StageStarted("describe", len(schema.tables), "tables"))
    sizes = source.sizes()
    paths = unit_paths(schema, sizes)
    profile = source.profile(schema, Split(paths, salt=0, holdout=0.0), distinct)
    personal: dict[tuple[TableName, str], str] = {}
    for table in schema.tables:
        personal.update(_personal(source, table))
        listen(Advanced("describe", 1, str(table.name)))
    listen(StageFinished("describe", len(schema.tables), time.monotonic() - began))
    return _Facts(profile, paths, choose_owners(schema, profile, paths, _K), sizes, personal)


def _personal(source: Reader, table: Table) -> Iterator[tuple[tuple[TableName, str], str]]:
    """The personal columns of a table and their kinds, by name and by up to 1,000 values."""
    if not any(column.datatype.kind is Kind.TEXT for column in table.written):
        return
    batches = list(source.read(table, _LOOKED_AT))
    rows = pa.Table.from_batches(batches) if batches else None
    for column in table.written:
        if column.datatype.kind is Kind.TEXT:
            values = _values(rows, column)
            kind = semantic(
                table.name, column, Sample(values, np.arange(len(values), dtype=np.int64))
            )
            if kind is not None:
                yield (table.name, column.name), kind


def _values(rows: pa.Table | None, column: Column) -> pa.Array:
    if rows is None:
        return pa.array([], pa.string())
    return pc.drop_null(rows[column.name].combine_chunks())


def _as_trees(schema: Schema, facts: _Facts) -> Iterator[tuple[TableName, int]]:
    """Every table after its owner, with its depth; a root's descendants follow it directly."""
    below: dict[TableName | None, list[TableName]] = {}
    for table in sorted(schema.tables, key=lambda t: t.name):
        owner = facts.owners.get(table.name)
        below.setdefault(owner.parent if owner else None, []).append(table.name)
    waiting = [(name, 0) for name in reversed(below.get(None, []))]
    while waiting:
        name, depth = waiting.pop()
        yield name, depth
        waiting.extend((child, depth + 1) for child in reversed(below.get(name, [])))


def _table(table: Table, depth: int, facts: _Facts) -> TableDescription:
    profile, path = facts.profile.tables[table.name], facts.paths[table.name]
    owner = facts.owners.get(table.name)
    return TableDescription(
        name=str(table.name),
        rows=profile.rows,
        bytes=facts.sizes[table.name].bytes if table.name in facts.sizes else 0,
        unit=None if path.unit is None else str(path.unit),
        owner=None if owner is None else str(owner.parent),
        depth=depth,
        references=tuple(sorted({str(f.parent) for f in table.foreign_keys})),
        columns=tuple(_column(table, column, profile, facts) for column in table.written),
    )


def _column(
    table: Table, column: Column, profile: TableProfile, facts: _Facts
) -> ColumnDescription:
    measured = profile.columns[column.name]
    return ColumnDescription(
        name=column.name,
        type=column.datatype.domain or column.datatype.sql,
        key=_key(table, column.name),
        personal=facts.personal.get((table.name, column.name)),
        null_fraction=measured.null_frac,
        distinct=measured.n_distinct,
    )


def _key(table: Table, column: str) -> str:
    """What the column is a part of: its keys, the primary one first."""
    primary = table.primary_key
    found = ["primary"] if primary is not None and column in primary.columns else []
    if any(u is not primary and column in u.columns for u in table.uniques):
        found.append("unique")
    found += [f"-> {f.parent}" for f in table.foreign_keys if column in f.columns]
    return ", ".join(dict.fromkeys(found))
