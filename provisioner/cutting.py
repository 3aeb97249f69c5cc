"""A plan and its model, cut to fewer rows."""

from collections.abc import Mapping
from dataclasses import replace

from connectors.schema import TableName
from generators.layout import KeyLayout
from generators.model import DatabaseModel
from generators.relations.owners import Owners
from provisioner.plan import Plan, TreePlan
from provisioner.scenarios import Quota

_SPARE = 4
"""Children in a sample for each one that scenarios speak of."""


def cut(plan: Plan, tree: int, most: int, owners: Owners) -> Plan:
    """The plan with two shards for a tree: one of few rows per table, and all the rest.

    As many rows as planned stay in all, so that keys and references mean what they mean there.
    """
    found = plan.trees[tree]
    layouts: dict[TableName, KeyLayout] = {}
    for name, layout in zip(found.tables, found.layouts, strict=True):
        above = owners.get(name)
        first = min(layout.total, most)
        if above is not None and not layouts[above.parent].rows[0]:
            first = 0
        layouts[name] = KeyLayout((first, layout.total - first))
    cut = TreePlan(found.tables, tuple(layouts.values()))
    fewer = tuple(_fewer(quota, layouts) for quota in plan.scenarios)
    trees = (*plan.trees[:tree], cut, *plan.trees[tree + 1 :])
    return replace(plan, trees=trees, scenarios=fewer)


def _fewer(quota: Quota, layouts: Mapping[TableName, KeyLayout]) -> Quota:
    """No more owners than the few children in a first shard are more than enough for.

    Owners there have fewer children than planned, some of whom other scenarios may need.
    """
    having = quota.scenario.having
    if having is None or having.table not in layouts:
        return quota
    owners = layouts[quota.scenario.table]
    most = layouts[having.table].rows[0] // (_SPARE * having.at_least)
    return replace(quota, rows=min(quota.rows, most * owners.total // max(1, owners.rows[0])))


def without_counts(model: DatabaseModel, plan: Plan) -> DatabaseModel:
    """The model without rules of how many rows owners have, where a scenario says how many."""
    judged = {quota.scenario.judged for quota in plan.scenarios}
    kept = tuple(
        found
        for found in model.invariants
        if found.rule.kind != "cardinality"
        or found.rule.key is None
        or not judged & {found.rule.key[0], found.rule.table}
    )
    return replace(model, invariants=kept)
