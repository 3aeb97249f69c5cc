"""Primary keys, uniques and foreign keys of a table, those of its partitions lifted to it."""

from collections.abc import Iterator, Sequence

from connectors.engines.postgresql.records import ForeignKeyRecord, IndexRecord
from connectors.engines.postgresql.relations import RelationCatalog, lifted
from connectors.schema import ForeignKey, Index, TableName, Unique, Unmodelled

_ACTIONS = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}


def uniques(found: Sequence[IndexRecord], root: int) -> tuple[Unique, ...]:
    """The table's unique keys, the primary key first.

    A key that only partitions declare is lifted to the table: rows that keep it over the whole
    table keep it in each partition. Of several primary keys of partitions, the first stays one.
    """
    usable = [record for record in found if record.unique and record.valid and not record.temporal]
    kept = lifted(usable, root, _key)
    primary = next((record for record in kept if record.primary), None)
    return tuple(_unique(record, primary=record is primary) for record in kept)


def indexes(found: Sequence[IndexRecord]) -> tuple[Index, ...]:
    """The indexes of a table and of its partitions that no constraint owns."""
    return tuple(Index(r.name, r.sql) for r in found if not r.constraint and not r.temporal)


def unusable_indexes(found: Sequence[IndexRecord], table: TableName) -> Iterator[Unmodelled]:
    """Unique indexes that promise nothing about the rows that are stored."""
    for record in found:
        if record.unique and not record.valid:
            why = "it was not built to its end, so its key may be stored twice"
            yield Unmodelled("index", f"{table} {record.name}", why)


def foreign_keys(
    found: Sequence[ForeignKeyRecord], root: int, relations: RelationCatalog
) -> tuple[ForeignKey, ...]:
    """The table's foreign keys; one to a partition has the partitioned table as its parent.

    A key that only some partitions declare is lifted to the table. A lifted key counts as
    validated where every declaration of it is.
    """

    def link(record: ForeignKeyRecord) -> tuple[object, ...]:
        parent = relations.table(record.parent)
        return tuple(record.columns), parent, tuple(record.parent_columns)

    usable = [r for r in found if relations.table(r.parent) is not None and not r.temporal]
    doubtful = {link(record) for record in usable if not record.validated}
    kept = lifted(usable, root, link)
    return tuple(_foreign_key(r, relations, validated=link(r) not in doubtful) for r in kept)


def unusable_foreign_keys(
    found: Sequence[ForeignKeyRecord], table: TableName, relations: RelationCatalog
) -> Iterator[Unmodelled]:
    """Foreign keys that the schema leaves out or states more broadly than they are declared."""
    for record in found:
        why = _what_is_lost(record, relations)
        if why is not None:
            yield Unmodelled("foreign key", f"{table} {record.name}", why)


def _what_is_lost(record: ForeignKeyRecord, relations: RelationCatalog) -> str | None:
    if record.temporal:
        return "it references a PERIOD, not equal values"
    if relations.table(record.parent) is None:
        return "its parent is no table of this schema: it belongs to an extension"
    if relations.roots[record.parent] != record.parent:
        leaf = relations.name(record.parent)
        return f"its parent is the partition {leaf}; it is read as a key to the whole table"
    return None


def _key(record: IndexRecord) -> tuple[object, ...]:
    return tuple(record.columns), tuple(record.expressions), record.predicate


def _unique(record: IndexRecord, *, primary: bool) -> Unique:
    return Unique(
        name=record.name,
        columns=tuple(record.columns),
        primary=primary,
        expressions=tuple(record.expressions),
        predicate=record.predicate,
        nulls_distinct=record.nulls_distinct,
        deferrable=record.deferrable,
        constraint=record.constraint,
    )


def _foreign_key(
    record: ForeignKeyRecord, relations: RelationCatalog, *, validated: bool
) -> ForeignKey:
    return ForeignKey(
        name=record.name,
        table=relations.name(relations.roots[record.relation]),
        columns=tuple(record.columns),
        parent=relations.name(relations.roots[record.parent]),
        parent_columns=tuple(record.parent_columns),
        deferrable=record.deferrable,
        match_full=record.match_full,
        on_delete=_ACTIONS.get(record.on_delete, "NO ACTION"),
        on_update=_ACTIONS.get(record.on_update, "NO ACTION"),
        validated=validated,
        operators=tuple(record.operators) if set(record.operators) - {"="} else (),
    )
