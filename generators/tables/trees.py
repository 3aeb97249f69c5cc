"""A chain of small decision trees, one per column, each over the codes known before it.

p(row | context) is the product over the columns of p(code | context, codes before). A tree splits
the rows by their earlier codes for as long as that tells more about its own than it costs; a leaf
holds the distribution of its codes, and stands for at least k privacy units.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from generators.coarse import by_association, merged
from generators.columns import Codes, State
from generators.growth import Growth, Sample, grown
from generators.privacy.support import Support, unit_counts
from generators.tables import PREVIOUS, Feature, Matrix, TableGenerator

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GRAINS = 1 << 24
"""Probabilities are whole multiples of 1 / _GRAINS, so that every machine draws the same."""
_BLOCK = 16_384
"""Rows drawn at a time, so that a block stays in the processor's cache."""

_MOST_PREDECESSORS = 24
_MOST_BINS = 64
_MOST_CLASSES = 32
_GROUPS = (4, 10, 32)
"""Numbers of groups that the codes of an ordered feature are merged to, coarse ones first."""
_SHRINKAGE = 8.0
"""Rows of its parent's distribution that a node is given, per code that it holds just once; one
that it holds n times counts as 1 / n, so that what is certain stays certain."""
_DOUBT = 0.2
"""Such rows given to every node, so that nothing is impossible that its parent has seen."""
_MOST_PAIR_CLASSES = 16
_MOST_PAIR_ROWS = 50_000
_PAIR_WORK = 200_000_000
"""Rows times pairs of columns that the search for an order may look at."""


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
            one, plus `_GRAINS` times the leaf, so that the flat array ascends.
    """

    inputs: Ints
    bins: tuple[Bytes, ...]
    split: Ints
    threshold: Ints
    left: Ints
    cumulative: Ints

    def leaves(self, known: Codes) -> Ints:
        """The leaf of each row; `known` is of shape (columns, rows), and only inputs are read."""
        rows = known.shape[1]
        node = np.zeros(rows, np.int64)
        binned = np.empty((rows, len(self.inputs)), np.uint8)
        for slot, (column, bins) in enumerate(zip(self.inputs, self.bins, strict=True)):
            binned[:, slot] = bins.take(known[column])
        flat, start = binned.ravel(), np.arange(rows) * len(self.inputs)
        moving = np.arange(rows) if len(self.left) > 1 else np.empty(0, np.int64)
        while len(moving):
            at = node.take(moving)
            asked = flat.take(start.take(moving) + self.split.take(at))
            node[moving] = self.left.take(at) + (asked > self.threshold.take(at))
            moving = moving[self.left.take(node.take(moving)) != node.take(moving)]
        return self._leaf_numbers().take(node)

    def drawn(self, known: Codes, uniform: Floats) -> Ints:
        """A code per row, by inverse transform of one uniform number each."""
        leaf = self.leaves(known)
        point = leaf * _GRAINS + (uniform * _GRAINS).astype(np.int64)
        found = np.searchsorted(self.cumulative.ravel(), point, side="right")
        return np.asarray(found - leaf * self.cumulative.shape[1])

    def grains(self, known: Codes, own: Codes) -> Ints:
        """The probability of each row's own code, in grains."""
        flat = np.append(0, self.cumulative)
        at = self.leaves(known) * self.cumulative.shape[1] + own
        return np.asarray(flat[at + 1] - flat[at])

    def _leaf_numbers(self) -> Ints:
        return np.cumsum(self.left == np.arange(len(self.left))) - 1


@dataclass(frozen=True, slots=True)
class Trees:
    """The chain of trees.

    Attributes:
        names: the target features.
        contexts: how many features the context has.
        order: the target features in the order in which they are drawn.
        trees: per target feature, in the matrix's order.
        state: what was learned, as it may leave.
    """

    kind: ClassVar[str] = "trees"
    names: tuple[str, ...]
    contexts: int
    order: Ints
    trees: tuple[Tree, ...]
    state: State

    @classmethod
    def fit(cls, context: Matrix, target: Matrix, units: Ints, support: Support) -> Self:
        """Learns an order and a tree per feature.

        A feature none of whose codes is held by k units is drawn uniformly, and so are all where
        there are fewer than k units.
        """
        table = _Table.of(context, target, units, support)
        information = _information(table)
        order = _order(table, information)
        behind, trees = _fitted(table, order, information)
        plain = {
            "names": [f.name for f in target.features],
            "contexts": len(context.features),
            "sizes": np.array([f.size for f in table.features], np.int64),
        }
        declared = {name: support.declared(value) for name, value in plain.items()}
        learned = {n: support.seal(v, behind) for n, v in _packed(order, trees).items()}
        sealed = {name: value for name, value in learned.items() if value is not None}
        if len(sealed) < len(learned):
            uniform = [_uniform(f.size) for f in target.features]
            flat = _packed(np.arange(len(uniform)), uniform)
            sealed = {name: support.declared(value) for name, value in flat.items()}
        return cls._of(declared | sealed)

    def log_prob(self, context: Codes, target: Codes) -> Floats:
        """The log-likelihood of each row; minus infinity where a code was withheld."""
        known = np.concatenate([context, target], axis=1).T
        total = np.zeros(len(target))
        with np.errstate(divide="ignore"):
            for j, tree in enumerate(self.trees):
                total += np.log(tree.grains(known, target[:, j]) / _GRAINS)
        return total

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """Draws rows column by column, from one uniform number per row and feature.

        Evidence is exact, p(rest | context, evidence), for features that lead `order`; a feature
        drawn before a given one does not know of it.
        """
        rows = np.empty((len(context), len(self.names)), np.int32)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            given = {name: codes[block] for name, codes in evidence.items()}
            uniform = rng.random(rows[block].shape)
            rows[block] = self._drawn(context[block], given, uniform)
        return rows

    def released(self) -> State:
        """The features' names and sizes, the order, and the trees, end to end in flat arrays."""
        return self.state

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        return cls._of({name: Support().declared(value) for name, value in state.items()})

    @classmethod
    def _of(cls, state: State) -> Self:
        plain = {name: released.value for name, released in state.items()}
        contexts = int(plain["contexts"])
        return cls(tuple(plain["names"]), contexts, plain["order"], tuple(_unpacked(plain)), state)

    def _drawn(self, context: Codes, evidence: Mapping[str, Codes], uniform: Floats) -> Codes:
        known = np.empty((self.contexts + len(self.names), len(context)), np.int32)
        known[: self.contexts] = context.T
        for j in self.order:
            given = evidence.get(self.names[j])
            drawn = self.trees[j].drawn(known, uniform[:, j]) if given is None else given
            known[self.contexts + j] = drawn
        return known[self.contexts :].T


@dataclass(frozen=True, slots=True)
class _Table:
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
        features = context.features + target.features
        codes = np.ascontiguousarray(np.concatenate([context.codes, target.codes], axis=1).T)
        dense = np.unique(units, return_inverse=True)[1].astype(np.int64)
        masses = tuple(
            np.bincount(c, minlength=f.size) * support.supported(c, dense, f.size)
            for c, f in zip(codes, features, strict=True)
        )
        return cls(features, len(context.features), codes, masses, dense, support)


def _information(table: _Table) -> Floats:
    """Mutual information in nats of all pairs of columns but those of the context, at least 0.

    Codes are merged to few classes, and the bias of counting, (r - 1)(c - 1) / 2n, is taken off
    (Miller 1955).
    """
    columns, rows = table.codes.shape
    most = int(np.clip(_PAIR_WORK // max(1, columns**2 // 2), 4000, _MOST_PAIR_ROWS))
    sampled = np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
    classes = [
        merged(mass, feature.ordered, _MOST_PAIR_CLASSES)[codes[sampled]]
        for mass, feature, codes in zip(table.masses, table.features, table.codes, strict=True)
    ]
    found = np.zeros((columns, columns))
    for j in range(table.contexts, columns):
        for i in range(j):
            found[i, j] = found[j, i] = _shared(classes[i], classes[j])
    return found


def _shared(one: Ints, other: Ints) -> float:
    shape = (int(one.max(initial=0)) + 1, int(other.max(initial=0)) + 1)
    both = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape)
    bias = (shape[0] - 1) * (shape[1] - 1) / (2 * max(1, len(one)))
    sides = _entropy(both.sum(0)) + _entropy(both.sum(1))
    return max(0.0, sides - _entropy(both.ravel()) - bias)


def _entropy(counts: Ints) -> float:
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum())


def _order(table: _Table, information: Floats) -> Ints:
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


def _fitted(table: _Table, order: Ints, information: Floats) -> tuple[int, list[Tree]]:
    """The fewest units behind any leaf, and a tree per feature in the matrix's order."""
    trees = [_uniform(f.size) for f in table.features[table.contexts :]]
    behind, known = len(np.unique(table.units)), list(range(table.contexts))
    for j in order + table.contexts:
        if table.masses[j].any():
            ranked = np.argsort(-information[j, known], kind="stable")[:_MOST_PREDECESSORS]
            units, trees[j - table.contexts] = _tree(
                table, int(j), np.array(known, np.int64)[ranked]
            )
            behind = min(behind, units)
        known.append(int(j))
    return behind, trees


def _tree(table: _Table, j: int, inputs: Ints) -> tuple[int, Tree]:
    """The fewest units behind a leaf of column `j`'s tree, and the tree."""
    kept = np.flatnonzero(table.masses[j][table.codes[j]])
    own, units = table.codes[j, kept].astype(np.int64), table.units[kept]
    classes = merged(table.masses[j], table.features[j].ordered, _MOST_CLASSES)[own]
    asked = table.codes[inputs][:, kept]
    binnings = [
        _binning(table, int(i), codes, classes, table.features[j].ordered)
        for i, codes in zip(inputs, asked, strict=True)
    ]
    bins = [b for b, _ in binnings]
    binned = np.array([b[c] for b, c in zip(bins, asked, strict=True)], np.uint8)
    binned = binned.reshape(asked.shape)
    widths = np.array([int(b.max()) + 1 for b in bins], np.int64)
    dues = np.array([due for _, due in binnings])
    groups = _groups(table, j)
    count = int(classes.max()) + 1
    in_turn = any(f.name.startswith(PREVIOUS) for f in table.features[: table.contexts])
    coarser = _coarser(groups, classes, own)
    sample = Sample(binned, widths, dues, classes, count, units, in_turn, coarser)
    growth = grown(sample, table.support)
    behind = unit_counts(growth.node, units, len(growth.left))[~growth.inner].min()
    shares = _shares(growth, own, table.features[j].size, groups)
    return int(behind), _pruned(growth, inputs, bins, shares)


def _binning(
    table: _Table, i: int, codes: Codes, classes: Ints, like_ordered: bool
) -> tuple[Bytes, float]:
    """The bin of each code of input `i`, and what having chosen their order costs a split."""
    mass = table.masses[i]
    if table.features[i].ordered or np.count_nonzero(mass) < 3:
        return merged(mass, True, _MOST_BINS).astype(np.uint8), 0.0
    shape = (len(mass), int(classes.max()) + 1)
    flat = np.bincount(codes * shape[1] + classes, minlength=shape[0] * shape[1])
    counts = flat.reshape(shape) * (mass > 0)[:, None]
    bins, due = by_association(counts, like_ordered, _MOST_BINS)
    return bins.astype(np.uint8), due


def _groups(table: _Table, j: int) -> tuple[Ints, ...]:
    """The group of each code of column `j`, coarse ones first and each code alone at last."""
    mass, size = table.masses[j], table.features[j].size
    coarse = (merged(mass, True, most) for most in _GROUPS if size > most)
    return (*(coarse if table.features[j].ordered else ()), np.arange(size))


def _coarser(groups: Sequence[Ints], classes: Ints, own: Ints) -> tuple[Ints, ...]:
    """Where the coarse groups begin among the classes."""
    lowest = np.full(int(classes.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, classes, own)
    found = (np.flatnonzero(np.diff(group[lowest], prepend=-1)) for group in groups[:-1])
    return tuple(starts for starts in found if 1 < len(starts) < len(lowest))


def _shares(growth: Growth, own: Ints, size: int, groups: Sequence[Ints]) -> Floats:
    """The distribution of codes in each leaf, drawn towards its parent's where counts are low.

    That of coarse groups first and then of codes inside each, so that a leaf which holds every
    code just a few times still knows where it lies (a Polya tree, Lavine 1992).
    """
    nodes = len(growth.left)
    flat = np.bincount(growth.node * size + own, minlength=nodes * size)
    counts = flat.reshape(nodes, size)
    parents = np.flatnonzero(growth.inner)
    for parent in parents[::-1]:
        counts[parent] = counts[growth.left[parent]] + counts[growth.left[parent] + 1]
    shares, outer = np.ones((int((~growth.inner).sum()), 1)), np.zeros(size, np.int64)
    for group in groups:
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        inside = _drawn_to_parents(np.add.reduceat(counts, starts, axis=1), outer[starts], growth)
        shares, outer = shares[:, outer[starts]] * inside, group
    return shares


def _drawn_to_parents(counts: Ints, outer: Ints, growth: Growth) -> Floats:
    """Per leaf the share of each group in the outer group that holds it."""
    starts = np.flatnonzero(np.diff(outer, prepend=-1))
    scarce = np.add.reduceat((counts > 0) / np.maximum(counts, 1), starts, axis=1)
    weight = (_SHRINKAGE * scarce + _DOUBT)[:, outer]
    whole = np.add.reduceat(counts, starts, axis=1)[:, outer]
    shares = counts / np.maximum(whole, 1)
    for parent in np.flatnonzero(growth.inner):
        for child in (growth.left[parent], growth.left[parent] + 1):
            mixed = counts[child] + weight[child] * shares[parent]
            shares[child] = mixed / (whole[child] + weight[child])
    return np.asarray(shares[~growth.inner])


def _pruned(growth: Growth, inputs: Ints, bins: Sequence[Bytes], shares: Floats) -> Tree:
    """The tree without the inputs that no node asks."""
    used = np.unique(growth.split[growth.inner])
    split = np.where(growth.inner, np.searchsorted(used, growth.split), 0)
    kept = tuple(bins[i] for i in used)
    return Tree(inputs[used], kept, split, growth.threshold, growth.left, _cumulative(shares))


def _uniform(size: int) -> Tree:
    none = np.empty(0, np.int64)
    root = np.zeros(1, np.int64)
    return Tree(none, (), root, root, root, _cumulative(np.ones((1, size))))


def _cumulative(shares: Floats) -> Ints:
    total = np.cumsum(shares, axis=1)
    return _stacked(np.rint(total / total[:, -1:] * _GRAINS).astype(np.int64))


def _stacked(cumulative: Ints) -> Ints:
    return cumulative + _GRAINS * np.arange(len(cumulative))[:, None]


def _packed(order: Ints, trees: Sequence[Tree]) -> dict[str, npt.NDArray[Any]]:
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


def _unpacked(plain: Mapping[str, Any]) -> Iterator[Tree]:
    """The trees of `_packed`."""
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


generator: type[TableGenerator] = Trees
