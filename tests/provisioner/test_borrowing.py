"""Rows borrow from others as long as columns stay about as often null as they were drawn to be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from provisioner.borrowing import sparing, steady
from provisioner.learning import Learning


@pytest.mark.parametrize(("nulls", "kept"), [(4, True), (5, True), (9, False), (0, False)])
def test_lending_that_empties_or_fills_a_column_is_given_up(nulls: int, kept: bool) -> None:
    drawn = pa.array([None] * 4 + ["L"] * 6)
    lent = pa.array([None] * nulls + ["L"] * (10 - nulls))
    assert steady({"size": drawn}, {"size": lent}) is kept


@pytest.mark.parametrize("lent", [None, "L"])
def test_no_more_rows_borrow_than_leave_a_column_about_as_it_was_drawn(lent: str | None) -> None:
    drawn = {"size": pa.array([None] * 8 + ["L"] * 12), "line": pa.array(["S"] * 20)}
    trial = {**drawn, "size": pa.array([lent] * 20)}
    rows = np.arange(0, 20, 2)
    taken = sparing(drawn, drawn, trial, rows)
    nulls = np.array([size is None for size in drawn["size"].to_pylist()])
    changed = nulls[taken] != (lent is None)
    assert changed.sum() == 2  # a tenth of the rows
    assert (~changed).sum() == (nulls[rows] == (lent is None)).sum()


TRIPS = """
CREATE TABLE line (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO line SELECT n, 'line ' || n FROM generate_series(1, 12) AS n;
CREATE TABLE driver (id int PRIMARY KEY, age int NOT NULL);
INSERT INTO driver SELECT n, 20 + abs(hashtext('a' || n)) % 40 FROM generate_series(1, 1500) AS n;
CREATE TABLE trip (
    id int PRIMARY KEY, driver int NOT NULL REFERENCES driver, line int NOT NULL REFERENCES line,
    number int NOT NULL, day int NOT NULL
);
INSERT INTO trip SELECT row_number() OVER (),
    1 + abs(hashtext('d' || l || 'n' || n || 'y' || y)) % 1500, l, 100 * l + n, y
FROM generate_series(1, 12) AS l, generate_series(1, 60) AS n, generate_series(1, 40) AS y
WHERE abs(hashtext('w' || l || 'n' || n || 'y' || y)) % 10 < 3;
"""
COURSE = "number >= previous number by id per trip_line_fkey"


def test_no_row_borrows_what_makes_it_a_sibling_of_others_that_are_in_order(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    query(source, TRIPS)
    model = learned(source, Learning(units=(TableName("public", "driver"),)), tmp_path)
    assert {COURSE, "number -> line"} <= {*of(model, "trip")}
    filled(model, target, tmp_path)
    later = "SELECT lag(number) OVER (PARTITION BY line ORDER BY id) > number FROM trip"
    assert (True,) not in query(target, later)
