"""Which parts of a plan a target already holds, as values."""

from collections.abc import Iterator

from connectors.ddl import DdlItem, Section
from connectors.engines import Ledger, Mark
from connectors.errors import ForeignLoad
from generators.model import DatabaseModel
from provisioner.plan import Plan


def remaining_shards(plan: Plan, ledger: Ledger | None) -> Iterator[Mark]:
    """The shards that are not loaded yet, in load order."""
    loaded = ledger.marks if ledger else frozenset()
    for number, tree in enumerate(plan.trees):
        for shard in range(tree.shards):
            if Mark(number, shard) not in loaded:
                yield Mark(number, shard)


def remaining_steps(model: DatabaseModel, ledger: Ledger | None) -> Iterator[DdlItem]:
    """The post-data items that have not run yet, in order."""
    done = ledger.steps if ledger else frozenset()
    return (i for i in model.ddl if i.section is Section.POST_DATA and i.number not in done)


def same_plan(plan: Plan, ledger: Ledger) -> None:
    """Makes sure that a target holds a load of this plan and of no other.

    Raises:
        ForeignLoad: it holds another one.
    """
    if ledger.fingerprint != plan.fingerprint:
        advice = "" if ledger.finished else "repeat the command that began it to resume, or "
        raise ForeignLoad(
            f"the target holds {'a finished' if ledger.finished else 'an unfinished'} load of "
            f"another model, scale or seed; {advice}name an empty database"
        )
