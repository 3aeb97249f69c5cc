"""What follows from a total of rows below is set in rows below as well, once the total is there."""

from collections.abc import Callable

import pytest
from keeping import filled, learned, of
from querying import query

from generators.orientation import oriented
from provisioner.learning import Learning

SHOP = """
CREATE TABLE purchase (id int PRIMARY KEY, placed date NOT NULL, total numeric(12, 2));
INSERT INTO purchase SELECT n, date '2023-01-01' + abs(hashtext('p' || n)) % 500
FROM generate_series(1, 2500) AS n;
CREATE TABLE item (
    id int PRIMARY KEY, purchase int NOT NULL REFERENCES purchase, quantity int NOT NULL,
    price numeric(10, 2) NOT NULL, amount numeric(12, 2) NOT NULL
);
INSERT INTO item SELECT p.id * 10 + k, p.id, q, c, q * c FROM purchase AS p,
    generate_series(1, 4) AS k,
    LATERAL (SELECT 1 + abs(hashtext(p.id || 'q' || k)) % 4,
        (100 + abs(hashtext(p.id || 'c' || k)) % 90000) / 100.0) AS x (q, c)
WHERE k <= 1 + abs(hashtext('n' || p.id)) % 4;
UPDATE purchase AS p SET total = (SELECT sum(amount) FROM item WHERE purchase = p.id);
CREATE TABLE bill (
    id int PRIMARY KEY, purchase int NOT NULL UNIQUE REFERENCES purchase,
    amount numeric(12, 2) NOT NULL, paid numeric(12, 2) NOT NULL, open numeric(12, 2) NOT NULL,
    settled date
);
INSERT INTO bill SELECT id, id, total, total - o, o, CASE WHEN o = 0 THEN placed + 9 END
FROM purchase, LATERAL (SELECT CASE WHEN id % 3 > 0 THEN 0
    ELSE round(total * (1 + abs(hashtext('o' || id)) % 9) / 10, 2) END) AS x (o)
WHERE id % 5 > 0;
"""


@pytest.fixture(scope="module")
def kept(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[set[str], set[str], set[str]]:
    """The rules of bills, those told as not kept, and those that drawn rows broke."""
    url, target, scratch = lasting_database(), lasting_database(), tmp_path_factory.mktemp("kept")
    query(url, SHOP)
    model = learned(url, Learning(), scratch)
    report = filled(model, target, scratch)
    unkept = {f.words for f, _ in oriented(model).unkept}
    return {*of(model, "bill")}, unkept, {r.rule for r in report.invariants if r.broken > r.allowed}


def test_rows_take_over_a_total_of_their_owners_other_rows(
    kept: tuple[set[str], set[str], set[str]],
) -> None:
    found, unkept, broken = kept
    assert "amount = bill_purchase_fkey.total" in found - unkept - broken


def test_what_follows_from_such_a_total_is_kept_besides(
    kept: tuple[set[str], set[str], set[str]],
) -> None:
    found, unkept, broken = kept
    assert any("settled" in rule and "open" in rule for rule in found)
    assert not (found - unkept) & broken


PRICES = """
CREATE TABLE product (
    id int PRIMARY KEY, cost int NOT NULL, price int NOT NULL, sold_from date NOT NULL
);
INSERT INTO product SELECT n, c, c * 3, date '2020-01-01'
FROM generate_series(1, 1200) AS n, LATERAL (SELECT 10 + abs(hashtext('c' || n)) % 60) AS x (c);
CREATE TABLE price (
    id int PRIMARY KEY, product int NOT NULL REFERENCES product, begun date NOT NULL,
    amount int NOT NULL
);
INSERT INTO price SELECT p.id * 10 + k, p.id,
    date '2020-01-01' + k * 200 + abs(hashtext(p.id || 'b' || k)) % 150,
    CASE WHEN k = n THEN p.price ELSE 5 + abs(hashtext(p.id || 'a' || k)) % 90 END
FROM product AS p, LATERAL (SELECT 1 + abs(hashtext('n' || p.id)) % 3) AS x (n),
    generate_series(1, n) AS k;
CREATE TABLE expense (
    id int PRIMARY KEY, product int NOT NULL REFERENCES product, begun date NOT NULL
);
INSERT INTO expense SELECT p.id * 10 + k, p.id,
    date '2019-10-01' + k * 150 + abs(hashtext(p.id || 'e' || k)) % 100
FROM product AS p, generate_series(1, 3) AS k WHERE k <= 1 + abs(hashtext('m' || p.id)) % 3;
UPDATE product AS p SET sold_from = (SELECT min(begun) FROM expense WHERE product = p.id);
UPDATE price AS c SET begun = greatest(begun, sold_from) FROM product AS p WHERE p.id = c.product;
"""


def test_what_rows_take_over_from_their_owner_waits_for_nothing(
    lasting_database: Callable[[], str], database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url, scratch = lasting_database(), tmp_path_factory.mktemp("prices")
    query(url, PRICES)
    model = learned(url, Learning(), scratch)
    report = filled(model, database, scratch)
    found = {*of(model, "product"), *of(model, "price")}
    assert {
        "price = latest(price.amount by price.begun) per price_product_fkey",
        "sold_from = min(expense.begun) per expense_product_fkey",
        "price_product_fkey.sold_from <= begun",
    } <= found
    broken = {r.rule for r in report.invariants if r.broken > r.allowed}
    assert not {"price = 3 * cost", "cost <= price"} & broken
    assert not (found - {f.words for f, _ in oriented(model).unkept}) & broken
