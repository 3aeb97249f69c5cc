"""Asks PostgreSQL's planner what it knows of the rows, and how it would answer a query."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from connectors.engines.postgresql.connection import told
from connectors.errors import ConnectorError, MissingTool
from connectors.planner import ColumnStatistics, PlanNode, Query, TableStatistics
from connectors.schema import Schema, TableName

Session = psycopg.Connection[tuple[object, ...]]

# A partitioned table has statistics of its own, and its bytes in its partitions. Maps of free space
# and of visibility come with vacuum, whenever that is, and hold no row.
_TABLES = """
SELECT n.nspname, c.relname, c.reltuples::float8, (
    SELECT sum(pg_catalog.pg_relation_size(l.oid)
        + coalesce(pg_catalog.pg_relation_size(nullif(l.reltoastrelid, 0)), 0))::bigint
    FROM pg_catalog.pg_class AS l
    WHERE l.oid = c.oid
        OR l.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t WHERE t.isleaf))
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
"""
_INDEXES = """
SELECT n.nspname, t.relname, c.relname, pg_catalog.pg_relation_size(c.oid)
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace WHERE c.relkind = 'i'
"""
# Of a parent by inheritance, as of any plain table, the rows of its own.
_COLUMNS = """
SELECT s.schemaname, s.tablename, s.attname, s.null_frac, s.n_distinct, s.most_common_freqs,
    s.correlation
FROM pg_catalog.pg_stats AS s JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE s.inherited = (c.relkind = 'p')
"""
_COUNTING = """
SELECT n.nspname FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'
"""
# What asks for the catalog is no query of the user's; others' texts are shown to few roles.
_COUNTED = """
SELECT s.query FROM {} AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE d.datname = pg_catalog.current_database() AND s.query ~* '^[[:space:](]*(select|with)'
    AND s.query !~* '\\mpg_|information_schema'
GROUP BY s.query ORDER BY pg_catalog.sum(s.total_exec_time) DESC LIMIT {}
"""
# A prepared statement outlives its transaction, and one that ends in an error.
_PREPARED = "SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE name = 'provisioner'"
_MARKS = ("Join Type", "Strategy", "Partial Mode", "Scan Direction")
_PLAIN = frozenset({"Inner", "Plain", "Simple", "Forward"})


def statistics(session: Session, schema: Schema) -> Mapping[TableName, TableStatistics]:
    """What the planner knows of each table of a schema that is there."""
    with told("reading the planner's statistics"):
        tables, indexes, columns = (_all(session, q) for q in (_TABLES, _INDEXES, _COLUMNS))
    wanted = {table.name for table in schema.tables}
    return {
        name: TableStatistics(
            round(rows),
            int(size or 0),
            dict(_of(name, indexes)),
            {column: _column(*known) for column, *known in _of(name, columns)},
        )
        for *place, rows, size in tables
        if (name := TableName(*place)) in wanted
    }


def _all(session: Session, query: str) -> list[tuple[Any, ...]]:
    return session.execute(query.encode()).fetchall()


def _of(name: TableName, found: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    place = name.schema, name.name
    return (tuple(rest) for schema, table, *rest in found if (schema, table) == place)


def _column(
    null_frac: float, n_distinct: float, common: list[float] | None, correlation: float | None
) -> ColumnStatistics:
    return ColumnStatistics(null_frac, n_distinct, tuple(common or ()), correlation)


def explained(session: Session, query: Query) -> PlanNode | ConnectorError:
    """The plan of a query, which is not run; why there is none where the server refuses it.

    The server sees to it that nothing is written, and takes no second statement: it is sent by
    the extended protocol, as what asks for a binary answer always is.
    """
    asked = _generic if query.parameters else _special
    try:
        with told(f"planning the query {query.name!r}"), _reading(session):
            return _node(asked(session, query)[0][0][0]["Plan"])
    except ConnectorError as error:
        return error


def _special(session: Session, query: Query) -> list[tuple[Any, ...]]:
    """The plan for the literals of a query."""
    asked = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(sql.SQL(query.sql))
    return session.execute(asked, binary=True).fetchall()


def _generic(session: Session, query: Query) -> list[tuple[Any, ...]]:
    """The plan for whatever values; before PostgreSQL 16 a prepared statement alone has one."""
    session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    if session.execute(_PREPARED).fetchone():
        session.execute("DEALLOCATE provisioner")
    session.execute(sql.SQL("PREPARE provisioner AS {}").format(sql.SQL(query.sql)), binary=True)
    values = sql.SQL(", ").join([sql.SQL("NULL")] * query.parameters)
    asked = sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE provisioner ({})").format(values)
    return session.execute(asked, binary=True).fetchall()


def counted_statements(session: Session, most: int) -> tuple[str, ...]:
    """Texts of the SELECTs that took most time; see `Source`."""
    with told("reading what pg_stat_statements counts"):
        place = session.execute(_COUNTING.encode()).fetchone()
    if place is None:
        raise MissingTool(
            "the source has no pg_stat_statements; CREATE EXTENSION pg_stat_statements in it, or "
            "give a file of SELECTs"
        )
    asked = sql.SQL(_COUNTED).format(sql.Identifier(str(place[0]), "pg_stat_statements"), most)
    with told("reading what pg_stat_statements counts"):
        return tuple(str(text) for (text,) in session.execute(asked).fetchall())


@contextmanager
def _reading(session: Session) -> Iterator[None]:
    """A part of a transaction in which nothing is written and names mean what they mean to users.

    In a snapshot that is a savepoint, which an error leaves intact.
    """
    with session.transaction(force_rollback=True):
        session.execute("SET LOCAL transaction_read_only = on")
        session.execute("SET LOCAL search_path TO DEFAULT")
        yield


def _node(found: Mapping[str, Any]) -> PlanNode:
    marks = (str(found[mark]) for mark in _MARKS if found.get(mark) not in {None, *_PLAIN})
    return PlanNode(
        " ".join((str(found["Node Type"]), *marks)),
        str(found.get("Relation Name", "")),
        str(found.get("Index Name", "")),
        float(found["Plan Rows"]),
        tuple(_node(below) for below in found.get("Plans", ())),
    )
