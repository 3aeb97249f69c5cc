"""Grows a decision tree over binned inputs: which question parts the rows best, and when to stop.

A split is worth the log-likelihood of the classes that it gains, less its price. The price covers
what the added parameters would gain on noise, and leaves a margin for having picked the best of
many candidates: the upper tail of a chi-square variable (Laurent and Massart 2000, lemma 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.privacy.support import Support

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Chosen on census rows by the likelihood of a holdout, which hardly changes near these values.
_COST = 0.7
_CAUTION = 4.0
# Rows that follow others need finer trees. Chosen on careers, of which attacks find no more then;
# of single rows of the census they do.
_COST_IN_TURN = 0.5
_CAUTION_IN_TURN = 2.0
_FEWEST_ROWS = 20
_MOST_LEVELS = 14
_MOST_LEAVES = 1024

_NEVER = 255
"""The threshold of a leaf: no bin is higher."""
_ATTEMPTS = 3
"""Inputs tried per node until one leaves enough units on both sides."""
_CELLS = 4
_FEWEST_ROWS_FOR_PAIRS = 1000
_MOST_ROWS_FOR_PAIRS = 4096
_MOST_ROWS_FOR_EFFECTS = 50_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a tree is grown from.

    Attributes:
        binned: the bin of each input in each row, of shape (inputs, rows).
        widths: per input, the number of bins.
        dues: per input, an additional price at the root, falling with a node's share of the rows.
        classes: per row, what is to be told apart: 0 to class_count - 1.
        class_count: at least 1.
        units: per row, the privacy unit, numbered from 0.
        in_turn: whether a row's inputs tell what the rows of its unit before it were.
        coarser: for ordered classes, where the groups of neighbours begin, for each size of group.
        least: what each split must be worth beyond its price.
    """

    binned: Bytes
    widths: Ints
    dues: Floats
    classes: Ints
    class_count: int
    units: Ints
    in_turn: bool = False
    coarser: tuple[Ints, ...] = ()
    least: float = 0.0

    def of(self, rows: Ints) -> "Sample":
        """The same of some rows, with their units numbered anew."""
        units = np.unique(self.units[rows], return_inverse=True)[1].reshape(-1)
        binned, classes = self.binned[:, rows], self.classes[rows]
        return replace(self, binned=binned, classes=classes, units=units)


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree over bins; node 0 is the root, and a leaf is its own left child.

    Attributes:
        split: per node, which input it asks; 0 for a leaf.
        threshold: per node; rows with a higher bin go to the right child, next to the left one.
        left: per node, the left child, which has a higher number than its parent.
        node: per row of the sample, the leaf's node.
        worth: per node, what its split is worth beyond its price; 0 for a leaf.
    """

    split: Ints
    threshold: Ints
    left: Ints
    node: Ints
    worth: Floats

    @property
    def inner(self) -> Bools:
        """Which nodes are no leaves."""
        return np.asarray(self.left != np.arange(len(self.left)))


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes that may still be split; `place` says which of them holds each of `rows`."""

    nodes: Ints
    rows: Ints
    place: Ints


@dataclass(frozen=True, slots=True)
class _Cuts:
    """The best threshold of each input in each open node, and what it is worth after its price."""

    threshold: Ints
    worth: Floats


@dataclass(frozen=True, slots=True)
class _Grain:
    """The classes of each open node, or groups of them, which a split may tell apart.

    Attributes:
        starts: where groups of classes begin; None for each class alone.
        whole: of shape (nodes, groups), the rows of each.
        likelihood: of shape (nodes, 1), before a split.
        price: of shape (nodes, 1), of a split.
    """

    starts: Ints | None
    whole: Ints
    likelihood: Floats
    price: Floats


def grown(sample: Sample, support: Support) -> Growth:
    """The tree, level by level; each leaf holds at least 20 rows of at least k units."""
    rows = len(sample.classes)
    root = np.zeros(1, np.int64)
    growth = Growth(root, root + _NEVER, root, np.zeros(rows, np.int64), np.zeros(1))
    level = _Level(root, np.arange(rows), growth.node)
    terms, effects = _terms(rows), _effects(sample)
    for _ in range(_MOST_LEVELS if rows and len(sample.widths) else 0):
        cuts = _cuts(sample, level, terms, effects)
        cuts = _with_pairs(sample, level, cuts, terms, effects)
        chosen = _within(growth, _chosen(sample, level, cuts, support), cuts.worth.max(1))
        growth, level = _parted(sample, growth, level, chosen, cuts)
        if not len(level.nodes):
            break
    return growth


def _effects(sample: Sample) -> Floats:
    """Per input, how many rows of a unit weigh as one: its design effect, at least 1.

    Rows of a unit repeat each other, so that gains are divided by 1 + (m - 1) r s, where m is the
    size of the unit of a row, and r and s are the intra-class correlations of the input and the
    classes (Scott and Holt 1982). Where each row knows those before, they tell of their unit in
    turn, and a product of conditional shares counts nothing twice.
    """
    sizes = np.bincount(sample.units)
    if sizes.max() == 1 or sample.in_turn:
        return np.ones(len(sample.widths))
    enough = np.searchsorted(np.cumsum(sizes), _MOST_ROWS_FOR_EFFECTS)
    rows = np.flatnonzero(sample.units <= enough)
    units, size = sample.units[rows], sizes[: enough + 1]
    alike = [_alikeness(b, units, size) for b in sample.binned[:, rows]]
    own = _alikeness(sample.classes[rows], units, size)
    return 1 + (float((size**2).sum() / size.sum()) - 1) * own * np.array(alike)


def _alikeness(values: npt.NDArray[Any], units: Ints, sizes: Ints) -> float:
    """The intra-class correlation of categories: how far rows of a unit agree beyond chance."""
    pairs = float((sizes * (sizes - 1)).sum())
    width = int(values.max()) + 1
    held = np.unique(units * width + values, return_counts=True)[1]
    chance = float(((np.bincount(values) / len(values)) ** 2).sum())
    agreed = float((held * (held - 1)).sum()) / max(1.0, pairs)
    return max(0.0, agreed - chance) / max(1e-12, 1 - chance)


def _terms(rows: int) -> Floats:
    """The values of x log x for x = 0 ... rows."""
    counts = np.arange(rows + 1, dtype=np.float64)
    counts[1:] *= np.log(counts[1:])
    return counts


def _likelihood(counts: Ints, terms: Floats) -> Floats:
    """The log-likelihood of classes counted along the last axis, under their own shares."""
    return np.asarray(terms.take(counts).sum(-1) - terms.take(counts.sum(-1)))


def _price(parameters: npt.NDArray[Any], sample: Sample) -> Floats:
    cost = _COST_IN_TURN if sample.in_turn else _COST
    caution = _CAUTION_IN_TURN if sample.in_turn else _CAUTION
    return np.asarray(cost * parameters + np.sqrt(caution * parameters) + caution)


def _cuts(sample: Sample, level: _Level, terms: Floats, effects: Floats) -> _Cuts:
    nodes, classes = len(level.nodes), sample.class_count
    totals = np.bincount(
        level.place * classes + sample.classes[level.rows], minlength=nodes * classes
    ).reshape(nodes, classes)
    threshold = np.zeros((nodes, len(sample.widths)), np.int64)
    worth = np.full(threshold.shape, -np.inf)
    grains = [_grain(totals, starts, sample, terms) for starts in (None, *sample.coarser)]
    for i in np.flatnonzero(sample.widths > 1):
        best = _best_threshold(sample, level, int(i), grains, (terms, float(effects[i])))
        threshold[:, i], worth[:, i] = best
    share = totals.sum(1, keepdims=True) / max(1, len(sample.classes))
    worth -= sample.dues * share
    return _Cuts(threshold, worth)


def _grain(totals: Ints, starts: Ints | None, sample: Sample, terms: Floats) -> _Grain:
    whole = totals if starts is None else np.add.reduceat(totals, starts, axis=1)
    price = _price(np.maximum((whole > 0).sum(1) - 1, 1), sample)
    return _Grain(starts, whole, _likelihood(whole, terms)[:, None], price[:, None])


def _best_threshold(
    sample: Sample,
    level: _Level,
    i: int,
    grains: Sequence[_Grain],
    weights: tuple[Floats, float],
) -> tuple[Ints, Floats]:
    """Per open node the threshold of input `i` that is worth most, and what it is worth.

    Of ordered classes it may tell apart the fine ones, or only coarser ones, at a lower price.
    `weights` are the values of x log x, and how many rows weigh as one.
    """
    terms, effect = weights
    shape = (len(level.nodes), int(sample.widths[i]), sample.class_count)
    cell = level.place * shape[1] + sample.binned[i].take(level.rows)
    flat = cell * shape[2] + sample.classes.take(level.rows)
    below = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).cumsum(1)[:, :-1]
    rows, every = below.sum(2), grains[0].whole.sum(1)[:, None]
    sizes = terms.take(rows), terms.take(every - rows)
    worth = np.full(rows.shape, -np.inf)
    for grain in grains:
        under = below if grain.starts is None else np.add.reduceat(below, grain.starts, axis=2)
        over = grain.whole[:, None] - under
        gain = terms.take(under).sum(-1) - sizes[0] + (terms.take(over).sum(-1) - sizes[1])
        gain -= grain.likelihood
        worth = np.maximum(worth, gain / effect - grain.price)
    worth[np.minimum(rows, every - rows) < _FEWEST_ROWS] = -np.inf
    best = worth.argmax(1)
    return best, worth[np.arange(len(best)), best]


def _with_pairs(
    sample: Sample, level: _Level, cuts: _Cuts, terms: Floats, effects: Floats
) -> _Cuts:
    """Adds, where no input alone is worth its price, the first half of a pair that is.

    So that two inputs are found which say something only together, as in an exclusive or.
    """
    sizes = np.bincount(level.place, minlength=len(level.nodes))
    stuck = (cuts.worth.max(1) <= sample.least) & (sizes >= _FEWEST_ROWS_FOR_PAIRS)
    if len(sample.widths) < 2 or not stuck.any():
        return cuts
    grouped, ends = level.rows[np.argsort(level.place, kind="stable")], np.cumsum(sizes)
    threshold, worth = cuts.threshold.copy(), cuts.worth.copy()
    for place in np.flatnonzero(stuck):
        rows = grouped[ends[place] - sizes[place] : ends[place]]
        thinned = rows[:: -(-len(rows) // _MOST_ROWS_FOR_PAIRS)]
        found = _first_of_pair(sample, thinned, terms, effects)
        if found is not None:
            threshold[place, found[0]], worth[place, found[0]] = found[1], np.inf
    return _Cuts(threshold, worth)


def _first_of_pair(
    sample: Sample, rows: Ints, terms: Floats, effects: Floats
) -> tuple[int, int] | None:
    """An input and its threshold, where some pair of inputs is worth its price in these rows."""
    tables = _pair_tables(sample, rows)
    inputs = len(sample.widths)
    blocks = (inputs, _CELLS, inputs, _CELLS)
    gain = _likelihood(tables, terms).reshape(blocks).sum((1, 3))
    gain -= _likelihood(np.bincount(sample.classes[rows]), terms)
    cells = (tables.sum(-1) > 0).reshape(blocks).sum((1, 3))
    effect = np.minimum(effects[:, None], effects)
    worth = gain / effect - _price((cells - 1) * (tables.shape[-1] - 1), sample)
    worth -= 2 * (sample.dues[:, None] + sample.dues) * len(rows) / len(sample.classes)
    np.fill_diagonal(worth, -np.inf)
    first, second = (int(i) for i in np.unravel_index(worth.argmax(), worth.shape))
    if worth[first, second] <= sample.least:
        return None
    pair = tables.reshape(*blocks, -1)[first, :, second]
    below = pair.cumsum(0)[:-1]
    cut = (_likelihood(below, terms) + _likelihood(pair.sum(0) - below, terms)).sum(1).argmax()
    return first, int(((cut + 1) * sample.widths[first] - 1) // _CELLS)


def _pair_tables(sample: Sample, rows: Ints) -> Ints:
    """Counts per cell of one input, cell of another and class that occurs."""
    cells = sample.binned[:, rows].astype(np.int64) * _CELLS // sample.widths[:, None]
    shown = (cells.T[:, :, None] == np.arange(_CELLS)).reshape(len(rows), -1).astype(np.float32)
    classes = sample.classes[rows]
    parts = [shown[classes == c] for c in np.unique(classes)]
    return np.stack([p.T @ p for p in parts], axis=-1).astype(np.int64)


def _chosen(sample: Sample, level: _Level, cuts: _Cuts, support: Support) -> Ints:
    """Per open node the input to ask, or -1."""
    worth = cuts.worth.copy()
    for _ in range(_ATTEMPTS):
        chosen = np.where(worth.max(1) > sample.least, worth.argmax(1), -1)
        short = (chosen >= 0) & ~_supported(sample, level, chosen, cuts.threshold, support)
        worth[short, chosen[short]] = -np.inf
        chosen[short] = -1
        if not short.any():
            break
    return chosen


def _sides(sample: Sample, level: _Level, chosen: Ints, threshold: Ints) -> Ints:
    """Per row twice its place, plus one where it lies above the threshold of the chosen input."""
    asked = np.maximum(chosen, 0)
    cut = threshold[np.arange(len(chosen)), asked]
    above = sample.binned[asked[level.place], level.rows] > cut[level.place]
    return 2 * level.place + above


def _supported(
    sample: Sample, level: _Level, chosen: Ints, threshold: Ints, support: Support
) -> Bools:
    """Which open nodes keep enough rows, of enough units, on both sides of their chosen cut."""
    sides, units = _sides(sample, level, chosen, threshold), sample.units[level.rows]
    rows = np.bincount(sides, minlength=2 * len(chosen))
    # As many rows as k of the largest units hold cannot belong to fewer than k units.
    doubtful = rows < support.k * int(np.bincount(sample.units).max())
    looked = doubtful[sides]
    held = ~doubtful | support.supported(sides[looked], units[looked], len(rows))
    return np.asarray((held & (rows >= _FEWEST_ROWS)).reshape(-1, 2).all(1))


def _within(growth: Growth, chosen: Ints, worth: Floats) -> Ints:
    """`chosen`, but only as many splits, the best ones, as the tree may still have."""
    room = _MOST_LEAVES - int((~growth.inner).sum())
    asking = np.flatnonzero(chosen >= 0)
    dropped = asking[np.argsort(-worth[asking], kind="stable")][room:]
    return np.where(np.isin(np.arange(len(chosen)), dropped), -1, chosen)


def _parted(
    sample: Sample, growth: Growth, level: _Level, chosen: Ints, cuts: _Cuts
) -> tuple[Growth, _Level]:
    """The tree with the chosen splits made, and the level of their children."""
    places = np.flatnonzero(chosen >= 0)
    parents, born = level.nodes[places], len(growth.left) + np.arange(2 * len(places))
    split = np.append(growth.split, np.zeros(len(born), np.int64))
    cut = np.append(growth.threshold, np.full(len(born), _NEVER))
    left = np.append(growth.left, born)
    split[parents], left[parents] = chosen[places], born[::2]
    cut[parents] = cuts.threshold[places, chosen[places]]
    worth = np.append(growth.worth, np.zeros(len(born)))
    worth[parents] = cuts.worth[places, chosen[places]]
    place = np.full(len(chosen), -1)
    place[places] = np.arange(len(places))
    moved = place[level.place] >= 0
    child = 2 * place[level.place] + _sides(sample, level, chosen, cuts.threshold) % 2
    rows, child = level.rows[moved], child[moved]
    node = growth.node.copy()
    node[rows] = born[child]
    return Growth(split, cut, left, node, worth), _Level(born, rows, child)
