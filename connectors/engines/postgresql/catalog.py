"""Introspection of a PostgreSQL database: what it declares, and how large its tables are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from connectors.engines.postgresql import records
from connectors.engines.postgresql.behind import left_behind
from connectors.engines.postgresql.checks import (
    checks,
    domain_checks,
    element_checks,
    exclusions,
    local_checks,
)
from connectors.engines.postgresql.keys import (
    foreign_keys,
    indexes,
    uniques,
    unusable_foreign_keys,
    unusable_indexes,
)
from connectors.engines.postgresql.records import read_records
from connectors.engines.postgresql.relations import Found, RelationCatalog, read_relations
from connectors.engines.postgresql.types import TypeCatalog, read_types
from connectors.profile import TableSize
from connectors.schema import (
    Column,
    ForeignKey,
    Schema,
    Sequence,
    SqlFunction,
    Table,
    TableName,
    Unmodelled,
)


def read_schema(connection: Connection) -> Schema:
    """All that the users of a database declare, without what belongs to extensions.

    PostgreSQL's own catalog is the one source of every fact: it knows more than the SQL
    standard's views, and a handful of queries cover the whole database. Names in expressions and
    types are qualified and literals are spelled alike, whatever the connection's settings.

    Args:
        connection: inside a transaction, which may be read-only; not in autocommit mode.
    """
    with _one_spelling(connection):
        catalog = _read_catalog(connection)
        functions = read_records(connection, records.FunctionRecord, records.FUNCTIONS)
        oddities = read_records(connection, records.OddityRecord, records.ODDITIES)
        behind = set(left_behind(connection))
    tables = catalog.relations.tables
    unmodelled = {
        *(_oddity(record) for record in oddities),
        *(lost for table in tables for lost in _unmodelled(table, catalog)),
    }
    return Schema(
        tables=tuple(_table(table, catalog) for table in tables),
        sequences=_sequences(catalog),
        functions=tuple(
            SqlFunction(f.name, tuple(f.parameters), f.sql, f.strict) for f in functions
        ),
        unmodelled=_in_order(unmodelled),
        left_out=_in_order(behind),
    )


def _in_order(found: Iterable[Unmodelled]) -> tuple[Unmodelled, ...]:
    return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.why)))


def read_sizes(connection: Connection) -> Mapping[TableName, TableSize]:
    """The estimated size of every table; a partitioned table is the sum of its leaves."""
    relations = read_relations(connection)
    sizes = relations.by_table(
        read_records(connection, records.SizeRecord, records.SIZES, relations.oids)
    )
    return {
        relations.name(table.oid): _size(sizes.get(table.oid, [])) for table in relations.tables
    }


# What decides how the server prints a name or a literal.
_SPELLING = {
    "search_path": "",
    "quote_all_identifiers": "off",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
}


@contextmanager
def _one_spelling(connection: Connection) -> Iterator[None]:
    """Makes the server qualify every name and print literals alike, whatever its settings.

    An error aborts the transaction, and with it go these settings: there is nothing to restore.
    """
    ask = text("select current_setting(:name)")
    before = {name: connection.scalar(ask, {"name": name}) for name in _SPELLING}
    _set_in_transaction(connection, _SPELLING)
    yield
    _set_in_transaction(connection, before)


def _set_in_transaction(connection: Connection, settings: Mapping[str, str | None]) -> None:
    order = text("select set_config(:name, :value, true)")
    connection.execute(order, [{"name": n, "value": v} for n, v in settings.items()])


@dataclass(frozen=True, slots=True)
class _Catalog:
    """The catalog's records, each list by the oid of the table that it concerns."""

    relations: RelationCatalog
    types: TypeCatalog
    columns: Mapping[int, list[records.ColumnRecord]]
    not_nulls: Mapping[int, list[records.NotNullRecord]]
    indexes: Mapping[int, list[records.IndexRecord]]
    foreign_keys: Mapping[int, list[records.ForeignKeyRecord]]
    checks: Mapping[int, list[records.CheckRecord]]
    exclusions: Mapping[int, list[records.ExclusionRecord]]
    triggers: Mapping[int, list[records.TriggerRecord]]
    sequences: Mapping[int, list[records.SequenceRecord]]
    generated: frozenset[tuple[TableName, str]]


def _read_catalog(connection: Connection) -> _Catalog:
    relations = read_relations(connection)
    tables = [table.oid for table in relations.tables]

    def of_all(record: Callable[..., Found], query: str) -> dict[int, list[Found]]:
        return relations.by_table(read_records(connection, record, query, relations.oids))

    columns = read_records(connection, records.ColumnRecord, records.COLUMNS, tables)
    return _Catalog(
        relations=relations,
        types=read_types(connection),
        columns=relations.by_table(columns),
        not_nulls=of_all(records.NotNullRecord, records.NOT_NULLS),
        indexes=of_all(records.IndexRecord, records.INDEXES),
        foreign_keys=of_all(records.ForeignKeyRecord, records.FOREIGN_KEYS),
        checks=of_all(records.CheckRecord, records.CHECKS),
        exclusions=of_all(records.ExclusionRecord, records.EXCLUSIONS),
        triggers=of_all(records.TriggerRecord, records.TRIGGERS),
        sequences=of_all(records.SequenceRecord, records.SEQUENCES),
        generated=frozenset((relations.name(c.relation), c.name) for c in columns if c.generated),
    )


def _table(table: records.RelationRecord, catalog: _Catalog) -> Table:
    oid, relations = table.oid, catalog.relations
    columns = catalog.columns.get(oid, [])
    own_checks = checks(catalog.checks.get(oid, []), oid, relations.leaves(oid))
    keys = foreign_keys(catalog.foreign_keys.get(oid, []), oid, relations)
    computed = tuple(key for key in keys if _is_computed(key, catalog.generated))
    return Table(
        name=relations.name(oid),
        columns=_columns(oid, catalog),
        uniques=uniques(catalog.indexes.get(oid, []), oid),
        foreign_keys=tuple(key for key in keys if key not in computed),
        computed_keys=computed,
        checks=own_checks + domain_checks(columns, catalog.types),
        exclusions=exclusions(catalog.exclusions.get(oid, []), oid),
        indexes=indexes(catalog.indexes.get(oid, [])),
        partitioned_by=table.partitioned_by,
        partitions=relations.partitions(oid),
        inherits=relations.inherits(table),
        triggers=tuple(dict.fromkeys(found.name for found in catalog.triggers.get(oid, []))),
    )


def _is_computed(key: ForeignKey, generated: frozenset[tuple[TableName, str]]) -> bool:
    own = ((key.table, column) for column in key.columns)
    others = ((key.parent, column) for column in key.parent_columns)
    return not generated.isdisjoint([*own, *others])


def _columns(oid: int, catalog: _Catalog) -> tuple[Column, ...]:
    """The table's columns; one that a partition or a domain declares NOT NULL is not nullable."""
    not_null = {found.name for found in catalog.not_nulls.get(oid, [])}
    return tuple(
        _column(found, catalog.types, is_not_null=found.name in not_null)
        for found in catalog.columns.get(oid, [])
    )


_IDENTITIES = {"a": "ALWAYS", "d": "BY DEFAULT"}


def _column(found: records.ColumnRecord, types: TypeCatalog, *, is_not_null: bool) -> Column:
    domains = types.domains(found.type)
    defaults = [d.default for d in domains if d.default is not None]
    default = found.expression or (defaults[-1] if defaults else None)
    return Column(
        name=found.name,
        datatype=types.column_type(found.type, found.sql, found.dimensions),
        nullable=not (is_not_null or any(domain.not_null for domain in domains)),
        default=None if found.generated else default,
        generated=found.expression if found.generated else None,
        identity=_IDENTITIES.get(found.identity),
    )


def _sequences(catalog: _Catalog) -> tuple[Sequence, ...]:
    found = {
        Sequence(TableName(r.schema, r.name), catalog.relations.name(root), r.column)
        for root, of_table in catalog.sequences.items()
        for r in of_table
    }
    return tuple(sorted(found, key=lambda s: (s.name, s.table, s.column)))


def _unmodelled(table: records.RelationRecord, catalog: _Catalog) -> Iterator[Unmodelled]:
    oid, relations = table.oid, catalog.relations
    name, found = relations.name(oid), catalog.checks.get(oid, [])
    yield from unusable_indexes(catalog.indexes.get(oid, []), name)
    yield from unusable_foreign_keys(catalog.foreign_keys.get(oid, []), name, relations)
    yield from local_checks(found, name, oid, relations.leaves(oid))
    yield from element_checks(catalog.columns.get(oid, []), name, catalog.types)


_ODDITIES = {
    "composite type": "its values travel as literals, which are made field by field",
    "materialized view": "its rows follow from its query; a load refreshes it at its end",
    "rule": "it rewrites statements on its table; COPY passes it by",
}


def _oddity(found: records.OddityRecord) -> Unmodelled:
    return Unmodelled(found.kind, f"{found.schema}.{found.name}", _ODDITIES[found.kind])


def _size(found: list[records.SizeRecord]) -> TableSize:
    return TableSize(round(sum(r.rows for r in found)), sum(r.bytes for r in found))
