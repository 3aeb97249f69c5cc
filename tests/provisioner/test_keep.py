"""A target that has its schema is used as it is: kept rows stay, and its schema ends as it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from querying import query

from connectors.embedded import binaries
from connectors.engines import open_source, open_target
from connectors.engines.postgresql.ddl import SETTINGS
from connectors.errors import ForeignLoad, MissingPrivilege, NotEmptyTarget
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from provisioner.cli import main
from provisioner.errors import DifferentSchema, WrongRequest
from provisioner.events import Advanced, Event, Stated
from provisioner.kept import kept_in
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.migrated import take_back, target_drift
from provisioner.plan import Plan, plan
from provisioner.report import Severity
from provisioner.request import Request
from provisioner.verify import verify

ROOT = Path(__file__).parent.parent.parent
SHOP = (ROOT / "tests" / "databases" / "shop.sql").read_text("utf-8")
DECLARED = SHOP.partition("select setseed")[0]
LATER = """
alter table shop.orders add column checked_at timestamptz not null default now();
create table shop.audit (id int primary key, order_id bigint references shop.orders,
    country_name text references shop.country (name));
create index visit_page on shop.visit (page);
create index on shop.visit_2023 (paid) where paid;
create unique index orders_twice on shop.orders (id, customer_id);
alter table shop.orders replica identity using index orders_twice;
create index orders_placed on shop.orders (placed desc nulls last) include (state);
alter table shop.orders cluster on orders_placed;
create index log_length on shop.log (length(message));
alter index shop.log_length alter column 1 set statistics 50;
alter table shop.label add constraint label_once exclude using btree (name with =)
    deferrable initially deferred;
alter table shop.shipment add constraint sent_by foreign key (order_id) references shop.orders
    on delete cascade deferrable not valid;
create function shop.nothing() returns trigger language plpgsql as 'begin return null; end';
create trigger stop_it before insert on shop.line for each row when (new.quantity > 0)
    execute function shop.nothing();
create trigger on_visit before insert on shop.visit for each row execute function shop.nothing();
alter table shop.visit_rest disable trigger on_visit;
alter table shop.product disable trigger searchable;
create constraint trigger at_the_end after insert on shop.log deferrable initially deferred
    for each row execute function shop.nothing();
alter table shop.visit add constraint visit_once unique (customer_id, at, page, took);
create function shop.add_product(text) returns void begin atomic
    insert into shop.product (sku, title, price) values ($1, $1, 1)
    on conflict on constraint product_sku_key do nothing; end;
create statistics shop.together on state, customer_id from shop.orders;
comment on index shop.orders_placed is 'it''s; for the list of orders';
comment on constraint label_once on shop.label is 'once';
comment on trigger stop_it on shop.line is 'stops';
comment on constraint line_product_id_fkey on shop.line is 'what was bought';
comment on table shop.line is 'stays';
"""
ROWS = """
insert into shop.country select 'X' || n, 'Kept ' || n from generate_series(1, 4) n;
insert into shop.customer (first_name, last_name, email, born, country)
select 'Kept', 'Person', 'kept' || n || '@example.com', '2000-01-01', 'X' || (1 + n % 4)
from generate_series(1, 60) n;
"""
KEEP = ("customer", "country")
POSITIONS = "select sequencename, last_value from pg_sequences order by 1"

CHILD = """
import sys
from pathlib import Path
from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from provisioner import plan as plans
from provisioner.kept import kept_in
from provisioner.load import load
from provisioner.migrated import target_drift
plans._SHARD_ROWS = 150
path, url = Path(sys.argv[1]), sys.argv[2]
model = read_archive(path)
keep = frozenset(TableName("shop", name) for name in ("customer", "country"))
with open_source(url) as target:
    later = frozenset(found.hash for found in target_drift(model, target.schema()))
request = plans.Request(seed=3, keep=keep, acknowledged=later)
plan = plans.plan(model, fingerprint(path), request, kept_in(url, model, keep))
print("ready", flush=True)
with open_target(url) as target:
    load(model, plan, target, lambda event: print(event, flush=True))
"""


def named(*names: str) -> frozenset[TableName]:
    return frozenset(TableName("shop", name) for name in names)


def declared(url: str) -> str:
    """All that pg_dump says of a database's schema, our own left out."""
    command = [str(binaries() / "pg_dump"), "--schema-only", "-N", "provisioner", "-d", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if "restrict" not in line and "pg_attver" not in line)


@pytest.fixture(scope="module")
def archive(filled_database: Callable[[str], str], learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(filled_database(SHOP))


def migrated(url: str) -> str:
    for order in (DECLARED, LATER, ROWS):
        query(url, order)
    return url


@pytest.fixture
def target(database: str) -> str:
    """The URL of a database with the schema, some later migrations, countries and customers."""
    return migrated(database)


def drifted(archive: Path, url: str) -> frozenset[str]:
    """The hashes of what a target has that the archive does not know."""
    with open_source(url) as target:
        return frozenset(f.hash for f in target_drift(read_archive(archive), target.schema()))


def planned(archive: Path, url: str, keep: frozenset[TableName] = named(*KEEP)) -> Plan:
    model = read_archive(archive)
    request = Request(seed=3, keep=keep, acknowledged=drifted(archive, url))
    return plan(model, fingerprint(archive), request, kept_in(url, model, keep))


def contents(url: str, only: frozenset[TableName] | None = None) -> Mapping[str, str]:
    with open_target(url) as opened:
        tables = [t for t in opened.schema().tables if only is None or t.name in only]
        return {str(t.name): opened.checksum(t).digest for t in tables}


def filled(model: DatabaseModel, plan: Plan, url: str) -> list[Event]:
    told: list[Event] = []
    with open_target(url) as opened:
        load(model, plan, opened, told.append)
    return told


def child(archive: Path, url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(archive), url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed(archive: Path, url: str, word: str, after: int) -> None:
    """Runs a load and kills it once it has told so often of something."""
    with child(archive, url) as process:
        assert process.stdout is not None
        for line in process.stdout:
            after -= word in line
            if not after:
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    order = (
        "select 1 from pg_stat_activity where application_name = 'provisioner'"
        " and datname = current_database()"
    )
    while query(url, order):
        time.sleep(0.02)


def completed(archive: Path, url: str) -> None:
    with child(archive, url) as process:
        process.communicate()
    assert process.returncode == 0


def aborted(url: str) -> set[str]:
    with open_target(url) as opened:
        return {str(name) for name in take_back(opened)}


def test_rows_of_a_migrated_target_stay_and_are_referenced(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    schema, rows = declared(target), contents(target, named(*KEEP))
    filled(model, planned(archive, target), target)
    assert declared(target) == schema
    assert contents(target, named(*KEEP)) == rows
    [(orders, customers)] = query(
        target, "select count(*), count(distinct customer_id) from shop.orders"
    )
    assert orders == 60 * 1500 // 600
    assert 20 < customers < 60
    with open_target(target) as opened:
        report = verify(model, opened)
    assert report.passed, report.findings
    assert {f.place for f in report.findings if f.kind == "kept"} == {
        "shop.country",
        "shop.customer",
    }
    assert not {t.table for t in report.tables} & {"shop.country", "shop.customer"}
    assert {t.orphans for t in report.tables} == {0}


COLD = """
create table kind (id uuid primary key default gen_random_uuid(), word text not null unique);
create table thing (kind uuid not null references kind, word text references kind (word));
"""


def test_a_table_that_is_empty_in_production_is_kept_and_referenced(
    new_database: Callable[[], str],
) -> None:
    source, url = new_database(), new_database()
    for one in (source, url):
        query(one, COLD)
    query(url, "insert into kind (word) select 'kept ' || n from generate_series(1, 7) n")
    with open_source(source) as opened:
        model = learn(opened, Learning())
    keep = frozenset({TableName("public", "kind")})
    request = Request(cold=50, keep=keep)
    filled(model, plan(model, "f", request, kept_in(url, model, keep)), url)
    [(things, kinds)] = query(url, "select count(*), count(distinct kind) from thing")
    assert (things, query(url, "select count(*) from kind")) == (50, [(7,)])
    assert kinds > 3


MORE = """
insert into shop.product (sku, title, price)
select 'K' || n, 'Kept', n from generate_series(1, 9) n;
insert into shop.orders (customer_id, placed) select id, now() from shop.customer limit 40;
"""


def test_a_kept_table_under_a_kept_table_owns_what_it_would_own(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    query(target, MORE)
    keep = named(*KEEP, "orders", "product")
    schema, rows = declared(target), contents(target, keep)
    filled(model, planned(archive, target, keep), target)
    assert declared(target) == schema
    assert contents(target, keep) == rows
    [(lines, orders, products)] = query(
        target,
        "select count(*), count(distinct order_id), count(distinct product_id) from shop.line",
    )
    assert (lines, products) == (40 * 3750 // 1500, 9)
    assert orders > 30
    with open_target(target) as opened:
        assert verify(model, opened).passed


def test_an_orphan_among_keys_to_kept_rows_is_found(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    filled(model, planned(archive, target), target)
    query(
        target,
        "set session_replication_role = replica; delete from shop.customer where id ="
        " (select min(customer_id) from shop.orders)",
    )
    with open_target(target) as opened:
        found = {(f.kind, f.place) for f in verify(model, opened).findings}
    assert ("orphan", "shop.orders") in found


def test_all_tables_of_a_migrated_target_may_be_filled(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    query(target, "truncate shop.country cascade")
    schema = declared(target)
    told = filled(model, planned(archive, target, frozenset()), target)
    assert declared(target) == schema
    assert query(target, "select count(*) from shop.customer") == [(600,)]
    said = " ".join(event.text for event in told if isinstance(event, Stated))
    assert "shop.audit" in said
    assert "shop.orders.checked_at" in said
    assert "shop.shipment sent_by" in said
    assert "shop.orders orders_pkey" not in said
    with open_target(target) as opened:
        assert verify(model, opened).passed


@pytest.mark.parametrize(("word", "after"), [("'load'", 1), ("'load'", 7), ("'finish'", 9)])
def test_a_load_killed_anywhere_is_completed_or_taken_back(
    archive: Path, new_database: Callable[[], str], word: str, after: int
) -> None:
    calm, harried = migrated(new_database()), migrated(new_database())
    schema, before = declared(harried), contents(harried)
    killed(archive, harried, word, after)
    assert declared(harried) != schema
    assert "shop.orders" in aborted(harried)
    assert declared(harried) == schema
    assert contents(harried) == before
    assert query(harried, "select to_regnamespace('provisioner')") == [(None,)]
    killed(archive, harried, word, after)
    completed(archive, calm)
    completed(archive, harried)
    assert declared(harried) == schema == declared(calm)
    found, expected = contents(harried), contents(calm)
    assert {n for n in found if found[n] != expected[n]} == {"shop.orders"}  # it has a clock
    same = "select md5(string_agg(o::text, ',' order by id)) from (select id, customer_id, placed"
    both = [query(url, f"{same}, state, note from shop.orders) o") for url in (calm, harried)]
    assert both[0] == both[1]
    assert query(calm, "select max(shard) > 0 from provisioner.shard") == [(True,)]


def test_a_finished_load_is_taken_back_too(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    schema, before = declared(target), contents(target)
    positions = query(target, POSITIONS)
    filled(model, planned(archive, target), target)
    assert query(target, POSITIONS) != positions
    aborted(target)
    assert query(target, POSITIONS) == positions
    assert declared(target) == schema
    assert contents(target) == before
    assert query(target, "select count(*) from shop.top") == [(0,)]


def test_there_is_no_schema_to_go_back_to_where_the_load_created_it(
    archive: Path, model: DatabaseModel, database: str
) -> None:
    with open_target(database) as opened:
        with pytest.raises(WrongRequest, match="nothing to abort"):
            take_back(opened)
        load(model, planned(archive, database, frozenset()), opened)
        with pytest.raises(WrongRequest, match="drop the database"):
            take_back(opened)


DIFFERENT = {
    "alter table shop.profile alter points type bigint": "shop.profile.points is bigint",
    "alter table shop.customer alter id type integer": "shop.customer.id is integer",
    "drop table shop.shipment": "shop.shipment is not there",
    "alter table shop.log drop column level": "shop.log.level is not there",
    "alter table shop.log add column must integer not null": "shop.log.must needs a value",
    "alter table shop.orders alter note set not null": "shop.orders.note must not be null",
    """alter table shop.log drop column level;
    alter table shop.log add column level integer generated always as (1) stored""": (
        "shop.log.level is generated"
    ),
    "alter type shop.state rename value 'sent' to 'gone'": "shop.orders.state is shop.state",
}


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_schema_that_the_rows_do_not_fit_is_refused(
    archive: Path, model: DatabaseModel, target: str, change: str
) -> None:
    query(target, change)
    schema = declared(target)
    with pytest.raises(DifferentSchema, match=DIFFERENT[change].replace(".", r"\.")):
        filled(model, planned(archive, target), target)
    assert declared(target) == schema
    assert query(target, "select to_regnamespace('provisioner')") == [(None,)]


def test_a_type_with_more_labels_fits(archive: Path, model: DatabaseModel, target: str) -> None:
    query(target, "alter type shop.state add value 'lost'")
    filled(model, planned(archive, target), target)
    assert query(target, "select count(*) from shop.orders") == [(150,)]


def test_rows_that_are_not_kept_are_refused_by_name(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    schema, before = declared(target), contents(target)
    with pytest.raises(NotEmptyTarget, match=r"rows in shop\.customer.*--keep shop\.customer"):
        filled(model, planned(archive, target, named("country")), target)
    with pytest.raises(NotEmptyTarget, match=r"--keep shop\.country --keep shop\.customer"):
        filled(model, planned(archive, target, frozenset()), target)
    assert declared(target) == schema
    assert contents(target) == before
    assert query(target, "select to_regnamespace('provisioner')") == [(None,)]


def test_kept_rows_may_not_reference_rows_that_are_not_kept(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    query(
        target,
        "alter table shop.customer drop constraint customer_country_fkey; delete from shop.country;"
        "alter table shop.customer add constraint later foreign key (country)"
        " references shop.country not valid",
    )
    with pytest.raises(WrongRequest, match=r"60 rows of shop\.customer.*keep shop\.country too"):
        filled(model, planned(archive, target, named("customer")), target)


def test_a_kept_table_without_rows_cannot_be_referenced(archive: Path, target: str) -> None:
    query(target, "truncate shop.country cascade")
    found = planned(archive, target).findings
    places = {f.place for f in found if f.severity is Severity.ERROR and f.kind == "unmeetable"}
    assert "shop.orders orders_customer_id_fkey" in places
    alone = planned(archive, target, named("country")).findings
    assert {f.place for f in alone if f.kind == "unmeetable"} == {
        "shop.customer customer_country_fkey"
    }


def test_a_load_is_not_resumed_beside_other_kept_rows(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    first = planned(archive, target)
    with open_target(target) as opened:
        load(model, first, opened)
    assert planned(archive, target) == first
    query(target, "insert into shop.country values ('XX', 'One more')")
    assert planned(archive, target).fingerprint != first.fingerprint
    with pytest.raises(ForeignLoad, match="kept or hand-made rows"):
        filled(model, planned(archive, target), target)


def test_rows_that_changed_after_the_plan_are_not_referenced(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    early = planned(archive, target)
    query(target, "insert into shop.country values ('XX', 'One more')")
    with pytest.raises(WrongRequest, match="changed since the plan"):
        filled(model, early, target)
    assert query(target, "select to_regnamespace('provisioner')") == [(None,)]


def test_the_sequence_of_a_kept_table_goes_on_where_it_was(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    query(
        target,
        "alter table shop.empty alter id set default nextval('shop.product_numbers');"
        "insert into shop.empty (id, body) values (70000, 'kept');"
        "select setval('shop.product_numbers', 80000);"
        "select setval(pg_get_serial_sequence('shop.customer', 'id'), 90000)",
    )
    filled(model, planned(archive, target, named(*KEEP, "empty")), target)
    added = "insert into shop.product (sku, title, price) values ('new', 'New', 1) returning id"
    assert query(target, added) == [(70001,)]
    person = "insert into shop.customer (first_name, last_name, email, born, country)"
    one = "values ('N', 'N', 'n@example.com', '2000-01-01', 'X1') returning id"
    assert query(target, f"{person} {one}") == [(90001,)]
    assert query(target, "select count(*) from shop.empty") == [(1,)]


def test_a_schema_with_other_names_for_its_indexes_is_verified_with_a_warning(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    query(target, "alter index shop.line_product rename to by_product")
    filled(model, planned(archive, target), target)
    with open_target(target) as opened:
        report = verify(model, opened)
    assert report.passed
    missing = {(f.place, f.severity) for f in report.findings if f.kind == "missing"}
    assert missing == {("shop.line line_product", Severity.WARNING)}


class Interrupted(Exception):
    """Stands for a run that ends between two steps."""


def interrupted(model: DatabaseModel, plan: Plan, url: str, steps: int) -> None:
    """Loads until so many of the dropped objects are back."""
    left = steps

    def count(event: Event) -> None:
        nonlocal left
        left -= isinstance(event, Advanced) and event.stage == "finish"
        if not left:
            raise Interrupted

    with open_target(url) as opened, pytest.raises(Interrupted):
        load(model, plan, opened, count)


@pytest.mark.parametrize("name", ["composite_keys", "cycles", "every_object", "identifiers"])
def test_a_schema_ends_as_it_was_whatever_it_declares(
    name: str, new_database: Callable[[], str]
) -> None:
    source, target = new_database(), new_database()
    query(source, (ROOT / "tests" / "databases" / f"{name}.sql").read_text("utf-8"))
    with open_source(source) as opened:
        model = learn(opened, Learning())
    query(target, "\n".join([*(f"{s};" for s in SETTINGS), *(i.statement for i in model.ddl)]))
    schema, whole = declared(target), plan(model, "f", Request(cold=30))
    interrupted(model, whole, target, 3)
    assert declared(target) != schema
    aborted(target)
    assert declared(target) == schema
    interrupted(model, whole, target, 2)
    filled(model, whole, target)
    assert declared(target) == schema
    with open_target(target) as done:
        assert verify(model, done).passed


def test_an_index_comes_back_in_its_own_tablespace(
    archive: Path, model: DatabaseModel, target: str
) -> None:
    space = f"test_space_{os.getpid()}"
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set allow_in_place_tablespaces = on")
        connection.execute(f"create tablespace {space} location ''".encode())
    try:
        query(target, f"create index elsewhere on shop.log (level) tablespace {space}")
        schema = declared(target)
        filled(model, planned(archive, target), target)
        assert declared(target) == schema
        assert space in schema
    finally:
        query(target, "drop index shop.elsewhere")
        query(target, f"drop tablespace {space}")


@pytest.fixture
def owner(database: str) -> Iterator[str]:
    """The URL of a migrated database for the role that owns it and is nothing more."""
    role = f"test_owner_{os.getpid()}"
    parts = urlsplit(database)
    place = f"{role}:owner@{parts.netloc.rpartition('@')[2]}"
    query(
        database,
        f"create role {role} login password 'owner';"
        f"alter database {parts.path[1:]} owner to {role}",
    )
    try:
        yield migrated(parts._replace(netloc=place).geturl())
    finally:
        query(database, f"reassign owned by {role} to current_user; drop owned by {role}")
        query(database, f"drop role {role}")


def test_no_step_needs_more_than_owning_the_tables(
    archive: Path, model: DatabaseModel, owner: str
) -> None:
    schema = declared(owner)
    filled(model, planned(archive, owner), owner)
    assert declared(owner) == schema
    aborted(owner)
    assert declared(owner) == schema


def test_tables_of_another_role_are_refused_and_left_alone(
    archive: Path, model: DatabaseModel, owner: str, database: str
) -> None:
    query(database, "alter table shop.line owner to current_user; grant all on shop.line to public")
    schema = declared(database)
    with pytest.raises(MissingPrivilege, match="line"):
        filled(model, planned(archive, owner), owner)
    assert declared(database) == schema
    assert query(database, "select to_regnamespace('provisioner')") == [(None,)]


def test_what_is_asked_of_kept_tables_makes_sense(archive: Path, target: str) -> None:
    model = read_archive(archive)
    with pytest.raises(WrongRequest, match="--target"):
        plan(model, "f", Request(keep=named("country")))
    with pytest.raises(WrongRequest, match="--target"):
        kept_in(None, model, named("country"))
    kept = kept_in(target, model, named("country"))
    rows = {TableName("shop", "country"): 5}
    with pytest.raises(WrongRequest, match="whose rows are kept"):
        plan(model, "f", Request(rows=rows, keep=named("country")), kept)


def test_the_commands_keep_rows_and_take_a_load_back(
    archive: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = declared(target)
    options = ["--target", target, "--keep", "customer", "--keep", "country"]
    assert main(["plan", str(archive), *options]) == 0
    assert "shop.customer (kept)" in capsys.readouterr().out
    assert main(["provision", str(archive), *options]) == 1
    assert "shop.audit: the file does not know it" in capsys.readouterr().out
    known = [word for one in drifted(archive, target) for word in ("--acknowledge", one)]
    assert main(["provision", str(archive), *options, *known]) == 0
    assert capsys.readouterr().out.endswith("verified\n")
    assert main(["provision", str(archive), "--target", target, "--abort"]) == 0
    assert "its schema is as it was" in capsys.readouterr().out
    assert declared(target) == schema
    assert query(target, "select count(*) from shop.customer") == [(60,)]
