"""Orders are found where chance does not make them, and kept."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connectors.invariants import Term

LOANS = """
CREATE TABLE customers (id int PRIMARY KEY, since date NOT NULL);
CREATE TABLE loans (
    id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, begins date NOT NULL,
    ends date, due timestamp NOT NULL, price numeric(8,2) NOT NULL, paid numeric(8,2),
    late int, low int
);
INSERT INTO customers
SELECT n, date '2001-01-01' + hashtext(n::text) % 900 FROM generate_series(1, 200) AS n;
INSERT INTO loans
SELECT n, c.id, c.since + abs(hashtext('b' || n) % 400),
    CASE WHEN n % 5 > 0 THEN
        c.since + abs(hashtext('b' || n) % 400) + abs(hashtext('e' || n) % 90) END,
    c.since + abs(hashtext('b' || n) % 400) + 30 + interval '9 hours',
    100 + abs(hashtext('p' || n) % 10000) / 100.0,
    (100 + abs(hashtext('p' || n) % 10000) / 100.0) * abs(hashtext('q' || n) % 101) / 100,
    abs(hashtext('l' || n) % 1000), abs(hashtext('w' || n) % 900)
FROM generate_series(1, 3000) AS n JOIN customers AS c ON c.id = 1 + n % 200;
"""


def test_orders_within_a_row_and_along_a_key_are_found_and_no_others(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(LOANS).found("order", "loans").keys() == {
        "begins <= ends",
        "begins <= due",
        "paid <= price",
        "loans_customer_fkey.since <= begins",
    }


def test_rows_that_break_an_order_are_moved_until_none_does(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(LOANS)
    for rule in place.found("order", "loans").values():
        for target in rule.columns:
            values = place.remade(rule, target)
            place.store("loans", target, values)
            assert place.tally(rule).broken == 0, (rule, target)
            place.store("loans", target, place.view("loans").values(Term(target)))


def test_numbers_do_not_move_beyond_all_that_are_drawn(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(LOANS)
    rule = place.found("order", "loans")["paid <= price"]
    low = place.with_values("loans", "price", place.view("loans").values(Term("paid"))[::-1])
    assert min(place.remade(rule, "paid", drawn=low).drop_null().to_pylist()) >= 0


PEOPLE = """
CREATE TABLE people (
    id int PRIMARY KEY, born date NOT NULL, hired date NOT NULL, rooms int NOT NULL,
    rent int NOT NULL
);
INSERT INTO people
SELECT n, date '1950-01-01' + abs(hashtext('b' || n) % 4000),
    date '1985-01-01' + abs(hashtext('h' || n) % 4000), 1 + abs(hashtext('r' || n) % 9),
    200 + abs(hashtext('m' || n) % 900)
FROM generate_series(1, 300) AS n;
"""


def test_dates_that_lie_apart_are_ordered_and_numbers_that_do_are_not(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(PEOPLE).found("order", "people").keys() == {"born <= hired"}


POSTS = """
CREATE TABLE posts (id int PRIMARY KEY, begins date NOT NULL, ends date NOT NULL);
INSERT INTO posts
SELECT n, b, CASE WHEN n % 2 = 0 THEN date '9999-01-01'
    ELSE least(b + abs(hashtext('e' || n) % 2000), date '2002-08-01') END
FROM generate_series(1, 3000) AS n, date(date '1990-01-01' + abs(hashtext('b' || n) % 4000)) AS b;
"""


def test_moments_that_move_end_as_those_of_other_rows_do(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(POSTS)
    (rule,) = place.found("order", "posts").values()
    moved = place.remade(rule, "ends").to_pylist()
    begins = place.view("posts").values(Term("begins")).to_pylist()
    assert all(low <= high for low, high in zip(begins, moved, strict=True))
    assert {end.year for end in moved if end > date(2002, 8, 1)} == {9999}


PARCELS = """
CREATE TABLE parcels (id int PRIMARY KEY, packed timestamp NOT NULL, sent timestamp NOT NULL);
INSERT INTO parcels
SELECT n, p, p + abs(hashtext('s' || n)) % 7200 * interval '1 second' + n * interval '7 us'
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT timestamp '2020-01-01' + hashtext('p' || n) * interval '10 ms' AS p) AS p;
"""


def test_moments_that_no_rows_share_lie_as_far_apart_as_learned(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PARCELS)
    (rule,) = place.found("order", "parcels").values()
    drawn = place.scrambled("parcels", "sent").view("parcels").values(Term("sent")).to_pylist()
    moved = place.remade(rule, "sent").to_pylist()
    packed = place.view("parcels").values(Term("packed")).to_pylist()
    gaps = [m - p for p, m in zip(packed, moved, strict=True)]
    assert len(set(moved)) > 0.99 * len(moved)  # but for rows that would end beyond all
    assert sum(g < timedelta(hours=2) for g in gaps) > 0.99 * len(gaps) > 1000
    assert timedelta(minutes=50) < sorted(gaps)[len(gaps) // 2] < timedelta(minutes=70)
    assert max(moved) <= max(drawn)


PICKS = """
CREATE TABLE orders (id int PRIMARY KEY, placed timestamp NOT NULL);
INSERT INTO orders SELECT n, timestamp '2020-01-01' + abs(hashtext('p' || n)) * interval '20 ms'
FROM generate_series(1, 1000) AS n;
CREATE TABLE picks (
    id int PRIMARY KEY, "order" int NOT NULL REFERENCES orders, at timestamp NOT NULL
);
INSERT INTO picks SELECT n, o.id, placed + abs(hashtext('s' || n)) % 7200000 * interval '1 ms'
FROM generate_series(1, 3000) AS n, LATERAL (SELECT * FROM orders WHERE id = 1 + n % 1000) AS o;
"""


def test_moments_near_those_of_the_row_above_lie_as_far_from_them_as_learned(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PICKS)
    (rule,) = place.found("order", "picks").values()
    moved = place.remade(rule, "at").to_pylist()
    placed = place.view("picks").values(Term("placed", ("picks_order_fkey",))).to_pylist()
    gaps = sorted(m - p for p, m in zip(placed, moved, strict=True))
    assert sum(timedelta(0) <= g <= timedelta(hours=2) for g in gaps) > 0.99 * len(gaps)
    assert timedelta(minutes=55) < gaps[len(gaps) // 2] < timedelta(minutes=65)


def test_moments_that_are_rounded_are_rounded_where_they_are_moved(
    laboratory: Callable[[str], Any],
) -> None:
    minutes = "date_trunc('minute', timestamp '2020-01-01' + hashtext('p' || n) * interval '10 ms')"
    place = laboratory(
        PARCELS.replace("'1 second' + n * interval '7 us'", "'1 minute'").replace(
            "timestamp '2020-01-01' + hashtext('p' || n) * interval '10 ms'", minutes
        )
    )
    (rule,) = place.found("order", "parcels").values()
    drawn = place.scrambled("parcels", "sent").view("parcels").values(Term("sent"))
    moved = place.remade(rule, "sent")
    assert sum(m != d for m, d in zip(moved.to_pylist(), drawn.to_pylist(), strict=True)) > 1000
    assert {(m.second, m.microsecond) for m in moved.to_pylist()} == {(0, 0)}


CLIENTS = """
CREATE TABLE regions (id int PRIMARY KEY, opened date NOT NULL, closed date NOT NULL);
INSERT INTO regions SELECT n, date '2000-01-01' + 7 * n, date '2015-01-01' + 9 * n
FROM generate_series(1, 80) AS n;
CREATE TABLE clients (id int PRIMARY KEY, region int NOT NULL REFERENCES regions, since date);
INSERT INTO clients SELECT n, r, date '2000-01-01' + 7 * r + abs(hashtext('s' || n)) % 900
FROM generate_series(1, 500) AS n, LATERAL (SELECT 1 + abs(hashtext('r' || n)) % 80 AS r) AS x;
CREATE TABLE orders (
    id int PRIMARY KEY, client int NOT NULL REFERENCES clients, payer int NOT NULL
        REFERENCES clients, made date NOT NULL
);
INSERT INTO orders SELECT n, c.id, c.id, c.since + (r.closed - c.since) * (n % 40) / 40
FROM generate_series(1, 2000) AS n JOIN clients AS c ON c.id = 1 + n % 500
JOIN regions AS r ON r.id = c.region;
"""


def test_a_row_two_keys_away_bounds_where_the_row_between_does_not(
    laboratory: Callable[[str], Any],
) -> None:
    """The region opened before its client came, and that was before the order."""
    found = laboratory(CLIENTS).found("order", "orders")
    assert found.keys() == {
        "orders_client_fkey.since <= made",
        "orders_payer_fkey.since <= made",
        "made <= orders_client_fkey.clients_region_fkey.closed",
        "made <= orders_payer_fkey.clients_region_fkey.closed",
    }


STAYS = """
CREATE TABLE stays (id int PRIMARY KEY, came date NOT NULL, left_on date NOT NULL);
INSERT INTO stays
SELECT n, date '2001-01-01' + abs(hashtext('c' || n) % 3000),
    CASE WHEN n % 2 = 0 THEN date '9999-12-31'
    ELSE date '2001-01-01' + abs(hashtext('c' || n) % 3000) + abs(hashtext('l' || n) % 60) END
FROM generate_series(1, 3000) AS n;
"""


def test_spans_that_end_are_as_long_as_learned_and_as_many_last_for_good(
    laboratory: Callable[[str], Any],
) -> None:
    """Of ends that are dealt out anew, about half come before the begin."""
    place = laboratory(STAYS)
    rule = place.found("order", "stays")["came <= left_on"]
    values = place.view("stays").values(Term("left_on"))
    rows = np.arange(len(values))
    plain = np.flatnonzero(values.to_numpy(zero_copy_only=False) < np.datetime64("9999-01-01"))
    rows[plain] = np.random.default_rng(0).permutation(plain)
    mixed = values.take(pa.array(rows))
    found = place.remade(rule, "left_on", drawn=place.with_values("stays", "left_on", mixed))
    came = place.view("stays").values(Term("came")).to_numpy(zero_copy_only=False)
    left = found.to_numpy(zero_copy_only=False)
    lasting = left >= np.datetime64("9999-01-01")
    assert lasting.sum() == len(values) - len(plain)
    days = (left - came)[~lasting].astype("timedelta64[D]").astype(int)
    assert days.min() >= 0
    assert np.mean(days) == pytest.approx(29.5, abs=5 * 17.3 / len(plain) ** 0.5)


OFFERS = """
CREATE TABLE item (
    id int PRIMARY KEY, list_price numeric(8,2) NOT NULL, list_score int NOT NULL,
    top_height int NOT NULL
);
INSERT INTO item SELECT n, p, p, p FROM (
    SELECT n, 10 + abs(hashtext('l' || n)) % 90 AS p FROM generate_series(1, 200) AS n) AS x;
CREATE TABLE sold (
    id int PRIMARY KEY, item int NOT NULL REFERENCES item, unit_price numeric(8,2) NOT NULL,
    clerk_score int NOT NULL, lines int NOT NULL
);
INSERT INTO sold SELECT n, i.id, CASE WHEN n % 3 > 0 THEN i.list_price ELSE
        round(i.list_price * (50 + abs(hashtext('d' || n)) % 50) / 100, 2) END,
    abs(hashtext('s' || n)) % i.list_score, abs(hashtext('q' || n)) % 9
FROM generate_series(1, 3000) AS n JOIN item AS i ON i.id = 1 + abs(hashtext('i' || n)) % 200;
"""


def test_a_number_called_as_one_of_the_row_above_is_no_greater_where_many_reach_that(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(OFFERS)
    [(words, rule)] = place.found("order", "sold").items()
    assert words == "unit_price <= sold_item_fkey.list_price"
    place.store("sold", "unit_price", place.remade(rule, "unit_price"))
    assert place.tally(rule).broken == 0
