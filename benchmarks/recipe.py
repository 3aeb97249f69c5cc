"""The best recipe for filling a schema from files: what a load is measured against.

Tables are created; each is emptied and filled by COPY FREEZE from a binary file in one transaction,
then indexes, then foreign keys, several sessions at a time, and VACUUM (ANALYZE) at the end.
Nothing is drawn, encoded or sent: the server reads files of its own machine.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from connectors.ddl import DdlItem, Section
from connectors.engines.postgresql.ddl import SETTINGS
from connectors.schema import Schema, Table, TableName

_MEMORY = "SET maintenance_work_mem = '256MB'"


@dataclass(frozen=True, slots=True)
class Source:
    """What the recipe fills a database from.

    Attributes:
        files: a file of each table, in the server's binary form.
        sessions: how many work at a time.
    """

    schema: Schema
    ddl: tuple[DdlItem, ...]
    files: Mapping[TableName, Path]
    sessions: int


def unloaded(url: str, schema: Schema, folder: Path) -> dict[TableName, Path]:
    """Writes each table of a database to a file that the server's own user may read."""
    folder.chmod(0o755)
    files = {t.name: folder / f"{number}.bin" for number, t in enumerate(schema.tables)}
    with psycopg.connect(url, autocommit=True) as connection:
        for table in schema.tables:
            with files[table.name].open("wb") as file, connection.cursor() as cursor:
                order = sql.SQL("COPY {} {} TO STDOUT (FORMAT binary)").format(*_place(table))
                with cursor.copy(order) as copy:
                    file.writelines(copy)
            files[table.name].chmod(0o644)
    return files


def followed(url: str, source: Source) -> dict[str, float]:
    """Fills an empty database; the seconds of each phase, by name."""
    post = [item for item in source.ddl if item.section is Section.POST_DATA]
    keys = [item for item in post if item.kind == "FK CONSTRAINT"]
    indexes = [item for item in post if item.kind in {"CONSTRAINT", "INDEX"}]
    rest = [item for item in post if item not in keys and item not in indexes]
    seconds: dict[str, float] = {}
    with _timed(seconds, "create"), _session(url) as session:
        _run(session, (item for item in source.ddl if item.section is Section.PRE_DATA))
    with _timed(seconds, "copy"):
        _together(url, source.sessions, [_copying(source, t) for t in _by_size(source)])
    with _timed(seconds, "indexes"):
        _together(url, source.sessions, [_running(item) for item in indexes])
    with _timed(seconds, "keys"):
        _together(url, source.sessions, [_running(item) for item in keys])
    with _timed(seconds, "vacuum"), _session(url) as session:
        _run(session, rest)
        session.execute("VACUUM (ANALYZE)")
    return seconds


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - start


@contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as session:
        for setting in (*SETTINGS, _MEMORY):
            session.execute(setting.encode())
        yield session


def _run(session: psycopg.Connection, items: Iterable[DdlItem]) -> None:
    for item in items:
        session.execute(item.statement.encode())


def _together(
    url: str, sessions: int, jobs: Sequence[Callable[[psycopg.Connection], None]]
) -> None:
    """Runs jobs in several sessions; the server orders those that want the same lock."""

    def run(job: Callable[[psycopg.Connection], None]) -> None:
        with _session(url) as session:
            job(session)

    with ThreadPoolExecutor(sessions) as pool:
        list(pool.map(run, jobs))


def _by_size(source: Source) -> list[Table]:
    """The tables, the largest first, so that none is waited for alone at the end."""
    sizes = {name: file.stat().st_size for name, file in source.files.items()}
    return sorted(source.schema.tables, key=lambda table: -sizes[table.name])


def _copying(source: Source, table: Table) -> Callable[[psycopg.Connection], None]:
    def copy(session: psycopg.Connection) -> None:
        name, columns = _place(table)
        file = sql.Literal(str(source.files[table.name]))
        order = sql.SQL("COPY {} {} FROM {} (FORMAT binary, FREEZE)").format(name, columns, file)
        with session.transaction():
            session.execute(sql.SQL("TRUNCATE {}").format(name))
            session.execute(order)

    return copy


def _running(item: DdlItem) -> Callable[[psycopg.Connection], None]:
    return lambda session: _run(session, [item])


def _place(table: Table) -> tuple[sql.Composable, sql.Composable]:
    columns = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.written)
    return sql.Identifier(table.name.schema, table.name.name), sql.SQL("({})").format(columns)
