"""What stands together in rows of another table is found where chance would not put it there."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from connectors.invariants import Term
from generators.choices import listed, numbered

SEASONS = """
CREATE TABLE players (id int PRIMARY KEY);
INSERT INTO players SELECT generate_series(1, 400);
CREATE TABLE teams (year int, code text, wins int NOT NULL, PRIMARY KEY (year, code));
INSERT INTO teams SELECT y, t, 9 FROM generate_series(1990, 2009) AS y,
    unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f']) AS t;
CREATE TABLE games (
    player int REFERENCES players, year int, stint int, team text NOT NULL, hits int NOT NULL,
    PRIMARY KEY (player, year, stint), FOREIGN KEY (year, team) REFERENCES teams
);
INSERT INTO games SELECT p, y, s, (ARRAY['a', 'b', 'c', 'd', 'e', 'f'])[1 + h % 6], h % 50
FROM generate_series(1, 400) AS p, generate_series(1, 2) AS s,
    LATERAL (SELECT abs(hashtext('y' || p)) % 20 + 1990 AS y) AS z,
    LATERAL (SELECT abs(hashtext('t' || p || s)) AS h) AS x;
CREATE TABLE pitchers (
    player int REFERENCES players, year int, stint int, team text NOT NULL, runs int NOT NULL,
    PRIMARY KEY (player, year, stint), FOREIGN KEY (year, team) REFERENCES teams
);
INSERT INTO pitchers SELECT player, year, stint, team, hits FROM games WHERE player % 3 = 0;
CREATE TABLE fans (
    player int REFERENCES players, year int, stint int, team text NOT NULL,
    PRIMARY KEY (player, year, stint), FOREIGN KEY (year, team) REFERENCES teams
);
INSERT INTO fans SELECT player, year - year % 2, stint, team FROM games WHERE player % 3 > 0;
CREATE TABLE prizes (id int PRIMARY KEY, player int NOT NULL REFERENCES players);
INSERT INTO prizes SELECT n, 3 + 3 * (n % 130) FROM generate_series(1, 260) AS n;
CREATE TABLE orders (id int PRIMARY KEY, vendor int NOT NULL REFERENCES players);
INSERT INTO orders SELECT n, 1 + n % 50 FROM generate_series(1, 900) AS n;
CREATE TABLE offers (
    vendor int REFERENCES players, item int REFERENCES players, PRIMARY KEY (vendor, item)
);
INSERT INTO offers SELECT v, 1 + (7 * v + n) % 400
FROM generate_series(1, 50) AS v, generate_series(1, 20) AS n;
CREATE TABLE lines (
    id int PRIMARY KEY, "order" int NOT NULL REFERENCES orders, item int NOT NULL
        REFERENCES players
);
INSERT INTO lines SELECT n, 1 + n % 900, 1 + (7 * (1 + (1 + n % 900) % 50) + 1 + n % 20) % 400
FROM generate_series(1, 1800) AS n;
"""


LINE = Term("item")


def test_what_keys_and_numbers_have_in_common_is_found_as_widely_as_it_holds(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SEASONS)
    [(words, rule)] = place.found("among", "pitchers").items()
    games = "public.games.player, public.games.year, public.games.team, public.games.stint"
    assert words == f"(player, year, team, stint) in ({games})"
    assert (place.tally(rule).spoken, place.tally(rule).broken) == (266, 0)
    assert not place.found("among", "fans")


def test_what_stands_together_is_found_where_rows_lack_a_value_of_the_others(
    laboratory: Callable[[str], Any],
) -> None:
    latest = "SELECT year FROM games GROUP BY year ORDER BY min(player) DESC LIMIT 1"
    place = laboratory(f"{SEASONS} DELETE FROM pitchers WHERE year = ({latest});")  # noqa: S608
    games = "public.games.player, public.games.year, public.games.team, public.games.stint"
    assert [*place.found("among", "pitchers")] == [f"(player, year, team, stint) in ({games})"]


def test_what_a_key_leads_to_stands_beside_a_column_of_the_row(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SEASONS)
    [(words, rule)] = place.found("among", "lines").items()
    assert words == "(item, lines_order_fkey.vendor) in (public.offers.item, public.offers.vendor)"
    assert place.tally(rule).broken == 0
    place.store("lines", "item", place.scrambled("lines", "item").view("lines").values(LINE))
    assert place.tally(rule).broken > 900


def test_one_key_is_among_others_where_many_that_it_could_lead_to_are_not(
    laboratory: Callable[[str], Any],
) -> None:
    found = laboratory(SEASONS).found("among", "prizes")
    assert "(player) in (public.pitchers.player)" in found
    assert "(player) in (public.games.player)" not in found  # every player has some


def test_what_a_narrower_column_has_no_room_for_is_no_choice() -> None:
    held, own = pa.array([70_000, 3, 3], pa.int32()), pa.array([3, None, 5], pa.int16())
    assert listed(held, own.type).to_pylist() == [3]
    there, here = numbered(held, own)
    assert there.tolist() == [-1, 0, 0]
    assert here.tolist() == [0, -1, -1]
