"""Leaves out equations that follow from those found before."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from generators.formulas import SHAPES, Formula
from generators.magnitudes import DAY
from generators.quantities import Quantity

Stands = Callable[[Formula, Sequence[Quantity]], bool]
"""Judges a formula over all rows."""

Candidate = tuple[Formula, tuple[Quantity, ...]]
"""A formula with its terms, the left side first."""
_DEPENDENT = 1e-4
"""What a sum of found rules and a new one may differ by, constants being rounded."""


class Known:
    """What was found: sums as rows of a matrix, whose rank tells what follows; all else as sets."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.rows: list[dict[int, float]] = []
        self.sets: set[frozenset[str]] = set()
        self.lefts: set[str] = set()

    def follows(self, formula: Formula, terms: Sequence[Quantity]) -> bool:
        """Whether a formula says nothing new."""
        names = frozenset(str(q.term) for q in terms)
        if formula.shape != "multiple" and names in self.sets:
            return True
        row = self._row(formula, terms)
        if formula.shape == "multiple":
            return str(terms[0].term) in self.lefts
        return row is not None and self._rank([*self.rows, row]) == len(self.rows)

    def add(self, formula: Formula, terms: Sequence[Quantity]) -> None:
        """Takes a formula to be known from here on."""
        self.lefts.add(str(terms[0].term))
        row = self._row(formula, terms)
        if row is not None:
            self.rows.append(row)
        if formula.shape != "multiple":
            self.sets.add(frozenset(str(q.term) for q in terms))

    def _row(self, formula: Formula, terms: Sequence[Quantity]) -> dict[int, float] | None:
        signs = SHAPES[formula.shape].signs
        names = [str(q.term) for q in terms]
        if formula.shape == "scale":
            return dict(zip(map(self._place, names), (1.0, -formula.numbers[0]), strict=True))
        if signs is None:
            return None
        row: dict[int, float] = {}
        for name, sign in zip(names, signs(len(names)), strict=True):
            row[self._place(name)] = float(sign)
        if formula.constants:
            unit = DAY if " " in formula.constants[0] else 1
            row[self._place("")] = -formula.numbers[0] / unit
        return row

    def _place(self, name: str) -> int:
        return self.places.setdefault(name, len(self.places))

    def _rank(self, rows: Sequence[dict[int, float]]) -> int:
        matrix = np.zeros((len(rows), len(self.places)))
        for n, row in enumerate(rows):
            matrix[n, list(row)] = list(row.values())
        return int(np.linalg.matrix_rank(matrix, tol=_DEPENDENT))


def novel(candidates: Iterable[Candidate], known: Known, stands: Stands) -> Iterator[Candidate]:
    """Those that do not follow from what is known, and stand; they are known from then on."""
    for formula, terms in candidates:
        if not known.follows(formula, terms) and stands(formula, terms):
            known.add(formula, terms)
            yield formula, terms
