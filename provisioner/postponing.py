"""Rules that no shard can keep by itself: the statements by which a target does, after its rows."""

from collections.abc import Iterator

from connectors.ddl import DdlItem, Section
from connectors.engines import Ledger
from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from generators.sight import Node, vast_tables
from generators.steps import Step
from provisioner.cutting import without_counts
from provisioner.plan import Plan

KIND = "RULE ON ALL ROWS"
"""What stands in such a statement's item in place of the kind of an object."""
_GIVEN_UP = 1_000_000
"""What the numbers of statements that the target refused are further below than others."""


def unmoved(plan: Plan) -> frozenset[TableName]:
    """The tables whose rows stay as they are once they are in the target.

    Rows that were there before, are made by hand, enact a scenario or make triggers fire.
    """
    if plan.added:
        return frozenset(name for tree in plan.trees for name in tree.tables)
    made = (one.table for one in plan.hand_made)
    played = (t for q in plan.scenarios for t in (q.scenario.table, q.scenario.judged))
    return plan.stands.union(plan.fire, made, played)


def vast(plan: Plan) -> frozenset[TableName]:
    """The tables with too many rows to be looked at in every shard."""
    names = (name for tree in plan.trees for name in tree.tables)
    return vast_tables({name: plan.layout(name).total for name in names})


def remaining_rules(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> Iterator[DdlItem]:
    """The statements that have not run yet, in order; their numbers are below those of objects."""
    done = ledger.steps if ledger else frozenset()
    for number, step in enumerate(_postponed(model, plan), 1):
        if step.postponed is not None and done.isdisjoint({-number, -number - _GIVEN_UP}):
            name, column = step.target
            place = f"{name.name}.{column}"
            yield DdlItem(-number, Section.POST_DATA, KIND, name.schema, place, step.postponed)


def given_up(number: int) -> int:
    """The number of a step by which a statement is marked that the target refused."""
    return number - _GIVEN_UP


def postponed_columns(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> frozenset[Node]:
    """The columns that a plan's target has set once all rows were there."""
    steps = enumerate(_postponed(model, plan), 1)
    return frozenset(step.target for n, step in steps if not _is_given_up(n, ledger))


def left(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> frozenset[TableName]:
    """The tables whose rows stay as they are, those among them that the target would not change."""
    steps = enumerate(_postponed(model, plan), 1)
    return unmoved(plan).union(step.target[0] for n, step in steps if _is_given_up(n, ledger))


def _is_given_up(number: int, ledger: Ledger | None) -> bool:
    return ledger is not None and given_up(-number) in ledger.steps


def _postponed(model: DatabaseModel, plan: Plan) -> tuple[Step, ...]:
    ruled = without_counts(model, plan)
    return oriented(ruled, plan.whole, unmoved(plan), vast(plan)).postponed
