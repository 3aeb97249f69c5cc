"""Columns that are filled, or vary, only from some point on are found, and kept so."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from connectors.invariants import Term

SEASONS = """
CREATE TABLE season (
    id int PRIMARY KEY, year int NOT NULL, division text, hits int, batters int NOT NULL,
    late text, rare text, wins int NOT NULL, held date NOT NULL
);
INSERT INTO season SELECT y * 100 + t, y, CASE WHEN y >= 1969 THEN (ARRAY['E', 'W'])[1 + t % 2] END,
    CASE WHEN y >= 1900 AND hashtext(y || 'h' || t) % 9 > 0 THEN t END,
    CASE WHEN y < 1973 THEN 0 ELSE abs(hashtext(y || 'b' || t)) % 4 END,
    CASE WHEN hashtext(y || 'l' || t) % 200 < (y - 1950) THEN 'x' END,
    CASE WHEN y = 2000 AND t < 4 THEN 'r' END,
    abs(hashtext(y || 'w' || t)) % 90, date '1880-01-01' + (y - 1880) * 365
FROM generate_series(1880, 2010) AS y, generate_series(1, 30) AS t;
"""
JOBS = """
CREATE TABLE job (id int PRIMARY KEY, asked date NOT NULL, done date, note text);
INSERT INTO job SELECT n, d,
    CASE WHEN d < '2020-06-05' OR hashtext('o' || n) % 3 = 0 THEN d + 1 END,
    CASE WHEN n % 20 > 0 THEN 'N' || n END
FROM generate_series(1, 2000) AS n,
    LATERAL (SELECT date '2018-01-10' + abs(hashtext('d' || n)) % 900) AS x (d);
"""


def test_what_begins_in_a_year_is_found_and_what_becomes_frequent_is_not(
    laboratory: Callable[[str], Any],
) -> None:
    found = laboratory(SEASONS).found("onset", "season")
    assert found.keys() == {
        "division is null iff year < '1969'",
        "year < '1900' -> hits is null",
        "year < '1973' -> batters = '0'",
    }


def test_what_is_not_done_yet_was_asked_for_lately_by_the_months_begin(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(JOBS)
    [(words, rule)] = place.found("onset", "job").items()
    assert words == "asked < '2020-06-01' -> done is not null"
    mixed = place.scrambled("job", "done").view("job").values(Term("done"))
    place.store("job", "done", mixed)
    assert place.tally(rule).broken > 0
    place.store("job", "done", place.remade(rule, "done"))
    assert place.tally(rule).broken == 0


def test_columns_are_filled_and_vary_from_their_points_on(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(SEASONS)
    for words, rule in place.found("onset", "season").items():
        target = rule.columns[0]
        mixed = place.scrambled("season", target).view("season").values(Term(target))
        place.store("season", target, mixed)
        assert place.tally(rule).broken > 0, words
        place.store("season", target, place.remade(rule, target))
        assert place.tally(rule).broken == 0, words


def test_no_row_begins_nothing(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(SEASONS)
    empty = place.emptied("season")
    for rule in place.found("onset", "season").values():
        assert empty.remade(rule, rule.columns[0]) == pa.nulls(
            0, empty.view("season").values(rule.terms[0]).type
        )
