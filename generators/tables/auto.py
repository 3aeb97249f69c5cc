"""Trees, or networks mixed with them where units held out prefer these."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.privacy.support import Support
from generators.tables import (
    UNHURRIED,
    Feature,
    Matrix,
    TableGenerator,
    Terms,
    table_generators,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MARGIN = 0.05
"""Nats per row that networks have to gain on units held out, to be worth slower sampling."""
_CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Auto:
    """The better of two models.

    Attributes:
        chosen: the one that draws.
    """

    kind: ClassVar[str] = "auto"
    chosen: TableGenerator

    @classmethod
    def fit(
        cls,
        context: Matrix,
        target: Matrix,
        units: Ints,
        support: Support,
        terms: Terms = UNHURRIED,
    ) -> Self:
        """Learns networks mixed with trees, and falls back to the trees alone."""
        kinds = table_generators()
        trees = terms.trees or kinds["trees"].fit(context, target, units, support)
        beside = replace(terms, trees=trees)
        network = kinds["network"].fit(context, target, units, support, beside)
        return cls(network if _gain(network) >= _MARGIN else trees)

    @classmethod
    def expected_seconds(
        cls, rows: int, context: Sequence[Feature], target: Sequence[Feature]
    ) -> float:
        """What networks take, whether or not they are kept."""
        return table_generators()["network"].expected_seconds(rows, context, target)

    def log_prob(self, context: Codes, target: Codes) -> Floats:
        """As the chosen model has it."""
        return self.chosen.log_prob(context, target)

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """As the chosen model draws."""
        return self.chosen.sample(context, evidence, rng)

    def log_weight(self, context: Codes, target: Codes, given: Collection[str]) -> Floats:
        """As the chosen model has it."""
        return self.chosen.log_weight(context, target, given)

    def released(self) -> State:
        """The kind of the chosen model, and its state."""
        return {_CHOSEN: Support().declared(self.chosen.kind), **self.chosen.released()}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        kind = table_generators()[state[_CHOSEN]]
        return cls(kind.restore({n: v for n, v in state.items() if n != _CHOSEN}))


def _gain(network: TableGenerator) -> float:
    """Nats per row held out by which the mixture beats the trees; 0 where none was learned."""
    state = network.released()
    if "network.held_out" not in state:
        return 0.0
    trees, _, mixture = state["network.held_out"].value
    return float(mixture - trees)


generator: type[TableGenerator] = Auto
