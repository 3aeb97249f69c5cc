"""Checks of a table, of the domains its columns use and of its partitions; exclusions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from connectors.engines.postgresql.records import CheckRecord, ColumnRecord, ExclusionRecord
from connectors.engines.postgresql.relations import lifted
from connectors.engines.postgresql.types import TypeCatalog
from connectors.schema import Check, Exclusion, TableName, Unmodelled


def checks(found: Sequence[CheckRecord], root: int, leaves: frozenset[int]) -> tuple[Check, ...]:
    """The table's checks, and those that every one of its leaves declares.

    A check of only some leaves (often a copy of their bounds) does not hold for the table.
    """
    local = _local(found, root, leaves)
    shared = [record for record in found if record.sql not in local]
    return tuple(
        Check(r.name, r.sql, tuple(r.columns), r.validated)
        for r in lifted(shared, root, lambda record: record.sql)
    )


def local_checks(
    found: Sequence[CheckRecord], table: TableName, root: int, leaves: frozenset[int]
) -> Iterator[Unmodelled]:
    """Checks that hold in some leaves only."""
    local = _local(found, root, leaves)
    for record in lifted(found, root, lambda record: record.sql):
        if record.sql in local:
            why = "some partitions declare it, others do not"
            yield Unmodelled("check", f"{table} {record.name}", why)


def domain_checks(columns: Sequence[ColumnRecord], types: TypeCatalog) -> tuple[Check, ...]:
    """A check for every column that uses a domain and every check of that domain, over VALUE."""
    return tuple(
        Check(check.name, check.sql, (column.name,), check.validated)
        for column in columns
        for check in types.domain_checks(column.type)
    )


def element_checks(
    columns: Sequence[ColumnRecord], table: TableName, types: TypeCatalog
) -> Iterator[Unmodelled]:
    """Checks of the domains of an array's elements, which no check of a column can state."""
    for column in columns:
        for check in types.element_checks(column.type):
            why = "it holds for each element of an array"
            yield Unmodelled("check", f"{table} {column.name} {check.name}", why)


def exclusions(found: Sequence[ExclusionRecord], root: int) -> tuple[Exclusion, ...]:
    """The table's exclusion constraints, those of its partitions lifted to it."""
    kept = lifted(found, root, lambda record: record.sql)
    return tuple(Exclusion(record.name, record.sql) for record in kept)


def _local(found: Sequence[CheckRecord], root: int, leaves: frozenset[int]) -> set[str]:
    """The SQL of those checks that neither the table nor all of its leaves declare."""
    declaring: defaultdict[str, set[int]] = defaultdict(set)
    for record in found:
        declaring[record.sql].add(record.relation)
    return {sql for sql, where in declaring.items() if root not in where and not leaves <= where}
