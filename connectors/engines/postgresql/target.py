"""Fills a PostgreSQL test database: schema, rows and the ledger of what is done."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial

import psycopg
import pyarrow as pa
from psycopg import sql

from connectors.batch import Batch
from connectors.ddl import DdlItem, Section
from connectors.engines import Ledger, Mark, Refusal, nothing
from connectors.engines.postgresql.connection import connected, told
from connectors.engines.postgresql.ddl import SETTINGS
from connectors.engines.postgresql.pilot import refusals
from connectors.engines.postgresql.portable import as_understood
from connectors.engines.postgresql.reader import PostgresqlReader
from connectors.engines.postgresql.remembering import DROPPED, LEDGER
from connectors.engines.postgresql.sending import send
from connectors.engines.postgresql.sequences import advance, put_back, record
from connectors.engines.postgresql.suspension import locked, restored, suspended
from connectors.engines.postgresql.units import relation
from connectors.errors import BusyTarget, Deadlock, ForeignLoad, NotEmptyTarget, RefusedRow
from connectors.schema import Schema, Table, TableName

_LOCK, _WRITERS = 0x70726F76, 0x70726F77
_ATTEMPTS = 10
_PAUSE = 0.1
_DEADLOCKS = 10
# Sorts of indexes and joins of keys are done in memory where that is enough; a session's own
# setting, which any role may change, and which stays where it is larger.
_MEMORY = (
    "SELECT pg_catalog.set_config('maintenance_work_mem', greatest(268435456,"
    " pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem'))) / 1024"
    " || 'kB', false)"
)
# From here on a server can look whether its client lives while a statement runs, so that the index
# build of a killed run ends soon.
_NOTICES_DEATH = 140_000
_OTHERS = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%%'
    AND n.nspname <> 'information_schema'
    AND (n.nspname::text, c.relname::text) NOT IN (
        SELECT * FROM unnest(%s::text[], %s::text[]))
    AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
ORDER BY c.oid
"""
_TABLES = (
    "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname NOT IN ('information_schema', 'provisioner')"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    " WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2 LIMIT 1"
)


@contextmanager
def filling(url: str) -> Iterator["PostgresqlTarget"]:
    """A target, locked against a second run for as long as it is open.

    Raises:
        BusyTarget: another run holds the lock.
    """
    with connected(url) as connection:
        target = PostgresqlTarget(url, connection)
        if not target.is_locked():
            raise BusyTarget("another run is filling this target; wait for it or stop it")
        target.settle_in()
        with closing(target):
            yield target


@contextmanager
def joining(url: str, fingerprint: str) -> Iterator["PostgresqlTarget"]:
    """A writer in a session of its own, for the load that holds the lock.

    Raises:
        ForeignLoad: the target holds no load of the plan with this fingerprint.
    """
    with connected(url) as connection:
        target = PostgresqlTarget(url, connection)
        target.settle_in()
        target.join(fingerprint)
        with closing(target):
            yield target


class PostgresqlTarget(PostgresqlReader):
    """See `connectors.engines.Target`."""

    def settle_in(self) -> None:
        """Makes the session read statements as pg_dump means them."""
        with told("settling in"):
            self.session.execute("SET client_min_messages = warning")
            self.session.execute(_MEMORY.encode())
            if self.session.info.server_version >= _NOTICES_DEATH:
                with suppress(psycopg.Error):  # not every platform can tell
                    self.session.execute("SET client_connection_check_interval = '2s'")
            for setting in SETTINGS:
                self.session.execute(setting.encode())

    def is_locked(self) -> bool:
        """Locks the target for as long as the session lasts; False where another run holds it.

        A run that has just ended holds its lock until the server has seen its sessions go, those
        of its writers too: these share a second lock, which is free while there are none.
        """
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE if attempt else 0)
            if self._on("pg_try_advisory_lock", _LOCK) and self._on(
                "pg_try_advisory_lock", _WRITERS
            ):
                return self._on("pg_advisory_unlock", _WRITERS)
        return False

    def join(self, fingerprint: str) -> None:
        """Shares the lock of writers for as long as the session lasts.

        Raises:
            ForeignLoad: the target holds no load of the plan with this fingerprint.
        """
        self._on("pg_advisory_lock_shared", _WRITERS)
        ledger = self.ledger()
        if ledger is None or ledger.fingerprint != fingerprint:
            raise ForeignLoad("the load that this worker belongs to is gone; begin it again")

    def _on(self, function: str, lock: int) -> bool:
        """Calls a function on an advisory lock."""
        query = sql.SQL("SELECT {}({})").format(
            sql.Identifier("pg_catalog", function), sql.Literal(lock)
        )
        return bool(self.one(query, "locking the target")[0])

    def ledger(self) -> Ledger | None:
        """See `Target`."""
        query = sql.SQL("SELECT pg_catalog.to_regclass('provisioner.plan') IS NOT NULL")
        if not self.one(query, "looking for a ledger")[0]:
            return None
        with told("reading the ledger"):
            fingerprint, plan, finished = self.one(
                sql.SQL("SELECT fingerprint, plan, finished_at IS NOT NULL FROM provisioner.plan"),
                "reading the ledger",
            )
            marks = self.session.execute("SELECT tree, shard FROM provisioner.shard").fetchall()
            steps = self.session.execute("SELECT number FROM provisioner.step").fetchall()
        return Ledger(
            str(fingerprint),
            str(plan),
            frozenset(Mark(int(str(t)), int(str(s))) for t, s in marks),
            frozenset(int(str(n)) for (n,) in steps),
            bool(finished),
            self._dropped(),
        )

    def _dropped(self) -> tuple[DdlItem, ...] | None:
        """What the load dropped; the table is there only where it found a schema."""
        query = sql.SQL("SELECT pg_catalog.to_regclass('provisioner.dropped') IS NOT NULL")
        if not self.one(query, "reading the ledger")[0]:
            return None
        with told("reading the ledger"):
            found = self.session.execute(
                "SELECT number, kind, schema, name, statement FROM provisioner.dropped ORDER BY 1"
            ).fetchall()
        return tuple(
            DdlItem(int(str(n)), Section.POST_DATA, str(kind), str(schema), str(name), str(text))
            for n, kind, schema, name, text in found
        )

    def begin(
        self,
        fingerprint: str,
        plan: str,
        items: Sequence[DdlItem],
        judge: Callable[[], None] = nothing,
    ) -> None:
        """See `Target`."""
        with told("looking for tables in the target"):
            found = self.session.execute(_TABLES).fetchone()
        if found is not None:
            raise NotEmptyTarget(
                f"the target holds tables, {found[0]}.{found[1]} for one; expected an empty "
                "database: name another one, or empty it yourself"
            )
        with self._transaction():
            self._open_ledger(fingerprint, plan)
            for item in items:
                self._run(item)
            judge()

    def pilot(self, batch: Batch, table: Table) -> tuple[Refusal, ...]:
        """See `Target`."""
        with told(f"trying rows of {table.name}"):
            return refusals(self.session, table, batch.rows, partial(send, self.session))

    def adopt(
        self,
        fingerprint: str,
        plan: str,
        filled: Sequence[Table],
        sequences: Collection[TableName] = (),
    ) -> None:
        """See `Target`."""
        with self._transaction(), told("preparing the tables"):
            locked(self.session, filled)
            self._check_empty(filled)
            dropped = suspended(self.session, self.url, filled)
            self._open_ledger(fingerprint, plan)
            record(self.session, sequences)
            self._note_dropped(dropped)

    def extend(self, fingerprint: str, plan: str, filled: Sequence[Table]) -> None:
        """See `Target`."""
        with self._transaction(), told("preparing the tables"):
            locked(self.session, filled)
            dropped = suspended(self.session, self.url, filled)
            self.session.execute(
                "UPDATE provisioner.plan SET fingerprint = %s, plan = %s, finished_at = NULL",
                (fingerprint, plan),
            )
            self.session.execute("DELETE FROM provisioner.step")
            self.session.execute("DROP TABLE IF EXISTS provisioner.dropped")
            self._note_dropped(dropped)

    def _note_dropped(self, items: Sequence[DdlItem]) -> None:
        """Writes what comes back after the rows into the ledger."""
        self.session.execute(DROPPED.encode())
        with self.session.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO provisioner.dropped VALUES (%s, %s, %s, %s, %s)",
                [(i.number, i.kind, i.schema, i.name, i.statement) for i in items],
            )

    def abandon(self, filled: Sequence[Table], missing: Sequence[DdlItem] = ()) -> None:
        """See `Target`."""
        ledger = self.ledger()
        found = (ledger.dropped if ledger else None) or ()
        pending = [i for i in found if ledger is None or i.number not in ledger.steps]
        with self._transaction(), told("taking back a load"):
            locked(self.session, filled)
            again = suspended(self.session, self.url, filled)
            if filled:
                names = sql.SQL(", ").join(map(relation, filled))
                self.session.execute(sql.SQL("TRUNCATE {}").format(names))
            for item in (*restored(pending, again), *missing):
                self._run(item)
            put_back(self.session)
            self.session.execute("DROP SCHEMA provisioner CASCADE")
        tuple(self._stale_views())

    def _check_empty(self, tables: Sequence[Table]) -> None:
        """Refuses tables that hold rows, all by name."""
        found = []
        for table in tables:
            query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(relation(table))
            if self.one(query, f"looking for rows of {table.name}")[0]:
                found.append(str(table.name))
        if found:
            raise NotEmptyTarget(
                f"the target holds rows in {', '.join(found)}; expected empty tables: empty them "
                f"yourself, or let their rows stay with {' '.join(f'--keep {n}' for n in found)}"
            )

    def _open_ledger(self, fingerprint: str, plan: str) -> None:
        with told("creating the ledger"):
            self.session.execute(LEDGER.encode())
            self.session.execute(
                "INSERT INTO provisioner.plan (fingerprint, plan) VALUES (%s, %s)",
                (fingerprint, plan),
            )

    def write(self, batches: Iterator[Batch], schema: Schema, mark: Mark) -> int:
        """See `Target`."""
        rows = 0
        with self._transaction():
            if not self._is_free(mark):
                return 0
            # Triggers that fire may name things as sessions of their own database do.
            self.session.execute("SET LOCAL search_path TO DEFAULT")
            for batch in batches:
                self._copy(schema.table(batch.table), batch.rows)
                rows += batch.rows.num_rows
            with told("marking a shard"):
                self.session.execute(
                    "UPDATE provisioner.shard SET rows = %s WHERE tree = %s AND shard = %s",
                    (rows, mark.tree, mark.shard),
                )
        return rows

    def _is_free(self, mark: Mark) -> bool:
        """Takes a shard before its rows are sent, once no other session is about to commit it."""
        with told("marking a shard"):
            taken = self.session.execute(
                "INSERT INTO provisioner.shard (tree, shard, rows) VALUES (%s, %s, 0)"
                " ON CONFLICT DO NOTHING",
                (mark.tree, mark.shard),
            )
        return taken.rowcount == 1

    def finish_step(self, item: DdlItem) -> None:
        """See `Writer`."""
        for attempt in range(_DEADLOCKS + 1):
            try:
                with self._transaction():
                    self._run(item)
                    with told("marking a step"):
                        self.session.execute(
                            "INSERT INTO provisioner.step (number) VALUES (%s)", (item.number,)
                        )
            except Deadlock:
                if attempt == _DEADLOCKS:
                    raise
            else:
                return

    def collect(self, table: TableName) -> None:
        """See `Writer`."""
        place = sql.Identifier(table.schema, table.name)
        with told(f"collecting statistics of {table}"):
            self.session.execute(sql.SQL("VACUUM (ANALYZE) {}").format(place))

    def cancel(self) -> None:
        """See `Writer`."""
        with suppress(psycopg.Error):  # what is gone needs no end
            self.session.cancel()

    def settle(self, schema: Schema, collected: Collection[TableName] = ()) -> tuple[str, ...]:
        """See `Target`."""
        with self._transaction():
            advance(self.session, schema)
        stale = tuple(self._stale_views())
        with told("collecting statistics"):
            names = [t.schema for t in collected], [t.name for t in collected]
            others = self.session.execute(_OTHERS.encode(), names).fetchall()
        for place in others:
            self.collect(TableName(*map(str, place)))
        with told("marking the end"):
            self.session.execute("UPDATE provisioner.plan SET finished_at = now()")
        return stale

    def _stale_views(self) -> Iterator[str]:
        """Refreshes materialised views, the oldest first; yields those that the rows do not fit."""
        query = (
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'm' ORDER BY c.oid"
        )
        with told("listing materialised views"):
            views = self.session.execute(query).fetchall()
        for schema, name in views:
            refresh = sql.SQL("REFRESH MATERIALIZED VIEW {}").format(
                sql.Identifier(str(schema), str(name))
            )
            try:
                with told("refreshing a materialised view"):
                    self.session.execute(refresh)
            except RefusedRow:
                yield f"{schema}.{name}"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with told("writing to the target"), self.session.transaction():
            yield

    def _run(self, item: DdlItem) -> None:
        with told(f"creating {item.kind.lower()} {item.name}"):
            version = self.session.info.server_version
            self.session.execute(as_understood(item.statement, item.kind, version).encode())

    def _copy(self, table: Table, rows: pa.RecordBatch) -> None:
        firing = self._firing(table)
        fired = f", whose triggers fired ({firing})" if firing else ""
        with told(f"loading {table.name}{fired}"):
            send(self.session, table, rows)

    def _firing(self, table: Table) -> str:
        """The names of the user's triggers that see rows of a table; empty for none."""
        query = sql.SQL(
            "SELECT coalesce(string_agg(tgname::text, ', ' ORDER BY tgname), '')"
            " FROM pg_catalog.pg_trigger WHERE tgrelid = {}::pg_catalog.regclass"
            " AND NOT tgisinternal AND tgenabled IN ('O', 'A')"
        ).format(sql.Literal(sql.Identifier(table.name.schema, table.name.name).as_string(None)))
        return str(self.one(query, f"reading the triggers of {table.name}")[0])
