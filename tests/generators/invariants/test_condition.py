"""Orders that rows of one sort alone keep are found, and kept."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from connectors.invariants import Term
from generators.invariants.condition import Condition

BALLOTS = """
CREATE TABLE ballot (
    id int PRIMARY KEY, inducted text NOT NULL, needed int, votes int NOT NULL, seats int NOT NULL,
    spare int NOT NULL, level int NOT NULL, bought numeric(8,2) NOT NULL, paid date, due date
);
INSERT INTO ballot SELECT n, CASE WHEN v >= k THEN 'Y' ELSE 'N' END,
    CASE WHEN n % 30 > 0 THEN k END, v, abs(hashtext('t' || n)) % 90,
    s, l, CASE WHEN s > l THEN 0 ELSE abs(hashtext('b' || n)) % 50 / 4.0 END,
    date '2020-01-01' + abs(hashtext('p' || n)) % 90,
    date '2020-01-01' + abs(hashtext('d' || n)) % 90
FROM generate_series(1, 2000) AS n, LATERAL (SELECT
    200 + abs(hashtext('k' || n)) % 250 AS k, abs(hashtext('v' || n)) % 500 AS v,
    abs(hashtext('s' || n)) % 60 AS s, abs(hashtext('l' || n)) % 30 AS l) AS x;
"""
FOUND = {
    "inducted = 'Y' -> needed <= votes",
    "inducted = 'N' -> votes <= needed",
    "bought <> '0.00' -> spare <= level",
}


def test_an_order_that_other_rows_have_the_other_way_is_found_and_no_other(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(BALLOTS).found("condition", "ballot").keys() == FOUND


@pytest.mark.parametrize("place", [0, 1])
def test_both_values_may_be_moved_to_keep_it(laboratory: Callable[[str], Any], place: int) -> None:
    lab = laboratory(BALLOTS)
    for words, rule in lab.found("condition", "ballot").items():
        target = rule.terms[place].column
        mixed = lab.scrambled("ballot", target)
        lab.store("ballot", target, mixed.view("ballot").values(Term(target)))
        wrong = Condition.breaks(rule, mixed.view("ballot"))
        assert wrong is not None
        assert lab.tally(rule).broken == wrong.sum() > 0, words
        lab.store("ballot", target, lab.remade(rule, target))
        assert lab.tally(rule).broken == 0, words
        lab.store("ballot", target, lab.view("ballot").values(Term(target)))


def test_no_row_is_of_any_sort(laboratory: Callable[[str], Any]) -> None:
    lab = laboratory(BALLOTS)
    for rule in lab.found("condition", "ballot").values():
        empty = lab.emptied("ballot")
        kind = empty.view("ballot").values(rule.terms[1]).type
        assert empty.remade(rule, rule.terms[1].column) == pa.nulls(0, kind)
