"""Trees end to end in flat arrays, and how rows walk them.

numpy walks all rows of a tree at a time. Where many codes were drawn, or are going to be, machine
code walks row by row, three times as fast, which takes half a second to load. Both compute whole
numbers alone from the same numbers, and draw the same. Machine code checks no index: trees are
checked when they are planted, and codes before they are walked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from generators.columns import Codes

Floats = npt.NDArray[np.float64]
Bins = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

GRAINS = 1 << 24
"""Probabilities are whole multiples of 1 / GRAINS, so that every machine draws the same."""

_NO_BIN = "found codes that no tree has a bin for"
_NO_MORE = 255
"""No bin lies beyond it."""
_SLOTS = 256
_SHIFT = (GRAINS // _SLOTS).bit_length() - 1


class _Effort:
    """How many codes were drawn so far in this process."""

    def __init__(self, worth: int) -> None:
        self.worth, self.codes = worth, 0

    def repays(self, codes: int) -> bool:
        """Whether so many that as many more would repay what machine code takes to load."""
        self.codes += codes
        return self.is_repaid

    @property
    def is_repaid(self) -> bool:
        """Whether machine code is there, or should be."""
        return self.codes > self.worth

    def foresee(self, codes: int) -> None:
        """Loads machine code now where it will be repaid by so many that are to be drawn."""
        if codes > self.worth:
            import generators.walking  # noqa: F401, PLC0415 - half a second that few need to wait

            self.codes = max(self.codes, self.worth)


EFFORT = _Effort(4_000_000)


@dataclass(frozen=True, slots=True)
class Forest:
    """One tree or more, by the features that they draw.

    Attributes:
        nodes: per node, the column of the known codes that it asks, where the bins of that one's
            codes begin, the highest bin that goes left, the left child (the right one is next to
            it), and which leaf it is, -1 for none. A leaf asks the column -1, whatever is there,
            and is its own left child.
        bins: the bin of each code of each input of each tree.
        roots: per tree, its first node.
        depths: per tree, the most steps from its root to a leaf.
        starts: per leaf, where its codes begin in `cumulative`.
        cumulative: in grains, the probability of each code of a leaf or a lower one.
        guide: of shape (leaves, `_SLOTS`), the first code that a number in each slot of a leaf's
            grains may stand for, so that drawing need not search.
        sizes: per column that any tree asks, how many codes have bins.
        limits: the same of all columns; more than there are codes where no tree asks.
    """

    nodes: npt.NDArray[np.int32]
    bins: Bins
    roots: Ints
    depths: Ints
    starts: Ints
    cumulative: npt.NDArray[np.int32]
    guide: npt.NDArray[np.uint16]
    sizes: Mapping[int, int]
    limits: npt.NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", _limits(self.sizes))

    def leaves(self, known: Codes) -> Ints:
        """The leaf of each row in the first tree; `known` is of shape (columns, rows).

        Raises:
            IndexError: a code that is asked for has no bin.
        """
        self._refuse_others(known.T)
        return self._reached(known.T, 0)

    def codes(self, leaves: Ints, uniform: Floats) -> Ints:
        """A code per leaf, by inverse transform of one uniform number each.

        It is the first whose cumulative grains exceed the number's (Chen and Asau 1974 look such a
        code up in a guide table, from which it is a step or two away).
        """
        grain, start = (uniform * GRAINS).astype(np.int64), self.starts.take(leaves)
        place = start + self.guide.ravel().take(leaves * _SLOTS + (grain >> _SHIFT))
        behind = np.flatnonzero(self.cumulative.take(place) <= grain)
        while len(behind):
            place[behind] += 1
            behind = behind[self.cumulative.take(place.take(behind)) <= grain.take(behind)]
        return np.asarray(place - start)

    def draw(self, context: Codes, codes: Codes, order: Ints, uniform: Floats) -> None:
        """Draws codes in place, tree by tree.

        Args:
            context: what stands before the codes, of shape (rows, columns).
            codes: of shape (rows, trees); 0 where they are to be drawn.
            order: the trees in the order in which they draw.
            uniform: a number per row and tree.

        Raises:
            IndexError: a code that is asked for has no bin.
        """
        if EFFORT.repays(len(codes) * len(order)):
            from generators.walking import drawn  # noqa: PLC0415 - half a second that few need to wait

            trees = self.nodes, self.bins, self.roots, self.depths, self.limits
            leaves = self.starts, self.cumulative, self.guide, (GRAINS, _SHIFT)
            if not drawn((context, codes), (order, uniform), trees, leaves):
                raise IndexError(_NO_BIN)
            return
        known = np.concatenate([context, codes], axis=1)
        self._refuse_others(known)
        for tree in order:
            leaf = self._reached(known, int(self.roots[tree]))
            known[:, context.shape[1] + tree] = self.codes(leaf, uniform[:, tree])
        codes[:] = known[:, context.shape[1] :]

    def _reached(self, known: Codes, root: int) -> Ints:
        """The leaf of each row, from a tree's root; `known` is of shape (rows, columns)."""
        column, start, threshold, left, leaf = (part.copy() for part in self.nodes.T)
        row, flat = known.shape[1], known.ravel()
        if not known.flags.c_contiguous:  # columns, not rows, lie end to end
            row, column, flat = 1, column * len(known), known.T.ravel()
        found = np.full(len(known), leaf[root], np.int64)
        moving = np.arange(len(known) if leaf[root] < 0 else 0)
        node, place = np.full(len(moving), root), moving * row
        while len(moving):
            code = flat.take(place + column.take(node))
            right = self.bins.take(start.take(node) + code) > threshold.take(node)
            node = left.take(node) + right
            reached = leaf.take(node)
            found[moving] = reached
            inner = np.flatnonzero(reached < 0)
            if len(inner) < len(moving):
                moving, place, node = moving.take(inner), place.take(inner), node.take(inner)
        return found

    def _refuse_others(self, known: Codes) -> None:
        if not len(known):
            return
        columns = list(self.sizes)
        highest = known.view(np.uint32).max(axis=0)[columns]  # what is below 0 is very high there
        if (highest >= np.array(list(self.sizes.values()))).any():
            raise IndexError(_NO_BIN)


def _limits(sizes: Mapping[int, int]) -> npt.NDArray[np.int32]:
    found = np.full(max(sizes, default=-1) + 1, np.iinfo(np.int32).max, np.int32)
    found[list(sizes)] = list(sizes.values())
    return found


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
    parts = [
        np.append(asked, -1)[split],
        np.where(is_leaf, 0, begins[split]),
        np.where(is_leaf, _NO_MORE, threshold),
        left,
        np.where(is_leaf, np.cumsum(is_leaf) - 1, -1),
    ]
    return Forest(
        np.stack(parts, 1).astype(np.int32),
        np.concatenate([np.empty(0, np.uint8), *bins]),
        np.zeros(1, np.int64),
        np.array([_depth(left, is_leaf)]),
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
        np.concatenate([np.empty(0, np.int64), *(f.depths for f in moved)]),
        np.concatenate([np.empty(0, np.int64), *(f.starts for f in moved)]),
        np.concatenate([np.empty(0, np.int32), *(f.cumulative for f in moved)]),
        np.concatenate([np.empty((0, _SLOTS), np.uint16), *(f.guide for f in moved)]),
        {column: size for f in forests for column, size in f.sizes.items()},
    )


def _moved(forest: Forest, place: tuple[int, ...]) -> Forest:
    """A forest with others before it, which have so many nodes, bins, leaves and codes."""
    nodes, bins, leaves, codes = place
    is_leaf = forest.nodes[:, 4:] >= 0
    by = np.where(is_leaf, [0, 0, 0, nodes, leaves], [0, bins, 0, nodes, 0])
    moved = (forest.nodes + by).astype(np.int32)
    return replace(forest, nodes=moved, roots=forest.roots + nodes, starts=forest.starts + codes)


def _depth(left: Ints, is_leaf: npt.NDArray[np.bool_]) -> int:
    """The most steps from the first node to a leaf."""
    steps, level = 0, np.zeros(1, np.int64)
    while len(inner := level[~is_leaf[level]]):
        steps, level = steps + 1, np.unique([left[inner], left[inner] + 1])
    return steps


def _refuse_dead_ends(split: Ints, ahead: Ints, asked: int, room: Ints) -> None:
    """Children come after their parents, both of them, so that every walk ends."""
    if ((split < 0) | (split >= asked) | (ahead < 1) | (room < 2)).any():
        raise ValueError("found a tree whose nodes lead nowhere")


def _guide(within: Ints) -> npt.NDArray[np.uint16]:
    slots = np.arange(_SLOTS) << _SHIFT
    found = [np.searchsorted(leaf, slots, side="right") for leaf in within]
    return np.array(found, np.uint16).reshape(-1, _SLOTS)
