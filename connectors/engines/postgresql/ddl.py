"""A PostgreSQL schema as statements that run one by one, read by pg_dump."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from connectors.ddl import DdlItem, Section
from connectors.embedded import binaries
from connectors.engines.postgresql.portable import without_vendor_options
from connectors.engines.postgresql.toc import Entry, entries
from connectors.errors import (
    BrokenDump,
    ConnectorError,
    MissingDatabase,
    MissingPrivilege,
    MissingTool,
    RefusedLogin,
    UnreachableServer,
    UnreadableTable,
)
from connectors.schema import TableName

SETTINGS = (
    "SET client_encoding = 'UTF8'",
    "SET standard_conforming_strings = on",
    "SET check_function_bodies = false",
    "SET xmloption = content",
    "SET row_security = off",
    "SELECT pg_catalog.set_config('search_path', '', false)",
)
"""What a session runs before the items: every name in them is qualified, and a function's body
may name a table that only a later item creates."""

_OPTIONS = (
    "--format=custom",
    "--schema-only",
    "--exclude-schema=provisioner",
    "--encoding=UTF8",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-security-labels",
    "--no-password",
    "--lock-wait-timeout=10000",
)
_PATIENCE = 1800
"""Seconds that pg_dump may take: its timeout for locks spares what it reads of the catalog, where
it would wait for ever behind a VACUUM FULL that waits for our own snapshot."""
_SETTINGS_OF_PG_DUMP = frozenset(
    {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}
)
# They hold passwords or addresses of other servers, or belong to the server and not the database.
_NEVER_TRAVEL = frozenset(
    {
        "ACL",
        "DEFAULT ACL",
        "EVENT TRIGGER",
        "FOREIGN DATA WRAPPER",
        "PUBLICATION",
        "PUBLICATION TABLE",
        "PUBLICATION TABLES IN SCHEMA",
        "SERVER",
        "SUBSCRIPTION",
        "SUBSCRIPTION TABLE",
        "USER MAPPING",
    }
)
# A body in dollar quotes may name a missing table until the function is called.
_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_SECTIONS = {2: Section.PRE_DATA, 4: Section.POST_DATA}
_REFUSED = "authentication failed|no password supplied|role .* does not exist|no pg_hba.conf entry"
_FAILURES: tuple[tuple[str, type[ConnectorError], str], ...] = (
    ("permission denied for (table|relation|view|sequence)", UnreadableTable, "exclude the table"),
    ("permission denied", MissingPrivilege, "grant the role what the server asks for"),
    (_REFUSED, RefusedLogin, "check the user and password"),
    ("database .* does not exist", MissingDatabase, "check the name in the URL"),
    ("lock timeout", BrokenDump, "try again when no ALTER TABLE or VACUUM FULL is running"),
    (
        "connection to server|could not translate host",
        UnreachableServer,
        "check the host and port in the URL",
    ),
)


def read_ddl(
    url: str,
    server_version: int,
    snapshot: str | None = None,
    without: frozenset[TableName] = frozenset(),
) -> tuple[DdlItem, ...]:
    """All that a database declares, numbered from 1 in an order in which it can run.

    Every item depends on items of lower numbers only. Run `SETTINGS` first. Owners, privileges
    and tablespaces are left out, and so is what may hold secrets (servers, user mappings,
    publications, subscriptions) or reach beyond the database (event triggers), with all that
    depends on it, foreign tables above all.

    Args:
        url: a libpq or SQLAlchemy URL; its password reaches pg_dump by the environment alone.
        server_version: the server's `server_version_num`, 150004 say.
        snapshot: the name of an exported snapshot to read in.
        without: tables to leave out with their indexes and partitions, with every foreign key,
            view, rule, policy and trigger whose statement names them, and what depends on those.

    Raises:
        MissingTool: no pg_dump is as new as the server.
        BrokenDump: pg_dump failed, or its output is not what its format promises.
        UnreachableServer, RefusedLogin, MissingDatabase, MissingPrivilege, UnreadableTable: as
            the server said.
    """
    tool, version = _pg_dump(server_version)
    command = [str(tool), *_OPTIONS, *_exclusions(without, version)]
    if snapshot is not None:
        command.append(f"--snapshot={snapshot}")
    return items(_dumped(command, url), without)


def items(archive: bytes, without: frozenset[TableName] = frozenset()) -> tuple[DdlItem, ...]:
    """The items of a custom-format archive, as `read_ddl` answers them.

    Raises:
        BrokenDump: the bytes are no whole archive of a readable version.
    """
    found = entries(archive)
    kept = _kept(found, without)
    numbers = {entry.number: number for number, (entry, _) in enumerate(kept, 1)}
    return tuple(_item(entry, section, numbers) for entry, section in kept)


def ordered(unordered: tuple[DdlItem, ...]) -> tuple[DdlItem, ...]:
    """Items in a running order, whatever order a filter or a set has left them in."""
    return tuple(sorted(unordered, key=lambda item: item.number))


def _pg_dump(server_version: int) -> tuple[Path, int]:
    """The bundled pg_dump where it is new enough, else the one on PATH; and its major version."""
    needed = server_version // 10000
    seen = []
    for tool in _candidates():
        version = _major_version(tool)
        if version >= needed:
            return tool, version
        seen.append(f"{tool.name} {version}")
    raise MissingTool(
        f"the server is PostgreSQL {needed} and needs a pg_dump at least as new; found "
        f"{', '.join(seen) or 'none'}: install postgresql-client-{needed} and put it on PATH"
    )


def _candidates() -> Iterator[Path]:
    with contextlib.suppress(MissingTool):
        yield binaries() / "pg_dump"
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path)


def _major_version(tool: Path) -> int:
    """The major version a tool states; 0 where it does not run."""
    command = [str(tool), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - asks a tool its version
    number = re.search(r"\d+", said.stdout)
    return int(number.group()) if number else 0


def _exclusions(without: frozenset[TableName], version: int) -> list[str]:
    """Patterns in double quotes, in which pg_dump takes every sign but the quote literally."""
    option = "--exclude-table-and-children" if version >= 16 else "--exclude-table"
    return [f"{option}={_quoted(t.schema)}.{_quoted(t.name)}" for t in sorted(without)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _dumped(command: list[str], url: str) -> bytes:
    address, secrets = _split_secrets(url)
    try:
        done = subprocess.run(  # noqa: S603 - pg_dump, with arguments and no shell
            [*command, f"--dbname={address}"],
            env={**os.environ, "LC_ALL": "C", **secrets},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise BrokenDump(
            f"pg_dump took more than {_PATIENCE} s and was stopped; another session may hold a "
            "lock on the catalog: try again when no ALTER TABLE or VACUUM FULL is running"
        ) from None
    if done.returncode != 0:
        raise _failure(done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def _split_secrets(url: str) -> tuple[str, dict[str, str]]:
    """The address without its secrets, which any user may read from the list of processes."""
    parts = conninfo_to_dict(re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", url))
    password = parts.pop("password", None)
    parts.pop("sslpassword", None)  # libpq reads it from nowhere else: use a key without one
    address = make_conninfo("", **parts)
    return address, {} if password is None else {"PGPASSWORD": str(password)}


def _failure(code: int, said: str) -> ConnectorError:
    words = " / ".join(said.strip().splitlines()[-4:]) or "nothing"
    for pattern, error, advice in _FAILURES:
        if re.search(pattern, said):
            return error(f"pg_dump could not read the schema: {words}; {advice}")
    return BrokenDump(f"pg_dump ended with code {code} and said: {words}")


def _kept(found: tuple[Entry, ...], without: frozenset[TableName]) -> list[tuple[Entry, Section]]:
    """The entries that travel; one without a section of its own runs in that of the one before."""
    section = Section.PRE_DATA
    dropped: set[int] = set()
    kept = []
    for entry in found:
        section = _SECTIONS.get(entry.section, section)
        if _is_dropped(entry, without) or not dropped.isdisjoint(entry.depends_on):
            dropped.add(entry.number)
        elif not _is_given(entry):
            kept.append((entry, section))
    return kept


def _is_dropped(entry: Entry, without: frozenset[TableName]) -> bool:
    """Whether an entry stays behind, and all that depends on it."""
    if entry.kind in _NEVER_TRAVEL:
        return True
    if entry.kind == "COMMENT":
        return False  # its text may mention any table; it goes with the object it describes
    statement = _BODY.sub("", entry.statement)
    return any(re.search(_mention(table), statement) for table in without)


def _mention(table: TableName) -> str:
    """A pattern of a table's qualified name, quoted or not, and of no longer name around it."""
    schema, name = (
        f"(?:{re.escape(part)}|{re.escape(_quoted(part))})" for part in (table.schema, table.name)
    )
    return rf'(?<![\w$".]){schema}\.{name}(?![\w$"])'


def _is_given(entry: Entry) -> bool:
    """Whether a fresh database has the thing already, or the entry says nothing at all."""
    statement = re.sub(r"^\s*--.*$", "", entry.statement, flags=re.MULTILINE).strip()
    public = entry.kind == "SCHEMA" and entry.tag == "public"
    extension_comment = entry.kind == "COMMENT" and entry.tag.startswith("EXTENSION ")
    return not statement or public or extension_comment or entry.kind in _SETTINGS_OF_PG_DUMP


def _item(entry: Entry, section: Section, numbers: dict[int, int]) -> DdlItem:
    own = numbers[entry.number]
    # pg_dump has cut every circle of dependencies; what still points forward was such a cut.
    earlier = sorted({numbers[n] for n in entry.depends_on if numbers.get(n, own) < own})
    return DdlItem(
        number=own,
        section=section,
        kind=entry.kind,
        schema=entry.schema,
        name=entry.tag,
        statement=without_vendor_options(entry.statement, entry.kind).strip(),
        depends_on=tuple(earlier),
    )
