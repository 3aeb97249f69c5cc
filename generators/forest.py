"""Trees end to end in flat arrays, and machine code that walks them row by row.

numba compiles the loops on first use, and keeps what it compiled for the next run. Only whole
numbers are computed, so that every machine draws the same. Machine code checks no index: trees are
checked when they are planted, and codes before they are walked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from generators.columns import Codes

Floats = npt.NDArray[np.float64]
Bins = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
_Asked = ParamSpec("_Asked")
_Found = TypeVar("_Found")

GRAINS = 1 << 24
"""Probabilities are whole multiples of 1 / GRAINS, so that every machine draws the same."""

_SLOTS = 256
_SHIFT = (GRAINS // _SLOTS).bit_length() - 1


def compiled(function: Callable[_Asked, _Found]) -> Callable[_Asked, _Found]:
    """Machine code for a function, kept from run to run where some folder may be written to."""
    try:
        found: Callable[_Asked, _Found] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no such folder
        found = numba.njit(nogil=True)(function)
    return found


@dataclass(frozen=True, slots=True)
class Forest:
    """One tree or more, by the features that they draw.

    Attributes:
        nodes: per node, the column of the known codes that it asks, where the bins of that one's
            codes begin, the highest bin that goes left, the left child (the right one is next to
            it), and which leaf it is, -1 for none.
        bins: the bin of each code of each input of each tree.
        roots: per tree, its first node.
        starts: per leaf, where its codes begin in `cumulative`.
        cumulative: in grains, the probability of each code of a leaf or a lower one.
        guide: of shape (leaves, `_SLOTS`), the first code that a number in each slot of a leaf's
            grains may stand for, so that drawing need not search.
        sizes: per column that any tree asks, how many codes have bins.
    """

    nodes: npt.NDArray[np.int32]
    bins: Bins
    roots: Ints
    starts: Ints
    cumulative: npt.NDArray[np.int32]
    guide: npt.NDArray[np.uint16]
    sizes: Mapping[int, int]

    def leaves(self, known: Codes) -> Ints:
        """The leaf of each row in the first tree; `known` is of shape (columns, rows).

        Raises:
            IndexError: a code that is asked for has no bin.
        """
        self._refuse_others(known.T)
        found = np.empty(known.shape[1], np.int64)
        _reach(known.T, self.nodes, self.bins, found)
        return found

    def codes(self, leaves: Ints, uniform: Floats) -> Ints:
        """A code per leaf, by inverse transform of one uniform number each.

        It is the first whose cumulative grains exceed the number's (Chen and Asau 1974 look such a
        code up in a guide table, from which it is a step or two away).
        """
        found = np.empty(len(leaves), np.int64)
        _pick(leaves, uniform, (self.starts, self.cumulative, self.guide), found)
        return found

    def draw(self, known: Codes, contexts: int, order: Ints, uniform: Floats) -> None:
        """Draws codes in place, tree by tree.

        Args:
            known: of shape (rows, columns); those of the trees stand behind `contexts` others, and
                hold 0 where they are to be drawn.
            contexts: how many these are.
            order: the trees in the order in which they draw.
            uniform: a number per row and tree.

        Raises:
            IndexError: a code that is asked for has no bin.
        """
        self._refuse_others(known)
        leaves = self.starts, self.cumulative, self.guide
        _draw(known, (contexts, order, uniform), (self.nodes, self.bins, self.roots), leaves)

    def _refuse_others(self, known: Codes) -> None:
        if not len(known):
            return
        columns = list(self.sizes)
        highest = known.view(np.uint32).max(axis=0)[columns]  # what is below 0 is very high there
        if (highest >= np.array(list(self.sizes.values()))).any():
            raise IndexError("found codes that no tree has a bin for")


def planted(asked: Ints, bins: Sequence[Bins], nodes: Ints, within: Ints) -> Forest:
    """A forest of one tree.

    Args:
        asked: the columns that the tree asks.
        bins: per asked column, the bin of each code.
        nodes: per node, which of the columns it asks, the highest bin that goes left, and the left
            child, which a leaf is itself; of shape (3, nodes).
        within: the cumulative grains of each code, of shape (leaves, codes).

    Raises:
        ValueError: nodes ask or lead to what is not there.
    """
    split, threshold, left = nodes
    number, is_leaf = np.arange(len(left)), left == np.arange(len(left))
    inner = left[~is_leaf]
    _refuse_dead_ends(split[~is_leaf], inner - number[~is_leaf], len(asked), len(left) - inner)
    ascending = (np.diff(within, prepend=0) >= 0).all() and (within[:, -1] == GRAINS).all()
    if is_leaf.sum() != len(within) or not ascending:
        raise ValueError("found a tree whose leaves are no distributions")
    begins = np.cumsum([0, *(len(b) for b in bins)])
    split = np.where(is_leaf, -1, split)
    parts = [np.append(asked, 0)[split], begins[split], threshold, left]
    return Forest(
        np.stack([*parts, np.where(is_leaf, np.cumsum(is_leaf) - 1, -1)], 1).astype(np.int32),
        np.concatenate([np.empty(0, np.uint8), *bins]),
        np.zeros(1, np.int64),
        np.arange(len(within)) * within.shape[1],
        within.ravel().astype(np.int32),
        _guide(within),
        {int(i): len(b) for i, b in zip(asked, bins, strict=True)},
    )


def joined(forests: Sequence[Forest]) -> Forest:
    """Forests end to end."""
    places: tuple[int, ...] = (0, 0, 0, 0)
    first = []
    for forest in forests:
        first.append(places)
        sizes = len(forest.nodes), len(forest.bins), len(forest.starts), len(forest.cumulative)
        places = tuple(place + size for place, size in zip(places, sizes, strict=True))
    moved = [_moved(forest, place) for forest, place in zip(forests, first, strict=True)]
    return Forest(
        np.concatenate([np.empty((0, 5), np.int32), *(f.nodes for f in moved)]),
        np.concatenate([np.empty(0, np.uint8), *(f.bins for f in moved)]),
        np.concatenate([np.empty(0, np.int64), *(f.roots for f in moved)]),
        np.concatenate([np.empty(0, np.int64), *(f.starts for f in moved)]),
        np.concatenate([np.empty(0, np.int32), *(f.cumulative for f in moved)]),
        np.concatenate([np.empty((0, _SLOTS), np.uint16), *(f.guide for f in moved)]),
        {column: size for f in forests for column, size in f.sizes.items()},
    )


def _moved(forest: Forest, place: tuple[int, ...]) -> Forest:
    """A forest with others before it, which have so many nodes, bins, leaves and codes."""
    nodes, bins, leaves, codes = place
    is_leaf = forest.nodes[:, 4:] >= 0
    by = np.where(is_leaf, [0, 0, 0, 0, leaves], [0, bins, 0, nodes, 0])
    moved = (forest.nodes + by).astype(np.int32)
    return replace(forest, nodes=moved, roots=forest.roots + nodes, starts=forest.starts + codes)


def _refuse_dead_ends(split: Ints, ahead: Ints, asked: int, room: Ints) -> None:
    """Children come after their parents, both of them, so that every walk ends."""
    if ((split < 0) | (split >= asked) | (ahead < 1) | (room < 2)).any():
        raise ValueError("found a tree whose nodes lead nowhere")


def _guide(within: Ints) -> npt.NDArray[np.uint16]:
    slots = np.arange(_SLOTS) << _SHIFT
    found = [np.searchsorted(leaf, slots, side="right") for leaf in within]
    return np.array(found, np.uint16).reshape(-1, _SLOTS)


@compiled
def _reached(known: Codes, row: int, node: Any, nodes: Any, bins: Any) -> Any:
    """The leaf of one row, from a tree's root."""
    while nodes[node, 4] < 0:
        code = known[row, nodes[node, 0]]
        node = nodes[node, 3] + (bins[nodes[node, 1] + code] > nodes[node, 2])
    return nodes[node, 4]


@compiled
def _picked(leaf: Any, uniform: Any, leaves: Any) -> Any:
    """The code that a number stands for in a leaf."""
    starts, cumulative, guide = leaves
    grain = int(uniform * GRAINS)
    code = int(guide[leaf, grain >> _SHIFT])
    while cumulative[starts[leaf] + code] <= grain:
        code += 1
    return code


@compiled
def _reach(known: Codes, nodes: Any, bins: Any, found: Any) -> None:
    for row in range(len(known)):
        found[row] = _reached(known, row, 0, nodes, bins)


@compiled
def _pick(reached: Any, uniform: Any, leaves: Any, found: Any) -> None:
    for row in range(len(reached)):
        found[row] = _picked(reached[row], uniform[row], leaves)


@compiled
def _draw(known: Codes, drawn: Any, trees: Any, leaves: Any) -> None:
    contexts, order, uniform = drawn
    nodes, bins, roots = trees
    for row in range(len(known)):
        for tree in order:
            leaf = _reached(known, row, roots[tree], nodes, bins)
            known[row, contexts + tree] = _picked(leaf, uniform[row, tree], leaves)
