"""How much the columns of a table tell about each other, and the order that follows from it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from generators.coarse import merged
from generators.columns import Codes
from generators.privacy.support import Support
from generators.tables import Feature, Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PREDECESSORS = (24, 64)
"""Earlier columns that a column may depend on, so that the cost stays linear in columns: the
fewest, and the most where there are few rows."""
_PREDECESSOR_ROWS = 640_000
"""Rows times predecessors that are affordable whatever their number."""
_MOST_PAIR_CLASSES = 16
_MOST_PAIR_CATEGORIES = 64
_MOST_PAIR_ROWS = 50_000
_PAIR_WORK = 200_000_000
"""Rows times pairs of columns that the search for an order may look at."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is learned from: `codes` is of shape (columns, rows), context first.

    `masses` holds, per column, the number of rows of each code; 0 for codes without support.
    """

    features: tuple[Feature, ...]
    contexts: int
    codes: Codes
    masses: tuple[Ints, ...]
    units: Ints
    support: Support

    @classmethod
    def of(cls, context: Matrix, target: Matrix, units: Ints, support: Support) -> Self:
        """The table whose rows stand side by side in context, target and units."""
        features = context.features + target.features
        codes = np.ascontiguousarray(np.concatenate([context.codes, target.codes], axis=1).T)
        dense = np.unique(units, return_inverse=True)[1].astype(np.int64)
        masses = tuple(
            np.bincount(c, minlength=f.size) * support.supported(c, dense, f.size)
            for c, f in zip(codes, features, strict=True)
        )
        return cls(features, len(context.features), codes, masses, dense, support)


def mutual_information(table: Table) -> Floats:
    """Mutual information in nats of all pairs of columns but those of the context, at least 0.

    Codes are merged to few classes, and the bias of counting, (r - 1)(c - 1) / 2n, is taken off
    (Miller 1955).
    """
    columns, rows = table.codes.shape
    most = int(np.clip(_PAIR_WORK // max(1, columns**2 // 2), 4000, _MOST_PAIR_ROWS))
    sampled = np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
    classes = [
        merged(mass, feature.ordered, _pair_classes(feature))[codes[sampled]]
        for mass, feature, codes in zip(table.masses, table.features, table.codes, strict=True)
    ]
    found = np.zeros((columns, columns))
    for j in range(table.contexts, columns):
        for i in range(j):
            found[i, j] = found[j, i] = _shared(classes[i], classes[j])
    return found


def most_predecessors(rows: int) -> int:
    """How many earlier columns a column may depend on where there are so many rows."""
    return int(np.clip(_PREDECESSOR_ROWS // max(1, rows), *_PREDECESSORS))


def _pair_classes(feature: Feature) -> int:
    """Neighbours may share a class without loss, while rare categories have little in common."""
    return _MOST_PAIR_CLASSES if feature.ordered else _MOST_PAIR_CATEGORIES


def _shared(one: Ints, other: Ints) -> float:
    shape = (int(one.max(initial=0)) + 1, int(other.max(initial=0)) + 1)
    both = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape)
    bias = (shape[0] - 1) * (shape[1] - 1) / (2 * max(1, len(one)))
    sides = _entropy(both.sum(0)) + _entropy(both.sum(1))
    return max(0.0, sides - _entropy(both.ravel()) - bias)


def _entropy(counts: Ints) -> float:
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum())


def drawing_order(table: Table, information: Floats) -> Ints:
    """Next comes the feature the largest part of whose entropy is known from those before.

    The first, without a context, is the one of least entropy. Features of many codes come late.
    """
    entropy = np.array([_entropy(m) for m in table.masses[table.contexts :]])
    known = information[table.contexts :, : table.contexts].sum(1)
    between = information[table.contexts :, table.contexts :]
    left, order = np.arange(len(entropy)), np.empty(0, np.int64)
    while len(left):
        share = known[left] / np.maximum(entropy[left], 1e-12)
        chosen = left[np.lexsort((entropy[left], -share))[0]]
        order, left, known = np.append(order, chosen), left[left != chosen], known + between[chosen]
    return order
