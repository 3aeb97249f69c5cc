"""How many children rows have is found where chance would leave other numbers."""

from collections.abc import Callable
from typing import Any

import pyarrow.compute as pc
import pytest

from connectors.invariants import Term
from generators.invariants import invariant_kinds

FAMILIES = """
CREATE TYPE sort AS ENUM ('main', 'work', 'other');
CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people SELECT generate_series(1, 600);
CREATE TABLE addresses (
    id int PRIMARY KEY, person int NOT NULL REFERENCES people, sort sort NOT NULL, role text,
    nearly text NOT NULL, often text NOT NULL
);
INSERT INTO addresses
SELECT n * 10 + s, n, CASE WHEN s = 1 + n % (1 + n % 4) THEN 'main'::sort
    WHEN hashtext('x' || n || s) % 2 = 0 THEN 'work' ELSE 'other' END,
    CASE WHEN s = 1 + n % 5 THEN 'boss' WHEN (n + s) % 3 > 0 THEN 'staff' END,
    CASE WHEN s = 1 + n % (1 + n % 4) OR n % 30 = 7 THEN 'first' ELSE 'second' END,
    (ARRAY['a', 'b'])[1 + abs(hashtext('o' || n || s) % 2)]
FROM generate_series(1, 600) AS n, generate_series(1, 4) AS s WHERE s <= 1 + n % 4;
CREATE TABLE cards (id int PRIMARY KEY, person int NOT NULL REFERENCES people);
INSERT INTO cards SELECT n, n FROM generate_series(1, 600) AS n;
CREATE TABLE badges (id int PRIMARY KEY, person int REFERENCES people);
INSERT INTO badges SELECT n, n FROM generate_series(1, 600) AS n WHERE n % 3 > 0;
CREATE TABLE notes (id int PRIMARY KEY, person int REFERENCES people);
INSERT INTO notes SELECT n, 1 + abs(hashtext('n' || n) % 600) FROM generate_series(1, 1800) AS n;
CREATE TABLE logs (id int PRIMARY KEY, person int NOT NULL REFERENCES people);
INSERT INTO logs SELECT n, 1 + n % 600 FROM generate_series(1, 12000) AS n;
CREATE TABLE nearly (id int PRIMARY KEY, person int NOT NULL REFERENCES people);
INSERT INTO nearly SELECT n, n FROM generate_series(1, 600) AS n WHERE n % 80 > 0;
"""


@pytest.mark.parametrize(
    ("table", "rules"),
    [
        (
            "people",
            {
                "count(addresses) >= 1 per addresses_person_fkey",
                "count(cards) = 1 per cards_person_fkey",
                "count(logs) >= 1 per logs_person_fkey",
                "count(badges) <= 1 per badges_person_fkey",
                "count(nearly) <= 1 per nearly_person_fkey",
            },
        ),
        (
            "addresses",
            {
                "count(sort = 'main') = 1 per addresses_person_fkey",
                "count(role = 'boss') <= 1 per addresses_person_fkey",
            },
        ),
    ],
)
def test_numbers_of_children_are_found_and_no_others(
    laboratory: Callable[[str], Any], table: str, rules: set[str]
) -> None:
    assert laboratory(FAMILIES).found("cardinality", table).keys() == rules


def test_one_row_of_a_sort_is_kept(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(FAMILIES)
    for rule in place.found("cardinality", "addresses").values():
        [target] = invariant_kinds()["cardinality"].targets(rule)
        place.store("addresses", target, place.remade(rule, target))
        assert place.tally(rule).broken == 0, rule
        place.store("addresses", target, place.view("addresses").values(Term(target)))


STAFF = """
CREATE TABLE customers (id int PRIMARY KEY);
INSERT INTO customers SELECT generate_series(1, 300);
CREATE TABLE tickets (
    id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, agent_email text NOT NULL,
    kind text NOT NULL
);
INSERT INTO tickets SELECT n, 1 + n % 300,
    CASE WHEN n / 300 = abs(hashtext('a' || n % 300)) % 5 THEN 'boss@corp.com'
        ELSE 'agent' || abs(hashtext('b' || n)) % 9 || '@corp.com' END,
    CASE WHEN n / 300 = abs(hashtext('k' || n % 300)) % 5 THEN 'it''s main'
        ELSE 'k' || abs(hashtext('c' || n)) % 3 END
FROM generate_series(0, 1499) AS n;
"""


def test_a_rule_names_no_address_of_a_person_however_many_rows_hold_it(
    laboratory: Callable[[str], Any],
) -> None:
    found = laboratory(STAFF).found("cardinality", "tickets")
    assert found.keys() == {"count(kind = 'it''s main') = 1 per tickets_customer_fkey"}


def test_children_of_others_that_are_not_seen_do_not_hide_that_every_row_has_one(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(FAMILIES)
    people = place.view("cards").values(Term("person"))
    some = pc.if_else(pc.less(people, 40), None, people)
    found = place.with_values("cards", "person", some).found("cardinality", "people")
    assert found.keys() >= {
        "count(cards) >= 1 per cards_person_fkey",
        "count(cards) <= 1 per cards_person_fkey",
    }


SEASONS = """
CREATE TABLE season (
    year int, team int, won text NOT NULL, hot text NOT NULL, id int NOT NULL,
    PRIMARY KEY (year, team)
);
INSERT INTO season SELECT y, t,
    CASE WHEN t = abs(hashtext('w' || y)) % 10 THEN 'Y' ELSE 'N' END,
    CASE WHEN abs(hashtext(y || 'h' || t)) % 10 = 0 THEN 'Y' ELSE 'N' END, y * 10 + t
FROM generate_series(1901, 2020) AS y, generate_series(0, 9) AS t;
"""


def test_rows_of_one_year_hold_one_of_a_sort_though_the_year_leads_nowhere(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SEASONS)
    [(words, rule)] = place.found("cardinality", "season").items()
    assert words == "count(won = 'Y') = 1 per year"
    place.store(
        "season", "won", place.scrambled("season", "won").view("season").values(rule.terms[0])
    )
    assert place.tally(rule).broken > 0
    place.store("season", "won", place.remade(rule, "won"))
    assert place.tally(rule).broken == 0
