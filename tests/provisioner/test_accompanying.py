"""Rows of an owner stand beside each other in several tables, where the source's rows do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.companions import Companion, companions, drawn_trees
from generators.company import Asking, eased, standing
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

PLAYED, ONE, OTHER = (TableName("public", name) for name in ("played", "one", "other"))
SEASONS = """
CREATE TABLE club (year int, team text, won int NOT NULL, PRIMARY KEY (year, team));
INSERT INTO club SELECT y, 'T' || t, abs(hashtext(y || '.' || t)) % 60
FROM generate_series(1960, 1999) AS y, generate_series(1, 8) AS t;
CREATE TABLE player (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO player SELECT n, 160 + abs(hashtext('h' || n)) % 40 FROM generate_series(1, 900) AS n;
CREATE TABLE season (
    player int REFERENCES player, year int, team text NOT NULL, games int NOT NULL,
    PRIMARY KEY (player, year, team), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO season
SELECT id, f + s, 'T' || 1 + abs(hashtext(id || 't' || (s / 2))) % 8,
    abs(hashtext(id || 'g' || s)) % 99
FROM player, LATERAL (SELECT 1960 + abs(hashtext('f' || id)) % 33) AS x (f),
    LATERAL generate_series(0, abs(hashtext('l' || id)) % 7) AS s;
CREATE TABLE pitching (
    player int REFERENCES player, year int, team text NOT NULL, runs int NOT NULL,
    PRIMARY KEY (player, year, team), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO pitching SELECT player, year, team, games / 2 FROM season
WHERE player % 3 = 0 AND abs(hashtext(player || 'p' || year)) % 4 > 0;
CREATE TABLE fielding (
    player int REFERENCES player, year int, team text NOT NULL, place int NOT NULL,
    PRIMARY KEY (player, year, team, place), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO fielding SELECT player, year, team, p FROM season,
    generate_series(1, abs(hashtext(player || 'n' || year)) % 4) AS p;
CREATE TABLE prize (id int PRIMARY KEY, player int NOT NULL REFERENCES player);
INSERT INTO prize SELECT row_number() OVER (), player FROM (
    SELECT DISTINCT player FROM pitching WHERE player % 2 = 0) AS p;
"""
WITHIN = "(player, year, team) in (public.season.player, public.season.year, public.season.team)"
RULES = {
    "pitching": (WITHIN, "season", "(o.player, o.year, o.team) = (c.player, c.year, c.team)"),
    "fielding": (WITHIN, "season", "(o.player, o.year, o.team) = (c.player, c.year, c.team)"),
    "prize": ("(player) in (public.pitching.player)", "pitching", "o.player = c.player"),
}
ALONE = "SELECT count(*) FROM {} AS c WHERE NOT EXISTS (SELECT FROM {} AS o WHERE {})"


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source = lasting_database()
    query(source, SEASONS)
    return learned(
        source, Learning(units=(TableName("public", "player"),)), tmp_path_factory.mktemp("seasons")
    )


def test_rows_stand_beside_those_of_other_tables_and_every_row_is_there(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    target = lasting_database()
    assert filled(model, target, tmp_path).passed
    unkept = [found.words for found, _ in oriented(model).unkept]
    for table, (words, other, same) in RULES.items():
        assert words in of(model, table)
        assert words not in unkept
        assert query(target, ALONE.format(table, other, same)) == [(0,)]
        [(rows,)] = query(target, f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of ours
        assert rows == model.rows[TableName("public", table)]


def test_tables_are_drawn_behind_those_among_whose_rows_theirs_choose(model: DatabaseModel) -> None:
    said = {
        (one.table.name, one.other.name, one.asks)
        for several in companions(model).values()
        for one in several
    }
    assert said >= {
        ("pitching", "season", False),
        ("fielding", "season", False),
        ("prize", "pitching", False),
    }
    [drawn] = (tree for tree in drawn_trees(model) if TableName("public", "player") in tree)
    places = [
        drawn.index(TableName("public", n)) for n in ("player", "season", "pitching", "prize")
    ]
    assert places == sorted(places)


def test_what_one_table_asks_for_counts_once_where_another_one_asks_for_more_of_it() -> None:
    season = Companion(PLAYED, ONE, (("year", "year"),), asks=True)
    stint = Companion(PLAYED, OTHER, (("year", "year"), ("stint", "stint")), asks=True)
    years = Asking.of(season, np.array([0, 0, 1]), {"year": pa.array([1, 2, 5])})
    stints = Asking.of(
        stint,
        np.array([0, 0, 2]),
        {"year": pa.array([2, 2, None]), "stint": pa.array([1, 2, 1])},
    )
    kept, least, most = standing([(stint, stints), (season, years)], np.array([True, True, True]))
    assert kept.all()
    assert most is None
    assert least.tolist() == [3, 1, 0]
    assert eased(least, 4).tolist() == [3, 1, 0]
    assert eased(least, 3).tolist() == [2, 1, 0]


CATCHING = """
CREATE TABLE catching (
    player int REFERENCES player, year int, team text NOT NULL, errors int NOT NULL,
    PRIMARY KEY (player, year, team), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO catching SELECT player, year, team, games / 9 FROM season
WHERE player % 4 = 1 AND abs(hashtext(player || 'c' || year)) % 4 > 0;
"""


def test_rows_of_several_tables_choose_among_those_of_one(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    query(source, SEASONS + CATCHING)
    found = learned(source, Learning(units=(TableName("public", "player"),)), tmp_path)
    assert filled(found, target, tmp_path).passed
    assert WITHIN not in [one.words for one, _ in oriented(found).unkept]
    for table in ("pitching", "catching"):
        assert WITHIN in of(found, table)
        assert query(target, ALONE.format(table, *RULES["pitching"][1:])) == [(0,)]


def test_no_more_rows_than_an_owner_has_places_for_choose_one_and_none_in_other_years() -> None:
    choosing = Companion(PLAYED, ONE, (("year", "year"), ("team", "team")), asks=False)
    there = Asking.of(
        choosing,
        np.array([0, 0, 0, 1, 2]),
        {"year": pa.array([1, 1, 2, 5, 7]), "team": pa.array(["a", "b", "a", "a", "a"])},
    )
    known, apart = [(choosing, there)], {frozenset({"year"}): 1, frozenset({"note"}): None}
    spans = {"year": (np.array([0, 0, 8, 0]), np.array([9, 9, 9, 9]))}
    kept, least, most = standing(known, np.ones(4, np.bool_), apart, spans)
    assert kept.tolist() == [True, True, True, False]
    assert least.tolist() == [0, 0, 0, 0]
    assert most is not None
    assert most.tolist() == [2, 1, 0, 0]
