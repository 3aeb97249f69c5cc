"""The distribution that a tree's nodes hold: what their rows have, and what their parents' have."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generators.growth import Growth

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COUNTED = 10
"""Groups that a node has rows enough to count: what they say of each other is not drawn away."""
_SHRINKAGE = 8.0
"""Rows of its parent's distribution that a node is given, per code that it holds just once; one
that it holds n times counts as 1 / n, so that what is certain stays certain."""
_DOUBT = 0.2
"""Such rows given to every node, so that nothing is impossible that its parent has seen."""
_TIMES = np.ldexp(1.0, np.arange(-2, 8))
"""Multiples of `_SHRINKAGE` of which the rows choose one, where groups are more than `COUNTED`."""
_TINY = 1e-12


def shares_of(growth: Growth, own: Ints, size: int, groups: Sequence[Ints]) -> Floats:
    """The distribution of codes in each node, drawn towards its parent's where counts are low.

    That of coarse groups first and then of codes inside each, so that a leaf which holds every
    code just a few times still knows where it lies (a Polya tree, Lavine 1992).

    Args:
        growth: the tree, with the leaf of each row.
        own: the code of each row.
        size: how many codes there are.
        groups: the group of each code, coarse groups first and each code alone at last.
    """
    nodes = len(growth.left)
    flat = np.bincount(growth.node * size + own, minlength=nodes * size)
    counts = flat.reshape(nodes, size)
    parents = np.flatnonzero(growth.inner)
    for parent in parents[::-1]:
        counts[parent] = counts[growth.left[parent]] + counts[growth.left[parent] + 1]
    shares, outer = np.ones((nodes, 1)), np.zeros(size, np.int64)
    for group in groups:
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        inside = _drawn_to_parents(np.add.reduceat(counts, starts, axis=1), outer[starts], growth)
        shares, outer = shares[:, outer[starts]] * inside, group
    return shares


def _drawn_to_parents(counts: Ints, outer: Ints, growth: Growth) -> Floats:
    """Per node the share of each group in the outer group that holds it."""
    starts = np.flatnonzero(np.diff(outer, prepend=-1))
    scarce = np.add.reduceat((counts > 0) / np.maximum(counts, 1), starts, axis=1)
    times = _TIMES if counts.shape[1] > COUNTED else np.ones(1)
    weights = (_SHRINKAGE * times[:, None] * scarce[:, None] + _DOUBT)[:, :, outer]
    whole, leaves = np.add.reduceat(counts, starts, axis=1)[:, outer], ~growth.inner
    rest, others = np.maximum(counts - 1, 0)[:, None], np.maximum(whole - 1, 0)[:, None]
    unseen = _mixed(rest, others, weights, growth)[leaves]
    weight = weights[:, _farthest(np.log(np.maximum(unseen, _TINY)), counts[leaves])]
    return _mixed(counts, whole, weight, growth)


def _mixed(counts: Ints, whole: Ints, weight: Floats, growth: Growth) -> Floats:
    """Per node the shares of its own rows and as many of its parent's as `weight` says."""
    shares = np.broadcast_to(counts / np.maximum(whole, 1), weight.shape).copy()
    for parent in np.flatnonzero(growth.inner):
        for child in (growth.left[parent], growth.left[parent] + 1):
            mixed = counts[child] + weight[child] * shares[parent]
            shares[child] = mixed / (whole[child] + weight[child])
    return shares


def _farthest(unseen: Floats, counts: Ints) -> int:
    """The last of several weights under which rows are as likely as under the best one.

    `unseen`, of shape (leaves, weights, codes), is the log-likelihood of a row of which the tree
    knows nothing: each is left out in its turn. A weight that is worse by less than a standard
    error holds less of its rows (the rule of Breiman et al. 1984, section 3.4.3).
    """
    totals = np.einsum("lwc,lc->w", unseen, counts)
    lost = unseen[:, [int(totals.argmax())]] - unseen
    error = np.sqrt(np.einsum("lwc,lwc,lc->w", lost, lost, counts))
    return int(np.flatnonzero(totals.max() - totals <= error)[-1])
