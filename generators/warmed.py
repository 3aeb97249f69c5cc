"""Has the machine code at hand that most rows are drawn by, before the first of them."""

import numpy as np

from generators.binning import Bins
from generators.columns import Codes
from generators.forest import EFFORT, joined
from generators.randomness import even_uniforms
from generators.tree import uniform_tree


def warm() -> None:
    """Draws a few rows, as if so many were to be drawn that machine code is repaid."""
    from generators.recalling import recalled, settled  # noqa: PLC0415 - see `EFFORT`

    EFFORT.foresee(EFFORT.worth + 1)
    for columns in (1, 2):  # of one column, numbers lie as those of a row do, which is other code
        codes = _drawn(columns)
        every, sums = np.arange(columns), np.zeros_like(codes)
        known, means = np.zeros((1, 3 * columns), np.int32), (every, np.ones(columns), 1)
        recalled(known, codes, np.ones(1, np.int64), (codes, sums, 1), means)
        settled(codes, np.zeros(1, np.int64), codes.copy(), every, sums[0])


def _drawn(columns: int) -> Codes:
    codes, rng = np.zeros((2, columns), np.int32), np.random.default_rng(0)
    forest = joined([uniform_tree(2).walked] * columns)
    uniform = even_uniforms(len(codes), columns, rng)
    forest.draw(np.zeros((len(codes), 0), np.int32), codes, np.arange(columns), uniform)
    Bins(np.zeros(2), np.ones(2), np.zeros((2, 2))).draw(codes[:, 0], rng)
    return codes
