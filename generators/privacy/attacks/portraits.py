"""Whole entities as points: a row of their own with means and spreads over their other rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from connectors.schema import TableName
from generators.privacy.attacks.populations import Population
from generators.privacy.attacks.space import Axis, Floats, Ints, NumberAxis, Points, points


@dataclass(frozen=True, slots=True)
class Portrait:
    """How entities become points.

    Attributes:
        unit: the table of which every entity has one row.
        axes: per table, those of its rows.
        counts: per other table, the numbers of rows of synthetic entities, ascending.
    """

    unit: TableName
    axes: Mapping[TableName, Sequence[Axis]]
    counts: Mapping[TableName, Ints]

    def of(self, some: Population) -> Points:
        """A point per entity."""
        own = points(self.axes[self.unit], some.tables[self.unit])
        found = np.zeros((some.size, own.shape[1]), np.float32)
        found[some.entities[self.unit]] = own
        parts = [self._children(some, name) for name in self.counts]
        return np.concatenate([found, *parts], axis=1).astype(np.float32)

    def _children(self, some: Population, name: TableName) -> Points:
        own, size = some.entities[name], some.size
        rows = np.bincount(own, minlength=size)
        ranked = self.counts[name]
        low, high = (np.searchsorted(ranked, rows, side) for side in ("left", "right"))
        middle = (low + high) / (2 * max(1, len(ranked)))
        found = points(self.axes[name], some.tables[name])
        wide = [2 if isinstance(a, NumberAxis) else len(a.labels) + 1 for a in self.axes[name]]
        starts = np.cumsum([0, *wide])[:-1]
        ordered = [s for s, a in zip(starts, self.axes[name], strict=True) if _ranks(a)]
        means = _means(found, own, size, rows)
        squares = _means(found[:, ordered] ** 2, own, size, rows)
        spread = np.sqrt(np.maximum(0, squares - means[:, ordered] ** 2))
        return np.concatenate([middle[:, None], means, spread], axis=1).astype(np.float32)


def portrait(
    unit: TableName, drawn: Population, axes: Mapping[TableName, Sequence[Axis]]
) -> Portrait:
    """The portrait that synthetic entities tell."""
    others = [name for name in axes if name != unit]
    counts = {n: np.sort(np.bincount(drawn.entities[n], minlength=drawn.size)) for n in others}
    return Portrait(unit, axes, counts)


def _ranks(axis: Axis) -> bool:
    return isinstance(axis, NumberAxis)


def _means(found: Points, own: Ints, size: int, rows: Ints) -> Floats:
    columns = [np.bincount(own, column, minlength=size) for column in found.T]
    sums = np.array(columns).reshape(len(columns), size).T
    return np.asarray(sums / np.maximum(1, rows)[:, None])
