"""What stands behind a rule before it is one."""

import numpy as np

from generators.evidence import holds


def test_a_rule_that_holds_rows_against_others_counts_the_units_of_both() -> None:
    rows, none = np.arange(20), np.zeros(20, np.bool_)
    assert not holds(none, ~none, rows % 10, 0.5, 11)
    assert holds(none, ~none, rows % 10, 0.5, 11, (rows + 1) % 11)
