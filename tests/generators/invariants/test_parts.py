"""Parts that are together no more than a whole are found where rows reach it, and kept."""

from collections.abc import Callable
from typing import Any

from connectors.invariants import Term

SEASONS = """
CREATE TABLE seasons (
    id int PRIMARY KEY, games smallint NOT NULL, wins smallint NOT NULL, losses smallint,
    saves smallint NOT NULL, walks int NOT NULL, home int NOT NULL, away int NOT NULL
);
INSERT INTO seasons
SELECT n, g, w, CASE WHEN n % 40 > 0 THEN l END, s, abs(hashtext('b' || n)) % 200, h, g - h
FROM generate_series(1, 4000) AS n,
    LATERAL (SELECT 1 + abs(hashtext('g' || n)) % 30 AS g) AS a,
    LATERAL (SELECT abs(hashtext('w' || n)) % (g + 1) AS w, abs(hashtext('h' || n)) % (g + 1) AS h)
        AS b,
    LATERAL (SELECT abs(hashtext('l' || n)) % (g - w + 1) AS l) AS c,
    LATERAL (SELECT abs(hashtext('s' || n)) % (g - w - l + 1) AS s) AS d;
"""


def test_parts_are_found_once_together_and_no_sum_that_is_exact(
    laboratory: Callable[[str], Any],
) -> None:
    found = laboratory(SEASONS).found("parts", "seasons")
    assert {frozenset(words.split(" <= ")[0].split(" + ")) for words in found} == {
        frozenset({"wins", "losses", "saves"})
    }


def test_the_whole_or_a_part_moves_where_parts_exceed_it(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(SEASONS)
    [rule] = place.found("parts", "seasons").values()
    drawn = place.scrambled("seasons", "games")
    place.store("seasons", "games", drawn.view("seasons").values(Term("games")))
    assert place.tally(rule).broken > 0
    place.store("seasons", "games", place.remade(rule, "games"))
    assert place.tally(rule).broken == 0
