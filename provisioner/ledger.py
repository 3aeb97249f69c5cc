"""Which parts of a plan a target already holds, as values."""

from collections.abc import Collection, Iterator

from connectors.ddl import DdlItem, Section
from connectors.engines import Ledger, Mark
from connectors.errors import ForeignLoad
from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.plan import Plan


def remaining_shards(plan: Plan, ledger: Ledger | None) -> Iterator[Mark]:
    """The shards that are not loaded yet, in load order."""
    loaded = ledger.marks if ledger else frozenset()
    for number, tree in enumerate(plan.trees):
        for shard in range(tree.shards):
            if Mark(number, shard) not in loaded:
                yield Mark(number, shard)


def before_rows(model: DatabaseModel, plan: Plan) -> tuple[DdlItem, ...]:
    """What is there before the rows though it could come after them, in order.

    It is the triggers that fire, and the unique keys of their tables and of those without planned
    rows, which triggers may fill: an upsert needs the key that it names.
    """
    named = {
        (name.schema, f"{name.name} {trigger}")
        for name in plan.fire
        for trigger in model.schema.table(name).triggers
    }
    keys = _keys(model, _written_by_triggers(model, plan))
    return tuple(
        item
        for item in model.ddl
        if item.number in keys or (item.kind == "TRIGGER" and (item.schema, item.name) in named)
    )


def _written_by_triggers(model: DatabaseModel, plan: Plan) -> frozenset[tuple[str, str]]:
    """Schema and name of tables and partitions that triggers may write to, as far as is known."""
    if not plan.fire:
        return frozenset()
    tables = [t for t in model.schema.tables if t.name in plan.fire or not _has_rows(t.name, plan)]
    names = (name for t in tables for name in (t.name, *(p.name for p in t.partitions)))
    return frozenset((name.schema, name.name) for name in names)


def _has_rows(name: TableName, plan: Plan) -> bool:
    return name in plan.keeps or plan.layout(name).total > 0


def _keys(model: DatabaseModel, tables: Collection[tuple[str, str]]) -> frozenset[int]:
    """The numbers of the items that make keys and exclusions of tables and their partitions."""
    found = {i.number for i in model.ddl if i.kind == "TABLE" and (i.schema, i.name) in tables}
    own: set[int] = set()
    for item in model.ddl:
        unique = item.kind == "INDEX" and item.statement.startswith("CREATE UNIQUE")
        of_table = (unique or item.kind == "CONSTRAINT") and not found.isdisjoint(item.depends_on)
        if of_table or (item.kind == "INDEX ATTACH" and not own.isdisjoint(item.depends_on)):
            own.add(item.number)
    return frozenset(own)


def remaining_steps(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> Iterator[DdlItem]:
    """The items after the rows that have not run yet, in order.

    They are the model's where the load created the schema, else what the load dropped.
    """
    done = ledger.steps if ledger else frozenset()
    dropped = ledger.dropped if ledger else None
    if dropped is None:
        done |= {item.number for item in before_rows(model, plan)}
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
            f"another model, scale, seed, day, kept or hand-made rows; {advice}{way_out}"
        )
