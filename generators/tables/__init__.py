"""The protocol of a table generator: a joint model of a row's codes, given its context's codes.

Each file ends in a line such as `generator: type[TableGenerator] = Trees`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.privacy.support import Support

PREVIOUS = "previous."
"""How the names of context features begin that hold the codes of the sibling before a row."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a matrix of codes.

    Attributes:
        name: unique within its matrix.
        size: codes run from 0 to size - 1.
        ordered: whether neighbouring codes stand for neighbouring values (0 may be null).
    """

    name: str
    size: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of codes: `codes` is of shape (rows, features)."""

    features: tuple[Feature, ...]
    codes: Codes

    def column(self, name: str) -> Codes:
        """The codes of one feature, of shape (rows,)."""
        names = [f.name for f in self.features]
        return np.asarray(self.codes[:, names.index(name)])


@dataclass(frozen=True, slots=True)
class Epoch:
    """How the training of one network stands.

    Attributes:
        columns: how many features it draws.
        curve: nats per row held out, after each epoch so far; the weights of the lowest are kept.
        most: epochs that there will be unless training ends early.
        seconds: about how long these will take from here on.
        last: whether training has ended.
        late: whether it ended because time was up.
    """

    columns: int
    curve: tuple[float, ...]
    most: int
    seconds: float
    last: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a generator learns.

    Attributes:
        watch: told of each epoch of training.
        late: whether time is up; asked before training and after each epoch.
        device: where networks are trained, as torch names it; None for a GPU where there is one.
        trees: the chain of trees learned from the same rows; None to learn it.
    """

    watch: Callable[[Epoch], None] = lambda _: None
    late: Callable[[], bool] = lambda: False
    device: str | None = None
    trees: "TableGenerator | None" = None


UNHURRIED = Terms()
"""Nobody watches, and there is all the time."""


class TableGenerator(Protocol):
    """Models p(row | context) over codes."""

    kind: ClassVar[str]
    """The file's name."""

    @classmethod
    def fit(
        cls,
        context: Matrix,
        target: Matrix,
        units: npt.NDArray[np.int64],
        support: Support,
        terms: Terms = UNHURRIED,
    ) -> Self:
        """Learns from rows whose context, codes and unit ids stand side by side.

        Either matrix may have no features, and there may be no rows.
        """
        ...

    @classmethod
    def expected_seconds(
        cls, rows: int, context: Sequence[Feature], target: Sequence[Feature]
    ) -> float:
        """What `fit` takes beyond a chain of trees: a bound for one core, from counts alone."""
        ...

    def log_prob(self, context: Codes, target: Codes) -> npt.NDArray[np.float64]:
        """The natural logarithm of the probability of each row, of shape (rows,)."""
        ...

    def sample(
        self, context: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
    ) -> Codes:
        """Draws a row of codes per row of `context`, of shape (rows, target features).

        A feature named in `evidence` takes the codes given there, and later features are drawn
        given them.
        """
        ...

    def log_weight(
        self, context: Codes, target: Codes, given: Collection[str]
    ) -> npt.NDArray[np.float64]:
        """How much likelier each row is than `sample` makes it with evidence on some features.

        The natural logarithm of p(row | context) / p(row is drawn | context, evidence), so that
        rows drawn with evidence, weighed by it, stand for p(row | context).
        """
        ...

    def released(self) -> State:
        """All that was learned, by field."""
        ...

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        ...


Fitter = Callable[[Matrix, Matrix, npt.NDArray[np.int64], Support], TableGenerator]
"""What learns as `TableGenerator.fit` does, on terms of its own."""


class Untrained:
    """What generators have in common that take no longer than a chain of trees."""

    __slots__ = ()

    @classmethod
    def expected_seconds(
        cls, rows: int, context: Sequence[Feature], target: Sequence[Feature]
    ) -> float:
        """None: nothing is trained."""
        del rows, context, target
        return 0.0


@cache
def table_generators() -> Mapping[str, type[TableGenerator]]:
    """Every generator in this folder by its kind."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.generator.kind: m.generator for m in modules}
