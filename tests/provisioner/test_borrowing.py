"""Rows borrow from others as long as columns stay about as often null as they were drawn to be."""

import pyarrow as pa
import pytest

from provisioner.borrowing import steady


@pytest.mark.parametrize(("nulls", "kept"), [(4, True), (5, True), (9, False), (0, False)])
def test_lending_that_empties_or_fills_a_column_is_given_up(nulls: int, kept: bool) -> None:
    drawn = pa.array([None] * 4 + ["L"] * 6)
    lent = pa.array([None] * nulls + ["L"] * (10 - nulls))
    assert steady({"size": drawn}, {"size": lent}) is kept
