"""A learned shop is provisioned: valid, repeatable, resumable, and verified by what can fail."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest
from psycopg import sql
from querying import query

from connectors.ddl import DdlItem
from connectors.engines import open_source, open_target
from connectors.errors import (
    EmptyDatabase,
    ForeignLoad,
    LostConnection,
    NotEmptyTarget,
    UnreadableTable,
)
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.carrying import Carrying, Subset
from provisioner.errors import SameDatabase, Unprovable, WrongRequest
from provisioner.events import Advanced, Event, StageFinished, StageStarted
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan, read_plan
from provisioner.report import Report, Severity
from provisioner.request import Request
from provisioner.verify import verify

SHOP = (Path(__file__).parent.parent / "databases" / "shop.sql").read_text("utf-8")
ROOT = Path(__file__).parent.parent.parent
KILLS = 3

Checksums = Mapping[str, str]


def named(name: str) -> TableName:
    return TableName("shop", name)


@pytest.fixture(scope="module")
def shop(filled_database: Callable[[str], str]) -> str:
    return filled_database(SHOP)


@pytest.fixture(scope="module")
def archive(shop: str, learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(shop)


def planned(archive: Path, scale: float = 1.0, seed: int = 1) -> Plan:
    return plan(read_archive(archive), fingerprint(archive), Request(scale, seed))


def provisioned(model: DatabaseModel, plan: Plan, url: str) -> str:
    with open_target(url) as target:
        load(model, plan, target)
    return url


@pytest.fixture(scope="module")
def staging(archive: Path, model: DatabaseModel, lasting_database: Callable[[], str]) -> str:
    """The URL of a finished load, which no test changes."""
    return provisioned(model, planned(archive), lasting_database())


@pytest.fixture
def spoilt(staging: str, database: str, server_url: str) -> str:
    """The URL of a copy of the finished load, which the test may spoil."""
    names = [sql.Identifier(urlsplit(url).path[1:]) for url in (database, staging)]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(names[0]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return database


def checksums(url: str) -> Checksums:
    with open_target(url) as target:
        return {str(t.name): target.checksum(t).digest for t in target.schema().tables}


def verified(model: DatabaseModel, url: str) -> Report:
    with open_target(url) as target:
        return verify(model, target)


def assert_sound(report: Report) -> None:
    assert report.passed, report.findings
    broken = {t.table: (t.orphans, t.duplicates, t.violations, t.leaks) for t in report.tables}
    assert set(broken.values()) == {(0, 0, 0, 0)}


def kinds(report: Report) -> set[tuple[str, str]]:
    return {(f.kind, f.place) for f in report.findings if f.severity is Severity.ERROR}


def constraints(url: str) -> set[tuple[Any, ...]]:
    """Every constraint, index, trigger and view, in the server's own words."""
    return set(
        query(
            url,
            """select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
            from pg_constraint where connamespace = 'shop'::regnamespace
            union all select tablename, indexname, indexdef from pg_indexes
            where schemaname = 'shop'
            union all select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
            from pg_trigger where not tgisinternal
            union all select 'view', viewname, definition from pg_views where schemaname = 'shop'
            union all select 'matview', matviewname, definition from pg_matviews""",
        )
    )


def test_a_provisioned_shop_passes_every_check(model: DatabaseModel, staging: str) -> None:
    report = verified(model, staging)
    assert_sound(report)
    assert report.marginal is not None
    assert report.marginal > 0.9
    assert {t.table for t in report.tables} == {str(t.name) for t in model.schema.tables}


def test_every_constraint_index_trigger_and_view_is_there(shop: str, staging: str) -> None:
    assert constraints(staging) == constraints(shop)
    assert len(constraints(shop)) > 40
    assert query(staging, "select count(*) from pg_constraint where not convalidated") == [(0,)]


def test_row_counts_are_those_of_the_source(shop: str, staging: str) -> None:
    with open_source(shop) as source, open_target(staging) as target:
        for table in source.schema().tables:
            assert target.rows(table) == source.rows(table), table.name


def test_what_the_database_computes_itself_is_computed(staging: str) -> None:
    assert query(staging, "select count(*) from shop.line where total <> quantity * price") == [
        (0,)
    ]
    [(filled,)] = query(staging, "select count(*) from shop.top")
    assert filled > 0


def test_keys_go_on_after_the_largest_one(spoilt: str) -> None:
    query(
        spoilt,
        """insert into shop.product (sku, title, price) values ('new', 'New', 1);
        insert into shop.label (name) values ('quite new');
        insert into shop.empty (body) values ('first');
        insert into shop.orders (customer_id, placed) select min(id), now() from shop.customer;
        insert into shop.customer (first_name, last_name, email, born, country)
        select 'N', 'N', 'n@example.com', '2000-01-01', min(code) from shop.country""",
    )
    assert query(spoilt, "select count(*) from shop.customer") == [(601,)]


def test_self_references_make_no_cycle(staging: str) -> None:
    [(longest, referred)] = query(
        staging,
        """with recursive line(id, above, steps) as (
            select id, referred_by, 1 from shop.customer where referred_by is not null
            union all select l.id, c.referred_by, steps + 1 from line l
            join shop.customer c on c.id = l.above where c.referred_by is not null and steps < 700)
        select max(steps), count(distinct id) from line""",
    )
    assert 0 < longest < 600
    assert referred > 50


@pytest.mark.parametrize("scale", [0.1, 5.0])
def test_any_scale_keeps_every_constraint(
    archive: Path, model: DatabaseModel, database: str, scale: float
) -> None:
    provisioned(model, planned(archive, scale), database)
    assert_sound(verified(model, database))
    with open_target(database) as target:
        counts = {t: target.rows(model.schema.table(named(t))) for t in ROWS}
    assert counts == {t: round(n * scale) if t in SCALED else n for t, n in ROWS.items()}


SCALED = {"customer": 600, "profile": 480, "orders": 1500, "line": 3750, "visit": 1800, "log": 400}
ROWS = {**SCALED, "country": 12, "label": 15}


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(
    archive: Path, model: DatabaseModel, staging: str, new_database: Callable[[], str]
) -> None:
    expected = checksums(staging)
    assert checksums(provisioned(model, planned(archive), new_database())) == expected
    other = checksums(provisioned(model, planned(archive, seed=2), new_database()))
    same = {name for name in expected if other[name] == expected[name]}
    assert "shop.customer" not in same
    assert "shop.line" not in same


def test_a_plan_is_a_function_of_model_and_request(archive: Path) -> None:
    first, again = planned(archive), planned(archive)
    assert first == again
    assert first.fingerprint == again.fingerprint
    assert read_plan(first.as_json()) == first
    others = {planned(archive, seed=2).fingerprint, planned(archive, 2.0).fingerprint}
    assert len(others | {first.fingerprint}) == 3


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), 1e9])
def test_a_scale_that_makes_no_sense_is_refused(model: DatabaseModel, scale: float) -> None:
    with pytest.raises(WrongRequest, match="scale"):
        plan(model, "f", Request(scale))


def test_rows_are_asked_for_by_root_tables_alone(model: DatabaseModel) -> None:
    asked = plan(model, "f", Request(rows={named("customer"): 60}))
    assert asked.layout(named("customer")).total == 60
    assert asked.layout(named("orders")).total == 150
    for rows in ({named("orders"): 5}, {named("nothing"): 5}, {named("customer"): -1}):
        with pytest.raises(WrongRequest):
            plan(model, "f", Request(rows=rows))


def test_tables_that_are_empty_in_production_can_be_filled(
    archive: Path, model: DatabaseModel, database: str
) -> None:
    cold = plan(model, fingerprint(archive), Request(scale=0.1, cold=25))
    provisioned(model, cold, database)
    assert query(database, "select count(*), count(distinct id) from shop.empty") == [(25, 25)]
    assert_sound(verified(model, database))


def test_no_rows_at_all_are_a_load_too(model: DatabaseModel, database: str) -> None:
    none = {t.tables[0]: 0 for t in plan(model, "f", Request()).trees}
    provisioned(model, plan(model, "f", Request(rows=none)), database)
    assert_sound(verified(model, database))


def test_the_source_is_never_the_target(archive: Path, model: DatabaseModel, shop: str) -> None:
    before = checksums(shop)
    with open_target(shop) as target, pytest.raises(SameDatabase):
        load(model, planned(archive), target)
    assert checksums(shop) == before


def test_a_database_in_use_is_refused(archive: Path, model: DatabaseModel, database: str) -> None:
    query(database, "create table mine (a int)")
    with open_target(database) as target, pytest.raises(NotEmptyTarget):
        load(model, planned(archive), target)


def test_another_plan_is_refused_and_the_same_one_does_nothing(
    archive: Path, model: DatabaseModel, spoilt: str
) -> None:
    before = checksums(spoilt)
    with open_target(spoilt) as target:
        for other in (planned(archive, seed=2), planned(archive, 2.0)):
            with pytest.raises(ForeignLoad):
                load(model, other, target)
        assert load(model, planned(archive), target).rows == 0
    assert checksums(spoilt) == before


def test_what_happens_is_told(archive: Path, model: DatabaseModel, database: str) -> None:
    events: list[Event] = []
    with open_target(database) as target:
        loaded = load(model, planned(archive, 0.1), target, events.append)
        verify(model, target, events.append)
    for stage in ("load", "finish", "verify"):
        [started] = [e for e in events if isinstance(e, StageStarted) and e.stage == stage]
        [ended] = [e for e in events if isinstance(e, StageFinished) and e.stage == stage]
        amounts = [e.amount for e in events if isinstance(e, Advanced) and e.stage == stage]
        assert sum(amounts) == started.total == ended.amount
    assert loaded.rows == planned(archive, 0.1).rows


SPOILERS = {
    "an orphan": """alter table shop.orders drop constraint orders_customer_id_fkey;
        update shop.orders set customer_id = -5 where id = (select min(id) from shop.orders)""",
    "a hidden orphan": """set session_replication_role = replica;
        update shop.orders set customer_id = -5 where id = (select min(id) from shop.orders)""",
    "a deleted row": "delete from shop.log where ctid = (select min(ctid) from shop.log)",
    "an added row": "insert into shop.log values ('more', 1)",
    "a duplicate": """alter table shop.customer drop constraint customer_email_key;
        update shop.customer set email = (select max(email) from shop.customer)
        where id = (select min(id) from shop.customer)""",
    "a broken check": """alter table shop.line drop constraint line_quantity_check;
        update shop.line set quantity = -1
        where order_id = (select min(order_id) from shop.line) ;
        alter table shop.line
        add constraint line_quantity_check check (quantity > 0) not valid""",
    "a real address": """update shop.customer set email = 'a.person@gmail.com'
        where id = (select min(id) from shop.customer)""",
    "a table that is gone": "drop table shop.shipment",
    "a column that is gone": "alter table shop.country drop column name",
    "an index that is gone": "drop index shop.line_product",
}
FOUND = {
    "an orphan": {
        ("orphan", "shop.orders"),
        ("missing", "shop.orders orders_customer_id_fkey"),
    },
    "a hidden orphan": {("orphan", "shop.orders")},
    "a deleted row": {("row-count", "shop.log")},
    "an added row": {("row-count", "shop.log")},
    "a duplicate": {
        ("duplicate", "shop.customer"),
        ("missing", "shop.customer customer_email_key"),
    },
    "a broken check": {("violation", "shop.line")},
    "a real address": {("leak", "shop.customer")},
    "a table that is gone": {("missing", "shop.shipment")},
    "a column that is gone": {
        ("missing", "shop.country.name"),
        ("missing", "shop.country country_name_key"),
    },
    "an index that is gone": {("missing", "shop.line line_product")},
}


@pytest.mark.parametrize("what", SPOILERS)
def test_verify_finds(model: DatabaseModel, spoilt: str, what: str) -> None:
    query(spoilt, SPOILERS[what])
    report = verified(model, spoilt)
    assert not report.passed
    assert kinds(report) == FOUND[what]


def test_verify_finds_a_distribution_that_moved(model: DatabaseModel, spoilt: str) -> None:
    query(spoilt, "update shop.orders set state = 'returned'")
    report = verified(model, spoilt)
    assert not report.passed
    assert ("marginal", "shop.orders.state") in kinds(report)


def test_there_is_nothing_to_verify_in_a_target_without_a_finished_load(
    archive: Path, model: DatabaseModel, database: str
) -> None:
    with open_target(database) as target:
        with pytest.raises(Unprovable):
            verify(model, target)
        target.begin(planned(archive).fingerprint, planned(archive).as_json(), _schema_of(model))
        with pytest.raises(Unprovable, match="unfinished"):
            verify(model, target)


def _schema_of(model: DatabaseModel) -> list[DdlItem]:
    return [i for i in model.ddl if i.section == "pre-data"]


def test_a_connection_lost_in_mid_load_is_told_and_the_load_resumed(
    archive: Path, model: DatabaseModel, staging: str, database: str
) -> None:
    told: list[Event] = []

    def end_session(event: Event) -> None:
        if isinstance(event, Advanced) and event.stage == "load":
            told.append(event)
        if len(told) == 7:
            query(
                database,
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'provisioner' and datname = current_database()",
            )

    with pytest.raises(LostConnection, match="resume"), open_target(database) as target:
        load(model, planned(archive), target, end_session)
    [(shards,)] = query(database, "select count(*) from provisioner.shard")
    assert 0 < shards < len(planned(archive).trees)
    provisioned(model, planned(archive), database)
    assert checksums(database) == checksums(staging)


def test_learning_twice_gives_the_same_model(shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # or the server may, between the two
    for name in ("once", "again"):
        with open_source(shop) as source:
            write_archive(learn(source, Learning()), tmp_path / name)
    assert fingerprint(tmp_path / "again") == fingerprint(tmp_path / "once")


def test_another_seed_learns_from_others(shop: str, archive: Path, tmp_path: Path) -> None:
    with open_source(shop) as source:
        write_archive(learn(source, Learning(seed=1)), tmp_path / "other.model")
    assert fingerprint(tmp_path / "other.model") != fingerprint(archive)


def test_there_is_nothing_to_learn_in_an_empty_database(database: str) -> None:
    with open_source(database) as source, pytest.raises(EmptyDatabase):
        learn(source, Learning())


def test_a_unit_that_is_no_table_is_refused(shop: str) -> None:
    with open_source(shop) as source, pytest.raises(WrongRequest, match=r"shop\.nobody"):
        learn(source, Learning(units=(named("nobody"),)))


def test_a_table_without_rows_to_learn_from_is_learned(database: str) -> None:
    query(database, SHOP.partition("select setseed")[0])
    with open_source(database) as source:
        model = learn(source, Learning())
    assert {m.rows.value for m in model.tables.values()} == {0}
    assert plan(model, "f", Request(scale=3.0)).rows == 0


def test_rows_without_a_column_to_write_are_written(new_database: Callable[[], str]) -> None:
    source, target = new_database(), new_database()
    query(
        source,
        "create table bare (); insert into bare default values; insert into bare default values;"
        "create table computed (one int generated always as (1) stored);"
        "insert into computed default values",
    )
    with open_source(source) as opened:
        model = learn(opened, Learning())
    provisioned(model, plan(model, "f", Request()), target)
    assert verified(model, target).passed
    counts = query(target, "select (select count(*) from bare), (select sum(one) from computed)")
    assert counts == [(2, 1)]


@pytest.fixture
def reader(shop: str) -> Iterator[str]:
    """The shop's URL for a role that may read all of it but the log."""
    role = sql.Identifier(f"test_reader_{os.getpid()}")
    with psycopg.connect(shop, autocommit=True) as connection:
        for order in (
            "create role {} login password 'reader'",
            "grant usage on schema shop to {}",
            "grant select on all tables in schema shop to {}",
            "grant select on all sequences in schema shop to {}",
            "revoke select on shop.log from {}",
        ):
            connection.execute(sql.SQL(order).format(role))
        parts = urlsplit(shop)
        place = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"test_reader_{os.getpid()}:reader@{place}").geturl()
        connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(role))


def test_a_table_that_may_not_be_read_is_named_or_left_out(reader: str, database: str) -> None:
    with open_source(reader) as source:
        with pytest.raises(UnreadableTable, match=r"shop\.log"):
            learn(source, Learning())
        model = learn(source, Learning(skip_unreadable=True))
    assert named("log") not in model.tables
    provisioned(model, plan(model, "f", Request()), database)
    assert_sound(verified(model, database))
    assert query(database, "select to_regclass('shop.log')") == [(None,)]


def test_a_table_that_is_left_out_is_not_copied_either(reader: str) -> None:
    copied = Learning(skip_unreadable=True, carrying=Carrying(frozenset({named("log")})))
    begun = replace(copied, carrying=Carrying(subset=Subset(named("log"), 0.5)))
    with open_source(reader) as source:
        assert not learn(source, copied).carried
        with pytest.raises(WrongRequest, match=r"subset begins with rows of shop\.log"):
            learn(source, begun)


CHILD = """
import sys
from pathlib import Path
from connectors.engines import open_target
from generators.archive import fingerprint, read_archive
from provisioner import plan as plans
from provisioner.load import load
plans._SHARD_ROWS = 1500
path = Path(sys.argv[1])
model = read_archive(path)
plan = plans.plan(model, fingerprint(path), plans.Request(scale=2.0, seed=3))
print("ready", flush=True)
with open_target(sys.argv[2]) as target:
    load(model, plan, target, lambda event: print(event, flush=True))
"""


def child(archive: Path, url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(archive), url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed(archive: Path, url: str, after: int) -> None:
    """Runs a load and kills it without warning once it has told so many things."""
    with child(archive, url) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    freed(url)


def freed(url: str) -> None:
    """Waits until the server has noticed that the session is gone."""
    while query(
        url,
        "select 1 from pg_stat_activity where application_name = 'provisioner'"
        " and datname = current_database()",
    ):
        time.sleep(0.02)


def test_a_load_killed_again_and_again_ends_in_the_same_rows(
    archive: Path, model: DatabaseModel, new_database: Callable[[], str]
) -> None:
    calm, harried = new_database(), new_database()
    with child(archive, calm) as process:
        said = process.communicate()[0].splitlines()
    assert process.returncode == 0
    chance = np.random.default_rng(KILLS)
    for _ in range(KILLS):
        killed(archive, harried, 2 + int(chance.integers(len(said) // (KILLS + 1))))
    [(shards,)] = query(harried, "select count(*) from provisioner.shard")
    assert shards > 0
    with child(archive, harried) as process:
        process.communicate()
    assert process.returncode == 0
    assert checksums(harried) == checksums(calm)
    assert_sound(verified(model, harried))
    assert query(calm, "select count(*) from provisioner.shard")[0][0] > 8
