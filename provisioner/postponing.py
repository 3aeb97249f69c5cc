"""Rules that no shard can keep by itself: the statements by which a target does, after its rows."""

from collections.abc import Iterator

from connectors.ddl import DdlItem, Section
from connectors.engines import Ledger
from connectors.invariants import Invariant
from connectors.schema import TableName
from generators.found import Found
from generators.model import DatabaseModel
from generators.orientation import oriented
from generators.sight import Node
from generators.steps import Step
from provisioner.cutting import without_counts
from provisioner.plan import Plan

KIND = "RULE ON ALL ROWS"
"""What stands in such a statement's item in place of the kind of an object."""


def remaining_rules(model: DatabaseModel, plan: Plan, ledger: Ledger | None) -> Iterator[DdlItem]:
    """The statements that have not run yet, in order; their numbers are below those of objects."""
    done = ledger.steps if ledger else frozenset()
    for number, step in enumerate(_postponed(model, plan), 1):
        if step.postponed is not None and -number not in done and _why_not(step, plan) is None:
            name, column = step.target
            place = f"{name.name}.{column}"
            yield DdlItem(-number, Section.POST_DATA, KIND, name.schema, place, step.postponed)


def not_postponed(model: DatabaseModel, plan: Plan) -> Iterator[tuple[Found, str]]:
    """Rules that a target could be made to keep, and is not, with the reason.

    Orders that would hold since those do are among them.
    """
    for step in _postponed(model, plan):
        if (why := _why_not(step, plan)) is not None:
            yield step.found, why
            yield from ((one, why) for one in model.invariants if _compares(one.rule, step))


def postponed_columns(model: DatabaseModel, plan: Plan) -> frozenset[Node]:
    """The columns that a plan's target sets once all rows are there."""
    return frozenset(s.target for s in _postponed(model, plan) if _why_not(s, plan) is None)


def _compares(rule: Invariant, step: Step) -> bool:
    """Whether an order reads the column of a step, in its own row or in the row above."""
    key = step.found.rule.key
    paths: dict[tuple[str, ...], TableName] = {(): step.target[0]}
    paths |= {(key[1],): key[0]} if key else {}
    terms = (t for t in rule.terms if t.column == step.target[1])
    return rule.kind == "order" and any(paths.get(t.keys) == rule.table for t in terms)


def _postponed(model: DatabaseModel, plan: Plan) -> tuple[Step, ...]:
    return oriented(without_counts(model, plan), plan.whole).postponed


def _why_not(step: Step, plan: Plan) -> str | None:
    """Why rows stay as they were drawn or made."""
    own, read = step.target[0], {name for name, _ in step.reads}
    if own in plan.fire:
        return f"triggers of {own} fire"
    if any(own in (quota.scenario.table, quota.scenario.judged) for quota in plan.scenarios):
        return f"a scenario says what rows of {own} hold"
    if (there := _not_drawn(plan).get(own)) is not None:
        return there
    return next((why for name in sorted(read) if (why := _kept(plan, name)) is not None), None)


def _not_drawn(plan: Plan) -> dict[TableName, str]:
    made = {one.table: f"some rows of {one.table} are made by hand" for one in plan.hand_made}
    return made | {name: f"rows of {name} are not drawn" for name in plan.stands}


def _kept(plan: Plan, name: TableName) -> str | None:
    return f"rows of {name} stay in the target" if name in plan.keeps else None
