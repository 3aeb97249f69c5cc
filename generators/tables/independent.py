"""Draws every column of a row on its own, by the shares of its codes: the floor of all models."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.privacy.support import Released, Support
from generators.tables import UNHURRIED, Matrix, TableGenerator, Terms, Untrained

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GRAINS = 1 << 24
"""Probabilities are whole multiples of 1 / _GRAINS, so that every machine draws the same."""


@dataclass(frozen=True, slots=True)
class Independent(Untrained):
    """The product of the marginal distributions; context and evidence change no other column.

    Attributes:
        names: the target features.
        cumulative: per target feature, in grains, the probability of each code or a lower one.
        state: what was learned, as it may leave.
    """

    kind: ClassVar[str] = "independent"
    names: tuple[str, ...]
    cumulative: tuple[Ints, ...]
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
        """Counts the codes of each feature; one with no supported code is drawn uniformly."""
        del context, terms  # the floor looks at no context, and takes no time
        state: State = {
            "names": support.declared([f.name for f in target.features]),
            "sizes": support.declared(np.array([f.size for f in target.features], np.int64)),
            "shares": _shares(target, units, support),
        }
        return cls._of(state)

    def log_prob(self, context: Codes, target: Codes) -> Floats:
        """The sum of the features' log probabilities; minus infinity for a withheld code."""
        return self.log_weight(context, target, self.names)

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """Takes the evidence, draws the rest; always one uniform number per row and feature."""
        draws = rng.random((len(context), len(self.names)))
        rows = np.empty(draws.shape, np.int32)
        for j, (name, cumulative) in enumerate(zip(self.names, self.cumulative, strict=True)):
            given = evidence.get(name)
            drawn = np.searchsorted(cumulative, np.floor(draws[:, j] * _GRAINS), side="right")
            rows[:, j] = drawn if given is None else given
        return rows

    def log_weight(self, context: Codes, target: Codes, given: Collection[str]) -> Floats:
        """The sum over the features given, since evidence changes no other."""
        del context
        total = np.zeros(len(target))
        with np.errstate(divide="ignore"):
            for j, cumulative in enumerate(self.cumulative):
                if self.names[j] in given:
                    total += np.log(np.diff(cumulative, prepend=0) / _GRAINS)[target[:, j]]
        return total

    def released(self) -> State:
        """The names and sizes of the features, and the shares of their codes, end to end."""
        return self.state

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        return cls._of({name: Support().declared(value) for name, value in state.items()})

    @classmethod
    def _of(cls, state: State) -> Self:
        ends = np.cumsum(state["sizes"].value)[:-1]
        shares: Sequence[Floats] = np.split(state["shares"].value, ends)
        names = tuple(state["names"].value)
        return cls(names, tuple(_cumulative(s) for s in shares[: len(names)]), state)


def _shares(target: Matrix, units: Ints, support: Support) -> Released[Floats]:
    """The shares of the codes of all features, end to end."""
    found = [
        support.histogram(target.codes[:, j].astype(np.int64), units, feature.size).value
        for j, feature in enumerate(target.features)
    ]
    flat = np.concatenate([np.empty(0), *found])
    # Each histogram withholds by itself; without k units, all of them are 0.
    return support.seal(flat, len(np.unique(units))) or support.declared(np.zeros_like(flat))


def _cumulative(shares: Floats) -> Ints:
    weights = shares if shares.any() else np.ones_like(shares)
    total = np.cumsum(weights)
    return np.asarray(np.rint(total / total[-1] * _GRAINS), np.int64)


generator: type[TableGenerator] = Independent
