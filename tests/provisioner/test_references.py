"""Rows refer to others that fit them, though another row owns them."""

from collections.abc import Callable
from pathlib import Path

from querying import query

from connectors.engines import open_target
from generators.archive import fingerprint, read_archive
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

SEATS = """
CREATE TABLE routes (id int PRIMARY KEY, miles int NOT NULL, colour text NOT NULL);
CREATE TABLE people (id int PRIMARY KEY, born date NOT NULL);
CREATE TABLE seats (
    id int PRIMARY KEY, person_id int NOT NULL REFERENCES people,
    route_id int REFERENCES routes, fare int NOT NULL
);
INSERT INTO routes
SELECT n, 100 + abs(hashtext('m' || n)) % 2400, 'C' || n % 5 FROM generate_series(1, 500) AS n;
INSERT INTO people SELECT n, date '1960-01-01' + n * 7 FROM generate_series(1, 1500) AS n;
INSERT INTO seats
SELECT n, 1 + n % 1500, r, 20 + miles / 8 + abs(hashtext('f' || n)) % 40
FROM generate_series(1, 6000) AS n, LATERAL (SELECT 1 + abs(hashtext('r' || n)) % 500 AS r) AS x
JOIN routes ON routes.id = r;
"""
FIT = "SELECT corr(fare, miles) FROM seats JOIN routes ON routes.id = route_id"


def test_a_row_refers_to_one_that_fits_what_it_holds(
    filled_database: Callable[[str], str], learned_archive: Callable[[str], Path], database: str
) -> None:
    source = filled_database(SEATS)
    path = learned_archive(source)
    model = read_archive(path)
    with open_target(database) as target:
        load(model, plan(model, fingerprint(path), Request()), target)
    [(wanted,)], [(found,)] = query(source, FIT), query(database, FIT)
    # Eight parts of the miles say nearly all of them.
    assert wanted > 0.98
    assert found > 0.75


SEASONS = """
CREATE TABLE players (id int PRIMARY KEY, born date NOT NULL);
CREATE TABLE seasons (id int PRIMARY KEY, parks text NOT NULL);
CREATE TABLE games (
    id int PRIMARY KEY, player_id int NOT NULL REFERENCES players,
    season_id int REFERENCES seasons, hits int NOT NULL
);
CREATE TABLE finals (
    id int PRIMARY KEY, player_id int NOT NULL REFERENCES players,
    season_id int REFERENCES seasons, hits int NOT NULL
);
INSERT INTO players SELECT n, date '1960-01-01' + n * 7 FROM generate_series(1, 1500) AS n;
INSERT INTO seasons SELECT n, 'P' || abs(hashtext('p' || n)) % 5 FROM generate_series(1, 1500) AS n;
INSERT INTO games
SELECT n, 1 + n % 1500, 1 + abs(hashtext('s' || n)) % 1500, abs(hashtext('h' || n)) % 9
FROM generate_series(1, 30000) AS n;
INSERT INTO finals
SELECT n, 1 + n % 1500, 1 + abs(hashtext('s' || n)) % 150 * 10, abs(hashtext('h' || n)) % 9
FROM generate_series(1, 600) AS n;
"""
MET = "SELECT count(DISTINCT season_id) FROM {}"
MOST = "SELECT max(n) FROM (SELECT count(*) AS n FROM games GROUP BY season_id) AS s"


def test_rows_that_one_table_refers_to_are_those_few_that_it_did(
    filled_database: Callable[[str], str], learned_archive: Callable[[str], Path], database: str
) -> None:
    source = filled_database(SEASONS)
    path = learned_archive(source)
    model = read_archive(path)
    with open_target(database) as target:
        load(model, plan(model, fingerprint(path), Request()), target)
    [(games,)], [(finals,)] = (
        query(database, MET.format("games")),
        query(database, MET.format("finals")),
    )
    # One in ten seasons has finals, of which each has four; numbers of games do not tell which.
    assert games > 1400
    assert 120 <= finals <= 180
    # Of seasons that were held out, games belong to all kinds of others, and not to one kind.
    [(wanted,)], [(most,)] = query(source, MOST), query(database, MOST)
    assert most <= 1.5 * wanted
