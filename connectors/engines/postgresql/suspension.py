"""What slows or blocks a load into tables that are already there: recorded, and dropped.

Indexes, unique, exclusion and foreign keys and triggers come back by the statements that pg_dump
writes for them, with their comments, their partitions' parts and their settings. Primary keys
stay, since views and tables of others may lean on them, and so do checks, which cost little.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from connectors.ddl import DdlItem, Section
from connectors.engines.postgresql.connection import told
from connectors.engines.postgresql.ddl import read_ddl
from connectors.engines.postgresql.units import relation
from connectors.schema import Table

Session = psycopg.Connection[tuple[object, ...]]

_PARTS = """
WITH own AS (
    SELECT c.oid FROM unnest(%s::text[], %s::text[]) AS t(schema, name)
    JOIN pg_namespace n ON n.nspname = t.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
), filled AS (
    SELECT oid FROM own
    UNION SELECT p.relid FROM own, pg_partition_tree(own.oid) AS p
), parts AS (
    SELECT 1 AS rank, 'FK CONSTRAINT' AS kind, con.conrelid AS relation, con.conname AS name,
        true AS in_table, format('ALTER TABLE %%s DROP CONSTRAINT %%I', con.conrelid::regclass,
            con.conname) AS drop, 0::oid AS space
    FROM pg_constraint con
    WHERE con.contype = 'f' AND con.conparentid = 0
        AND (con.conrelid IN (SELECT oid FROM filled) OR con.confrelid IN (SELECT oid FROM filled))
    UNION ALL
    SELECT 2, 'TRIGGER', t.tgrelid, t.tgname, true,
        CASE WHEN coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0'
            THEN format('DROP TRIGGER %%I ON %%s', t.tgname, t.tgrelid::regclass) END, 0
    FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT oid FROM filled)
    UNION ALL
    SELECT 3, 'CONSTRAINT', con.conrelid, con.conname, true,
        CASE WHEN con.conparentid = 0 THEN format('ALTER TABLE %%s DROP CONSTRAINT %%I',
            con.conrelid::regclass, con.conname) END, i.reltablespace
    FROM pg_constraint con JOIN pg_class i ON i.oid = con.conindid
    WHERE con.contype IN ('u', 'x') AND con.conrelid IN (SELECT oid FROM filled)
    UNION ALL
    SELECT 4, 'INDEX', i.indexrelid, c.relname, false,
        CASE WHEN NOT c.relispartition
            THEN format('DROP INDEX %%s', i.indexrelid::regclass) END, c.reltablespace
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisprimary AND i.indrelid IN (SELECT oid FROM filled)
        AND NOT EXISTS (SELECT FROM pg_constraint con WHERE con.conindid = i.indexrelid
            AND con.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 5, 'INDEX ATTACH', i.indexrelid, c.relname, false, NULL, 0
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relispartition
    WHERE NOT i.indisprimary AND i.indrelid IN (SELECT oid FROM filled)
)
SELECT p.kind, n.nspname::text, CASE WHEN p.in_table THEN c.relname || ' ' ELSE '' END || p.name,
    p.drop, s.spcname::text
FROM parts p JOIN pg_class c ON c.oid = p.relation JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_tablespace s ON s.oid = p.space
ORDER BY p.rank, 2, 3
"""
_RANKS = ("CONSTRAINT", "INDEX", "INDEX ATTACH", "FK CONSTRAINT", "TRIGGER", "COMMENT")


@dataclass(frozen=True, slots=True)
class _Part:
    """A catalog object, named as pg_dump names it.

    Attributes:
        drop: the statement that drops it; None where it goes with the part of a whole table.
        tablespace: an index's own one.
    """

    kind: str
    schema: str
    name: str
    drop: str | None
    tablespace: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.schema, self.name


def locked(session: Session, tables: Sequence[Table]) -> None:
    """Keeps others from changing tables until the transaction ends; they may still be read.

    Locks that others do not let go of are an error after some time, not a wait without end, since
    whoever comes later would wait behind us.
    """
    session.execute("SET LOCAL lock_timeout = '30s'")
    if tables:
        names = sql.SQL(", ").join(map(relation, tables))
        session.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))


def suspended(session: Session, url: str, tables: Sequence[Table]) -> tuple[DdlItem, ...]:
    """Drops what slows a load into tables; answers the statements that create it again, in order.

    What something else leans on (a function with a body of parsed SQL, say) stays as it is. Runs
    in a transaction that holds the tables' locks, so that pg_dump sees what is dropped.
    """
    with told("reading what the load would slow down on"):
        parts = _parts(session, tables)
        items = read_ddl(url, session.info.server_version) if parts else ()
        known = {_key(item) for item in items}
        _drop(session, [p for p in parts if p.key in known and p.drop is not None])
        left = {p.key for p in _parts(session, tables)}
    gone = {p.key: p for p in parts if p.key in known and p.key not in left}
    return tuple(_with_comments(items, gone))


def restored(*dropped: Iterable[DdlItem]) -> Iterator[DdlItem]:
    """Items of several dumps in an order in which they can run: keys after what they stand on."""
    together = [item for items in dropped for item in items]
    yield from sorted(together, key=lambda item: (_RANKS.index(item.kind), item.number))


def _parts(session: Session, tables: Sequence[Table]) -> list[_Part]:
    schemas, names = [t.name.schema for t in tables], [t.name.name for t in tables]
    found = session.execute(_PARTS.encode(), (schemas, names)).fetchall()
    return [_Part(*row) for row in found]  # type: ignore[arg-type] # texts, as the query says


def _drop(session: Session, parts: Sequence[_Part]) -> None:
    for part in parts:
        try:
            with session.transaction():
                session.execute((part.drop or "").encode())
        except psycopg.errors.DependentObjectsStillExist:
            continue


def _with_comments(
    items: Sequence[DdlItem], gone: dict[tuple[str, str, str], _Part]
) -> Iterator[DdlItem]:
    numbers: set[int] = set()
    for item in items:
        part = gone.get(_key(item))
        if part is not None:
            numbers.add(item.number)
            yield replace(item, statement=_in_tablespace(item.statement, part), depends_on=())
        elif item.kind == "COMMENT" and not numbers.isdisjoint(item.depends_on):
            yield replace(item, section=Section.POST_DATA, depends_on=())


def _key(item: DdlItem) -> tuple[str, str, str]:
    return item.kind, item.schema, item.name


def _in_tablespace(statement: str, part: _Part) -> str:
    """The statement, run where the index was: pg_dump keeps a tablespace beside it."""
    if part.tablespace is None:
        return statement
    space = sql.Identifier(part.tablespace).as_string(None)
    return f"SET LOCAL default_tablespace = {space}; {statement} RESET default_tablespace;"
