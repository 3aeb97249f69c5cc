"""Triggers that fire find the keys that they need, and are named where they fail."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source, open_target
from connectors.errors import RefusedStatement
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.verify import verify

ORDERS = TableName("public", "orders")
EMPTY = frozenset({TableName("public", "stock"), TableName("public", "entry")})
UPSERT = """
    CREATE TABLE stock (item integer NOT NULL, sold integer NOT NULL);
    CREATE UNIQUE INDEX ON stock (item);
    CREATE TABLE entry (id integer, kind integer, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
    CREATE TABLE entry_of_one PARTITION OF entry FOR VALUES IN (1);
    CREATE TABLE orders (id integer PRIMARY KEY, item integer NOT NULL);
    CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO stock VALUES (new.item, 1)
            ON CONFLICT (item) DO UPDATE SET sold = stock.sold + 1;
        INSERT INTO entry VALUES (new.id, 1) ON CONFLICT (id, kind) DO NOTHING;
        RETURN new; END $$;
    INSERT INTO orders SELECT n, n % 10 FROM generate_series(1, 300) n;
    CREATE TRIGGER booked AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION book();
"""
REFUSING = """
    CREATE TABLE orders (id integer PRIMARY KEY, item integer NOT NULL);
    CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'item number %', new.item; END $$;
    INSERT INTO orders SELECT n, n % 10 FROM generate_series(1, 300) n;
    CREATE TRIGGER booked AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION book();
"""


def firing(
    url: str, script: str, path: Path, empty: frozenset[TableName] = frozenset()
) -> tuple[DatabaseModel, Plan]:
    """What was learned, with a plan in which the triggers of orders fire."""
    with psycopg.connect(url) as connection:
        connection.execute(script.encode())
    with open_source(url) as source:
        write_archive(learn(source, Learning()), path)
    model = read_archive(path)
    request = Request(fire=frozenset({ORDERS}), empty=empty)
    return model, plan(model, fingerprint(path), request)


def test_an_upsert_finds_the_keys_of_the_tables_that_it_fills(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    model, planned = firing(new_database(), UPSERT, tmp_path / "m", EMPTY)
    target = new_database()
    with open_target(target) as opened:
        load(model, planned, opened)
        assert verify(model, opened).passed
    with psycopg.connect(target) as connection:
        [(sold,)] = connection.execute("SELECT sum(sold) FROM stock").fetchall()
        [(entries,)] = connection.execute("SELECT count(*) FROM entry_of_one").fetchall()
    assert (sold, entries) == (300, 300)


def test_a_trigger_that_fails_is_named_with_its_table_and_no_value(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    model, planned = firing(new_database(), REFUSING, tmp_path / "m")
    with (
        open_target(new_database()) as opened,
        pytest.raises(RefusedStatement, match=r"orders, whose triggers fired \(booked\)") as found,
    ):
        load(model, planned, opened)
    assert "item number" not in str(found.value)
