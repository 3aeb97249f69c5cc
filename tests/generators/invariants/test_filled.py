"""Columns that are filled in all rows though they may be null are found, and no others."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from generators.invariants.filled import Filled

CLIENTS = """
CREATE TABLE client (
    id int PRIMARY KEY, name text, phone text, town text NOT NULL, since date, referrer int UNIQUE,
    shout text GENERATED ALWAYS AS (upper(name)) STORED
);
INSERT INTO client SELECT n, 'N' || n, CASE WHEN n % 90 > 0 THEN 'P' || n END, 'T', '2020-01-01', n
FROM generate_series(1, 400) AS n;
CREATE TABLE shop (id int PRIMARY KEY, name text);
INSERT INTO shop SELECT n, 'S' || n FROM generate_series(1, 100) AS n;
"""


def test_columns_that_are_never_null_are_told_by_one_rule_of_their_table(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(CLIENTS)
    assert place.found("filled", "client").keys() == {"name, since are not null"}


def test_few_rows_may_all_be_filled_by_chance(laboratory: Callable[[str], Any]) -> None:
    assert not laboratory(CLIENTS).found("filled", "shop")


def test_a_null_breaks_the_rule_here_as_in_the_database(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(CLIENTS)
    [rule] = place.found("filled", "client").values()
    since = place.view("client").values(rule.terms[1]).to_pylist()
    thinned = pa.array([None if n % 40 == 0 else day for n, day in enumerate(since)])
    wrong = Filled.breaks(rule, place.with_values("client", "since", thinned).view("client"))
    place.store("client", "since", thinned)
    assert wrong is not None
    assert place.tally(rule).broken == wrong.sum() == 10
