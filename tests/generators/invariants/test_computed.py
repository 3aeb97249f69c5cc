"""Values that are taken out of others are found, and computed again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.invariants import Term
from generators.facts import Training
from generators.viewing import Library

STAFF = """
CREATE TABLE staff (
    id int PRIMARY KEY, first text NOT NULL, last text, email text, login varchar(9), code char(3),
    tag text, big text, size int, born date, hired date, age int, seen timestamptz, seen_year int,
    seen_hour int, weekday int, noted timestamp, day date, hour int, minute int, number int,
    hundreds int, rest int, gone date, local_hour int,
    stamp timestamp, stamp_day int, active boolean, debt int, owes boolean, nearly text,
    chance int, guess boolean, constant int
);
INSERT INTO staff
SELECT n, f, l, lower(f || '.' || l) || '@company.com', left(lower(f), 2), left(l, 3),
    l || '-' || f,
    upper(l), length(l), b, b + w, extract(year FROM age(b + w, b)), s,
    extract(year FROM s AT TIME ZONE 'UTC'), extract(hour FROM s AT TIME ZONE 'UTC'),
    extract(isodow FROM b + w), d + h * interval '1 hour' + m * interval '1 minute', d, h, m, x,
    x / 100, x % 60, CASE WHEN n % 3 = 0 THEN d END,
    extract(hour FROM s AT TIME ZONE 'America/New_York'),
    (s - interval '9 days') AT TIME ZONE 'UTC',
    extract(day FROM (s - interval '9 days') AT TIME ZONE 'Asia/Tokyo'), n % 3 > 0, y, y > 0,
    CASE WHEN n % 40 = 0 THEN 'x' ELSE lower(l) END, abs(hashtext('c' || n)) % 12, n % 7 > 3, 5
FROM generate_series(1, 3000) AS n CROSS JOIN LATERAL (SELECT
    initcap(translate(abs(hashtext('f' || n % 700))::text, '0123456789', 'abcdefghij')) AS f,
    CASE WHEN n % 11 > 0 THEN
    initcap(translate(abs(hashtext('l' || n % 900))::text, '0123456789', 'klmnopqrst')) END AS l,
    date '1960-01-01' + abs(hashtext('b' || n)) % 9000 AS b,
    6000 + abs(hashtext('w' || n)) % 9000 AS w,
    timestamptz '2001-01-01' + abs(hashtext('s' || n)) % 900000 * interval '7 minutes' AS s,
    date '2001-01-01' + abs(hashtext('d' || n)) % 900 AS d, abs(hashtext('h' || n)) % 24 AS h,
    abs(hashtext('m' || n)) % 60 AS m, abs(hashtext('x' || n)) % 9000 AS x,
    greatest(0, abs(hashtext('y' || n)) % 90 - 40) AS y) AS v;
"""
FOUND = {
    "gone = noted::date",
    "email = lower(first || '.' || last) || '@company.com'",
    "login = lower(left(first, 2))",
    "tag = last || '-' || first",
    "big = upper(last)",
    "size = length(last)",
    "age = extract(year from age(hired, born))",
    "seen_year = extract(year from (seen at time zone 'UTC'))",
    "seen_hour = extract(hour from (seen at time zone 'UTC'))",
    "local_hour = extract(hour from (seen at time zone 'America/New_York'))",
    "stamp_day = extract(day from ((stamp at time zone 'UTC') at time zone 'Asia/Tokyo'))",
    "weekday = extract(isodow from hired)",
    "noted = day + hour * interval '1 hour' + minute * interval '1 minute'",
    "hundreds = div(number, 100)",
    "rest = mod(number, 60)",
    "active = (gone is null)",
    "owes = (debt > 0)",
}


def test_expressions_are_found_and_none_that_chance_makes(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(STAFF).found("computed", "staff").keys() == FOUND


BILLS = """
CREATE TABLE bill (id int PRIMARY KEY, issued date NOT NULL, settled date, balance int NOT NULL);
INSERT INTO bill SELECT n, d, CASE WHEN n % 2 = 0 THEN d + abs(hashtext('s' || n)) % 60 END,
    CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + abs(hashtext('b' || n)) % 900 END
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT date '2001-01-01' + abs(hashtext('d' || n)) % 3000 AS d) AS v;
"""


def test_what_is_one_value_in_all_rows_spoken_of_follows_from_no_other(
    laboratory: Callable[[str], Any],
) -> None:
    """No settled bill has a balance, nor was any settled after a year: both are 0."""
    assert not laboratory(BILLS).found("computed", "bill")


def test_a_column_is_computed_again(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(STAFF)
    for rule in place.found("computed", "staff").values():
        target = rule.terms[0].column
        place.store("staff", target, place.remade(rule, target))
        assert place.tally(rule).broken == 0, rule
        assert place.tally(rule).spoken >= 1000, rule
        place.store("staff", target, place.view("staff").values(Term(target)))


def test_tables_without_rows_get_no_value(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(STAFF)
    rules = place.found("computed", "staff").values()
    training = {n: Training(t.rows[:0], t.units[:0]) for n, t in place.library.training.items()}
    empty = replace(place, library=Library(place.library.schema, training, place.library.support))
    assert all(len(empty.remade(rule, rule.terms[0].column)) == 0 for rule in rules)
