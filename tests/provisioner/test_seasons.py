"""Rows of an owner follow one another in time also where a composite key holds the time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.resolving import _covered, _led, _most
from provisioner.scenarios import Scenario

SEASONS = """
CREATE TABLE club (year int, team text, won int NOT NULL, PRIMARY KEY (year, team));
INSERT INTO club SELECT y, 'T' || t, abs(hashtext(y || '.' || t)) % 60
FROM generate_series(1960, 1999) AS y, generate_series(1, 12) AS t;
CREATE TABLE player (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO player SELECT n, 160 + abs(hashtext('h' || n)) % 40 FROM generate_series(1, 1500) AS n;
CREATE TABLE career AS
SELECT id, 1960 + abs(hashtext('f' || id)) % 32 AS first, 1 + abs(hashtext('t' || id)) % 12 AS team,
    2 + abs(hashtext('l' || id)) % 7 AS seasons, abs(hashtext('m' || id)) % 3 = 0 AS moves
FROM player;
CREATE TABLE season (
    player int REFERENCES player, year int, team text NOT NULL, games int NOT NULL,
    PRIMARY KEY (player, year), FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO season
SELECT id, first + s, 'T' || CASE WHEN moves AND s * 2 > seasons THEN 1 + team % 12 ELSE team END,
    abs(hashtext(id || 'g' || s)) % 150
FROM career, generate_series(0, seasons - 1) AS s;
DROP TABLE career;
"""
NEXT = """
SELECT avg((later = year + 1)::int), avg((other = team)::int)
FROM (
    SELECT year, team, lead(year) OVER w AS later, lead(team) OVER w AS other FROM season
    WINDOW w AS (PARTITION BY player ORDER BY year)
) AS s WHERE later IS NOT NULL
"""
FULLEST = """
SELECT max(n)::float / avg(n) FROM (
    SELECT count(*) AS n FROM season GROUP BY year, team
) AS s
"""


def numbers(url: str, query: str) -> list[float]:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return [float(number) for number in row or ()]


def filled(
    source: str, target: str, path: Path, schema: str, *scenarios: Scenario
) -> DatabaseModel:
    """Learns a database of this schema and fills another one, whose server checks every key."""
    with psycopg.connect(source) as connection:
        connection.execute(schema.encode())
    with open_source(source) as opened:
        write_archive(learn(opened, Learning(units=(TableName("public", "player"),))), path)
    model, request = read_archive(path), Request(scenarios=scenarios)
    with open_target(target) as opened_target:
        load(model, plan(model, fingerprint(path), request), opened_target)
    return model


@pytest.fixture(scope="module")
def both(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    source, target = lasting_database(), lasting_database()
    filled(source, target, tmp_path_factory.mktemp("models") / "seasons.model", SEASONS)
    return [source, target]


def test_a_season_follows_the_last_one_with_the_same_team_as_often_as_learned(
    both: list[str],
) -> None:
    """Clubs are drawn too, so that not each team plays in each drawn year."""
    (stored_next, stored_same), (drawn_next, drawn_same) = (numbers(url, NEXT) for url in both)
    assert stored_next == 1
    assert drawn_next >= 0.9
    assert drawn_same == pytest.approx(stored_same, abs=0.2)


def test_no_club_has_far_more_players_than_any_had(both: list[str]) -> None:
    (stored,), (drawn,) = (numbers(url, FULLEST) for url in both)
    assert drawn <= 2 * stored


def test_rows_that_find_no_like_go_together_to_the_emptiest_places() -> None:
    loads = np.array([40, 1, 0, 7])
    own, others = np.array([3, 3, 3, 5]), np.array([3, 3, 3, 3, 3, 9])
    troupes, when = np.array([8, 6, 6, 8, 6, 6]), np.array([1990] * 6)
    assert _led((own, others), (troupes, when), loads).tolist() == [1, 2, 2, 1, 2, -1]


RING = """
ALTER TABLE club ADD star int, ADD seen int;
UPDATE club AS c SET (star, seen) = (
    SELECT min(player), c.year FROM season AS s WHERE (s.year, s.team) = (c.year, c.team)
);
UPDATE club SET seen = NULL WHERE star IS NULL;
ALTER TABLE club ADD FOREIGN KEY (star, seen) REFERENCES season (player, year);
"""


def test_a_key_that_leads_back_is_drawn_as_before(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    model = filled(source, target, tmp_path / "ring.model", SEASONS + RING)
    assert not model.tables[TableName("public", "season")].natural


@pytest.mark.parametrize("where", ["games > 120", "year >= 1990"])
def test_rows_that_enact_a_scenario_lead_to_a_row(
    lasting_database: Callable[[], str], tmp_path: Path, where: str
) -> None:
    source, target = lasting_database(), lasting_database()
    scenario = Scenario(TableName("public", "season"), where, share=0.4)
    filled(source, target, tmp_path / "asked.model", SEASONS, scenario)
    query = f"SELECT avg(({where})::int) FROM season"  # noqa: S608 - a test's own text
    assert numbers(target, query) == [pytest.approx(0.4, abs=0.001)]


def test_shards_begin_at_other_places_that_are_as_empty() -> None:
    places, rows = np.zeros(12, np.int64), np.zeros(3, np.int64)
    asked, of = (places, rows), (np.arange(3), np.full(3, 1990))
    found = [_led(asked, of, np.zeros(12, np.int64), shard / 4) for shard in range(4)]
    assert sorted(np.concatenate(found)) == [*range(12)]


@pytest.mark.parametrize("expected", [0.1, 0.5, 1.2, 3.0])
def test_all_shards_together_let_no_more_lead_to_a_row_than_chance_brings(expected: float) -> None:
    shards = 8
    each = np.full(1, expected / shards)
    turns = np.arange(shards)[:, None] / shards
    most = sum(int(_most(each, 1 / shards, (0.3 + turn) % 1)[0]) for turn in turns)
    assert most <= expected + 2 * expected**0.5 + 1


@given(st.integers(1, 3), st.integers(0, 10_000))
def test_every_place_that_needs_a_row_gets_one_in_some_shard(shards: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.sort(rng.integers(1990, 1995, 30))
    loads = np.zeros(30, np.int64)
    for shard in range(shards):
        when = rng.integers(1990, 1995, 40)
        crowded = np.asarray([np.flatnonzero(known == w)[:1].sum() for w in when])
        own = np.arange(30) % shards == shard
        loads += np.bincount(_covered(crowded, (when, known), own), minlength=30)
    assert loads.min() >= 1


def test_rows_that_cover_other_places_stay_in_their_year() -> None:
    known = np.repeat(np.arange(1990, 1995), 4)
    when = np.repeat(np.arange(1990, 1995), 6)
    covered = _covered((when - 1990) * 4, (when, known), np.ones(20, np.bool_))
    assert (known[covered] == when).all()
    assert np.bincount(covered, minlength=20).min() == 1


ERAS = """
CREATE TABLE player (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO player SELECT n, 160 + abs(hashtext('h' || n)) % 40 FROM generate_series(1, 1500) AS n;
CREATE TABLE season (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, player int NOT NULL REFERENCES player,
    year int NOT NULL, team text NOT NULL, games int NOT NULL
);
INSERT INTO season (player, year, team, games)
SELECT p.id, y, 'T' || CASE WHEN c % 2 = 0 THEN c WHEN y < 1960 + 3 * c THEN c ELSE c + 20 END,
    abs(hashtext(p.id || 'g' || y)) % 150
FROM player AS p,
    LATERAL (SELECT 1960 + abs(hashtext('f' || p.id)) % 34, abs(hashtext('t' || p.id)) % 12)
        AS f (first, c),
    LATERAL generate_series(first, first + 1 + abs(hashtext('l' || p.id)) % 6) AS y
ORDER BY y;
"""
OUTSIDE = """
SELECT avg(((1960 + 3 * CASE WHEN c > 20 THEN c - 20 ELSE c END <= year) <> (c > 20))::int)
FROM (SELECT year, substr(team, 2)::int AS c FROM season) AS s WHERE c % 2 = 1
"""


def test_no_team_plays_before_it_was_founded_or_after_it_was_dissolved(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    """Each second team is another one from some year on; a leaf of trees holds some years more."""
    source, target = lasting_database(), lasting_database()
    filled(source, target, tmp_path / "eras.model", ERAS)
    (stored,), (drawn,) = (numbers(url, OUTSIDE) for url in (source, target))
    assert stored == 0
    # A bound is a year off at most, where a team has 17 years: it was 0.07 without bounds.
    assert drawn <= 0.05


GAMES = """
CREATE TABLE player (id int PRIMARY KEY, height int NOT NULL);
INSERT INTO player SELECT n, 160 + abs(hashtext('h' || n)) % 40 FROM generate_series(1, 1000) AS n;
CREATE TABLE season (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, player int NOT NULL REFERENCES player,
    year int NOT NULL, games int NOT NULL
);
INSERT INTO season (player, year, games)
SELECT p.id, y, 1 + abs(hashtext(p.id || 'g' || y)) % 160
FROM player AS p, LATERAL (SELECT 1960 + abs(hashtext('f' || p.id)) % 34) AS f (first),
    LATERAL generate_series(first, first + 1 + abs(hashtext('l' || p.id)) % 6) AS y ORDER BY y;
CREATE TABLE stand (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, player int NOT NULL REFERENCES player,
    year int NOT NULL, place int NOT NULL, games int NOT NULL
);
INSERT INTO stand (player, year, place, games)
SELECT player, year, 1 + p % 3, CASE WHEN abs(hashtext(id || 'e' || p)) % 5 < 2 THEN games
    ELSE 1 + abs(hashtext(id || 's' || p)) % games END
FROM season, LATERAL generate_series(1, 1 + abs(hashtext(id || 'n')) % 3) AS p ORDER BY year;
"""
WITHIN = """
SELECT avg((s.games <= t.games)::int), avg((s.games = t.games)::int)
FROM stand AS s JOIN season AS t USING (player, year)
"""


def test_nobody_stands_in_more_games_than_a_season_had_and_as_many_in_all_of_them(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    filled(source, target, tmp_path / "games.model", GAMES)
    (stored, equal), (drawn, equal_drawn) = (numbers(url, WITHIN) for url in (source, target))
    assert stored == 1
    assert drawn >= 0.99
    assert equal_drawn == pytest.approx(equal, abs=0.1)


FINALS = """
CREATE TABLE final (
    year int, round {kind}, loser text NOT NULL, PRIMARY KEY (year, round),
    FOREIGN KEY (year, loser) REFERENCES club
);
INSERT INTO final
SELECT year, {prefix} row_number() OVER (PARTITION BY year ORDER BY hashtext(year || team)), team
FROM club WHERE abs(hashtext('f' || year || team)) % 4 = 0;
"""
TWICE = "SELECT count(*) FROM (SELECT FROM final GROUP BY year, loser HAVING count(*) > 1) AS twice"
YEARS = "SELECT count(DISTINCT year), count(DISTINCT loser), count(*) FROM final"


@pytest.mark.parametrize(("kind", "prefix"), [("int", ""), ("text", "'r' ||")])
def test_no_row_is_led_to_twice_where_a_rule_says_at_most_once(
    kind: str, prefix: str, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    # Of the texts, those of which hardly any year had so many are withheld.
    source, target = lasting_database(), lasting_database()
    schema = SEASONS + FINALS.format(kind=kind, prefix=prefix)
    model = filled(source, target, tmp_path / "finals.model", schema)
    rules = {(found.rule.kind, found.words) for found in model.invariants}
    assert ("cardinality", "count(final) <= 1 per final_year_loser_fkey") in rules
    assert numbers(target, TWICE) == [0]
    years, losers, rows = numbers(target, YEARS)
    assert years > 20
    assert losers > 9
    assert rows > 40
