"""More rows for a database that an earlier load filled: keys go on where they ended."""

from collections.abc import Iterator
from dataclasses import replace

from connectors.engines import Target
from connectors.errors import ForeignLoad, NotEmptyTarget
from connectors.schema import TableName
from generators.layout import KeyLayout
from generators.model import DatabaseModel
from generators.orientation import oriented
from generators.relations.references import Mode
from provisioner.errors import Infeasible, WrongRequest
from provisioner.events import Listener, Stated
from provisioner.keeping import callable_functions, keeper
from provisioner.migrated import check_fit, filled, refuse_source
from provisioner.plan import Added, Plan, TreePlan, is_apart, is_reference_data, read_plan
from provisioner.report import acknowledged
from provisioner.shortages import shortages


def append(model: DatabaseModel, plan: Plan, target: Target, listen: Listener) -> Plan:
    """Begins to add the rows of a plan to those that a target holds; answers the plan of both.

    Where the same rows were begun to be added and are not all there, the plan is that of before,
    so that the load goes on.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        WrongRequest: no load was begun there, or rows of such a kind cannot be added.
        ForeignLoad: the load there is of another model, seed or day, or is not finished.
        NotEmptyTarget: a table does not hold the rows that were loaded.
        DifferentSchema: the target's schema is no longer the model's.
        Infeasible: keys leave no room for so many rows.
    """
    refuse_source(model, target)
    ledger = target.ledger()
    if ledger is None:
        raise WrongRequest("the target holds no load of this product; leave out --append")
    earlier = read_plan(ledger.plan)
    _check_same(earlier, plan)
    if not ledger.finished:
        _check_begun(earlier, plan)
        return earlier
    found = grown(model, earlier, plan)
    _begin(model, (earlier, found), target)
    rows = found.rows - earlier.rows
    listen(Stated(f"rows to add: {rows}, to {earlier.rows} that are there"))
    return found


def grown(model: DatabaseModel, earlier: Plan, plan: Plan) -> Plan:
    """A plan whose first shards are those of an earlier one, and whose others are another's.

    Reference data and rows that travel in the file are there already.

    Raises:
        WrongRequest: there are no rows to add, or such as cannot be.
        Infeasible: keys leave no room for so many rows.
    """
    pairs = list(zip(earlier.trees, plan.trees, strict=True))
    trees = tuple(_grown(model, before, more) for before, more in pairs)
    if trees == earlier.trees:
        raise WrongRequest("found no rows to add; give --scale or --rows of what is to grow")
    grow = [t for t, before in zip(trees, earlier.trees, strict=True) if t != before]
    fresh = frozenset(name for tree in grow for name in tree.tables)
    for name in sorted(fresh):
        for text in _obstacles(model, name, fresh):
            raise WrongRequest(f"rows of {name} cannot be appended: {text}")
    layouts = {n: lay for t in trees for n, lay in zip(t.tables, t.layouts, strict=True)}
    short = shortages(model, layouts, frozenset(), frozenset())
    findings = acknowledged(short, frozenset(plan.acknowledged))
    if any(finding.stops for finding in findings):
        raise Infeasible(findings)
    added = Added(plan.fingerprint, tuple(tree.shards for tree in earlier.trees))
    return replace(
        earlier,
        trees=trees,
        findings=(*findings, *plan.findings),
        scale=earlier.scale + plan.scale,
        bytes=earlier.bytes + plan.bytes,
        acknowledged=plan.acknowledged,
        added=(*earlier.added, added),
    )


def _grown(model: DatabaseModel, before: TreePlan, more: TreePlan) -> TreePlan:
    stays = is_reference_data(model, before.tables) or not model.carried.keys().isdisjoint(
        before.tables
    )
    if stays or not more.rows:
        return before
    layouts = zip(before.layouts, more.layouts, strict=True)
    return TreePlan(before.tables, tuple(KeyLayout((*a.rows, *b.rows)) for a, b in layouts))


def _check_same(earlier: Plan, plan: Plan) -> None:
    """The rows there are of the same model, seed and day, and nobody's own."""
    if earlier.model != plan.model:
        raise ForeignLoad("the rows of the target are of another model; append with that one")
    if (earlier.seed, earlier.shift) != (plan.seed, plan.shift):
        raise ForeignLoad(
            f"the rows of the target were drawn with seed {earlier.seed} or as of another day; "
            "append with the same --seed and --as-of, from which keys follow"
        )
    for one in (earlier, plan):
        told = {
            "kept rows": one.kept,
            "hand-made rows": one.hand_made,
            "scenarios": one.scenarios,
            "triggers that fire": one.fire,
        }
        for what, there in told.items():
            if there:
                raise WrongRequest(f"found {what}, beside which no rows can be appended")


def _check_begun(earlier: Plan, plan: Plan) -> None:
    if not earlier.added or earlier.added[-1].fingerprint != plan.fingerprint:
        raise ForeignLoad(
            "the load that the target holds is not finished; repeat the command that began it"
        )


def _obstacles(model: DatabaseModel, name: TableName, fresh: frozenset[TableName]) -> Iterator[str]:
    """What new rows would have to know of those that are there."""
    if not is_apart(model, name):
        yield "a unique key or an exclusion speaks of all rows at once"
    for reference in model.tables[name].references:
        key = reference.key
        far = reference.mode is not Mode.ANCESTOR and key.parent in fresh
        if far and not set(key.parent_columns) <= _indexed(model, key.parent):
            yield f"{key.name} leads to a key of {key.parent} that is made of others"
    for step in oriented(model, still=frozenset(model.tables)).of(name):
        for table, column in sorted(step.reads):
            if table in fresh - _above(model, name):
                yield f"a rule reads {table}.{column} of rows that are there"


def _indexed(model: DatabaseModel, name: TableName) -> frozenset[str]:
    """The columns of a table that follow from the number of a row alone."""
    table, fitted = model.schema.table(name), model.tables[name]
    rules = keeper(table, callable_functions(model.schema)).rules
    distinct = {f.column.name for f in fitted.columns if f.generator.distinct and not f.nullable}
    return frozenset(distinct.difference(*(rule.columns for rule in rules)).union(fitted.keys))


def _above(model: DatabaseModel, name: TableName) -> frozenset[TableName]:
    """A table, its owner, that one's owner, and so on."""
    key = model.owners.get(name)
    return frozenset([name]) | (frozenset() if key is None else _above(model, key.parent))


def _begin(model: DatabaseModel, plans: tuple[Plan, Plan], target: Target) -> None:
    """Has the target take the plan of both, once it holds what was loaded and nothing else."""
    earlier, found = plans
    schema = target.schema()
    check_fit(model, schema, frozenset())
    tables = filled(found, schema)
    for table in tables:
        rows, expected = target.rows(table), earlier.layout(table.name).total
        if rows != expected:
            raise NotEmptyTarget(
                f"{table.name} holds {rows} rows; expected the {expected} that were loaded: put "
                "them right, or start over with --truncate"
            )
    growing = [t for t in tables if found.layout(t.name) != earlier.layout(t.name)]
    target.extend(found.fingerprint, found.as_json(), growing)
