"""What `verify` lets through: thresholds, acknowledged findings, and the user's own queries."""

from dataclasses import dataclass, field

from connectors.planner import Query
from provisioner.config import Config
from provisioner.report import Aspect


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where a difference is an error.

    What is less different by half is a warning. The numbers are lenient: what a model does not
    reproduce shall be seen in the report, what somebody broke shall stop the run.

    Attributes:
        marginal: least similarity of a column's values to those learned, 0 to 1.
        pair: least part of the association of two columns that must be left.
        parent: the same between a row and its parent.
        siblings: the same between siblings that follow each other.
        gap: least similarity of the times between siblings.
        count: least similarity of the numbers of children.
        plans: least share of the user's queries with the same plan.
        estimates: largest median ratio of the rows expected.
        size: largest ratio of bytes per row.
    """

    marginal: float = 0.6
    pair: float = 0.4
    parent: float = 0.3
    siblings: float = 0.2
    gap: float = 0.4
    count: float = 0.5
    plans: float = 0.5
    estimates: float = 5.0
    size: float = 3.0

    def of(self, aspect: Aspect) -> float:
        """The least similarity of an aspect."""
        return float(getattr(self, aspect.value))


@dataclass(frozen=True, slots=True)
class Gate:
    """How strict `verify` is.

    Attributes:
        acknowledged: hashes of findings that do not stop the run, beside those of the plan.
        queries: the user's own, with literals; those that were learned are explained again.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    acknowledged: frozenset[str] = frozenset()
    queries: tuple[Query, ...] = ()


def to_gate(
    config: Config, acknowledged: tuple[str, ...] = (), queries: tuple[Query, ...] = ()
) -> Gate:
    """The gate that a configuration, and options that add to it, ask for."""
    hashes = frozenset((*acknowledged, *config.acknowledge))
    return Gate(Thresholds(**config.verify.said), hashes, queries)
