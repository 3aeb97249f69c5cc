"""Foreign keys from and to generated columns hold, though nobody writes their values."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.errors import Infeasible
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

DECLARED = """
    CREATE TABLE part (id integer PRIMARY KEY);
    CREATE TABLE half (id integer PRIMARY KEY, a integer NOT NULL,
        b integer GENERATED ALWAYS AS (a / 2) STORED REFERENCES part);
    CREATE TABLE word (id text PRIMARY KEY);
    CREATE TABLE talk (id integer PRIMARY KEY, said text NOT NULL,
        meant text GENERATED ALWAYS AS (btrim(said)) STORED REFERENCES word);
    CREATE TABLE twin (id integer PRIMARY KEY, q integer,
        above integer GENERATED ALWAYS AS (q) STORED REFERENCES twin);
    CREATE TABLE triple (id integer PRIMARY KEY,
        three integer GENERATED ALWAYS AS (id * 3) STORED UNIQUE);
    CREATE TABLE led (three integer NOT NULL REFERENCES triple (three));
"""
FILLED = """
    INSERT INTO part SELECT generate_series(1, 100);
    INSERT INTO half SELECT i, 2 + (i * 7) % 190 FROM generate_series(1, 300) i;
    INSERT INTO triple SELECT generate_series(1, 50);
    INSERT INTO led SELECT 3 * (1 + i % 50) FROM generate_series(1, 200) i;
"""
UNMEETABLE = """
    CREATE TABLE word (id text PRIMARY KEY CHECK (id = lower(id)));
    CREATE TABLE shout (id integer, said text NOT NULL CHECK (said <> ''),
        loud text GENERATED ALWAYS AS (upper(said)) STORED REFERENCES word);
"""
OPAQUE = """
    CREATE FUNCTION opaque(a integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN RETURN a; END';
    CREATE TABLE part (id integer PRIMARY KEY);
    CREATE TABLE half (a integer, b integer GENERATED ALWAYS AS (opaque(a)) STORED REFERENCES part);
"""


def learned(url: str, script: str, path: Path) -> DatabaseModel:
    with psycopg.connect(url) as connection:
        connection.execute(script.encode())
    with open_source(url) as source:
        write_archive(learn(source, Learning()), path)
    return read_archive(path)


@pytest.mark.parametrize("script", [DECLARED, DECLARED + FILLED], ids=["cold", "learned"])
def test_what_the_database_computes_leads_to_rows(
    new_database: Callable[[], str], tmp_path: Path, script: str
) -> None:
    model = learned(new_database(), script, tmp_path / "m")
    planned = plan(model, fingerprint(tmp_path / "m"), Request(cold=200))
    with open_target(new_database()) as target:
        assert load(model, planned, target).rows >= 1000
        report = verify(model, target)
    assert report.passed, report.findings
    assert all(table.orphans == 0 for table in report.tables)


def test_verify_counts_the_orphans_of_a_generated_column(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    model, url = learned(new_database(), DECLARED, tmp_path / "m"), new_database()
    planned = plan(model, fingerprint(tmp_path / "m"), Request(cold=20))
    with open_target(url) as target:
        load(model, planned, target)
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE half DROP CONSTRAINT half_b_fkey")
            connection.execute("UPDATE half SET a = -9")
        orphans = {table.table: table.orphans for table in verify(model, target).tables}
    assert orphans["public.half"] == 20


def test_a_key_that_no_row_is_found_to_keep_is_named_before_the_first_row(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    model = learned(new_database(), UNMEETABLE, tmp_path / "m")
    planned = plan(model, fingerprint(tmp_path / "m"), Request(cold=20))
    with open_target(new_database()) as target:
        with pytest.raises(Infeasible, match="shout_loud_fkey"):
            load(model, planned, target)
        assert target.ledger() is None


def test_a_key_over_what_only_the_server_can_compute_is_named_by_the_plan(
    database: str, tmp_path: Path
) -> None:
    model = learned(database, OPAQUE, tmp_path / "m")
    found = plan(model, fingerprint(tmp_path / "m"), Request(cold=20)).findings
    assert [(f.kind, f.place) for f in found] == [
        ("left-to-server", "public.half half_b_fkey"),
        ("attacks", "model"),  # too few rows to tell
    ]
