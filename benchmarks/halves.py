"""Which half of a database each row belongs to: every row goes where its root entity goes.

The walk reads pg_catalog itself and knows nothing of the product, so that no choice of the
product's (owners, units, sampling) can flatter the product's figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

TRAIN, HOLDOUT, BOTH = 1, 2, 3

_TABLES = """
SELECT c.oid::int8, n.nspname, c.relname, c.relkind = 'p', ARRAY(
    SELECT a.attname::text FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY AS u(number, i)
        JOIN pg_attribute a ON true
    WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attrelid = c.oid AND a.attnum = u.number
    ORDER BY u.i)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'provisioner')
ORDER BY 2, 3
"""
# Partitions may declare their keys one by one: any partition's key counts as the table's.
_KEYS = """
SELECT coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid)::int8,
    coalesce(pg_partition_root(k.confrelid)::oid, k.confrelid)::int8, columns, parents
FROM pg_constraint k, LATERAL (
    SELECT array_agg(a.attname::text ORDER BY u.i) AS columns,
        array_agg(b.attname::text ORDER BY u.i) AS parents
    FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(child, parent, i)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.child
        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.parent) AS names
WHERE k.contype = 'f' AND k.conparentid = 0
GROUP BY 1, 2, 3, 4 ORDER BY min(k.conname)
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds rows of its own: partitions count as their root."""

    oid: int
    schema: str
    name: str
    partitioned: bool
    key: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name without the schema `public`, as files and options have it."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def relation(self) -> sql.Composable:
        """The table as a FROM item; a parent by inheritance is read without its children."""
        name = sql.Identifier(self.schema, self.name)
        return name if self.partitioned else sql.SQL("ONLY {}").format(name)

    @property
    def half(self) -> sql.Composable:
        """The temporary table with its rows and the column "split side"."""
        return sql.Identifier(f"split_{self.oid}")


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key between two tables, by label."""

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """Tables by label, and the foreign keys between them."""

    tables: dict[str, Table]
    keys: tuple[Key, ...]

    def reached(self, roots: Sequence[str]) -> set[str]:
        """The roots and every table that leads to one through foreign keys."""
        found = set(roots)
        while more := {k.table for k in self.keys if k.parent in found} - found:
            found |= more
        return found


def walk(connection: psycopg.Connection[Any]) -> Walk:
    """Reads tables and foreign keys."""
    found = connection.execute(_TABLES.encode()).fetchall()
    tables = {
        oid: Table(oid, schema, name, partitioned, tuple(key))
        for oid, schema, name, partitioned, key in found
    }
    keys = tuple(
        Key(tables[table].label, tuple(columns), tables[parent].label, tuple(parents))
        for table, parent, columns, parents in connection.execute(_KEYS.encode()).fetchall()
        if table in tables and parent in tables
    )
    return Walk({t.label: t for t in tables.values()}, keys)


def assign(
    connection: psycopg.Connection[Any], found: Walk, roots: Sequence[str], hubs: Sequence[str] = ()
) -> None:
    """Makes the temporary tables `Table.half`, with each row's half as the bits "split side".

    Rows of a root are put in the order of a hash of their key, and every second one is held
    out. A row of a table that a root reaches goes where all rows it references are; one that
    references none of them goes by a hash of its own; one whose references lie in different
    halves goes nowhere (0), and neither do the rows below it. Rows of `hubs`, and whatever these
    reference, are in both halves, and so are tables that no root reaches.

    Raises:
        LookupError: a root or a hub is no table of the database.
    """
    for name in (*roots, *hubs):
        if name not in found.tables:
            raise LookupError(f"no table {name}; expected one of {', '.join(found.tables)}")
    reached = found.reached(roots)
    for label, table in found.tables.items():
        side = _first_side(found, table, roots, reached)
        order = sql.SQL(
            "CREATE TEMP TABLE {} AS SELECT t.*, t.tableoid AS {}, t.ctid AS {}, ({})::int AS {},"
            " {}::bool AS {} FROM {} AS t"
        ).format(
            table.half,
            *map(sql.Identifier, ("split oid", "split tid")),
            side,
            sql.Identifier("split side"),
            sql.Literal(label in hubs),
            sql.Identifier("split hub"),
            table.relation,
        )
        connection.execute(order)
        connection.execute(sql.SQL("ANALYZE {}").format(table.half))
    _share(connection, found, hubs)
    _narrow(connection, found, reached)


def forget(connection: psycopg.Connection[Any], found: Walk) -> None:
    """Drops the temporary tables."""
    for table in found.tables.values():
        connection.execute(sql.SQL("DROP TABLE {}").format(table.half))


def counts(connection: psycopg.Connection[Any], found: Walk) -> dict[str, tuple[int, ...]]:
    """Rows of each table in neither half, only in train, only in holdout, and in both."""
    rows = {}
    for label, table in found.tables.items():
        query = sql.SQL("SELECT {0}, count(*) FROM {1} GROUP BY {0}").format(
            sql.Identifier("split side"), table.half
        )
        sides = dict(connection.execute(query).fetchall())
        rows[label] = tuple(sides.get(side, 0) for side in (0, TRAIN, HOLDOUT, BOTH))
    return rows


def dangling(connection: psycopg.Connection[Any], found: Walk, half: int) -> int:
    """References of one half whose row is not in it."""
    return sum(_dangling(connection, found, key, half) for key in found.keys)


def keep(connection: psycopg.Connection[Any], found: Walk, half: int) -> None:
    """Deletes from the database all rows that are not of one half; triggers stay silent.

    The order of the deletions breaks foreign keys in between; `dangling` tells that none is
    broken in the end. Needs a superuser.
    """
    connection.execute("SET LOCAL session_replication_role = replica")
    for table in found.tables.values():
        order = sql.SQL(
            "DELETE FROM {} AS t USING {} AS h WHERE t.tableoid = h.{} AND t.ctid = h.{}"
            " AND h.{} & {} = 0"
        ).format(
            table.relation,
            table.half,
            *map(sql.Identifier, ("split oid", "split tid", "split side")),
            sql.Literal(half),
        )
        connection.execute(order)


def _first_side(
    found: Walk, table: Table, roots: Sequence[str], reached: set[str]
) -> sql.Composable:
    if table.label not in reached:
        return sql.Literal(BOTH)
    key: sql.Composable = sql.SQL("t")
    if table.key:
        key = sql.SQL("ROW({})").format(sql.SQL(", ").join(map(_of("t"), table.key)))
    own = sql.SQL("1 + row_number() OVER (ORDER BY md5({}::text)) % 2").format(key)
    if table.label in roots:
        return own
    led = [
        _present(k)
        for k in found.keys
        if k.table == table.label and k.parent in reached and k.parent != table.label
    ]
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
        sql.SQL(" OR ").join(led), sql.Literal(BOTH), own
    )


def _present(key: Key) -> sql.Composable:
    tests = [sql.SQL("{} IS NOT NULL").format(_of("t")(c)) for c in key.columns]
    return sql.SQL("({})").format(sql.SQL(" AND ").join(tests))


def _share(connection: psycopg.Connection[Any], found: Walk, hubs: Sequence[str]) -> None:
    """Puts hubs and all rows above them into both halves."""
    flag, side = sql.Identifier("split hub"), sql.Identifier("split side")
    for label in hubs:
        order = sql.SQL("UPDATE {} SET {} = {}").format(
            found.tables[label].half, side, sql.Literal(BOTH)
        )
        connection.execute(order)
    moved = bool(hubs)
    while moved:
        moved = False
        for key in found.keys:
            order = sql.SQL(
                "UPDATE {} AS p SET {} = true, {} = {} FROM {} AS t WHERE {} AND t.{} AND NOT p.{}"
            ).format(
                found.tables[key.parent].half,
                *(flag, side, sql.Literal(BOTH)),
                found.tables[key.table].half,
                *(_matches(key), flag, flag),
            )
            moved |= connection.execute(order).rowcount > 0


def _narrow(connection: psycopg.Connection[Any], found: Walk, reached: set[str]) -> None:
    """Takes each row out of the halves where a row it references is not."""
    keys = [k for k in found.keys if k.table in reached and k.parent in reached]
    side, moved = sql.Identifier("split side"), True
    while moved:
        moved = False
        for key in keys:
            order = sql.SQL(
                "UPDATE {} AS t SET {} = t.{} & p.{} FROM {} AS p WHERE {} AND t.{} & p.{} <> t.{}"
            ).format(
                found.tables[key.table].half,
                *(side, side, side),
                found.tables[key.parent].half,
                *(_matches(key), side, side, side),
            )
            moved |= connection.execute(order).rowcount > 0


def _dangling(connection: psycopg.Connection[Any], found: Walk, key: Key, half: int) -> int:
    side = sql.Identifier("split side")
    query = sql.SQL(
        "SELECT count(*) FROM {} AS t WHERE t.{} & {} <> 0 AND {} AND NOT EXISTS"
        " (SELECT FROM {} AS p WHERE {} AND p.{} & {} <> 0)"
    ).format(
        found.tables[key.table].half,
        *(side, sql.Literal(half), _present(key)),
        found.tables[key.parent].half,
        *(_matches(key), side, sql.Literal(half)),
    )
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _matches(key: Key) -> sql.Composable:
    pairs = zip(key.columns, key.parent_columns, strict=True)
    tests = [sql.SQL("{} = {}").format(_of("t")(c), _of("p")(p)) for c, p in pairs]
    return sql.SQL(" AND ").join(tests)


def _of(alias: str) -> Callable[[str], sql.Composable]:
    """Qualifies a column by the alias of its row."""
    return lambda column: sql.Identifier(alias, column)
