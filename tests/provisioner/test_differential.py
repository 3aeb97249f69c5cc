"""Learning with differential privacy: what it asks for, keeps, refuses and tells."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import html5lib
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from canaries import leak
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from generators.privacy.accountant import Budget
from provisioner.apply import to_learning
from provisioner.carrying import Carrying
from provisioner.cli import main
from provisioner.config import read_config
from provisioner.contents import contents
from provisioner.differential.asking import Privacy
from provisioner.differential.contributions import limited
from provisioner.differential.standing import standing_in
from provisioner.errors import HopelessBudget, WrongConfig, WrongRequest
from provisioner.events import silent
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

SCHEMA = """
CREATE TYPE tier AS ENUM ('basic', 'gold');
CREATE TABLE country (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE customer (
    id integer PRIMARY KEY, email text UNIQUE, tier tier NOT NULL, age integer,
    country text NOT NULL REFERENCES country, note text
);
CREATE TABLE purchase (
    id integer PRIMARY KEY, customer integer NOT NULL REFERENCES customer, line integer NOT NULL,
    price numeric(10, 2) NOT NULL, paid boolean NOT NULL, UNIQUE (customer, line)
);
INSERT INTO country VALUES ('NZ', 'New Zealand'), ('CH', 'Switzerland'), ('IS', 'Iceland');
INSERT INTO customer SELECT i, 'someone' || i || '@corp.net',
    (CASE WHEN i % 4 = 0 THEN 'gold' ELSE 'basic' END)::tier, 20 + i % 50,
    (ARRAY['NZ', 'CH', 'CH', 'CH'])[1 + i % 4], 'met customer ' || i
    FROM generate_series(1, 1500) AS i;
INSERT INTO purchase SELECT row_number() OVER (), i, j, (10 + i % 90) * 1.5, i % 4 <> 0
    FROM generate_series(1, 1500) AS i, generate_series(1, 1 + i % 3) AS j;
ANALYZE;
"""
CUSTOMER, COUNTRY = TableName("public", "customer"), TableName("public", "country")
ASKED = Learning(
    units=(CUSTOMER,),
    privacy=Privacy(Budget(20.0)),
    carrying=Carrying(frozenset({COUNTRY})),
)
CONFIGURED = """
public: [country]
tables:
  purchase:
    rows_per_unit: 3
    values: {line: ["1", "2", "3"]}
"""


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    return url


@pytest.fixture(scope="module")
def model(shop: str) -> DatabaseModel:
    with open_source(shop) as source:
        return learn(source, ASKED)


@pytest.fixture(scope="module")
def archive(model: DatabaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("differential") / "shop.model"
    write_archive(model, path)
    return path


@pytest.fixture(scope="module")
def filled(archive: Path, lasting_database: Callable[[], str]) -> str:
    url, read = lasting_database(), read_archive(archive)
    with open_target(url) as target:
        load(read, plan(read, fingerprint(archive), Request()), target)
        assert verify(read, target).passed
    return url


def test_the_ledger_sums_to_what_was_asked_and_travels(model: DatabaseModel, archive: Path) -> None:
    assert model.ledger is not None
    assert 0.9 * 20 < model.ledger.epsilon <= 20
    assert model.ledger.rho <= Budget(20.0).rho * (1 + 1e-9)
    assert read_archive(archive).ledger == model.ledger


def test_the_page_shows_what_each_look_has_cost(
    model: DatabaseModel, archive: Path, filled: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    assert main(["verify", str(archive), "--target", filled, "--html", str(file)]) == 0
    tables = html5lib.parse(file.read_text("utf-8"), namespaceHTMLElements=False).iter("table")
    [ledger] = [t for t in tables if "ledger" in (t.findtext("caption") or "")]
    listed = contents(model, "").ledger
    assert listed is not None
    looks = {row.findtext("th"): row.findtext("td") for row in ledger.iter("tr")}
    assert {s.what: f"{s.looks:,}" for s in listed.spends}.items() <= looks.items()
    assert "(20, 1e-06) per unit" in file.read_text("utf-8")


def test_rows_look_like_the_source(shop: str, filled: str) -> None:
    """Bounds are several times the noise of epsilon 20 over 1,500 customers."""
    share = "SELECT avg((tier = 'gold')::int), avg(age), count(*) FROM customer"
    (gold, age, rows), (drawn_gold, drawn_age, drawn) = query(shop, share) + query(filled, share)
    assert abs(gold - drawn_gold) < 0.05
    assert abs(age - drawn_age) < 5
    assert abs(rows - drawn) < 150
    together = "SELECT avg((tier = 'gold' AND country = 'NZ')::int) FROM customer"
    assert query(filled, together)[0][0] > 0.15
    bought = "SELECT count(*)::float / (SELECT count(*) FROM customer) FROM purchase"
    assert abs(query(shop, bought)[0][0] - query(filled, bought)[0][0]) < 0.4


def test_text_that_only_one_holds_is_invented(filled: str) -> None:
    assert query(filled, "SELECT count(*) FROM customer WHERE note LIKE 'met customer%'") == [(0,)]
    assert query(filled, "SELECT count(*) FROM customer WHERE email LIKE '%@corp.net'") == [(0,)]


def test_a_table_of_nobody_is_refused_until_it_is_declared_public(shop: str) -> None:
    closed = Learning(units=(CUSTOMER,), privacy=Privacy(Budget(20.0)))
    with open_source(shop) as source, pytest.raises(WrongRequest, match=r"public\.country belong"):
        learn(source, closed)


def test_a_key_to_a_unit_that_may_be_null_is_refused_where_other_rows_hang_below(
    database: str,
) -> None:
    gap = """
        CREATE TABLE customer (id integer PRIMARY KEY, age integer);
        CREATE TABLE basket (id integer PRIMARY KEY, customer integer REFERENCES customer);
        CREATE TABLE item (id integer PRIMARY KEY, basket integer NOT NULL REFERENCES basket);
        INSERT INTO customer VALUES (1, 30);
    """
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(gap.encode())
    asked = Learning(units=(CUSTOMER,), privacy=Privacy(Budget(20.0)))
    with (
        open_source(database) as source,
        pytest.raises(
            WrongRequest, match=r"public\.basket \(customer\) lead to a privacy unit .* may be null"
        ),
    ):
        learn(source, asked)


def test_a_table_of_a_unit_cannot_be_public(shop: str) -> None:
    wrong = Privacy(Budget(20.0), public=frozenset({COUNTRY, CUSTOMER}))
    with open_source(shop) as source, pytest.raises(WrongRequest, match="cannot be public"):
        learn(source, Learning(units=(CUSTOMER,), privacy=wrong))


def test_a_hopeless_budget_is_refused_with_one_that_would_do(shop: str) -> None:
    little = Learning(units=(CUSTOMER,), privacy=Privacy(Budget(0.05), public=frozenset({COUNTRY})))
    with open_source(shop) as source, pytest.raises(HopelessBudget, match=r"epsilon \S+ would do"):
        learn(source, little)


def test_a_reviewer_is_shown_the_ledger_and_what_is_outside_it(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(archive), "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ledger"]["epsilon"] == 20
    assert sum(s["rho"] for s in told["ledger"]["spends"]) == pytest.approx(told["ledger"]["rho"])
    assert any("declared" in sentence for sentence in told["not_promised"])
    assert main(["show", str(archive)]) == 0
    said = capsys.readouterr().out
    assert "(20, 1e-06)-DP per unit, ledger attached" in said
    assert "There is no differential privacy" not in said


def test_a_configuration_spares_looks_at_the_rows(shop: str) -> None:
    plain = Learning(privacy=Privacy(Budget(1.0)))
    with open_source(shop) as source:
        chosen = to_learning(read_config(CONFIGURED, "p.yaml", {}), source, plain).privacy
        wrong = CONFIGURED.replace('"3"', '"three"')
        with pytest.raises(WrongConfig, match="values of type integer"):
            to_learning(read_config(wrong, "p.yaml", {}), source, plain)
    purchase = TableName("public", "purchase")
    assert chosen is not None
    assert chosen.public == {COUNTRY}
    assert chosen.bounds == {purchase: 3}
    assert chosen.values[purchase, "line"].to_pylist() == [1, 2, 3]


def test_delta_alone_asks_for_nothing(shop: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.model"
    arguments = ["learn", "--source", shop, "-o", str(path), "--delta", "1e-6"]
    assert main(arguments) == 2
    assert not path.exists()


def test_a_unit_keeps_no_more_rows_than_its_bound() -> None:
    import numpy as np

    units = np.random.default_rng(1).integers(0, 40, 1_000)
    rows = limited(units, 7, np.random.default_rng(2))
    assert np.bincount(units[rows.kept]).max() == 7
    assert rows.kept.sum() == np.minimum(np.bincount(units), 7).sum()


LONE = """
CREATE TYPE kind AS ENUM ('often', 'seldom', 'rare');
CREATE TABLE person (id integer PRIMARY KEY, age integer NOT NULL CHECK (age BETWEEN 0 AND 1000));
CREATE TABLE visit (
    id integer PRIMARY KEY, person integer NOT NULL REFERENCES person, kind kind NOT NULL
);
INSERT INTO person SELECT n, 20 + n % 50 FROM generate_series(1, 2500) n;
INSERT INTO visit SELECT n, 1 + n % 2500, (ARRAY['often', 'seldom'])[1 + n % 2]::kind
    FROM generate_series(1, 4000) n;
"""
CANARY = """
INSERT INTO person VALUES (10000, 990);
INSERT INTO visit SELECT 10000 + n, 10000, 'rare' FROM generate_series(1, 4) n;
"""
PERSON, VISIT = TableName("public", "person"), TableName("public", "visit")
TRIALS = 400 if os.environ.get("PROVISIONER_SOAK") else 28
"""Enough for a bound above 1 where each trial tells that somebody is there."""


def seen(url: str, budget: Budget) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """By view and trial, what drawn rows show of somebody very old who came rarely, but often."""
    found = []
    with open_source(url) as source:
        schema, statements = source.schema(), source.ddl()
        for _ in range(TRIALS):
            privacy = Privacy(budget, bounds={VISIT: 4})
            stand = standing_in(source, (schema, statements), (PERSON,), 11, privacy, silent)
            people, visits = (
                pa.Table.from_batches(stand.source.read(schema.table(name)))
                for name in (PERSON, VISIT)
            )
            ages = people["age"].to_numpy()
            rare = pc.sum(pc.equal(visits["kind"].cast(pa.string()), "rare")).as_py()
            found.append((ages.max(), (ages > 500).sum(), rare, len(visits)))
    return np.array(found, np.float64).T


def test_one_person_more_shows_no_more_than_epsilon_in_all_that_is_drawn(
    filled_database: Callable[[str], str],
) -> None:
    budget = Budget(1.0, 1e-4)
    without, within = (seen(filled_database(LONE + more), budget) for more in ("", CANARY))
    assert leak(without, within, budget.delta) < budget.epsilon


def test_who_is_seen_in_every_trial_is_found_out() -> None:
    nobody, somebody = np.zeros((1, TRIALS)), np.ones((1, TRIALS))
    assert leak(nobody, somebody, 1e-4) > 1.0
