"""Keys lead to rows that agree with the row in what further keys of those lead to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

ZONES = """
CREATE TABLE zone (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO zone SELECT n, 'zone ' || n FROM generate_series(1, 12) AS n;
CREATE TABLE town (id int PRIMARY KEY, zone int NOT NULL REFERENCES zone, size int NOT NULL);
INSERT INTO town SELECT n, 1 + n % 12, abs(hashtext('t' || n)) % 90
FROM generate_series(1, 90) AS n;
CREATE TABLE place (id int PRIMARY KEY, town int NOT NULL REFERENCES town, width int NOT NULL);
INSERT INTO place SELECT n, 1 + abs(hashtext('w' || n)) % 90, abs(hashtext('p' || n)) % 50
FROM generate_series(1, 2500) AS n;
CREATE TABLE client (id int PRIMARY KEY, zone int NOT NULL REFERENCES zone, since date NOT NULL);
INSERT INTO client SELECT n, 1 + abs(hashtext('z' || n)) % 12,
    date '2015-01-01' + abs(hashtext('s' || n)) % 900 FROM generate_series(1, 600) AS n;
CREATE TABLE dispatch (
    id int PRIMARY KEY, client int NOT NULL REFERENCES client, zone int NOT NULL REFERENCES zone,
    sent_to int NOT NULL REFERENCES place, billed_to int NOT NULL REFERENCES place
);
INSERT INTO dispatch SELECT row_number() OVER (), c.id, c.zone, p.id, p.id
FROM client AS c, generate_series(1, 6) AS n, LATERAL (
    SELECT p.id FROM place AS p JOIN town AS t ON t.id = p.town WHERE t.zone = c.zone
    ORDER BY md5(p.id || 'd' || c.id || n) LIMIT 1) AS p;
"""
SENT, BILLED = (
    f"zone = dispatch_{name}_fkey.place_town_fkey.zone" for name in ("sent_to", "billed_to")
)
ASTRAY = """
SELECT count(*) FILTER (WHERE t.zone <> d.zone), count(*) FILTER (WHERE d.billed_to <> d.sent_to),
    count(*) > 3000, count(DISTINCT d.sent_to) > 800
FROM dispatch AS d JOIN place AS p ON p.id = d.sent_to JOIN town AS t ON t.id = p.town
"""
MOST = "SELECT sum(n), max(n) FROM (SELECT count(*) FROM dispatch GROUP BY sent_to) AS x (n)"


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source, units = lasting_database(), (TableName("public", "client"),)
    query(source, ZONES)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("zones"))


def test_a_key_leads_where_further_keys_lead_to_what_the_row_holds(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert {SENT, BILLED, "billed_to = sent_to"} <= {*of(model, "dispatch")}
    assert SENT not in [found.words for found, _ in oriented(model).unkept]
    target = lasting_database()
    filled(model, target, tmp_path)
    assert query(target, ASTRAY) == [(0, 0, True, True)]


def test_keys_go_on_to_lead_to_many_rows(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    filled(model, target, tmp_path, scale=2.0)
    [(rows, most)] = query(target, MOST)
    assert rows > 6_000
    assert most < 30
