"""What the children of a row have in common, as a few codes of the row itself.

Children drawn one after the other, each given those before it, drift: what sets one owner's
children apart from another's fades from row to row. So the mean children of each owner are reduced
to their principal components (Pearson 1901), and an owner's place along these is drawn with the
owner, as the number of its children is; children are then drawn given both.
"""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from connectors.schema import TableName
from generators.contexts import FACTOR
from generators.privacy.support import Support
from generators.tables import Feature, Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST = 4
"""Components kept, the largest ones."""
_LEAST_SHARE = 0.04
"""Share of the variance between owners below which a component is not kept."""
_BINS = 32
_OWNERS_PER_PAIR = 12
"""Owners behind each pair of codes on average: which codes come together is learned from these."""
_FEWEST_OWNERS = 200
_FEWEST_CHILDREN = 1.2
"""Children per owner that has any, below which they have nothing in common."""
_MOST_CATEGORIES = 8
_FREQUENT = 0.03


def factors(
    child: TableName, target: Matrix, owners: Ints, units: Ints, support: Support
) -> Matrix:
    """Codes of an owner's place along each component; 0 for one without children.

    Args:
        child: the children's table.
        target: the children's codes.
        owners: per child, the position of its owner; -1 for none.
        units: per owner, its privacy unit.
        support: the rule of release.
    """
    kept = owners >= 0
    counts = np.bincount(owners[kept], minlength=len(units))
    there = counts > 0
    numbers = _numbers(Matrix(target.features, target.codes[kept]))
    bins = _bins(len(np.unique(units[there])), support)
    wide = int(there.sum()) >= _FEWEST_OWNERS and counts.sum() >= _FEWEST_CHILDREN * there.sum()
    if not wide or not numbers.shape[1] or bins < 2:
        return Matrix((), np.empty((len(units), 0), np.int32))
    means = np.empty((len(units), numbers.shape[1]))
    for column, values in enumerate(numbers.T):
        sums = np.bincount(owners[kept], values, minlength=len(units))
        means[:, column] = sums / np.maximum(counts, 1)
    scores = _scores(means[there])
    codes = np.zeros((len(units), scores.shape[1]), np.int32)
    for place, values in enumerate(scores.T):
        edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
        codes[there, place] = 1 + np.searchsorted(edges, values, side="right")
    features = (
        Feature(f"{FACTOR}{n}.{child}", bins + 1, ordered=True) for n in range(len(codes.T))
    )
    return Matrix(tuple(features), codes)


def _bins(units: int, support: Support) -> int:
    return min(_BINS, units // (2 * support.k), int(np.sqrt(units / _OWNERS_PER_PAIR)))


def _scores(means: Floats) -> Floats:
    """Each owner's place along the largest components of the means."""
    centred = means - means.mean(0)
    variance, axes = np.linalg.eigh(centred.T @ centred)
    largest = np.argsort(-variance)[:_MOST]
    largest = largest[variance[largest] >= _LEAST_SHARE * variance.sum()]
    return np.asarray(centred @ axes[:, largest])


def _numbers(target: Matrix) -> Floats:
    """Codes as numbers of about unit variance: normal scores of ordered ones, else indicators."""
    found = []
    for place, feature in enumerate(target.features):
        codes = target.codes[:, place]
        share = np.bincount(codes, minlength=feature.size) / max(1, len(codes))
        if feature.ordered and feature.size > 2:
            found.append(_normal_scores(share)[codes])
        else:
            frequent = np.argsort(-share, kind="stable")[:_MOST_CATEGORIES]
            for code in frequent[(share[frequent] >= _FREQUENT) & (share[frequent] < 1)]:
                spread = np.sqrt(share[code] * (1 - share[code]))
                found.append(((codes == code) - share[code]) / spread)
    return np.stack(found, axis=1) if found else np.empty((len(target.codes), 0))


def _normal_scores(share: Floats) -> Floats:
    """The normal quantile in the middle of each code's mass."""
    middle = np.clip(np.cumsum(share) - share / 2, 1e-6, 1 - 1e-6)
    normal = NormalDist()
    return np.array([normal.inv_cdf(m) for m in middle])
