"""Small networks, one per column, each mixed with that column's tree by what suits rows held out.

p(row | context) is a product over columns, as for trees. A column's distribution is a mixture of
what a tree and what a network make of the codes before it; the network also takes codes that come
later, so that evidence on any column is exact: given columns count as known before all others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.dependence import Table, drawing_order, most_predecessors, mutual_information
from generators.effort import effort
from generators.fixedpoint import Networks, rounded
from generators.forest import EFFORT, GRAINS, Forest, joined
from generators.privacy.support import Released, Support, distinct
from generators.randomness import stream
from generators.tables import (
    UNHURRIED,
    Feature,
    Matrix,
    TableGenerator,
    Terms,
    table_generators,
)
from generators.tree import Tree, unpacked

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 2048
"""Rows drawn at a time, so that a block stays in the processor's cache."""
_MOST_FOLLOWERS = 8
"""Later columns that a network may look at where they are given."""
_HELD_OUT = 0.1
_FEWEST_ROWS = 500
_FEWEST_HELD_OUT = 20
"""Units held out that can tell whether a network is better than a tree."""
_SECONDS = 1e-6
"""Per row, target and column that it asks, for trees on the rows not held out and what both say."""
_PARTS = 64
"""A mixture's share is a whole multiple of 1 / _PARTS, and never 1: a tree rules nothing out."""
_SURE = 2.0
"""Standard errors by which a mixture makes rows likelier than the tree alone, or the tree draws."""
_ROUNDS = 30
_TREES = "trees."
_LEARNED = "network."


@dataclass(frozen=True, slots=True)
class Network:
    """A chain of trees, and networks beside it.

    Attributes:
        base: the chain of trees, which draws alone where there were too few rows for networks.
        names: the target features.
        contexts: how many features the context has.
        order: the target features in the order in which they are drawn.
        trees: per target feature, in the matrix's order.
        shares: per target feature, the share of rows that its network draws.
        forest: the trees, end to end.
        networks: None where there were too few rows.
        state: what was learned, as it may leave.
    """

    kind: ClassVar[str] = "network"
    base: TableGenerator
    names: tuple[str, ...]
    contexts: int
    order: Ints
    trees: tuple[Tree, ...]
    shares: Floats
    forest: Forest
    networks: Networks | None
    state: State

    @classmethod
    def fit(
        cls,
        context: Matrix,
        target: Matrix,
        units: Ints,
        support: Support,
        terms: Terms = UNHURRIED,
    ) -> Self:
        """Learns trees, and networks where at least 500 rows and enough units teach them.

        `network.held_out` of what is released says what both are worth on units held out, and
        `network.curve` how training went, in nats per row.
        """
        base = terms.trees or table_generators()["trees"].fit(context, target, units, support)
        state = {_TREES + name: value for name, value in base.released().items()}
        learned = {} if terms.late() else _learned(context, target, units, support, terms)
        return cls._of(base, {**state, **learned})

    @classmethod
    def expected_seconds(
        cls, rows: int, context: Sequence[Feature], target: Sequence[Feature]
    ) -> float:
        """Of training to the last epoch, and of weighing networks against trees."""
        columns = len(context) + len(target)
        if rows < _FEWEST_ROWS or not target or columns < 2:
            return 0.0
        asked, codes = _asked(rows, columns), max(f.size for f in target)
        weighing = _SECONDS * rows * len(target) * asked
        return weighing + effort(rows, (len(target), asked, codes)).seconds

    def log_prob(self, context: Codes, target: Codes) -> Floats:
        """The log-likelihood of each row; minus infinity where a code was withheld."""
        if self.networks is None:
            return self.base.log_prob(context, target)
        return self._logs(self.networks, context, target, ())

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """Draws rows column by column, from one uniform number per row and feature.

        Evidence on any features is known to all others, whichever comes first in `order`.
        """
        if self.networks is None:
            return self.base.sample(context, evidence, rng)
        rows = np.empty((len(context), len(self.names)), np.int32)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            given = {name: codes[block] for name, codes in evidence.items()}
            uniform = rng.random(rows[block].shape)
            rows[block] = self._drawn(self.networks, context[block], given, uniform)
        return rows

    def log_weight(self, context: Codes, target: Codes, given: Collection[str]) -> Floats:
        """The likelihood of each row, less that of its other features where some are given.

        Networks know of evidence that comes later in `order`, so that the others' differ too.
        """
        if self.networks is None:
            return self.base.log_weight(context, target, given)
        whole = self._logs(self.networks, context, target, ())
        return whole - self._logs(self.networks, context, target, given)

    def released(self) -> State:
        """The trees' state, and the networks' weights with their shares and figures."""
        return self.state

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        part = {n.removeprefix(_TREES): v for n, v in state.items() if n.startswith(_TREES)}
        base = table_generators()["trees"].restore(part)
        return cls._of(base, {n: Support().declared(v) for n, v in state.items()})

    @classmethod
    def _of(cls, base: TableGenerator, state: State) -> Self:
        chain = {n: released.value for n, released in base.released().items()}
        parts = {n.removeprefix(_LEARNED): r.value for n, r in state.items()}
        trees = tuple(unpacked(chain))
        return cls(
            base,
            tuple(chain["names"]),
            int(chain["contexts"]),
            chain["order"],
            trees,
            parts["shares"] / _PARTS if "shares" in parts else np.zeros(len(chain["names"])),
            joined([tree.walked for tree in trees]),
            _networks(chain["sizes"], parts) if "shares" in parts else None,
            state,
        )

    def _logs(
        self, networks: Networks, context: Codes, target: Codes, given: Collection[str]
    ) -> Floats:
        """The log-likelihood of each row's features that are not given, as they are drawn."""
        known = np.concatenate([context, target], axis=1).T
        total = np.zeros(len(target))
        done = np.arange(len(known)) < self.contexts
        done[self.contexts :] |= np.isin(self.names, list(given))
        with np.errstate(divide="ignore"):
            for j in (j for j in self.order if self.names[j] not in given):
                usable = done[networks.inputs[j]]
                share = self._share(networks, j, done)
                by_network = networks.probabilities(j, known, usable, target[:, j])
                by_tree = self.trees[j].grains(known, target[:, j]) / GRAINS
                total += np.log(share * by_network + (1 - share) * by_tree)
                done[self.contexts + j] = True
        return total

    def _share(self, networks: Networks, j: int, done: Bools) -> float:
        """How often the network draws: always, where what is known is not what usually is."""
        usable = done[networks.inputs[j]]
        usual = usable.sum() == self._before(networks, j) and done[self.trees[j].inputs].all()
        return float(self.shares[j]) if usual else 1.0

    def _drawn(
        self, networks: Networks, context: Codes, evidence: Mapping[str, Codes], uniform: Floats
    ) -> Codes:
        if not evidence and EFFORT.repays(uniform.size):
            return self._drawn_by_machine(networks, context, uniform)
        known = np.empty((self.contexts + len(self.names), len(context)), np.int32)
        known[: self.contexts] = context.T
        done = np.arange(len(known)) < self.contexts
        for j, name in enumerate(self.names):
            if name in evidence:
                known[self.contexts + j], done[self.contexts + j] = evidence[name], True
        for j in self.order:
            if self.names[j] not in evidence:
                known[self.contexts + j] = self._column(networks, j, known, done, uniform[:, j])
                done[self.contexts + j] = True
        return known[self.contexts :].T

    def _drawn_by_machine(self, networks: Networks, context: Codes, uniform: Floats) -> Codes:
        """The same rows as without machine code; trees draw them all, and networks their share."""
        codes = np.zeros((len(context), len(self.names)), np.int32)
        given, by_tree = (np.ascontiguousarray(context), codes), uniform.copy()
        done, alone = np.arange(self.contexts + len(self.names)) < self.contexts, list[int]()
        for j in self.order:
            usable, share, numbers = done[networks.inputs[j]], self.shares[j], uniform[:, j]
            alone.append(j)
            if share > 0:
                np.maximum((numbers - share) / (1 - share), 0, out=by_tree[:, j])
                self.forest.draw(*given, np.array(alone), by_tree)
                alone.clear()
                rows = np.flatnonzero(numbers < share)
                networks.draw(j, given, usable, numbers[rows] / share, rows)
            done[self.contexts + j] = True
        self.forest.draw(*given, np.array(alone, np.int64), by_tree)
        return codes

    def _column(
        self, networks: Networks, j: int, known: Codes, done: Bools, uniform: Floats
    ) -> Ints:
        """A code per row: one number chooses between network and tree, and within them."""
        usable = done[networks.inputs[j]]
        share = self._share(networks, j, done)
        by_network = np.flatnonzero(uniform < share)
        by_tree = np.flatnonzero(uniform >= share)
        codes = np.empty(len(uniform), np.int64)
        if len(by_network):
            place = uniform[by_network] / share
            codes[by_network] = networks.drawn(j, known[:, by_network], usable, place)
        if len(by_tree):
            place = (uniform[by_tree] - share) / (1 - share)
            codes[by_tree] = self.trees[j].drawn(known[:, by_tree], place)
        return codes

    def _before(self, networks: Networks, j: int) -> int:
        """How many of a network's inputs are known in the usual order."""
        ranks = _ranks(self.order, self.contexts)
        return int((ranks[networks.inputs[j]] < ranks[self.contexts + j]).sum())


def _networks(sizes: Ints, parts: Mapping[str, Any]) -> Networks:
    fields = set(Networks.__dataclass_fields__) - {"starts"}
    return Networks.of(sizes, {name: parts[name] for name in fields})


def _learned(context: Matrix, target: Matrix, units: Ints, support: Support, terms: Terms) -> State:
    """The networks' released state; empty where there is too little to learn from."""
    table = Table.of(context, target, units, support)
    held = _held_out(table.units)
    enough = len(units) >= _FEWEST_ROWS and distinct(table.units[held]) >= _FEWEST_HELD_OUT
    if not enough or not target.features or len(table.features) < 2:
        return {}
    # torch takes seconds to load, and only training needs it.
    from generators.training import trained  # noqa: PLC0415 - see above

    information = mutual_information(table)
    order = drawing_order(table, information)
    ranks = _ranks(order, table.contexts)
    found = trained(table, ranks, _inputs(table, ranks, information), held, terms)
    packed = rounded(found.weights)
    rest = [Matrix(m.features, m.codes[~held]) for m in (context, target)]
    trees = table_generators()["trees"].fit(rest[0], rest[1], units[~held], support)
    usable = ranks[packed["inputs"]] < ranks[table.contexts :, None]
    chances = _chances(table, _networks(_sizes(table), packed), trees, usable, held)
    shares = _mixed(*chances)
    figures = {"shares": shares, "held_out": _worth(*chances, shares), "curve": found.curve}
    behind = {"shares": held, "held_out": held, "curve": held}
    sealed = {
        _LEARNED + name: support.seal(value, distinct(table.units[behind.get(name, ~held)]))
        for name, value in (packed | figures).items()
    }
    kept: dict[str, Released[Any]] = {n: v for n, v in sealed.items() if v is not None}
    return kept if len(kept) == len(sealed) else {}


def _held_out(units: Ints) -> Bools:
    """About a tenth of the units, the same in every run."""
    count = int(units.max(initial=-1)) + 1
    return np.asarray(stream(0, "network", "held out").random(count)[units] < _HELD_OUT)


def _ranks(order: Ints, contexts: int) -> Ints:
    """Per column, its place in the order; -1 for the context."""
    ranks = np.full(contexts + len(order), -1)
    ranks[contexts + order] = np.arange(len(order))
    return ranks


def _inputs(table: Table, ranks: Ints, information: Floats) -> Ints:
    """The most informative columns before each target and after it, of shape (targets, inputs)."""
    most, count = most_predecessors(len(table.units)), _asked(len(table.units), len(ranks))
    found = np.empty((len(ranks) - table.contexts, count), np.int64)
    for j in range(table.contexts, len(ranks)):
        ranked = np.argsort(-information[:, j], kind="stable")
        ranked = ranked[ranked != j]
        earlier = ranks[ranked] < ranks[j]
        before, after = ranked[earlier], ranked[~earlier]
        first = [before[:most], after, before[most:]]
        found[j - table.contexts] = np.concatenate(first)[:count]
    return found


def _asked(rows: int, columns: int) -> int:
    """How many other columns each target asks."""
    return min(most_predecessors(rows) + _MOST_FOLLOWERS, columns - 1)


def _sizes(table: Table) -> Ints:
    return np.array([f.size for f in table.features], np.int64)


def _chances(
    table: Table, networks: Networks, trees: TableGenerator, usable: Bools, held: Bools
) -> tuple[Floats, Floats]:
    """The probability of each held row's own codes by network and tree: (targets, rows).

    Codes without support have 1 by both, so that they count for neither.
    """
    known = table.codes[:, held]
    chain = {n: released.value for n, released in trees.released().items()}
    found = np.ones((2, len(table.features) - table.contexts, known.shape[1]))
    for j, tree in enumerate(unpacked(chain)):
        own = known[table.contexts + j]
        counted = table.masses[table.contexts + j][own] > 0
        by_network = networks.probabilities(j, known, usable[j], own)
        by_tree = tree.grains(known, own) / GRAINS
        # A code that only the other part of the rows holds is impossible to both.
        found[0, j, counted] = np.maximum(by_network, 1e-9)[counted]
        found[1, j, counted] = np.maximum(by_tree, 1e-9)[counted]
    return found[0], found[1]


def _mixed(by_network: Floats, by_tree: Floats) -> Ints:
    """Per target, the network's share that makes the rows likeliest, in parts.

    Found by expectation maximisation (Dempster, Laird and Rubin 1977). None where that is no better
    than the tree alone but by chance: what tells nothing would only take time.
    """
    share = np.full((len(by_network), 1), 0.5)
    for _ in range(_ROUNDS):
        weighed = share * by_network
        share = (weighed / (weighed + (1 - share) * by_tree)).mean(1, keepdims=True)
    parts = np.minimum(np.rint(share[:, 0] * _PARTS), _PARTS - 1)
    gain = np.log(share * by_network + (1 - share) * by_tree) - np.log(by_tree)
    error = gain.std(axis=1) / np.sqrt(max(1, gain.shape[1]))
    return np.where(gain.mean(axis=1) > _SURE * error, parts, 0).astype(np.int64)


def _worth(by_network: Floats, by_tree: Floats, shares: Ints) -> Floats:
    """Log-likelihood per row held out: of the trees alone, of the networks, of the mixture."""
    share = shares[:, None] / _PARTS
    mixture = share * by_network + (1 - share) * by_tree
    return np.array([np.log(p).sum(0).mean() for p in (by_tree, by_network, mixture)])


generator: type[TableGenerator] = Network
