"""Keys that only the configuration states are kept: whole, imperfect and polymorphic ones."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.apply import to_learning, to_request
from provisioner.config import Config, read_config
from provisioner.errors import WrongConfig, WrongRequest
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.report import Aspect, Report, Severity
from provisioner.request import Request
from provisioner.undeclared import undeclared_key
from provisioner.verify import verify

DATABASE = (Path(__file__).parents[1] / "databases" / "undeclared.sql").read_text("utf-8")
SHAPES = (Path(__file__).parents[1] / "databases" / "undeclared_shapes.sql").read_text("utf-8")
KEYS = """
units: [customer]
tables:
  card:
    keys:
      - {columns: [customer_id], references: customer (id)}
  orders:
    rows: 6000
    keys:
      - {columns: [customer_id], references: customer (id)}
      - {columns: [card_number], references: card (number), dangling: 0.3}
  item:
    keys:
      - {columns: [order_id], references: orders (id)}
  note:
    rows: 8000
    keys:
      - columns: [subject_id]
        type: subject_type
        references: {order: orders (id), customer: customer (id), card: card (number)}
      - {columns: [reply_to], references: note (id)}
"""
OF_EVERY_SHAPE = """
tables:
  box: {keys: [{columns: [hall, place], references: "shelf (hall, place)"}]}
  player:
    keys:
      - {columns: [year, league, code], references: "team (year, league, code)", dangling: 0.1}
      - {columns: [mentor], references: player (id)}
  passport: {keys: [{columns: [player_id], references: player (id)}]}
  tag:
    keys: &by_type
      - columns: [subject_id]
        type: subject_type
        references: {player: player (id), box: box (id)}
  reaction: {keys: *by_type}
  a: {keys: [{columns: [b_id], references: b (id)}]}
  b: {keys: [{columns: [a_id], references: a (id)}]}
  sent: {keys: [{columns: [address], references: mail (address)}]}
  loose:
    keys:
      - {columns: [never_id], references: never (id)}
      - {columns: [ref], type: kind, references: {1: never (id)}, dangling: 1}
"""
ORPHANS = {
    "item": "select count(*) from item where order_id not in (select id from orders)",
    "card": "select count(*) from card where customer_id not in (select id from customer)",
    "order notes": "select count(*) from note where subject_type = 'order'"
    " and subject_id not in (select id from orders)",
    "customer notes": "select count(*) from note where subject_type = 'customer'"
    " and subject_id not in (select id from customer)",
    "card notes": "select count(*) from note where subject_type = 'card'"
    " and subject_id not in (select number from card)",
}


def named(name: str) -> TableName:
    return TableName("public", name)


def config(text: str) -> Config:
    return read_config(text, "provisioner.yaml", {})


@pytest.fixture(scope="module")
def source(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    query(url, DATABASE)
    return url


def learned(url: str, said: Config, folder: Path) -> tuple[DatabaseModel, str]:
    """A model as it comes back from its archive."""
    with open_source(url) as opened:
        model = learn(opened, to_learning(said, opened, Learning()))
    write_archive(model, folder / "a.model")
    return read_archive(folder / "a.model"), fingerprint(folder / "a.model")


def planned(model: tuple[DatabaseModel, str], said: Config, seed: int = 3) -> Plan:
    return plan(*model, to_request(said, model[0].tables, Request(seed=seed)))


def filled(model: DatabaseModel, made: Plan, url: str) -> Report:
    with open_target(url) as target:
        load(model, made, target)
        return verify(model, target)


@pytest.fixture(scope="module")
def model(source: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[DatabaseModel, str]:
    return learned(source, config(KEYS), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def staging(
    model: tuple[DatabaseModel, str], lasting_database: Callable[[], str]
) -> tuple[str, Report]:
    url = lasting_database()
    return url, filled(model[0], planned(model, config(KEYS)), url)


def test_rows_keep_undeclared_keys(staging: tuple[str, Report]) -> None:
    url, report = staging
    assert report.passed, [f for f in report.findings if f.stops]
    assert {name: query(url, order)[0][0] for name, order in ORPHANS.items()} == dict.fromkeys(
        ORPHANS, 0
    )
    assert query(url, "select count(*) from note where subject_type = 'page'")[0][0] > 100


def assert_share(found: int, rows: int, share: float) -> None:
    """Four standard deviations of a binomial: one seed in 16,000 would miss them."""
    assert abs(found - rows * share) <= 4 * (rows * share * (1 - share)) ** 0.5


def test_an_imperfect_key_leads_nowhere_as_often_as_learned(
    model: tuple[DatabaseModel, str], staging: tuple[str, Report]
) -> None:
    [learned_share] = {
        share.value
        for name, share in model[0].tables[named("orders")].dangling.items()
        if name.startswith("customer_id")
    }
    # One order in twenty; nine units in ten were read.
    assert_share(round(1800 * learned_share), 1800, 0.05)
    order = "select count(*) from orders where customer_id not in (select id from customer)"
    [(lost,)] = query(staging[0], order)
    assert_share(lost, 6000, learned_share)


def test_the_configuration_says_how_often_a_key_leads_nowhere(
    staging: tuple[str, Report],
) -> None:
    [(rows, lost)] = query(
        staging[0],
        "select count(card_number), count(*) filter (where card_number not in"
        " (select number from card)) from orders",
    )
    assert 0 < rows < 6000
    assert_share(lost, rows, 0.3)


def test_a_parent_column_that_happens_to_be_unique_stays_so(staging: tuple[str, Report]) -> None:
    assert query(staging[0], "select count(*) - count(distinct number) from card") == [(0,)]


def test_no_undeclared_key_is_created(
    source: str, model: tuple[DatabaseModel, str], staging: tuple[str, Report]
) -> None:
    order = "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint"
    order += " where connamespace = 'public'::regnamespace"
    assert set(query(staging[0], order)) == set(query(source, order))
    assert all("FOREIGN KEY" not in item.statement for item in model[0].ddl)


def test_a_table_belongs_to_the_unit_to_which_an_undeclared_key_leads(
    model: tuple[DatabaseModel, str],
) -> None:
    units = {str(name): table.unit for name, table in model[0].tables.items()}
    assert units["public.orders"] == units["public.item"] == named("customer")


@pytest.fixture
def spoilt(staging: tuple[str, Report], database: str, server_url: str) -> str:
    """The URL of a copy of the finished load, which the test may spoil."""
    names = [sql.Identifier(urlsplit(url).path[1:]) for url in (database, staging[0])]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(names[0]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return database


@pytest.mark.parametrize(
    ("planted", "table"),
    [
        ("update note set subject_id = -1 where subject_type = 'customer'", "public.note"),
        ("update item set order_id = -order_id where position = 0", "public.item"),
        ("update orders set customer_id = -1 where id % 10 = 0", "public.orders"),
    ],
)
def test_verify_finds_orphans_beyond_the_share(
    model: tuple[DatabaseModel, str], spoilt: str, planted: str, table: str
) -> None:
    query(spoilt, planted)
    with open_target(spoilt) as target:
        report = verify(model[0], target)
    errors = {(f.kind, f.place) for f in report.findings if f.severity is Severity.ERROR}
    # Rows led elsewhere have other siblings, and their owners other numbers of rows, too.
    assert {error for error in errors if error[0] not in set(Aspect)} == {("orphan", table)}


def test_a_key_by_type_leads_nowhere_as_often_as_asked(
    source: str, database: str, tmp_path: Path
) -> None:
    said = config(KEYS.replace("type: subject_type", "type: subject_type\n        dangling: 0.25"))
    model = learned(source, said, tmp_path)
    report = filled(model[0], planned(model, said), database)
    assert report.passed
    kinds = {
        f.name: f for f in model[0].schema.table(named("note")).polymorphic if "card" not in f.name
    }
    assert len(kinds) == 2
    [table] = [t for t in report.tables if t.table == "public.note"]
    with open_target(database) as target:
        for name, key in kinds.items():
            rows = target.speaking(model[0].schema.table(named("note")), key)
            assert rows > 3000
            assert_share(table.dangling[name], rows, 0.25)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("{columns: [custmer_id], references: customer (id)}", "did you mean customer_id?"),
        ("{columns: [customer_id], references: custmer (id)}", "did you mean public.customer?"),
        ("{columns: [customer_id], references: customer (email)}", "types that can be equal"),
        ("{columns: [customer_id], references: card (customer_id)}", "expected each in one row"),
        ("{columns: [id], type: total, references: {a: customer (id)}}", "a text, an integer or"),
    ],
)
def test_a_key_that_cannot_be_is_named_with_its_line(source: str, key: str, why: str) -> None:
    said = config(f"tables:\n  orders:\n    keys:\n      - {key}\n")
    with open_source(source) as opened, pytest.raises(WrongConfig) as raised:
        to_learning(said, opened, Learning())
    assert str(raised.value).startswith("provisioner.yaml, line 4, table orders, keys.1")
    assert why in str(raised.value)


def test_learning_refuses_such_a_key_without_a_file_too(source: str) -> None:
    key = undeclared_key(named("orders"), ("customer_id",), named("card"), ("customer_id",))
    with open_source(source) as opened, pytest.raises(WrongRequest, match="in one row"):
        learn(opened, Learning(keys=(key,)))


def test_a_skipped_table_is_neither_learned_nor_created(
    source: str, database: str, tmp_path: Path
) -> None:
    said = config("tables: {orders: {mode: skip}}")
    model = learned(source, said, tmp_path)
    made = planned(model, said)
    assert named("orders") not in model[0].tables
    places = {f.place for f in made.findings if f.kind == "left-out"}
    assert places == {"table public.orders", "view public.spending"}
    assert filled(model[0], made, database).passed
    found = query(database, "select relname from pg_class where relname in ('orders', 'noted')")
    assert found == [("noted",)]


def test_a_model_that_holds_a_skipped_table_is_refused(
    model: tuple[DatabaseModel, str],
) -> None:
    with pytest.raises(WrongConfig, match=r"line 1, table orders, mode: .* learn again"):
        planned(model, config("tables: {orders: {mode: skip}}"))


def test_an_empty_table_is_created_and_what_needs_its_rows_is_named(
    model: tuple[DatabaseModel, str],
) -> None:
    made = planned(model, config("tables: {orders: {mode: empty}}"))
    assert made.layout(named("orders")).total == 0
    [finding] = [f for f in made.findings if f.severity is Severity.ERROR]
    assert finding.kind == "unmeetable"
    assert finding.place.startswith("public.item ")


def test_empty_tables_stay_empty(model: tuple[DatabaseModel, str], database: str) -> None:
    said = config("tables: {item: {mode: empty}, note: {mode: empty}}")
    report = filled(model[0], planned(model, said), database)
    assert report.passed
    rows = query(database, "select (select count(*) from item), (select count(*) from orders)")
    assert rows == [(0, 2000)]


def test_triggers_fire_where_the_configuration_says_so(
    model: tuple[DatabaseModel, str], database: str
) -> None:
    said = config("tables: {orders: {triggers: fire}}")
    report = filled(model[0], planned(model, said), database)
    assert report.passed
    warned = {f.place for f in report.findings if f.kind == "row-count"}
    assert warned == {"public.audit"}
    counts = query(database, "select (select count(*) from orders), (select count(*) from audit)")
    assert counts == [(2000, 2000)]
    assert query(database, "select tgname from pg_trigger where not tgisinternal") == [
        ("recorded",)
    ]


def test_undeclared_keys_of_every_shape_are_kept(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    query(source, SHAPES)
    said = config(OF_EVERY_SHAPE)
    model = learned(source, said, tmp_path)
    report = filled(model[0], planned(model, said), target)
    assert report.passed, [f for f in report.findings if f.stops]
    tables = {t.table: t for t in report.tables}
    assert {t.orphans + t.duplicates for t in tables.values()} == {0}
    with open_target(target) as opened:
        for key in model[0].schema.undeclared:
            share = model[0].tables[key.table].dangling[key.name].value
            rows = opened.speaking(model[0].schema.table(key.table), key)
            assert_share(tables[str(key.table)].dangling[key.name], rows, share)


def test_an_imperfect_key_owns_nobody(source: str, model: tuple[DatabaseModel, str]) -> None:
    assert model[0].tables[named("orders")].owner is None
    perfect = config(
        KEYS.replace(
            "references: customer (id)}\n      - {columns: [card_number]",
            "references: customer (id), dangling: 0}\n      - {columns: [card_number]",
        )
    )
    with open_source(source) as opened:
        again = learn(opened, to_learning(perfect, opened, Learning()))
    assert again.tables[named("orders")].owner == "customer_id -> public.customer (id)"
