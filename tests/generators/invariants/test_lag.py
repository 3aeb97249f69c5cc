"""Bounds of the time between two moments are found where chance does not make them, and kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
    "billed between lent - interval '34 hours' and lent + interval '9 days'",
}


FLIGHTS = """
CREATE TABLE flights (
    id int PRIMARY KEY, planned timestamp NOT NULL, miles int NOT NULL, left_at timestamp NOT NULL,
    landed timestamp NOT NULL
);
INSERT INTO flights
SELECT n, p, m, l, l + (30 + m / 8 + h('r' || n, 90)) * interval '1 minute'
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT 100 + h('m' || n, 2400) AS m,
        timestamp '2024-01-01' + h('p' || n, 500000) * interval '1 minute' AS p) AS x,
    LATERAL (SELECT p + (h('d' || n, 50) * h('x' || n, 20) / 10 - 10) * interval '1 minute' AS l)
        AS y;
"""
MINUTES = 60_000_000


def apart(end: Any, start: Any) -> "np.ndarray[Any, np.dtype[np.float64]]":
    one, two = (np.asarray(v.cast("int64"), np.float64) for v in (start, end))
    return (two - one) / MINUTES


def test_either_of_two_times_may_come_first(laboratory: Callable[[str], Any]) -> None:
    found = laboratory(HASHED + FLIGHTS).found("lag", "flights")
    assert {rule.columns for rule in found.values()} == {
        ("left_at", "planned"),
        ("landed", "left_at"),
    }
    [both] = (words for words, rule in found.items() if rule.columns[1] == "planned")
    assert both.startswith("left_at between planned - interval '10 minutes' and planned + interval")


def test_drawn_times_come_to_lie_as_far_apart_as_learned_where_a_number_tells_how_far(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(HASHED + FLIGHTS)
    view = place.view("flights")
    left, landed = view.values(Term("left_at")), view.values(Term("landed"))
    miles = np.asarray(view.values(Term("miles")), np.float64)
    [rule] = (r for r in place.found("lag", "flights").values() if r.columns[0] == "landed")
    early = pc.add(left, pa.scalar(5 * MINUTES, pa.duration("us")))
    found = apart(
        place.remade(
            rule, "landed", drawn=place.with_values("flights", "landed", early.cast(landed.type))
        ),
        left,
    )
    wanted = apart(landed, left)
    # Quantiles of 3,000 values lie within 3 of their standard errors, 1.5 % of the spread.
    shares = np.linspace(0.05, 0.95, 19)
    assert np.abs(np.quantile(found, shares) - np.quantile(wanted, shares)).max() < 0.06 * np.ptp(
        wanted
    )
    assert np.corrcoef(found, miles)[0, 1] > 0.95  # .96 as learned
    assert not (found % 1).any()  # whole minutes, as all were


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
