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


def firing(model: DatabaseModel, plan: Plan) -> tuple[DdlItem, ...]:
    """The triggers that are there before the rows, in order."""
    named = {
        (name.schema, f"{name.name} {trigger}")
        for name in plan.fire
        for trigger in model.schema.table(name).triggers
    }
    return tuple(i for i in model.ddl if i.kind == "TRIGGER" and (i.schema, i.name) in named)


def remaining_steps(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> Iterator[DdlItem]:
    """The items after the rows that have not run yet, in order.

    They are the model's where the load created the schema, else what the load dropped.
    """
    done = ledger.steps if ledger else frozenset()
    dropped = ledger.dropped if ledger else None
    if dropped is None:
        done |= {item.number for item in firing(model, plan)}
    items = model.ddl if dropped is None else dropped
    return (i for i in items if i.section is Section.POST_DATA and i.number not in done)


def same_plan(plan: Plan, ledger: Ledger) -> None:
    """Makes sure that a target holds a load of this plan and of no other.

    Raises:
        ForeignLoad: it holds another one.
    """
    if ledger.fingerprint != plan.fingerprint:
        advice = "" if ledger.finished else "repeat the command that began it to resume, or "
        way_out = "name an empty database" if ledger.dropped is None else "take it back by --abort"
        raise ForeignLoad(
            f"the target holds {'a finished' if ledger.finished else 'an unfinished'} load of "
            f"another model, scale, seed or kept rows; {advice}{way_out}"
        )
