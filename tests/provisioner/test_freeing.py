"""Rows of several shards differ where those of the source do, though no key says so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

TRIPS = """
CREATE TABLE line (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO line SELECT n, 'line ' || n FROM generate_series(1, 12) AS n;
CREATE TABLE driver (id int PRIMARY KEY, age int NOT NULL);
INSERT INTO driver SELECT n, 20 + abs(hashtext('a' || n)) % 40 FROM generate_series(1, 1500) AS n;
CREATE TABLE trip (
    id int PRIMARY KEY, driver int NOT NULL REFERENCES driver, line int NOT NULL REFERENCES line,
    number int NOT NULL, day int NOT NULL, seats int
);
INSERT INTO trip SELECT row_number() OVER (ORDER BY md5(l || 'i' || n || 'y' || y)),
    1 + abs(hashtext('d' || l || 'n' || n || 'y' || y)) % 1500, l, 100 + n, y,
    abs(hashtext('s' || l || n || y)) % 50
FROM generate_series(1, 12) AS l, generate_series(1, 200) AS n, generate_series(1, 300) AS y
WHERE abs(hashtext('w' || l || 'n' || n || 'y' || y)) % 1000 < 12;
"""
RULE = "unique (line, day, number)"
REPEATS = "SELECT count(*), count(*) - count(DISTINCT (line, number, day)) FROM trip"


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source, units = lasting_database(), (TableName("public", "driver"),)
    query(source, TRIPS)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("trips"))


def test_rows_of_several_shards_differ_in_what_tells_them_apart(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert RULE in of(model, "trip")
    target = lasting_database()
    report = filled(model, target, tmp_path, scale=14.0)
    assert report.passed
    rows, repeats = query(target, REPEATS)[0]
    assert rows > 110_000
    assert repeats <= 0.001 * rows


def test_it_is_told_that_rows_differ_once_all_are_there(model: DatabaseModel) -> None:
    found = oriented(model)
    assert RULE not in [one.words for one, _ in found.unkept]
    assert [(s.found.words, s.target[1]) for s in found.postponed] == [(RULE, "number")]


def test_other_values_are_those_of_rows_alike(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    filled(model, target, tmp_path, scale=14.0)
    assert query(target, "SELECT min(number) >= 101, max(number) <= 300 FROM trip") == [
        (True, True)
    ]
