"""A schema read by pg_dump runs statement by statement, and gives the same schema again."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.ddl import DdlItem, Section
from connectors.embedded import binaries
from connectors.engines.postgresql import ddl
from connectors.engines.postgresql.ddl import SETTINGS, items, ordered, read_ddl
from connectors.engines.postgresql.portable import as_understood, without_vendor_options
from connectors.engines.postgresql.target import filling
from connectors.engines.postgresql.toc import entries
from connectors.errors import (
    BrokenDump,
    MissingDatabase,
    MissingTool,
    UnreachableServer,
    UnreadableTable,
)
from connectors.schema import TableName

_EVERY_OBJECT = Path(__file__).parents[1] / "databases" / "every_object.sql"
_NEWEST = 180000
_UNTRAVELLED = {"PUBLICATION", "PUBLICATION TABLE", "FOREIGN DATA WRAPPER", "SERVER"}


@pytest.fixture
def full(database: str) -> str:
    """A database with one of each kind of object."""
    with psycopg.connect(database) as connection:
        connection.execute(_EVERY_OBJECT.read_bytes())
    return database


def _replay(url: str, found: Iterable[DdlItem]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in SETTINGS:
            connection.execute(setting)
        for item in found:
            connection.execute(item.statement.encode())


def _dump(url: str, form: str = "plain") -> bytes:
    command = [str(binaries() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", url]
    return subprocess.run(
        [*command, f"--format={form}"], check=True, capture_output=True, timeout=60
    ).stdout


def _comparable(url: str) -> str:
    """A plain dump without pg_dump's random keys and column options that stock servers refuse."""
    text = re.sub(r"^\\(un)?restrict .*$", "", _dump(url).decode(), flags=re.MULTILINE)
    return without_vendor_options(text, "TABLE")  # a test of its own holds it


def _without_foreign_things(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP PUBLICATION feed; DROP FOREIGN DATA WRAPPER elsewhere CASCADE")


def test_every_object_replayed_one_by_one_gives_an_identical_dump(
    full: str, new_database: Callable[[], str]
) -> None:
    found = read_ddl(full, _NEWEST)
    target = new_database()
    _replay(target, found)
    _without_foreign_things(full)
    assert _comparable(target) == _comparable(full)


def test_nothing_before_the_rows_depends_on_anything_after_them(full: str) -> None:
    found = read_ddl(full, _NEWEST)
    sections = [item.section for item in found]
    assert sections == sorted(sections, key=[Section.PRE_DATA, Section.POST_DATA].index)
    late = {item.kind for item in found if item.section is Section.POST_DATA}
    assert {"INDEX", "FK CONSTRAINT", "TRIGGER", "COMMENT"} <= late


def test_items_are_numbered_in_an_order_in_which_they_run(full: str) -> None:
    found = read_ddl(full, _NEWEST)
    assert [item.number for item in found] == list(range(1, len(found) + 1))
    assert all(number < item.number for item in found for number in item.depends_on)
    assert any(item.depends_on for item in found)
    assert ordered(found[::-1]) == found


def test_what_holds_secrets_stays_behind_with_all_that_needs_it(full: str) -> None:
    found = read_ddl(full, _NEWEST)
    assert _UNTRAVELLED.isdisjoint(item.kind for item in found)
    assert {"far_away", "near_far"}.isdisjoint(item.name for item in found)
    assert not any("secret.invalid" in item.statement for item in found)


def test_a_table_left_out_takes_along_what_names_it(
    full: str, new_database: Callable[[], str]
) -> None:
    gone = frozenset({TableName("sales", "customer"), TableName("sales", "note")})
    found = read_ddl(full, _NEWEST, without=gone)
    names = {item.name for item in found}
    assert {"customer", "spending", "big_spenders", "ranking", "loud_note"}.isdisjoint(names)
    assert {"orders", "orders_2024", "player", "stamp()"} <= names
    _replay(new_database(), found)


def test_a_table_left_out_by_an_awkward_name_takes_no_other_along(full: str) -> None:
    odd = TableName('Odd "Schema"; --', 'select * FROM "x".*?')
    kept = {item.name for item in read_ddl(full, _NEWEST, without=frozenset({odd}))}
    every = {item.name for item in read_ddl(full, _NEWEST)}
    assert every - kept == {
        odd.name,
        f"{odd.name} {odd.name}_pkey",
        'TABLE "select * FROM ""x"".*?"',
    }


def test_an_exported_snapshot_hides_what_came_later(database: str) -> None:
    with psycopg.connect(database) as first, psycopg.connect(database) as second:
        first.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(first.execute("SELECT pg_export_snapshot()").fetchall()[0][0])
        second.execute("CREATE TABLE late (id integer)")
        second.commit()
        assert read_ddl(database, _NEWEST, snapshot) == ()
    assert [item.name for item in read_ddl(database, _NEWEST)] == ["late"]


def test_a_locked_catalog_ends_in_an_error_and_not_in_waiting_for_ever(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ddl, "_PATIENCE", 2)
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE pg_catalog.pg_ts_template IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(BrokenDump, match="more than 2 s"):
            read_ddl(database, _NEWEST)


def test_the_password_is_no_argument_of_pg_dump(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = tmp_path / "pg_dump"
    real, seen = binaries() / "pg_dump", tmp_path / "seen"
    recorder.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >>{seen}\n'
        f'printf "%s" "$PGPASSWORD" >{seen}.password\nexec {real} "$@"\n'
    )
    recorder.chmod(0o755)
    monkeypatch.setattr(ddl, "binaries", lambda: tmp_path)
    parts = urlsplit(database)
    login = f"{parts.username or 'postgres'}:open%40sesame@{parts.netloc.rpartition('@')[2]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PGPASSWORD", raising=False)
        read_ddl(parts._replace(scheme="postgresql+psycopg", netloc=login).geturl(), _NEWEST)
    arguments = seen.read_text()
    assert "--schema-only" in arguments
    assert "sesame" not in arguments
    assert Path(f"{seen}.password").read_text() == "open@sesame"


def test_a_server_newer_than_every_pg_dump_is_refused_by_the_tools_name() -> None:
    with pytest.raises(MissingTool, match="install postgresql-client-99"):
        read_ddl("postgresql:///nowhere", 990000)


def test_a_missing_database_and_a_missing_server_are_told_apart(database: str) -> None:
    parts = urlsplit(database)
    with pytest.raises(MissingDatabase):
        read_ddl(parts._replace(path="/no_such_database").geturl(), _NEWEST)
    with pytest.raises(UnreachableServer):
        read_ddl("postgresql://nobody@127.0.0.1:1/nothing", _NEWEST)


def test_an_unreadable_table_is_named(database: str) -> None:
    role = f"reader_{os.getpid()}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE hidden (id integer)")
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        try:
            parts = urlsplit(database)
            login = f"{role}@{parts.netloc.rpartition('@')[2]}"
            with pytest.raises(UnreadableTable, match="hidden"):
                read_ddl(parts._replace(netloc=login).geturl(), _NEWEST)
        finally:
            connection.execute(f"DROP ROLE {role}".encode())


def test_column_options_of_one_vendor_are_dropped_and_known_ones_kept(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE t (a integer, b integer)")
        connection.execute("ALTER TABLE t ALTER COLUMN a SET (n_distinct = -0.5)")
        connection.execute("ALTER TABLE t ALTER COLUMN b SET (n_distinct = -0.25)")
    archive = _dump(database, "custom").replace(b"n_distinct=-0.25", b"vendor_own=12345")
    (table,) = items(archive)
    assert "SET (n_distinct=-0.5);" in table.statement
    assert "vendor_own" not in table.statement


@pytest.fixture
def small(database: str) -> bytes:
    """The archive of a database with one table and its key."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    return _dump(database, "custom")


_INHERITED = """CREATE TABLE public.child (
    id integer DEFAULT 'a,
    NOT NULL id,
',
    note text,
    CONSTRAINT "own ""name" NOT NULL "Key" NO INHERIT,
    NOT NULL id
)
INHERITS (public.parent);
"""


def test_an_older_server_gets_the_not_null_of_an_inherited_column_as_an_alteration() -> None:
    text = as_understood(_INHERITED, "TABLE", 170000)
    assert "note text\n)" in text
    assert "    NOT NULL id,\n'" in text
    assert 'ALTER TABLE ONLY public.child ALTER COLUMN "Key" SET NOT NULL;' in text
    assert text.endswith("ALTER TABLE ONLY public.child ALTER COLUMN id SET NOT NULL;")


def test_a_newer_server_gets_the_not_null_of_an_inherited_column_with_its_name() -> None:
    assert as_understood(_INHERITED, "TABLE", 180000) == _INHERITED


def test_a_child_whose_key_is_inherited_is_created_on_the_server_at_hand(
    new_database: Callable[[], str],
) -> None:
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute(
            "CREATE TABLE up (id int); CREATE TABLE down (PRIMARY KEY (id)) INHERITS (up)"
        )
    with filling(target) as opened:
        opened.begin("fingerprint", "{}", read_ddl(source, _NEWEST))
        opened.session.execute("DROP SCHEMA provisioner CASCADE")
    assert _comparable(target) == _comparable(source)


def test_an_archive_cut_anywhere_is_broken(small: bytes) -> None:
    assert [entry.kind for entry in entries(small)][-2:] == ["TABLE", "CONSTRAINT"]
    for cut in range(len(small)):
        with pytest.raises(BrokenDump):
            entries(small[:cut])


def test_bytes_after_the_last_entry_are_refused(small: bytes) -> None:
    with pytest.raises(BrokenDump, match="1 bytes after its"):
        entries(small + b"\0")


def test_a_version_of_the_future_is_named_in_the_refusal(small: bytes) -> None:
    with pytest.raises(BrokenDump, match=r"version 1\.99; readable are 1\.14"):
        entries(small[:6] + bytes([99]) + small[7:])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused_but_never_crashes(
    small: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(small) - 1))
    damaged = small[:place] + data.draw(st.binary(min_size=1, max_size=6)) + small[place + 1 :]
    try:
        found = items(damaged)
    except BrokenDump:
        return
    assert all(number < item.number for item in found for number in item.depends_on)


def _text(value: str | None) -> bytes:
    if value is None:
        return b"\1" + (1).to_bytes(4, "little")
    return _integer(len(value.encode())) + value.encode()


def _integer(value: int) -> bytes:
    return b"\0" + value.to_bytes(4, "little")


def _archive(minor: int) -> bytes:
    """One table's entry as the pg_dump of each archive version lays it out."""
    compression = b"\1" if minor >= 15 else _integer(0)
    header = b"PGDMP" + bytes([1, minor, 0, 4, 8, 1]) + compression + _integer(9) * 7
    names = b"".join(_text(name) for name in ("shop", "15.1", "15.1"))
    start = b"".join(_text(text) for text in ("1259", "16384", "öl", "TABLE"))
    middle = b"".join(_text(text) for text in ("CREATE TABLE", "DROP", None, "public", "", "heap"))
    relkind = _integer(ord("r")) if minor >= 16 else b""
    end = b"".join(_text(text) for text in ("owner", "false", "3", None)) + bytes(9)
    entry = _integer(7) + _integer(0) + start + _integer(2) + middle + relkind + end
    return header + names + _integer(1) + entry


@pytest.mark.parametrize("minor", [14, 15, 16])
def test_the_layout_of_each_readable_version_is_known(minor: int) -> None:
    (entry,) = entries(_archive(minor))
    assert (entry.number, entry.tag, entry.kind, entry.section) == (7, "öl", "TABLE", 2)
    assert (entry.statement, entry.schema, entry.depends_on) == ("CREATE TABLE", "public", (3,))
