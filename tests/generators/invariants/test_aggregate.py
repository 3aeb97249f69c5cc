"""Values that are what a row's children come to are found, and computed from them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Invariant, Term
from connectors.schema import TableName
from generators.facts import Training
from generators.invariants import Drawing
from generators.invariants.aggregate import Aggregate
from generators.viewing import Library

ORDERS = """
CREATE TABLE orders (
    id int PRIMARY KEY, lines int, total numeric(12,2), weight float8, gross numeric(12,2),
    net numeric(12,2), first date, dearest numeric(8,2), usual numeric(8,2), state text,
    nearly numeric(12,2), copied text NOT NULL, chance int
);
CREATE TABLE lines (
    id int PRIMARY KEY, order_id int REFERENCES orders, amount numeric(8,2) NOT NULL,
    weight float8, quantity int NOT NULL, price numeric(8,2) NOT NULL,
    discount numeric(3,2) NOT NULL, shipped date, said timestamp NOT NULL, state text NOT NULL,
    copied text NOT NULL
);
INSERT INTO orders SELECT n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    'c' || n % 7, 1 + n % 3 FROM generate_series(1, 600) AS n;
INSERT INTO lines
SELECT n * 10 + s, CASE WHEN n % 50 > 0 OR s > 1 THEN n END,
    1 + abs(hashtext('a' || n || s) % 90000) / 100.0,
    CASE WHEN (n + s) % 9 > 0 THEN abs(hashtext('w' || n || s) % 9999) / 7.0 END,
    1 + abs(hashtext('q' || n || s) % 9), 1 + abs(hashtext('p' || n || s) % 9000) / 100.0,
    abs(hashtext('d' || n || s) % 3) / 10.0,
    CASE WHEN (n + s) % 11 > 0 THEN date '2020-01-01' + abs(hashtext('t' || n || s) % 900) END,
    timestamp '2020-01-01' + interval '1 minute' * abs(hashtext('u' || n || s) % 900000),
    (ARRAY['new', 'paid', 'sent', 'lost'])[1 + abs(hashtext('x' || n || s) % 4)], 'c' || n % 7
FROM generate_series(1, 600) AS n, generate_series(1, 5) AS s WHERE n % 12 > 0 AND s <= 1 + n % 5;
UPDATE orders SET lines = (SELECT count(*) FROM lines WHERE order_id = orders.id);
UPDATE orders SET total = coalesce(a, 0), weight = w, gross = coalesce(g, 0),
    net = coalesce(n, 0), first = f, dearest = d, usual = v, nearly = a + (orders.id % 20) / 19
FROM (
    SELECT o.id, sum(amount) AS a, sum(l.weight) AS w, sum(quantity * price) AS g,
        sum(quantity * price * (1 - discount)) AS n, min(shipped) AS f, max(price) AS d,
        avg(price) AS v
    FROM orders AS o LEFT JOIN lines AS l ON l.order_id = o.id GROUP BY o.id
) AS s WHERE s.id = orders.id;
UPDATE orders SET state =
    (SELECT state FROM lines WHERE order_id = orders.id ORDER BY said DESC LIMIT 1);
"""

KEY = "lines_order_id_fkey"
RULES = {
    f"lines = count(lines) per {KEY}",
    f"total = coalesce(sum(lines.amount), 0) per {KEY}",
    f"weight = sum(lines.weight) per {KEY}",
    f"gross = coalesce(sum(lines.quantity * lines.price), 0) per {KEY}",
    f"net = coalesce(sum(lines.quantity * lines.price * (1 - lines.discount)), 0) per {KEY}",
    f"first = min(lines.shipped) per {KEY}",
    f"dearest = max(lines.price) per {KEY}",
    f"usual = avg(lines.price) per {KEY}",
    f"state = latest(lines.state by lines.said) per {KEY}",
}


def test_what_children_come_to_is_found_and_nothing_near_it(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(ORDERS).found("aggregate", "orders").keys() == RULES


def test_what_children_come_to_is_computed_from_them(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    for rule in place.found("aggregate", "orders").values():
        [target] = rule.columns
        values = place.remade(rule, target)
        place.store("orders", target, values)
        assert place.tally(rule).broken == 0, rule
        assert values.null_count == place.view("orders").values(Term(target)).null_count, rule


def test_children_without_rows_leave_what_means_none(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    rules = place.found("aggregate", "orders")
    orphaned = place.with_values(
        "lines", "order_id", pa.nulls(place.view("lines").rows, pa.int32())
    )
    made = {w: orphaned.remade(rule, rule.columns[0]) for w, rule in rules.items()}
    assert set(made[f"lines = count(lines) per {KEY}"].to_pylist()) == {0}
    assert made[f"state = latest(lines.state by lines.said) per {KEY}"].null_count == 600


PRICES = """
CREATE TABLE goods (id int PRIMARY KEY, price int NOT NULL);
CREATE TABLE prices (
    id int PRIMARY KEY, good_id int NOT NULL REFERENCES goods, since date NOT NULL,
    price int NOT NULL
);
INSERT INTO goods SELECT n, abs(hashtext('p' || n)) % 500 FROM generate_series(1, 400) AS n;
INSERT INTO prices SELECT 10 * id + s, id, date '2020-01-01' + 90 * s + id % 60,
    price - (3 - s) * (id % 9) FROM goods, generate_series(1, 3) AS s;
"""


def test_the_latest_child_takes_over_what_its_parent_says(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ORDERS)
    rule = place.found("aggregate", "orders")[
        f"state = latest(lines.state by lines.said) per {KEY}"
    ]
    before = place.view("lines").values(Term("state"))
    made = taken_over(place, rule, "lines", "state")
    assert place.tally(rule).broken == 0
    changed = pc.sum(pc.not_equal(made, before)).as_py()
    assert 0 < changed <= place.tally(rule).spoken


def test_a_course_that_rises_still_does_once_its_end_is_taken_over(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PRICES)
    [rule] = place.found("aggregate", "goods").values()
    courses = place.found("running", "prices")
    course = courses["price >= previous price by since per prices_good_id_fkey"]
    assert (rule.form, course.form) == ("latest", "rising")
    taken_over(place, rule, "prices", "price")
    assert place.tally(rule).broken == place.tally(course).broken == 0


def taken_over(place: Any, rule: Invariant, child: str, column: str) -> pa.Array:
    """What children hold once parents hold each other's values; both are stored."""
    parent = rule.table.name
    held = place.view(parent).values(Term(column))
    filled = np.flatnonzero(held.is_valid().to_numpy(zero_copy_only=False))
    order = np.arange(len(held))
    order[filled] = np.roll(filled, 1)
    mixed = place.with_values(parent, column, held.take(pa.array(order)))
    view = mixed.view(child)
    none = pa.nulls(0, pa.string())
    drawing = Drawing(
        view, column, np.random.default_rng(0), 1, lambda *_: none, lambda _: none, lambda *_: none
    )
    made = Aggregate.realise(rule, {}, drawing)
    place.store(parent, column, mixed.view(parent).values(Term(column)))
    place.store(child, column, made)
    return made


SEASONS = """
CREATE TABLE team (id int PRIMARY KEY, goals int NOT NULL, shots int NOT NULL);
CREATE TABLE player (
    id int PRIMARY KEY, team int NOT NULL REFERENCES team, goals int NOT NULL, shots int NOT NULL
);
INSERT INTO team SELECT generate_series(1, 300), 0, 0;
INSERT INTO player SELECT n, 1 + n % 300, greatest(abs(hashtext('g' || n)) % (n % 300 + 9) - 7, 0),
    abs(hashtext('s' || n)) % 30 FROM generate_series(1, 2400) AS n;
UPDATE team SET goals = s.goals, shots = s.shots + team.id % 7 FROM
    (SELECT team, sum(goals) AS goals, sum(shots) AS shots FROM player GROUP BY team) AS s
    WHERE s.team = team.id;
"""


def test_a_sum_is_found_though_some_of_the_children_are_held_out(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(SEASONS)
    name = TableName("public", "player")
    every = place.library.training[name]
    kept = np.flatnonzero(np.arange(len(every.rows)) % 11 > 0)
    learned = Training(every.rows.take(pa.array(kept)), every.units[kept])
    training = {**place.library.training, name: learned}
    library = Library(place.library.schema, training, place.library.support)
    found = replace(place, library=library).found("aggregate", "team")
    assert found.keys() == {"goals = sum(player.goals) per player_team_fkey"}
