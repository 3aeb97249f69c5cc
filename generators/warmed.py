"""Has the machine code at hand that most rows are drawn by, before the first of them."""

import numpy as np

from generators.binning import Bins
from generators.forest import EFFORT, joined
from generators.randomness import even_uniforms
from generators.tree import uniform_tree


def warm() -> None:
    """Draws one row of one column, as so many would be drawn that machine code is repaid."""
    EFFORT.foresee(EFFORT.worth + 1)
    codes, order, rng = np.zeros((1, 1), np.int32), np.zeros(1, np.int64), np.random.default_rng(0)
    forest = joined([uniform_tree(2).walked])
    forest.draw(np.zeros((1, 0), np.int32), codes, order, even_uniforms(1, 1, rng))
    Bins(np.zeros(2), np.ones(2), np.zeros((2, 2))).draw(codes[:, 0], rng)
