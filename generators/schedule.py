"""Which tables get networks within so many seconds, and in which order, told before they do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from connectors.schema import TableName
from generators.columns import Codes
from generators.privacy.support import Support
from generators.tables import Fitter, Matrix, TableGenerator, Terms, table_generators

Ints = npt.NDArray[np.int64]

_SCORED = 10_000
"""Rows that tell what trees gain over columns drawn each on its own."""
_LEAST, _MOST = 60.0, 1800.0
"""Seconds of the default budget, at least and at most."""
_SLACK = 2.0
"""The default budget by the expected seconds."""
_PATIENCE = 4.0
"""The limit by the default budget, which nobody asked for: busy machines learn what others do."""
_MOMENT = 1e-3


@dataclass(frozen=True, slots=True)
class Lesson:
    """One generator of a table, as it was first learned.

    Attributes:
        trees: what was learned.
        seconds: what networks would take at most.
        gain: nats by which the trees make the rows likelier than columns on their own do.
    """

    trees: TableGenerator
    seconds: float
    gain: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What networks for a table take, in seconds, and what they may be worth."""

    seconds: float
    gain: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """What will be done.

    Attributes:
        budget: seconds that there are.
        limit: seconds after which training ends, whatever was planned.
        seconds: what it takes at most, on a core that is not fast.
        tables: those that get networks, in their order.
        left: those that keep trees.
    """

    budget: float
    limit: float
    seconds: float
    tables: tuple[TableName, ...]
    left: tuple[TableName, ...]


def schedule(estimates: Mapping[TableName, Estimate], budget: float | None = None) -> Schedule:
    """Tables by gain per second, those that still fit into the budget.

    Counts and not clocks decide, so that a busy machine plans what an idle one does. Networks gain
    most where trees gain much: both live on what columns tell about each other.

    Args:
        estimates: what each table takes and gains.
        budget: in seconds; without one, twice what all tables take, from a minute to half an hour.
    """
    needed = sum(e.seconds for e in estimates.values())
    chosen = float(np.clip(_SLACK * needed, _LEAST, _MOST))
    budget, limit = (chosen, _PATIENCE * chosen) if budget is None else (budget, budget)

    def rank(name: TableName) -> tuple[float, TableName]:
        return -estimates[name].gain / max(estimates[name].seconds, _MOMENT), name

    tables, taken = list[TableName](), 0.0
    for name in sorted(estimates, key=rank):
        if taken + estimates[name].seconds <= budget:
            tables.append(name)
            taken += estimates[name].seconds
    left = sorted(estimates.keys() - set(tables))
    return Schedule(budget, limit, taken, tuple(tables), tuple(left))


def noting(lessons: list[Lesson]) -> Fitter:
    """Learns trees, and notes beside each what networks would take and may gain."""
    trees, auto = (table_generators()[kind] for kind in ("trees", "auto"))

    def fit(context: Matrix, target: Matrix, units: Ints, support: Support) -> TableGenerator:
        found = trees.fit(context, target, units, support)
        seconds = auto.expected_seconds(len(units), context.features, target.features)
        gain = _gain(found, context, target, units, support) if seconds else 0.0
        lessons.append(Lesson(found, seconds, gain))
        return found

    return fit


def improving(lessons: Iterator[Lesson], terms: Terms) -> Fitter:
    """Learns networks beside the trees of lessons that were noted in the same order."""
    auto = table_generators()["auto"]

    def fit(context: Matrix, target: Matrix, units: Ints, support: Support) -> TableGenerator:
        known = replace(terms, trees=next(lessons).trees)
        return auto.fit(context, target, units, support, known)

    return fit


def _gain(
    trees: TableGenerator, context: Matrix, target: Matrix, units: Ints, support: Support
) -> float:
    """Nats over all rows, told by some; what either rules out does not count."""
    alone = table_generators()["independent"].fit(context, target, units, support)
    some = np.linspace(0, len(units) - 1, min(len(units), _SCORED)).astype(np.int64)
    rows: tuple[Codes, Codes] = context.codes[some], target.codes[some]
    logs = trees.log_prob(*rows), alone.log_prob(*rows)
    counted = np.isfinite(logs[0]) & np.isfinite(logs[1])
    if not counted.any():
        return 0.0
    return max(0.0, float((logs[0][counted] - logs[1][counted]).mean())) * len(units)
