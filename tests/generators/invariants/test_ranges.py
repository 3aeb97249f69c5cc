"""Ranges that follow each other, begin on a day or lie in another are found, and kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.invariants import Term
from connectors.schema import Exclusion
from generators.viewing import Library

POSTS = """
CREATE TABLE staff (id int PRIMARY KEY, hired date NOT NULL, employed daterange NOT NULL);
INSERT INTO staff
SELECT n, d, daterange(d, CASE WHEN n % 4 = 0 THEN d + 900 END)
FROM generate_series(1, 500) AS n,
    LATERAL (SELECT date '2001-01-01' + abs(hashtext('d' || n)) % 4000 AS d) AS x;
CREATE TABLE posts (
    id int PRIMARY KEY, staff int NOT NULL REFERENCES staff, turn daterange NOT NULL,
    loose daterange NOT NULL, free daterange NOT NULL
);
INSERT INTO posts
SELECT n * 10 + p, n, daterange(d + p * w, CASE WHEN p < m THEN d + p * w + w
        WHEN n % 4 = 0 THEN d + 900 END),
    daterange(d + p * w, d + p * w + 1 + abs(hashtext('l' || n || p)) % w),
    daterange(d + abs(hashtext('f' || n || p)) % 800, NULL)
FROM generate_series(1, 500) AS n,
    LATERAL (SELECT hired AS d, n % 4 AS m, 20 + n % 90 AS w FROM staff WHERE id = n) AS x,
    generate_series(0, m) AS p;
"""
KEY = "posts_staff_fkey"
RULES = {
    f"upper(turn) = next lower(turn) per {KEY}",
    f"upper(loose) <= next lower(loose) per {KEY}",
    f"{KEY}.hired <= lower(turn)",
    f"{KEY}.hired <= lower(loose)",
    f"{KEY}.hired <= lower(free)",
    f"turn <@ {KEY}.employed",
    f"loose <@ {KEY}.employed",
}


def test_ranges_are_found_where_chance_would_put_others(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(POSTS)
    assert place.found("ranges", "posts").keys() == RULES
    assert place.found("ranges", "staff").keys() == {"lower(employed) = hired"}


@pytest.mark.parametrize("table", ["staff", "posts"])
def test_drawn_ranges_move_until_they_keep_a_rule(
    laboratory: Callable[[str], Any], table: str
) -> None:
    place = laboratory(POSTS)
    for words, rule in place.found("ranges", table).items():
        for target in {term.column for term in rule.terms if not term.keys}:
            made = place.remade(rule, target)
            place.store(table, target, made)
            assert place.tally(rule).broken == 0, (words, target)
            assert not made.null_count
            place.store(table, target, place.view(table).values(Term(target)))


def test_what_an_exclusion_keeps_apart_is_no_rule_and_moves_for_none(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(POSTS)
    apart = Exclusion("apart", "EXCLUDE USING gist (staff WITH =, loose WITH &&)")
    tables = tuple(
        replace(t, exclusions=(apart,)) if t.name.name == "posts" else t
        for t in place.library.schema.tables
    )
    known = place.library
    schema = replace(known.schema, tables=tables)
    place = replace(place, library=Library(schema, known.training, known.support))
    assert place.found("ranges", "posts").keys() == {r for r in RULES if "loose" not in r}
