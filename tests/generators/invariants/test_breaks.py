"""Rows that break a rule are told here as the database tells them."""

from collections.abc import Callable
from typing import Any

import pytest

from generators.invariants import invariant_kinds

ORDERS = """
CREATE TABLE orders (
    id int PRIMARY KEY, status text NOT NULL, placed date NOT NULL, sent date, year int NOT NULL,
    net numeric(9,2) NOT NULL, tax numeric(9,2) NOT NULL, total numeric(9,2) NOT NULL,
    town text NOT NULL, land text NOT NULL, bonus int NOT NULL, code int, same int,
    asked int NOT NULL, found int NOT NULL, lost int NOT NULL, mark text, rank int NOT NULL,
    cause int,
    held daterange NOT NULL, week int NOT NULL, fee int
);
INSERT INTO orders
SELECT n, s, d, CASE WHEN s = 'sent' THEN d + e END, extract(year FROM d), p, t, p + t,
    'T' || q, 'L' || q % 7, CASE WHEN s = 'sent' THEN abs(hashtext('o' || n)) % 90 ELSE 5 END,
    CASE WHEN n % 4 > 0 THEN q * 31 END, CASE WHEN n % 4 > 0 THEN q * 31 END,
    a, f, abs(hashtext('i' || n)) % (a - f + 1), CASE WHEN n % 5 > 0 THEN s END,
    CASE WHEN s = 'lost' THEN 99 ELSE abs(hashtext('r' || n)) % 50 END,
    CASE WHEN n % 10 = 0 OR (n % 5 > 0 AND s = 'lost') THEN n % 70 END, daterange(d, d + 1 + e),
    w, CASE WHEN w >= 30 THEN abs(hashtext('f' || n)) % 800 END
FROM generate_series(1, 2000) AS n, LATERAL (SELECT
    (ARRAY['new', 'sent', 'lost'])[1 + abs(hashtext('s' || n)) % 3] AS s,
    date '2020-01-01' + abs(hashtext('d' || n)) % 900 AS d, abs(hashtext('e' || n)) % 40 AS e,
    abs(hashtext('p' || n)) % 9000 / 100.0 AS p, abs(hashtext('t' || n)) % 2000 / 100.0 AS t,
    abs(hashtext('q' || n)) % 50 AS q, abs(hashtext('w' || n)) % 60 AS w,
    2 + abs(hashtext('a' || n)) % 9 AS a) AS x,
    LATERAL (SELECT abs(hashtext('f' || n)) % (a + 1) AS f) AS y;
"""
OF_ROWS = (
    "order",
    "lag",
    "equality",
    "arithmetic",
    "computed",
    "presence",
    "constant",
    "dependency",
    "onset",
    "parts",
    "ranges",
)
UNMIXED = frozenset({"filled", "condition"})
"""Kinds of rules that rows keep in any order of their values; see their own tests."""


def test_rows_break_a_rule_where_its_claim_says_so(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    for name in OF_ROWS:
        found = place.found(name, "orders")
        assert found, name
        for rule in found.values():
            [column, *_] = invariant_kinds()[name].targets(rule)
            view = place.scrambled("orders", column).view("orders")
            place.store("orders", column, view.library.training[rule.table].rows[column])
            broken = invariant_kinds()[name].breaks(rule, view)
            assert broken is not None
            assert 0 < broken.sum() == place.tally(rule).broken, rule
            place.store("orders", column, place.library.training[rule.table].rows[column])


@pytest.mark.parametrize("name", sorted(invariant_kinds().keys() - {*OF_ROWS, *UNMIXED}))
def test_rules_of_siblings_and_children_tell_of_no_row(
    name: str, laboratory: Callable[[str], Any]
) -> None:
    view = laboratory("CREATE TABLE orders (id int PRIMARY KEY)").view("orders")
    assert invariant_kinds()[name].breaks(None, view) is None  # type: ignore[arg-type] # unread
