"""What was drawn as an owner's total stays that where a single row makes it up."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from keeping import filled, learned, of
from querying import query

from generators.model import DatabaseModel
from provisioner.learning import Learning
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

RULE = "total = sum(lines.amount) per lines_order_id_fkey"
BROKEN = """
SELECT id FROM orders WHERE total <> (SELECT sum(amount) FROM lines WHERE order_id = orders.id)
"""
ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, shop text NOT NULL, total numeric(12,2) NOT NULL);
CREATE TABLE lines (
    id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, amount numeric(12,2) NOT NULL
);
INSERT INTO orders SELECT n, 'shop ' || n % 3, 0 FROM generate_series(1, 1200) AS n;
INSERT INTO lines
SELECT row_number() OVER (), o, 1 + abs(hashtext(o || ' ' || l)) % 100000 / 100.0
FROM generate_series(1, 1200) AS o, generate_series(1, CASE WHEN o % 4 > 0 THEN 1 ELSE 5 END) AS l;
UPDATE orders SET total = (SELECT sum(amount) FROM lines WHERE order_id = orders.id);
"""


def test_an_only_row_has_all_that_was_drawn_as_the_total_of_its_owner(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, ORDERS)
    model = learned(url, Learning(), tmp_path)
    assert RULE in of(model, "orders")
    kept, lines = _drawn(model)
    drawn, _ = _drawn(replace(model, invariants=()))
    single = [order for order, count in lines.items() if count == 1]
    same = sum(kept[order] == drawn[order] for order in single)
    assert same > 0.95 * len(single) > 500
    assert filled(model, database, tmp_path).passed
    assert query(database, BROKEN) == []


def _drawn(model: DatabaseModel) -> tuple[dict[int, Decimal], Counter[int]]:
    """The totals of the orders of a plan, and how many lines each has."""
    found: dict[str, dict[str, list[int]]] = {}
    planned = plan(model, "0" * 64, Request())
    for batch in Synthesizer(model, planned).shard(0, 0):
        found[batch.table.name] = batch.rows.to_pydict()
    orders, lines = found["orders"], found["lines"]
    totals = (Decimal(total) for total in orders["total"])
    return dict(zip(orders["id"], totals, strict=True)), Counter(lines["order_id"])
