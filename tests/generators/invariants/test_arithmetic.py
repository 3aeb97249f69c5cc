"""Numbers that others determine are found, and computed again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.invariants import Invariant, Term
from generators.facts import Training
from generators.invariants import invariant_kinds
from generators.viewing import Library

ORDERS = """
CREATE TABLE products (id int PRIMARY KEY, price numeric(8,2) NOT NULL, weight int NOT NULL);
CREATE TABLE lines (
    id int PRIMARY KEY, product int NOT NULL REFERENCES products, quantity int, total numeric(10,2),
    discount numeric(4,2), paid numeric(10,2), tax numeric(10,2), due numeric(10,2),
    ordered date, shipped timestamp, begins timestamp, ends timestamp, hours numeric(10,2),
    days int, rate double precision, score double precision, grid int,
    nearly int, part int, rest int, free int, flag int, constant int, zero int, same int,
    wind double precision, gust double precision
);
INSERT INTO products
SELECT n, 1 + abs(hashtext('p' || n)) % 9000 / 100.0, 1 + abs(hashtext('w' || n)) % 50
FROM generate_series(1, 100) AS n;
INSERT INTO lines
SELECT n, p.id, q, q * p.price, d, round(q * p.price * (1 - d), 2),
    round(0.08 * round(q * p.price * (1 - d), 2), 2),
    round(q * p.price * (1 - d), 2) + round(0.08 * round(q * p.price * (1 - d), 2), 2),
    o, o + interval '36 hours', b, b + s * interval '9 minutes', round(s * 9 / 60.0, 2),
    CASE WHEN n % 3 > 0 THEN abs(hashtext('y' || n)) % 300 END, u / 7.0::float8,
    2.5 * (u / 7.0::float8), 15 * (abs(hashtext('g' || n)) % 90),
    CASE WHEN n % 40 = 0 THEN 3 ELSE 0 END + part + 2 * q, part, 100 - part, q % 7, n % 2, 7,
    CASE WHEN n % 500 = 0 THEN 1 ELSE 0 END, q,
    1.15078 * (abs(hashtext('v' || n)) % 40)::float8,
    (abs(hashtext('z' || n)) % 9000000)::float8 / 100000
FROM generate_series(1, 3000) AS n JOIN products AS p ON p.id = 1 + abs(hashtext('l' || n)) % 100
CROSS JOIN LATERAL (SELECT 1 + abs(hashtext('q' || n)) % 40 AS q,
    abs(hashtext('d' || n)) % 20 / 100.0 AS d,
    date '2001-01-01' + abs(hashtext('o' || n)) % 900 AS o,
    timestamp '2001-01-01' + abs(hashtext('b' || n)) % 900000 * interval '1 minute' AS b,
    abs(hashtext('s' || n)) % 900 AS s, abs(hashtext('u' || n)) % 900 AS u,
    abs(hashtext('t' || n)) % 101 AS part) AS x;
"""


def test_formulas_are_found_and_none_that_follows_or_breaks(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(ORDERS).found("arithmetic", "lines").keys() == {
        "total = quantity * lines_product_fkey.price",
        "paid = round(quantity * lines_product_fkey.price * (1 - discount), 2)",
        "tax = round(0.08 * paid, 2)",
        "due = paid + tax",
        "shipped = ordered + interval '36 hours'",
        "hours = extract(epoch from ends - begins) / 3600",
        "score = 2.5 * rate",
        "rest + part = 100",
        "mod(grid, 15) = 0",
        "mod(wind, 1.15078) = 0",
    }


def test_a_column_is_computed_again_whichever_can_be_set(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    for rule in place.found("arithmetic", "lines").values():
        for target in targets(rule):
            place.store("lines", target, place.remade(rule, target))
            assert place.tally(rule).broken == 0, (rule, target)
            assert place.tally(rule).spoken > 1000, (rule, target)
            place.store("lines", target, place.view("lines").values(Term(target)))


def test_tables_without_rows_get_no_value(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    rules = place.found("arithmetic", "lines").values()
    training = {n: Training(t.rows[:0], t.units[:0]) for n, t in place.library.training.items()}
    empty = replace(place, library=Library(place.library.schema, training, place.library.support))
    for rule in rules:
        for target in targets(rule):
            assert len(empty.remade(rule, target)) == 0


def targets(rule: Invariant) -> tuple[str, ...]:
    return invariant_kinds()[rule.kind].targets(rule)
