"""A chain of small decision trees, one per column, each over the codes known before it.

p(row | context) is the product over the columns of p(code | context, codes before). A tree splits
the rows by their earlier codes for as long as that tells more about its own than it costs; a leaf
holds the distribution of its codes, and stands for at least k privacy units.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.dependence import Table, drawing_order, mutual_information
from generators.forest import GRAINS, Forest, joined
from generators.privacy.support import Support
from generators.randomness import even_uniforms
from generators.tables import UNHURRIED, Matrix, TableGenerator, Terms, Untrained
from generators.tree import Tree, fitted_trees, packed, uniform_tree, unpacked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 4_096
"""Rows drawn at a time, so that a block stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Trees(Untrained):
    """The chain of trees.

    Attributes:
        names: the target features.
        contexts: how many features the context has.
        order: the target features in the order in which they are drawn.
        trees: per target feature, in the matrix's order.
        forest: the same trees as they are walked.
        state: what was learned, as it may leave.
    """

    kind: ClassVar[str] = "trees"
    names: tuple[str, ...]
    contexts: int
    order: Ints
    trees: tuple[Tree, ...]
    forest: Forest
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
        """Learns an order and a tree per feature.

        A feature none of whose codes is held by k units is drawn uniformly, and so are all where
        there are fewer than k units.
        """
        del terms  # trees are what is there when there is no time
        table = Table.of(context, target, units, support)
        information = mutual_information(table)
        order = drawing_order(table, information)
        behind, trees = fitted_trees(table, order, information)
        plain = {
            "names": [f.name for f in target.features],
            "contexts": len(context.features),
            "sizes": np.array([f.size for f in table.features], np.int64),
        }
        declared = {name: support.declared(value) for name, value in plain.items()}
        learned = {n: support.seal(v, behind) for n, v in packed(order, trees).items()}
        sealed = {name: value for name, value in learned.items() if value is not None}
        if len(sealed) < len(learned):
            uniform = [uniform_tree(f.size) for f in target.features]
            flat = packed(np.arange(len(uniform)), uniform)
            sealed = {name: support.declared(value) for name, value in flat.items()}
        return cls._of(declared | sealed)

    def log_prob(self, context: Codes, target: Codes) -> Floats:
        """The log-likelihood of each row; minus infinity where a code was withheld."""
        return self.log_weight(context, target, self.names)

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """Draws rows column by column, from one uniform number per row and feature.

        Evidence is exact, p(rest | context, evidence), for features that lead `order`; a feature
        drawn before a given one does not know of it.
        """
        if len(context) <= _BLOCK:
            return self._drawn(context, evidence, even_uniforms(len(context), len(self.names), rng))
        rows = np.empty((len(context), len(self.names)), np.int32)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            given = {name: codes[block] for name, codes in evidence.items()}
            uniform = even_uniforms(len(rows[block]), len(self.names), rng)
            rows[block] = self._drawn(context[block], given, uniform)
        return rows

    def log_weight(self, context: Codes, target: Codes, given: Collection[str]) -> Floats:
        """The sum over the features given, since all others are drawn by their own trees."""
        known = np.concatenate([context, target], axis=1).T
        total = np.zeros(len(target))
        with np.errstate(divide="ignore"):
            for j, tree in enumerate(self.trees):
                if self.names[j] in given:
                    total += np.log(tree.grains(known, target[:, j]) / GRAINS)
        return total

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
        contexts, trees = int(plain["contexts"]), tuple(unpacked(plain))
        forest = joined([tree.walked for tree in trees])
        return cls(tuple(plain["names"]), contexts, plain["order"], trees, forest, state)

    def _drawn(self, context: Codes, evidence: Mapping[str, Codes], uniform: Floats) -> Codes:
        if context.shape[1] != self.contexts:
            raise ValueError(f"found a context of {context.shape[1]} columns, not {self.contexts}")
        codes = np.zeros((len(context), len(self.names)), np.int32)
        for j, name in enumerate(self.names):
            if name in evidence:
                codes[:, j] = evidence[name]
        order = np.array([j for j in self.order if self.names[j] not in evidence], np.int64)
        self.forest.draw(context, codes, order, uniform)
        return codes


generator: type[TableGenerator] = Trees
