"""Equal columns are found where chance does not make them equal, and are made equal again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.invariants import Term
from generators.facts import Training
from generators.viewing import Library

RENTALS = """
CREATE TABLE customers (id int PRIMARY KEY, city text NOT NULL);
CREATE TABLE products (id int PRIMARY KEY, price numeric(10,4) NOT NULL, one int NOT NULL);
CREATE TABLE rentals (
    id int PRIMARY KEY, customer int NOT NULL REFERENCES customers,
    product int NOT NULL REFERENCES products, price numeric(8,2), city text
);
CREATE TABLE payments (
    id int PRIMARY KEY, rental int NOT NULL REFERENCES rentals,
    customer int NOT NULL REFERENCES customers, code varchar(9), label varchar(9), place int,
    begun date, noted date, nearly int, almost int, one int, always text
);
INSERT INTO customers SELECT n, 'city ' || n % 60 FROM generate_series(1, 300) AS n;
INSERT INTO products SELECT n, 5 + n % 70, 1 FROM generate_series(1, 90) AS n;
INSERT INTO rentals
SELECT n, c.id, p.id, p.price, CASE WHEN n % 20 > 0 THEN c.city ELSE 'elsewhere' END
FROM generate_series(1, 2000) AS n
JOIN customers AS c ON c.id = 1 + abs(hashtext('c' || n)) % 300
JOIN products AS p ON p.id = 1 + abs(hashtext('p' || n)) % 90;
INSERT INTO payments
SELECT n, r.id, r.customer, m, m, n, CASE WHEN n % 3 > 0 THEN d END, CASE WHEN n % 4 > 0 THEN d END,
    n % 50, CASE WHEN n % 60 = 0 THEN -1 ELSE n % 50 END, 1, 'x'
FROM generate_series(1, 3000) AS n
JOIN rentals AS r ON r.id = 1 + abs(hashtext('r' || n)) % 2000
CROSS JOIN LATERAL (SELECT CASE WHEN n % 7 > 0 THEN 'm' || abs(hashtext('m' || n) % 100) END AS m,
    date '2001-01-01' + abs(hashtext('d' || n)) % 900 AS d) AS s;
"""


def test_equalities_are_found_and_none_that_keys_counters_or_constants_make(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(RENTALS)
    assert place.found("equality", "rentals").keys() == {"price = rentals_product_fkey.price"}
    found = place.found("equality", "payments")
    assert {words: rule.form for words, rule in found.items()} == {
        "customer = payments_rental_fkey.customer": "path",
        "label is not distinct from code": "is",
        "noted = begun": "=",
    }


def test_a_column_is_made_equal_again_whichever_of_the_two_is_set(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(RENTALS)
    for table in ("rentals", "payments"):
        for rule in place.found("equality", table).values():
            for target in rule.columns:
                place.store(table, target, place.remade(rule, target))
                assert place.tally(rule).broken == 0, (rule, target)
                assert place.tally(rule).spoken > 1000, (rule, target)
                place.store(table, target, place.view(table).values(Term(target)))


def test_tables_without_rows_get_no_value(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(RENTALS)
    rules = place.found("equality", "payments").values()
    training = {n: Training(t.rows[:0], t.units[:0]) for n, t in place.library.training.items()}
    empty = replace(place, library=Library(place.library.schema, training, place.library.support))
    assert all(len(empty.remade(rule, rule.columns[0])) == 0 for rule in rules)
