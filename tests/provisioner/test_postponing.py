"""Rules of rows that lie in several shards are kept by the target, once it holds all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned
from querying import query

from connectors.engines import open_target
from connectors.invariants import Invariant, Term
from connectors.schema import TableName
from generators.archive import fingerprint, write_archive
from generators.invariants import Postponable, invariant_kinds
from generators.model import DatabaseModel
from generators.orientation import oriented
from generators.postponing import is_inherited
from generators.reckoning import reckoned
from provisioner.appending import append
from provisioner.contents import contents
from provisioner.events import Advanced, Event, Stated
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.report import Report, Severity
from provisioner.request import Request
from provisioner.scenarios import Scenario
from provisioner.verify import verify

SHOP = """
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, joined date NOT NULL);
CREATE TABLE product (
    id int PRIMARY KEY, listed date NOT NULL, first_sold date, last_sold date, sold int NOT NULL,
    lines int NOT NULL CHECK (lines >= 0), weight float8 NOT NULL, reviewed date,
    heaviest float8
);
CREATE TABLE sale (
    id int PRIMARY KEY, customer int NOT NULL REFERENCES customer,
    product int NOT NULL REFERENCES product, quantity int NOT NULL,
    kilos float8 NOT NULL, sold_on date NOT NULL
);
INSERT INTO customer
SELECT n, 'N' || n, date '2019-01-01' + abs(hashtext('j' || n)) % 300
FROM generate_series(1, 1500) AS n;
INSERT INTO product
SELECT n, date '2018-01-01' + abs(hashtext('p' || n)) % 300, NULL, NULL, 0, 0, 0, NULL, NULL
FROM generate_series(1, 300) AS n;
INSERT INTO sale
SELECT row_number() OVER (), c.id, p.id, 1 + abs(hashtext(c.id || 'q' || s)) % 9,
    50 + sqrt(abs(hashtext(c.id || 'k' || s)) % 97),
    c.joined + 1 + abs(hashtext(c.id || 'd' || s)) % 900
FROM customer AS c CROSS JOIN generate_series(1, 5) AS s
JOIN product AS p ON p.id = 1 + abs(hashtext(c.id || 'o' || s)) % 260
WHERE abs(hashtext(c.id || 's' || s)) % 4 <> 0;
UPDATE product SET first_sold = least, last_sold = most, sold = s, lines = n, weight = k,
    heaviest = h
FROM (
    SELECT product, min(sold_on) AS least, max(sold_on) AS most, sum(quantity) AS s,
        count(*) AS n, sum(kilos) AS k, max(kilos) AS h FROM sale GROUP BY 1
) AS told WHERE product = product.id;
UPDATE product SET reviewed = last_sold + abs(hashtext('r' || id)) % 60;
"""
POSTPONED = {
    "first_sold = min(sale.sold_on) per sale_product_fkey",
    "last_sold = max(sale.sold_on) per sale_product_fkey",
    "sold = coalesce(sum(sale.quantity), 0) per sale_product_fkey",
    "lines = count(sale) per sale_product_fkey",
    "weight = coalesce(sum(sale.kilos), 0) per sale_product_fkey",
    "heaviest = max(sale.kilos) per sale_product_fkey",
}


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    url = lasting_database()
    query(url, SHOP)
    return learned(url, Learning(), tmp_path_factory.mktemp("postponed"))


def planned(model: DatabaseModel, folder: Path, request: Request) -> Plan:
    """A plan whose model has an archive in a folder."""
    write_archive(model, folder / "shop.model")
    return plan(model, fingerprint(folder / "shop.model"), request)


def broken(report: Report) -> dict[str, int]:
    """How many rows break each rule, by its words."""
    return {rule.rule: rule.broken for rule in report.invariants}


def test_what_rows_of_several_shards_come_to_is_kept_and_told(
    model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    told = {rule.rule: rule.kept_by for rule in contents(model, "").invariants}
    assert {rule for rule in told if told[rule].endswith(", once all rows are there")} >= POSTPONED
    report = filled(model, database, tmp_path, scale=20.0)
    found = broken(report)
    assert {rule: found[rule] for rule in POSTPONED} == dict.fromkeys(POSTPONED, 0)
    heavier = "SELECT count(*) FROM sale JOIN product AS p ON p.id = product WHERE kilos > heaviest"
    assert query(database, heavier) == [(0,)]


def test_orders_hold_that_follow_from_the_least_and_the_greatest_child(
    model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    report = filled(model, database, tmp_path)
    unkept = {found.words for found, _ in oriented(model).unkept}
    orders = {f.words for f in model.invariants if f.rule.kind == "order"} - unkept
    assert orders >= {
        "listed <= first_sold",
        "first_sold <= last_sold",
        "sold_on <= sale_product_fkey.last_sold",
        "sale_product_fkey.first_sold <= sold_on",
    }
    found = broken(report)
    assert {rule: found[rule] for rule in orders} == dict.fromkeys(orders, 0)


def test_a_load_that_ends_between_its_rows_and_its_rules_is_completed(
    model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    asked = planned(model, tmp_path, Request())

    def stop(event: Event) -> None:
        if isinstance(event, Advanced) and event.place.startswith("rule on"):
            raise KeyboardInterrupt

    with open_target(database) as target:
        with pytest.raises(KeyboardInterrupt):
            load(model, asked, target, stop)
        load(model, asked, target)
        found = broken(verify(model, target))
    assert {rule: found[rule] for rule in POSTPONED} == dict.fromkeys(POSTPONED, 0)


def test_values_that_a_check_forbids_stay_as_they_were_drawn(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, SHOP)
    query(url, "ALTER TABLE product ADD CHECK (lines < 1000 AND sold + lines < 5000)")
    strict = learned(url, Learning(), tmp_path)
    report = filled(strict, database, tmp_path, scale=20.0)
    assert not [f for f in report.findings if f.stops]
    counts = "SELECT product, count(*) AS n FROM sale GROUP BY 1"
    joined = f"FROM product JOIN ({counts}) AS c ON c.product = product.id"
    [(most,)] = query(database, f"SELECT max(n) {joined}")
    [(wrong,)] = query(database, f"SELECT count(*) {joined} WHERE lines <> n AND n < 500")
    assert (most >= 0, wrong) == (True, 0)


def test_what_a_target_of_its_own_schema_refuses_is_left_and_told(
    model: DatabaseModel, new_database: Callable[[], str], tmp_path: Path
) -> None:
    filled(model, free := new_database(), tmp_path)
    [(one,)] = query(free, "SELECT weight FROM product ORDER BY 1 OFFSET 200 LIMIT 1")
    query(strict := new_database(), SHOP[: SHOP.index("INSERT INTO customer")])
    query(strict, f"ALTER TABLE product ADD CHECK (weight <> {one})")
    told = list[str]()

    def listen(event: Event) -> None:
        told.extend([event.text] if isinstance(event, Stated) else [])

    asked = planned(model, tmp_path, Request())
    with open_target(strict) as target:
        load(model, asked, target, listen)
        assert sum("product.weight is left as it was drawn" in line for line in told) == 1
        report = verify(model, target)
    found = broken(report)
    [left] = [f for f in report.findings if f.place.startswith("public.product: weight = coal")]
    assert left.severity is Severity.NOTE
    kept = {rule for rule in POSTPONED if found[rule] == 0}
    assert {rule.split(" = ")[0] for rule in POSTPONED - kept} == {"weight"}


def test_rows_that_are_there_stay_as_they_are_where_others_are_appended(
    model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    filled(model, database, tmp_path)
    query(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'changed'; END $$; "
        "CREATE TRIGGER guard BEFORE UPDATE ON product FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    more = plan(model, fingerprint(tmp_path / "filled.model"), Request(scale=0.5))
    with open_target(database) as target:
        load(model, append(model, more, target, lambda _: None), target)
    assert query(database, "SELECT count(*) FROM customer") == [(2250,)]


def test_a_scenario_says_what_rows_hold_before_their_children_do(
    model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    table = TableName("public", "product")
    unsold = Scenario(table, where="sold > 400", count=7)
    asked = planned(model, tmp_path, Request(scenarios=(unsold,)))
    with open_target(database) as target:
        load(model, asked, target)
        report = verify(model, target)
    assert [(one.planned, one.found) for one in report.scenarios] == [(7, 7)]
    [total] = [f for f in report.findings if f.place.startswith("public.product: sold = ")]
    assert "rows that share a parent by sale_product_fkey" in total.text
    assert broken(report)["sold_on <= sale_product_fkey.last_sold"] == 0


NAME = TableName("public", "sale")
ALONG = (NAME, "sale_product_fkey")
SALES = {
    "nth": Invariant("running", "number", NAME, (Term("nth"), Term("sold_on")), ALONG, ("1",)),
    "seen": Invariant("running", "rising", NAME, (Term("seen"), Term("sold_on")), ALONG),
    "least": Invariant("running", "falling", NAME, (Term("least"), Term("sold_on")), ALONG),
    "ended": Invariant(
        "periods", "contiguous", NAME, (Term("sold_on"), Term("ended")), ALONG, ("1 day",)
    ),
    "left_on": Invariant("periods", "disjoint", NAME, (Term("sold_on"), Term("left_on")), ALONG),
    "sold_on": Invariant(
        "order", "<=", NAME, (Term("listed", ("sale_product_fkey",)), Term("sold_on"))
    ),
}


@pytest.mark.parametrize("column", SALES)
def test_each_kind_of_rule_along_siblings_is_set_by_one_statement(
    column: str, database: str
) -> None:
    query(database, SHOP)
    query(
        database,
        "ALTER TABLE sale ADD nth int, ADD seen date, ADD least int, ADD ended date, "
        "ADD left_on date; UPDATE sale SET nth = id % 7, seen = sold_on + id % 90, "
        "least = NULLIF(id % 50, 3), ended = sold_on + 3, left_on = sold_on + id % 400",
    )
    query(
        database,
        "DELETE FROM sale USING sale AS s WHERE (s.product, s.sold_on) "
        "= (sale.product, sale.sold_on) AND s.id < sale.id",
    )
    if column == "sold_on":
        query(database, "UPDATE sale SET sold_on = '2017-01-01' WHERE id % 10 = 0")
    rule = SALES[column]
    kind = invariant_kinds()[rule.kind]
    with open_target(database) as target:
        schema = target.schema()
        assert target.tally(kind.claim(rule, schema)).broken
        assert isinstance(kind, Postponable)
        how = kind.postponed(rule, column, {}, schema)
        assert how is not None
        query(database, how.sql)
        tally = target.tally(kind.claim(rule, schema))
        assert tally.spoken
        assert not tally.broken
    assert query(database, "SELECT count(*) FROM sale WHERE ended < sold_on") == [(0,)]


@pytest.mark.parametrize(
    "column",
    [
        "n int GENERATED ALWAYS AS IDENTITY",
        "n int, twice int GENERATED ALWAYS AS (n * 2) STORED",
        "n int UNIQUE",
        "n int CHECK (n > 0), EXCLUDE USING gist (int4range(n, n + 1) WITH &&)",
        "n int); CREATE INDEX ON parent ((100 / n)",
        "n int); CREATE INDEX ON parent (id) WHERE (n > 3",
        "n int); CREATE TABLE other (CHECK (id > 0)) INHERITS (parent",
    ],
)
def test_no_statement_sets_what_something_else_declared_hangs_on(
    column: str, database: str
) -> None:
    query(database, f"CREATE TABLE parent (id int PRIMARY KEY, {column})")
    query(database, "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent)")
    parent, key = TableName("public", "parent"), (TableName("public", "child"), "child_parent_fkey")
    rule = Invariant("aggregate", "count", parent, (Term("n"),), key, ("0",))
    with open_target(database) as target:
        schema = target.schema()
    inherited = is_inherited(schema, rule)
    assert inherited or reckoned(rule, schema, nulls=False) is None


CAREERS = """
CREATE TABLE department (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE worker (id int PRIMARY KEY, name text NOT NULL, born date NOT NULL);
CREATE TABLE leader (
    worker int NOT NULL REFERENCES worker, department int NOT NULL REFERENCES department,
    since date NOT NULL, until date NOT NULL, PRIMARY KEY (worker, since)
);
INSERT INTO department SELECT n, 'D' || n FROM generate_series(1, 40) AS n;
INSERT INTO worker
SELECT n, 'W' || n, date '1960-01-01' + abs(hashtext('b' || n)) % 5000
FROM generate_series(1, 400) AS n;
INSERT INTO leader
SELECT d * 10 + n - 10, d, since,
    coalesce(lead(since) OVER (PARTITION BY d ORDER BY n), '9999-01-01')
FROM generate_series(1, 40) AS d, generate_series(1, 10) AS n,
    LATERAL (SELECT date '1990-01-01' + n * 700 + abs(hashtext(d || 's' || n)) % 600 AS since) AS s;
"""


def test_periods_that_others_follow_end_where_those_begin(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, CAREERS)
    careers = learned(url, Learning(holdout=0.0), tmp_path)
    rule = "until = next since per leader_department_fkey"
    assert rule in {found.words for found in careers.invariants}
    assert rule in {step.found.words for step in oriented(careers).postponed}
    report = filled(careers, database, tmp_path, scale=100.0)
    assert broken(report)[rule] == 0
    assert query(database, "SELECT count(*) FROM leader WHERE until < since") == [(0,)]
