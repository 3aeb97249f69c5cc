"""Bounds of the time between two moments are found where chance does not make them, and kept."""

from collections.abc import Callable
from typing import Any

from connectors.invariants import Term

RENTALS = """
CREATE TABLE rentals (
    id int PRIMARY KEY, lent timestamp NOT NULL, returned timestamp, booked date NOT NULL,
    billed date NOT NULL, moved date NOT NULL, warned timestamp NOT NULL
);
INSERT INTO rentals
SELECT n, lent, CASE WHEN n % 6 > 0 THEN lent + h('r' || n, 796000) * interval '1 second' END,
    lent::date - h('b' || n, 12), lent::date + h('c' || n, 9), date '2019-01-01' + h('m' || n, 900),
    lent + interval '3 days'
FROM generate_series(1, 2000) AS n,
    LATERAL (SELECT timestamp '2022-01-01' + h('l' || n, 200000) * interval '1 minute') AS x (lent);
"""
HASHED = """
CREATE FUNCTION h(text, int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT abs(hashtext($1)) % $2 $$;
"""
FOUND = {
    "returned <= lent + interval '10 days'",
    "lent <= booked + interval '13 days'",
    "billed <= booked + interval '19 days'",
}


def test_the_time_that_another_follows_most_closely_bounds_it(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(HASHED + RENTALS).found("lag", "rentals").keys() == FOUND


def test_times_that_are_too_late_are_moved_until_none_is(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(HASHED + RENTALS)
    for words, rule in place.found("lag", "rentals").items():
        for target in rule.columns:
            for tight in (False, True):
                values = place.remade(rule, target, tight=tight)
                place.store("rentals", target, values)
                assert place.tally(rule).broken == 0, (words, target)
            place.store("rentals", target, place.view("rentals").values(Term(target)))


def test_times_that_keep_a_bound_stay(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(HASHED + RENTALS)
    [rule] = [r for w, r in place.found("lag", "rentals").items() if w.startswith("returned")]
    before = place.view("rentals").values(Term("returned"))
    assert place.remade(rule, "returned", drawn=place).equals(before)
