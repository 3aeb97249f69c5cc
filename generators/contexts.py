"""What a row is drawn given: its owner's codes, its place among its siblings, its cluster."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.counts import BUCKETS, bucket
from generators.tables import Feature, Matrix

Ints = npt.NDArray[np.int64]

FACTOR = "@factor "
"""Stands in the names of features that hold what the children of a row have in common."""
_ABOVE = "owner."


@dataclass(frozen=True, slots=True)
class Rows:
    """The codes of some rows of a table, and those that they were drawn given."""

    context: Matrix
    target: Matrix


def timely(features: tuple[Feature, ...]) -> Ints:
    """The places of the features that tell when a row follows another: all but factors.

    An owner's factors never fit its number of children exactly: rows that listened to them came
    too close to each other. Its first row does: who is paid little for so many years began late.
    """
    return np.array([i for i, f in enumerate(features) if FACTOR not in f.name], np.int64)


def context(above: Rows | None, parents: Ints, clusters: Codes, cluster_count: int) -> Matrix:
    """The context of rows: two generations of owners, position, siblings, own cluster.

    Args:
        above: codes of the owner's rows; None for a root table.
        parents: each row's position among them; siblings stand side by side, in their order.
        clusters: each row's cluster.
        cluster_count: number of clusters; below 2 they say nothing and are left out.
    """
    parts = [] if above is None else [_inherited(above, parents), siblings(parents)]
    if cluster_count > 1:
        parts.append(Matrix((Feature("@cluster", cluster_count, True),), clusters[:, None]))
    return joined(parts, len(parents))


def joined(parts: list[Matrix], rows: int) -> Matrix:
    """Matrices of the same rows side by side."""
    features = tuple(f for part in parts for f in part.features)
    codes = [np.empty((rows, 0), np.int32), *(part.codes for part in parts)]
    return Matrix(features, np.concatenate(codes, axis=1, dtype=np.int32))


def siblings(parents: Ints) -> Matrix:
    """Siblings before, after and in all, in buckets; siblings stand side by side."""
    starts = np.flatnonzero(np.diff(parents, prepend=-1))
    sizes = np.diff(np.append(starts, len(parents)))
    position = np.arange(len(parents)) - np.repeat(starts, sizes)
    number = np.repeat(sizes, sizes)
    parts = {"@position": position, "@siblings": number, "@left": number - 1 - position}
    codes = np.stack([bucket(part) for part in parts.values()], axis=1)
    return Matrix(tuple(Feature(name, BUCKETS, ordered=True) for name in parts), codes)


def _inherited(above: Rows, parents: Ints) -> Matrix:
    near = [i for i, f in enumerate(above.context.features) if _is_near(f.name)]
    both = joined(
        [
            above.target,
            Matrix(tuple(above.context.features[i] for i in near), above.context.codes[:, near]),
        ],
        len(above.target.codes),
    )
    features = tuple(Feature(_ABOVE + f.name, f.size, f.ordered) for f in both.features)
    return Matrix(features, both.codes.take(parents, axis=0))


def _is_near(name: str) -> bool:
    return name.startswith(_ABOVE) and not name.startswith(_ABOVE * 2)
