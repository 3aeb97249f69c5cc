"""Which rows of a filled target hold values at the edge: drawn once more, told by their keys."""

from collections.abc import Iterator, Mapping

from connectors.batch import Batch
from connectors.engines import Target
from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.given import Given
from provisioner.kept import planned_keys
from provisioner.synthesize import Synthesizer
from provisioner.verify import finished_plan


def edge_rows(
    model: DatabaseModel, target: Target, given: Mapping[TableName, Given]
) -> Iterator[Batch]:
    """The keys of those rows, table by table and shard by shard.

    Raises:
        Unprovable: the target holds no finished load.
    """
    plan, _ = finished_plan(target)
    synthesizer = Synthesizer(model, plan, planned_keys(model, target, plan), given)
    for number, tree in enumerate(plan.trees if plan.edge_cases else ()):
        for shard in range(tree.shards):
            yield from synthesizer.edge_cases(number, shard)
