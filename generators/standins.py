"""Which released value stands in for each one that too few units hold: the one most like it.

Where nearly all rows hold released values, the others count as those, so that none is invented. A
club of few players counts as one of its time and league, and not as any: else its rows would tell
of a club that was not there.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from generators.coarse import merged
from generators.columns import Codes
from generators.privacy.support import Ints, Support
from generators.tables import Matrix

Floats = npt.NDArray[np.float64]

_BINS = 48
_TELLING = 3
"""Other features that tell which values are alike, the most telling ones."""
_DOUBT = 4.0
"""Rows of all values that each one is given, so that nothing is impossible."""


def with_stand_ins(
    target: Matrix, values: Mapping[str, Ints], units: Ints, support: Support
) -> Matrix:
    """The same rows, where values that fewer than k units hold have codes of released ones.

    Args:
        target: a table's rows.
        values: per feature without an order, a number for the value of each row; -1 for null.
        units: the rows' privacy units.
        support: the rule of release.
    """
    codes = target.codes.copy()
    for place, feature in enumerate(target.features):
        if feature.name not in values or feature.ordered:
            continue
        ids = values[feature.name]
        wide = support.supported(ids + 1, units, int(ids.max(initial=-1)) + 2)
        released = np.unique(target.codes[wide[ids + 1], place])
        lent = ~wide[ids + 1] & (ids >= 0) & np.isin(target.codes[:, place], released)
        if lent.any() and len(released) > 2:
            codes[:, place] = _stood_in(target, place, ids, lent)
    return Matrix(target.features, codes)


def _stood_in(target: Matrix, place: int, ids: Ints, lent: npt.NDArray[np.bool_]) -> Codes:
    """The codes of a feature; a lent value gets that under which its rows are likeliest."""
    own, size = target.codes[:, place], target.features[place].size
    tables = {}
    for other, feature in enumerate(target.features):
        mass = np.bincount(target.codes[~lent, other], minlength=feature.size)
        if other != place and np.count_nonzero(mass) > 1:
            bins = merged(mass, True, _BINS)[target.codes[:, other]]
            tables[other] = bins, _likelihoods(own[~lent], bins[~lent], size)
    ranked = sorted(tables, key=lambda other: -_telling(*tables[other], own, ~lent))
    names, numbers = np.unique(ids[lent], return_inverse=True)
    scores = np.zeros((len(names), size))
    for other in ranked[:_TELLING]:
        bins, likely = tables[other]
        np.add.at(scores, numbers, likely[:, bins[lent]].T)
    scores[:, np.bincount(own[~lent], minlength=size) == 0] = -np.inf
    found = own.copy()
    found[lent] = scores.argmax(1)[numbers]
    return found


def _likelihoods(own: Codes, bins: Ints, size: int) -> Floats:
    """The log-likelihood of each bin of another feature under each code."""
    width = int(bins.max(initial=0)) + 1
    counts = np.bincount(own * width + bins, minlength=size * width).reshape(size, width)
    share = (counts.sum(0) + 1) / (counts.sum() + width)
    return np.asarray(np.log((counts + _DOUBT * share) / (counts.sum(1, keepdims=True) + _DOUBT)))


def _telling(bins: Ints, likely: Floats, own: Codes, kept: npt.NDArray[np.bool_]) -> float:
    """How much likelier a bin is under its rows' codes than on the whole, on average."""
    share = np.bincount(bins[kept], minlength=likely.shape[1]) / max(1, int(kept.sum()))
    return float((likely[own[kept], bins[kept]] - np.log(share[bins[kept]])).mean())
