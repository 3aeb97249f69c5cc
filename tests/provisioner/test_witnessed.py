"""Rows get the keys that enough of those which lead to them tell of."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from keeping import filled, learned
from querying import query

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, ForeignKey, Table, TableName
from generators.privacy.support import Support
from generators.relations.witnesses import witnesses
from provisioner.learning import Learning
from provisioner.witnessed import Run, _runs, _seated

# Thirty holdings, each with a club of its own for its own years, which no other has.
LEAGUE = """
CREATE TABLE holding (id int PRIMARY KEY, listed bool NOT NULL);
INSERT INTO holding SELECT n, n % 3 = 0 FROM generate_series(1, 30) AS n;
CREATE TABLE club (
    year int, team text, holding int NOT NULL REFERENCES holding, won int NOT NULL,
    PRIMARY KEY (year, team)
);
INSERT INTO club SELECT y, 'T' || h, h, abs(hashtext(y || '.' || h)) % 60
FROM generate_series(1, 30) AS h,
    generate_series(1930 + abs(hashtext('b' || h)) % 30, 1975 + abs(hashtext('e' || h)) % 30) AS y;
CREATE TABLE player (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO player SELECT n, 160 + abs(hashtext('h' || n)) % 40 FROM generate_series(1, 9000) AS n;
CREATE TABLE season (
    player int REFERENCES player, year int, team text NOT NULL, games int NOT NULL,
    PRIMARY KEY (player, year), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO season
SELECT p, c.year, c.team, abs(hashtext(p || 'g' || c.year)) % 150
FROM (
    SELECT n AS p, 1 + abs(hashtext('t' || n)) % 30 AS h, 1930 + abs(hashtext('f' || n)) % 74 AS y,
        abs(hashtext('l' || n)) % 9 AS more FROM generate_series(1, 9000) AS n
) AS career JOIN club AS c ON c.team = 'T' || h AND c.year BETWEEN y AND y + more;
"""
STAYED = """
SELECT avg((other = team)::int) FROM (
    SELECT team, lead(team) OVER (PARTITION BY player ORDER BY year) AS other FROM season
) AS s WHERE other IS NOT NULL
"""


@pytest.fixture(scope="module")
def both(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """A league, and what was learned of it in another database."""
    source, target = lasting_database(), lasting_database()
    folder = tmp_path_factory.mktemp("models")
    query(source, LEAGUE)
    model = learned(source, Learning(units=(TableName("public", "player"),)), folder)
    assert filled(model, target, folder).passed
    return source, target


def test_clubs_play_in_the_years_in_which_enough_players_were_theirs(both: tuple[str, str]) -> None:
    stored, drawn = ({*query(url, "SELECT year, team FROM club")} for url in both)
    assert len(stored & drawn) >= 0.8 * len(stored)


def test_players_stay_with_their_club_nearly_as_often(both: tuple[str, str]) -> None:
    [(stored,)], [(drawn,)] = (query(url, STAYED) for url in both)
    assert float(str(stored)) == 1
    assert float(str(drawn)) >= 0.85


def test_seasons_of_fewer_players_than_units_are_not_told() -> None:
    text, year = DataType(Kind.TEXT, "text"), DataType(Kind.INTEGER, "integer", bits=32)
    name, club = TableName("public", "season"), TableName("public", "club")
    columns = (Column("year", year, nullable=False), Column("team", text, nullable=False))
    key = ForeignKey("lead", name, ("year", "team"), club, ("year", "team"))
    units = np.append(np.arange(11), np.zeros(40, np.int64))
    held = pa.table({"year": pa.array([1990] * 11 + [1991] * 40, pa.int32()), "team": ["A"] * 51})
    season = Table(name, columns, foreign_keys=(key,))
    told = witnesses(season, key, (held, units), {"year", "team"}, Support(11))
    assert told is not None
    assert {c: v.value.to_pylist() for c, v in told.values.items()} == {
        "year": ["1990"],
        "team": ["A"],
    }
    assert told.shares.value.tolist() == [11 / 51]
    # Nor are those with a column that stands for persons, however many share it.
    assert witnesses(season, key, (held, units), {"year"}, Support(11)) is None


def test_years_between_two_that_are_told_are_as_they_are() -> None:
    runs = _runs(np.array([0, 0, 0, 1, 0, 0]), np.array([1901, 1900, 1903, 1900, 1950, 1951]))
    assert [(run.kind, run.times.tolist()) for run in runs] == [
        (0, [1900, 1901, 1902, 1903]),
        (0, [1950, 1951]),
        (1, [1900]),
    ]


def test_large_owners_have_long_runs_and_what_follows_these() -> None:
    runs = [Run(0, np.arange(1900, 1910)), Run(1, np.arange(1910, 1914)), Run(2, np.array([1905]))]
    kind, times = _seated(np.array([1, 15, 0]), runs)
    assert kind.tolist() == [2] + [0] * 11 + [1] * 4
    assert times.tolist() == [1905, *range(1899, 1914)]
