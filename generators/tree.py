"""One small decision tree per column, each over the codes known before it, and how it is fitted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.coarse import arranged, by_association, merged, pooled, profiled, together
from generators.columns import Codes
from generators.dependence import Table, most_predecessors
from generators.forest import GRAINS, Forest, planted
from generators.growth import Growth, Sample
from generators.privacy.support import unit_counts
from generators.pruning import pruned
from generators.shares import COUNTED, shares_of
from generators.tables import PREVIOUS

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_BINS = 64
_MOST_CLASSES = 32
_GROUPS = (4, COUNTED, 32)
"""Numbers of groups that the codes of a feature are merged to, coarse ones first."""
_FEWEST_ARRANGED = 5
"""Codes without an order of their own from which on they are put into one."""
_MOST_PROFILES = 8
"""Inputs that tell which codes are alike."""
_PROFILE_BINS = 12


@dataclass(frozen=True, slots=True)
class Tree:
    """A fitted tree; node 0 is the root, and a leaf is its own left child.

    Attributes:
        inputs: the columns it asks, as positions in context ++ target.
        bins: per input, the bin of each code.
        split: per node, which of the inputs it asks.
        threshold: per node; rows with a higher bin go to the right child, next to the left one.
        left: per node, the left child.
        cumulative: of shape (leaves, codes), in grains: the probability of each code or a lower
            one, plus `GRAINS` times the leaf, so that the flat array ascends.
        walked: the tree as it is walked.
    """

    inputs: Ints
    bins: tuple[Bytes, ...]
    split: Ints
    threshold: Ints
    left: Ints
    cumulative: Ints
    walked: Forest = field(init=False, repr=False)

    def __post_init__(self) -> None:
        nodes = np.stack([self.split, self.threshold, self.left])
        within = self.cumulative - GRAINS * np.arange(len(self.cumulative))[:, None]
        object.__setattr__(self, "walked", planted(self.inputs, self.bins, nodes, within))

    def leaves(self, known: Codes) -> Ints:
        """The leaf of each row; `known` is of shape (columns, rows), and only inputs are read."""
        return self.walked.leaves(known)

    def drawn(self, known: Codes, uniform: Floats) -> Ints:
        """A code per row, by inverse transform of one uniform number each."""
        return self.walked.codes(self.leaves(known), uniform)

    def grains(self, known: Codes, own: Codes) -> Ints:
        """The probability of each row's own code, in grains."""
        flat = np.append(0, self.cumulative)
        at = self.leaves(known) * self.cumulative.shape[1] + own
        return np.asarray(flat[at + 1] - flat[at])


def fitted_trees(table: Table, order: Ints, information: Floats) -> tuple[int, list[Tree]]:
    """The fewest units behind any leaf, and a tree per feature in the matrix's order."""
    trees = [uniform_tree(f.size) for f in table.features[table.contexts :]]
    behind, known = len(np.unique(table.units)), list(range(table.contexts))
    most = most_predecessors(len(table.units))
    for j in order + table.contexts:
        if table.masses[j].any():
            ranked = np.argsort(-information[j, known], kind="stable")[:most]
            units, trees[j - table.contexts] = _tree(
                table, int(j), np.array(known, np.int64)[ranked]
            )
            behind = min(behind, units)
        known.append(int(j))
    return behind, trees


def _tree(table: Table, j: int, inputs: Ints) -> tuple[int, Tree]:
    """The fewest units behind a leaf of column `j`'s tree, and the tree."""
    counted, held = _counted(table, j)
    kept = np.flatnonzero(held[counted[table.codes[j]]])
    asked, units = table.codes[inputs][:, kept], table.units[kept]
    places = _places(table, j, inputs, kept)
    own, mass = places[counted[table.codes[j, kept]]], np.empty_like(held)
    mass[places] = held
    classes = _classes(mass)[own]
    binnings = [
        _binning(table, int(i), codes, classes) for i, codes in zip(inputs, asked, strict=True)
    ]
    bins = [b for b, _ in binnings]
    binned = np.array([b[c] for b, c in zip(bins, asked, strict=True)], np.uint8)
    binned = binned.reshape(asked.shape)
    widths = np.array([int(b.max()) + 1 for b in bins], np.int64)
    dues = np.array([due for _, due in binnings])
    groups = _groups(mass)
    count = int(classes.max()) + 1
    in_turn = any(f.name.startswith(PREVIOUS) for f in table.features[: table.contexts])
    coarser = _coarser(groups, classes, own)
    sample = Sample(binned, widths, dues, classes, count, units, in_turn, coarser)
    growth = pruned(sample, (own, len(mass), groups), table.support)
    behind = unit_counts(growth.node, units, len(growth.left))[~growth.inner].min()
    shares = shares_of(growth, own, len(mass), groups)[~growth.inner][:, places[counted]]
    shares /= np.bincount(counted, minlength=len(counted))[counted]
    return int(behind), _spare(growth, inputs, bins, shares)


def _counted(table: Table, j: int) -> tuple[Ints, Ints]:
    """The code that each code of column `j` counts as, and the rows of each: 0 without support.

    Codes that few units hold in these rows, though more do in others, are not left out: the first
    rows of histories would be drawn without any that is rare there. Of an order, neighbours count
    as one, and of none all of them.
    """
    mass, size = table.masses[j], len(table.masses[j])
    codes = table.codes[j].astype(np.int64)
    if mass.sum() == len(codes):
        return np.arange(size), mass
    pool = pooled if table.features[j].ordered else together
    counted = pool(codes, mass == 0, table.units, table.support.k)
    pools = np.bincount(counted, minlength=size) > 1
    rows = np.bincount(counted[codes], minlength=size)
    return counted, np.where(pools | (mass > 0), rows, 0)


def _places(table: Table, j: int, inputs: Ints, kept: Ints) -> Ints:
    """The place of each code of column `j` among the others: its own, or by what it comes with."""
    mass, own = table.masses[j], table.codes[j, kept].astype(np.int64)
    if table.features[j].ordered or np.count_nonzero(mass) < _FEWEST_ARRANGED or not len(inputs):
        return np.arange(len(mass))
    profiles = []
    for i in inputs[:_MOST_PROFILES]:
        bins = merged(table.masses[i], table.features[i].ordered, _PROFILE_BINS)
        shape = (len(mass), int(bins.max()) + 1)
        cells = own * shape[1] + bins[table.codes[i, kept]]
        counts = np.bincount(cells, minlength=shape[0] * shape[1])
        profiles.append(profiled(counts.reshape(shape)))
    return arranged(np.hstack(profiles), mass)


def _classes(mass: Ints) -> Ints:
    """The class of each code, without numbers that no code with mass has, such as that of null."""
    found = merged(mass, True, _MOST_CLASSES)
    return np.searchsorted(np.unique(found[mass > 0]), found)


def _binning(table: Table, i: int, codes: Codes, classes: Ints) -> tuple[Bytes, float]:
    """The bin of each code of input `i`, and what having chosen their order costs a split."""
    mass = table.masses[i]
    if table.features[i].ordered or np.count_nonzero(mass) < 3:
        return merged(mass, True, _MOST_BINS).astype(np.uint8), 0.0
    shape = (len(mass), int(classes.max()) + 1)
    flat = np.bincount(codes * shape[1] + classes, minlength=shape[0] * shape[1])
    counts = flat.reshape(shape) * (mass > 0)[:, None]
    bins, due = by_association(counts, True, _MOST_BINS)
    return bins.astype(np.uint8), due


def _groups(mass: Ints) -> tuple[Ints, ...]:
    """The group of each code in its place, coarse ones first and each code alone at last.

    Coarse groups are made of whole finer ones.
    """
    groups = [np.arange(len(mass))]
    for most in reversed(_GROUPS):
        if len(mass) > most:
            coarser = merged(mass, True, most)
            mass = np.bincount(coarser, mass).astype(np.int64)
            groups.insert(0, coarser[groups[0]])
    return tuple(groups)


def _coarser(groups: Sequence[Ints], classes: Ints, own: Ints) -> tuple[Ints, ...]:
    """Where the coarse groups begin among the classes."""
    lowest = np.full(int(classes.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, classes, own)
    found = (np.flatnonzero(np.diff(group[lowest], prepend=-1)) for group in groups[:-1])
    return tuple(starts for starts in found if 1 < len(starts) < len(lowest))


def _spare(growth: Growth, inputs: Ints, bins: Sequence[Bytes], shares: Floats) -> Tree:
    """The tree without the inputs that no node asks."""
    used = np.unique(growth.split[growth.inner])
    split = np.where(growth.inner, np.searchsorted(used, growth.split), 0)
    kept = tuple(bins[i] for i in used)
    return Tree(inputs[used], kept, split, growth.threshold, growth.left, _cumulative(shares))


def uniform_tree(size: int) -> Tree:
    """A tree that asks nothing and gives every code the same probability."""
    none = np.empty(0, np.int64)
    root = np.zeros(1, np.int64)
    return Tree(none, (), root, root, root, _cumulative(np.ones((1, size))))


def _cumulative(shares: Floats) -> Ints:
    total = np.cumsum(shares, axis=1)
    return _stacked(np.rint(total / total[:, -1:] * GRAINS).astype(np.int64))


def _stacked(cumulative: Ints) -> Ints:
    return cumulative + GRAINS * np.arange(len(cumulative))[:, None]


def packed(order: Ints, trees: Sequence[Tree]) -> dict[str, npt.NDArray[Any]]:
    """The order, and each field of the trees end to end."""
    within = [t.cumulative - _stacked(np.zeros((len(t.cumulative), 1), np.int64)) for t in trees]
    return {
        "order": order,
        "input_counts": np.array([len(t.inputs) for t in trees], np.int64),
        "node_counts": np.array([len(t.left) for t in trees], np.int64),
        "inputs": _joined([t.inputs for t in trees], np.int64),
        "bins": _joined([b for t in trees for b in t.bins], np.uint8),
        "split": _joined([t.split for t in trees], np.uint8),
        "threshold": _joined([t.threshold for t in trees], np.uint8),
        "left": _joined([t.left for t in trees], np.int32),
        "cumulative": _joined([w.ravel() for w in within], np.int32),
    }


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


def unpacked(plain: Mapping[str, Any]) -> Iterator[Tree]:
    """The trees of `packed`."""
    sizes, contexts = plain["sizes"], plain["contexts"]
    inputs = _pieces(plain["inputs"], plain["input_counts"])
    bins = iter(_pieces(plain["bins"], sizes[plain["inputs"]]))
    nodes = [
        _pieces(plain[name].astype(np.int64), plain["node_counts"])
        for name in ("split", "threshold", "left")
    ]
    rest = plain["cumulative"].astype(np.int64)
    for size, asked, split, threshold, left in zip(sizes[contexts:], inputs, *nodes, strict=True):
        leaves = int((left == np.arange(len(left))).sum())
        mine, rest = rest[: leaves * size], rest[leaves * size :]
        own = tuple(next(bins) for _ in asked)
        yield Tree(asked, own, split, threshold, left, _stacked(mine.reshape(leaves, size)))


def _pieces(flat: npt.NDArray[Any], lengths: Ints) -> list[npt.NDArray[Any]]:
    return np.split(flat, np.cumsum(lengths)[:-1])[: len(lengths)]
