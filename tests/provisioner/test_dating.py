"""Years of rows lie between the dates of their owner, where the source's rows do."""

from collections.abc import Callable
from pathlib import Path

from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.orientation import oriented
from provisioner.learning import Learning

CAREERS = """
CREATE TABLE club (year int, team text, won int NOT NULL, PRIMARY KEY (year, team));
INSERT INTO club SELECT y, 'T' || t, abs(hashtext(y || '.' || t)) % 60
FROM generate_series(1960, 1999) AS y, generate_series(1, 8) AS t;
CREATE TABLE player (id int PRIMARY KEY, debut date NOT NULL, latest date);
INSERT INTO player
SELECT n, d, CASE WHEN n % 9 > 0 THEN d + 200 + abs(hashtext('l' || n)) % 2600 END
FROM generate_series(1, 900) AS n,
    LATERAL (SELECT date '1960-04-01' + abs(hashtext('d' || n)) % 11000) AS x (d);
CREATE TABLE round (
    id int PRIMARY KEY, player int NOT NULL REFERENCES player, year int NOT NULL,
    team text NOT NULL, runs int NOT NULL, FOREIGN KEY (year, team) REFERENCES club
);
INSERT INTO round SELECT row_number() OVER (), id, y, 'T' || 1 + abs(hashtext(id || 't')) % 8,
    abs(hashtext(id || 'r' || y || s)) % 50
FROM player, LATERAL (SELECT extract(year FROM debut)::int) AS f (first),
    LATERAL (SELECT coalesce(extract(year FROM latest)::int, 1999)) AS l (last),
    generate_series(1, 3) AS s,
    LATERAL (SELECT first + abs(hashtext(id || 'y' || s)) % (last - first + 1)) AS x (y)
WHERE abs(hashtext(id || 'w' || s)) % 3 = 0;
"""
RULES = {
    "extract(year from round_player_fkey.debut) <= year": "extract(year FROM debut) > year",
    "extract(year from round_player_fkey.latest) >= year": "extract(year FROM latest) < year",
}
OUTSIDE = "SELECT count(*) FROM round AS r JOIN player AS p ON p.id = r.player WHERE {}"


def test_rows_of_an_owner_come_in_the_years_that_its_dates_leave_for_them(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    query(source, CAREERS)
    model = learned(source, Learning(units=(TableName("public", "player"),)), tmp_path)
    assert filled(model, target, tmp_path).passed
    unkept = [found.words for found, _ in oriented(model).unkept]
    for words, broken in RULES.items():
        assert words in of(model, "round")
        assert words not in unkept
        [(outside,)] = query(target, OUTSIDE.format(broken))
        assert outside == 0
    assert query(target, "SELECT count(DISTINCT year) > 30 FROM round") == [(True,)]


STAYS = """
CREATE TABLE stay AS
SELECT row_number() OVER () AS id, p.id AS player, y AS year,
    'T' || 1 + abs(hashtext(p.id || 't' || s)) % 8 AS team,
    abs(hashtext(p.id || 'p' || s)) % 50 AS pay
FROM player AS p, LATERAL (SELECT extract(year FROM debut)::int) AS f (first),
    LATERAL (SELECT coalesce(extract(year FROM latest)::int, 1999)) AS l (last),
    generate_series(1, 5) AS s,
    LATERAL (SELECT first + abs(hashtext(p.id || 'z' || s)) % (last - first + 1)) AS x (y)
WHERE abs(hashtext(p.id || 'v' || s)) % 5 > 0;
CREATE TABLE side AS SELECT year, team, min(pay) AS won FROM stay GROUP BY year, team;
ALTER TABLE side ADD PRIMARY KEY (year, team);
ALTER TABLE stay ADD PRIMARY KEY (id), ADD FOREIGN KEY (player) REFERENCES player,
    ADD FOREIGN KEY (year, team) REFERENCES side;
ALTER TABLE stay ALTER player SET NOT NULL, ALTER year SET NOT NULL, ALTER team SET NOT NULL;
"""
EARLY = "SELECT count(*) FROM stay AS s JOIN player AS p ON p.id = s.player WHERE {}"
LEFT = "SELECT count(*) FROM side WHERE NOT EXISTS (SELECT FROM stay AS s WHERE {})"


def test_some_row_leads_to_each_and_it_is_one_whose_owner_leaves_that_year(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    query(source, CAREERS + STAYS)
    model = learned(source, Learning(units=(TableName("public", "player"),)), tmp_path)
    assert filled(model, target, tmp_path).passed
    unkept = [found.words for found, _ in oriented(model).unkept]
    year = "extract(year from stay_player_fkey.debut) <= year"
    covering = "count(stay) >= 1 per stay_year_team_fkey"
    assert year in of(model, "stay")
    assert covering in of(model, "side")
    assert {year, covering}.isdisjoint(unkept)
    assert query(target, EARLY.format("extract(year FROM debut) > year")) == [(0,)]
    assert query(target, LEFT.format("(s.year, s.team) = (side.year, side.team)")) == [(0,)]
