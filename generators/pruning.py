"""Leaves out the splits of trees that tell less of rows held out than no tree at all.

A price that finds what is small among rows that follow each other lets splits pass that are chance.
Where a column depends on little, these cost more than the rest tells. How much a split must be
worth beyond its price is chosen for such trees, by the likelihood of units that a first tree has
not seen: pruning by a test set (Breiman et al. 1984, section 3.4.1). Other trees stay as fine as
they are: likelier ones hold less of what adds up along a history.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from generators.growth import Growth, Sample, grown
from generators.privacy.support import Support
from generators.randomness import stream
from generators.shares import shares_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = tuple[Ints, int, Sequence[Ints]]
"""The code of each row, how many codes there are, and their groups as in `generators.shares`."""

_LEAST = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, np.inf)
"""What splits may have to be worth, in units of log-likelihood; infinity for a tree of one leaf."""
_HELD_OUT = 0.2
_FEWEST_UNITS = 100
"""Units held out from which on these tell more than chance."""
_TINY = 1e-12


def pruned(sample: Sample, codes: Codes, support: Support) -> Growth:
    """The tree of a sample; where rows are in turn and it tells nothing, with fewer splits."""
    if sample.in_turn:
        sample = replace(sample, least=_least(sample, codes, support))
    return grown(sample, support)


def _least(sample: Sample, codes: Codes, support: Support) -> float:
    """What a split must be worth: nothing where a tree tells of rows held out."""
    held = _held_out(sample.units)
    if len(np.unique(sample.units[held])) < _FEWEST_UNITS:
        return 0.0
    own, size, groups = codes
    rest, unseen = np.flatnonzero(~held), np.flatnonzero(held)
    growth = grown(sample.of(rest), support)
    if not growth.inner.any():
        return np.inf
    logs = np.log(np.maximum(shares_of(growth, own[rest], size, groups), _TINY))
    likely = [
        logs[_reached(growth, sample.binned[:, unseen], least), own[unseen]] for least in _LEAST
    ]
    by_unit: Floats = np.stack([np.bincount(sample.units[unseen], weights=ll) for ll in likely])
    return _LEAST[_fewest(by_unit) if by_unit[0].sum() < by_unit[-1].sum() else 0]


def _fewest(likely: Floats) -> int:
    """The last of several trees (first axis) that is worse than the best by less than chance.

    Within one standard error (Breiman et al. 1984, section 3.4.3); units are independent.
    """
    lost = likely[likely.sum(1).argmax()] - likely
    return int(np.flatnonzero(lost.sum(1) <= np.sqrt((lost**2).sum(1)))[-1])


def _held_out(units: Ints) -> Bools:
    """About a fifth of the units, the same in every run."""
    chance = stream(0, "tree", "held out").random(int(units.max(initial=-1)) + 1)
    return np.asarray(chance[units] < _HELD_OUT)


def _reached(growth: Growth, binned: npt.NDArray[np.uint8], least: float) -> Ints:
    """The node that each row comes to by splits that are worth more than `least`."""
    places = np.arange(binned.shape[1])
    node = np.zeros(len(places), np.int64)
    asking = growth.inner & (growth.worth > least)
    while (inner := asking[node]).any():
        above = binned[growth.split[node], places] > growth.threshold[node]
        node = np.where(inner, growth.left[node] + above, node)
    return node
