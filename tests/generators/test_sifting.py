"""A referee of rows that own others finds what their generator misses."""

import numpy as np

from generators.privacy.support import Support
from generators.refinement import Sifting, refined
from generators.relations.lives import single
from generators.tables import Feature, Matrix, table_generators

ROWS = 3_000
FEATURES = (Feature("a", 8, ordered=True), Feature("b", 8, ordered=True))


def sifting(rows: int) -> Sifting:
    """Rows whose two columns are alike, and a generator that draws each alone."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, 8, rows)
    codes = np.stack([first, (first + rng.integers(0, 2, rows)) % 8], axis=1).astype(np.int32)
    context, target = Matrix((), np.empty((rows, 0), np.int32)), Matrix(FEATURES, codes)
    units, support = np.arange(rows), Support()
    generator = table_generators()["independent"].fit(context, target, units, support)
    return Sifting(context, target, units, generator, {}, support)


def test_rows_held_out_are_told_from_those_drawn_and_less_so_from_those_chosen() -> None:
    found = refined(sifting(ROWS))
    assert found is not None
    drawn, chosen = found.scores
    # A quarter of all pairs of codes occur among the learned rows, so that a perfect referee
    # would have 1 - 1/8; some 900 rows are held out, a deviation of .014.
    assert drawn > 0.8
    assert chosen < drawn - 0.2


def test_nothing_is_learned_of_too_few_rows() -> None:
    assert refined(sifting(200)) is None


def test_rows_are_told_by_the_codes_of_both_matrices() -> None:
    context = (Feature("c", 3, ordered=False),)
    found = single((context, FEATURES), (np.array([[2]], np.int32), np.array([[7, 0]], np.int32)))
    assert found.binned.T.tolist() == [[2, 7, 0]]
    assert found.widths.tolist() == [3, 8, 8]
