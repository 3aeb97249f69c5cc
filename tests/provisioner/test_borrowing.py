"""Rows borrow from others as long as columns stay about as often null as they were drawn to be."""

import numpy as np
import pyarrow as pa
import pytest

from provisioner.borrowing import sparing, steady


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
