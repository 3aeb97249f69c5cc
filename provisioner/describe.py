"""What a source holds: tables, sizes, owners, privacy units, personal columns."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.engines import Reader, Source
from connectors.errors import EmptyDatabase
from connectors.profile import Profile, Split, TableProfile, TableSize, UnitPath
from connectors.schema import Column, Schema, Table, TableName
from generators.classes import Classes, table_classes
from generators.privacy.kinds import Classified
from generators.privacy.support import Support
from generators.privacy.units import Ways, unit_paths
from generators.relations.owners import Owners, choose_owners
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, silent

_LOOKED_AT = 1_000
_K = 11


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column of a source.

    Attributes:
        key: "primary", "unique", the table it references, or nothing.
        group: its class: key, personal, quasi, plain or unknown.
        personal: the kind of personal data that it seems to hold; None where it seems to hold none.
        null_fraction: share of rows without a value.
        distinct: number of distinct values; None where it was not asked for.
    """

    name: str
    type: str
    key: str
    group: str
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
    classes: Classes


def describe(
    source: Source,
    listen: Listener = silent,
    ways: Ways = MappingProxyType({}),
    *,
    distinct: bool = False,
) -> Description:
    """Describes a source; reads every table once to count, and 1,000 rows of each to classify.

    In `ways` a person tells by which keys tables lead to their units.

    Raises:
        EmptyDatabase: the source has no tables that may be read.
    """
    declared = source.schema()
    unreadable = source.unreadable(declared)
    schema = declared.without(frozenset(unreadable))
    if not schema.tables:
        raise EmptyDatabase("the source holds no tables to describe; expected at least one")
    facts = _facts(source, schema, ways, listen, distinct=distinct)
    lines = tuple(_table(schema.table(n), depth, facts) for n, depth in _as_trees(schema, facts))
    return Description(source.identity, lines, tuple(map(str, unreadable)))


def _facts(
    source: Source, schema: Schema, ways: Ways, listen: Listener, *, distinct: bool
) -> _Facts:
    began = time.monotonic()
    listen(StageStarted("describe", len(schema.tables), "tables"))
    sizes = source.sizes()
    paths = unit_paths(schema, sizes, ways=ways)
    profile = source.profile(schema, Split(paths, salt=0, holdout=0.0), distinct)
    classes = {}
    for table in schema.tables:
        classes[table.name] = _classes(source, table)
        listen(Advanced("describe", 1, str(table.name)))
    listen(StageFinished("describe", len(schema.tables), time.monotonic() - began))
    return _Facts(profile, paths, choose_owners(schema, profile, paths, _K), sizes, classes)


def _classes(source: Reader, table: Table) -> Mapping[str, Classified]:
    """The class of each column by name, type and up to 1,000 values, a row counting as a unit."""
    batches = list(source.read(table, _LOOKED_AT))
    expected = pa.schema([(c.name, arrow_type(c.datatype)) for c in table.written])
    rows = pa.Table.from_batches(batches) if batches else expected.empty_table()
    units = np.arange(len(rows), dtype=np.int64)
    return table_classes(table, rows, units, Support(_K), {})


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
    measured, found = profile.columns[column.name], facts.classes[table.name][column.name]
    return ColumnDescription(
        name=column.name,
        type=column.datatype.domain or column.datatype.sql,
        key=_key(table, column.name),
        group=found.group.value,
        personal=found.kind,
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
