"""A target that has its schema already: whether the rows fit it, and how a load uses it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from connectors.datatypes import DataType
from connectors.ddl import DdlItem
from connectors.engines import Target, beside, open_target
from connectors.errors import ForeignLoad
from connectors.schema import Column, Schema, Sequence, Table, TableName
from generators.model import DatabaseModel, TableModel
from provisioner.drift import Difference, schema_drift
from provisioner.errors import DifferentSchema, Drifted, SameDatabase, WrongRequest
from provisioner.events import Listener, Stated
from provisioner.ledger import remaining_steps
from provisioner.plan import Plan, read_plan
from provisioner.report import Finding, Severity, acknowledged

_NAMED = 8


def is_migrated(schema: Schema, found: Schema) -> bool:
    """Whether a target has any of the tables that a model writes."""
    return not {t.name for t in schema.tables}.isdisjoint(t.name for t in found.tables)


def adopt(
    model: DatabaseModel,
    plan: Plan,
    target: Target,
    found: Schema,
    judge: Callable[[], None],
    listen: Listener,
) -> None:
    """Begins a load into the schema that a target has and rows fit, once some were judged there.

    Raises:
        WrongRequest: kept rows reference rows that are not kept.
        NotEmptyTarget: a table to fill holds rows.
    """
    _check_references(target, found, plan.keeps)
    for note in _notes(model.schema, found):
        listen(Stated(note))
    judge()
    tables, fed = filled(plan, found), _feeding(plan, found)
    target.adopt(plan.fingerprint, plan.as_json(), tables, {s.name for s in fed})
    ledger = target.ledger()
    count = len(ledger.dropped or ()) if ledger else 0
    listen(
        Stated(f"the target's own schema is used; {count} of its objects are dropped and restored")
    )


def fitting(model: DatabaseModel, plan: Plan, found: Schema) -> tuple[Finding, ...]:
    """What a target's schema has beyond the model, once somebody acknowledged all of it.

    Raises:
        DifferentSchema: the rows do not fit it.
        Drifted: it has tables, columns or keys that the model does not know, or lacks keys.
    """
    check_fit(model, found, plan.keeps)
    differences = target_drift(model, found, plan.keeps)
    findings = acknowledged(
        (f for f in differences if f.severity is Severity.ERROR), plan.acknowledged
    )
    if any(finding.stops for finding in findings):
        raise Drifted(findings)
    return findings


def target_drift(
    model: DatabaseModel, found: Schema, keep: frozenset[TableName] = frozenset()
) -> Iterator[Finding]:
    """What a target declares otherwise than a model, but for tables whose rows stay.

    That a type has more labels, or a column may be null that the rows never are, is a warning.
    """
    for difference in schema_drift(model.schema, found):
        if difference.table not in keep:
            fits = difference.column and _fits(model, found, difference)
            yield (
                replace(difference.finding, severity=Severity.WARNING)
                if fits
                else (difference.finding)
            )


def _fits(model: DatabaseModel, found: Schema, difference: Difference) -> bool:
    """Whether rows can be written though a column differs."""
    table = model.schema.table(difference.table)
    column, other = (t.column(difference.column) for t in (table, found.table(table.name)))
    nulls = _with_nulls(model.tables[table.name], table)
    return column.generated is None and not _difference(column, other, column.name in nulls)


def take_back(target: Target) -> tuple[TableName, ...]:
    """Undoes a load into a schema that was there: restores it and empties the tables filled.

    Kept rows stay. Returns the tables that are empty now.

    Raises:
        WrongRequest: no load was begun, or one that created the schema.
    """
    ledger = target.ledger()
    if ledger is None:
        raise WrongRequest("the target holds no load of this product; there is nothing to abort")
    if ledger.dropped is None:
        raise WrongRequest(
            "the load created the schema of this database, and has none to go back to; drop the "
            "database instead"
        )
    tables = filled(read_plan(ledger.plan), target.schema())
    target.abandon(tables)
    return tuple(table.name for table in tables)


def start_over(model: DatabaseModel, plan: Plan, target: Target) -> tuple[TableName, ...]:
    """Empties the tables that an earlier load filled, whatever its plan, and forgets that load.

    The schema stays, with all that an unfinished load had still to create. Returns the tables that
    are empty now; none where no load was begun.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        ForeignLoad: the load is unfinished, and its model another, so that it is not known what
            the schema lacks.
        WrongRequest: triggers shall fire, which a schema that is there already is not made for.
        DifferentSchema, Drifted: as `fitting` has it, of a finished load; nothing is emptied.
    """
    refuse_source(model, target)
    ledger = target.ledger()
    if ledger is None:
        return ()
    if plan.fire:
        raise WrongRequest("triggers that fire need an empty database; name one, or drop this one")
    if ledger.finished:
        fitting(model, plan, target.schema())
    earlier, missing = read_plan(ledger.plan), tuple[DdlItem, ...]()
    if ledger.dropped is None and not ledger.finished:
        if earlier.model != plan.model:
            raise ForeignLoad(
                "the target holds an unfinished load of another model; finish it first, or name an "
                "empty database"
            )
        missing = tuple(remaining_steps(model, earlier, ledger))
    tables = filled(earlier, target.schema())
    target.abandon(tables, missing)
    return tuple(table.name for table in tables)


def refuse_source(model: DatabaseModel, target: Target) -> None:
    """Makes sure that a target is not what the model was learned from.

    Raises:
        SameDatabase: it is.
    """
    if target.identity == model.identity:
        raise SameDatabase(
            "the target is the database that the model was learned from; name a test database"
        )


def aside(model: DatabaseModel, url: str) -> str:
    """URL of a database beside a target, to be filled and put in its place; made where needed.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        ConnectorError: the role may not replace it.
    """
    with open_target(url) as replaced:
        refuse_source(model, replaced)
    return beside(url)


def settled(plan: Plan, model: DatabaseModel, found: Schema) -> Schema:
    """The model's schema with the sequences of a target: those that feed tables it fills.

    One that feeds a kept table too is set with that table's rows in mind.
    """
    fed = {s.name for s in _feeding(plan, found)}
    return replace(model.schema, sequences=tuple(s for s in found.sequences if s.name in fed))


def check_fit(
    model: DatabaseModel,
    found: Schema,
    keep: frozenset[TableName],
    only: frozenset[TableName] | None = None,
) -> None:
    """Makes sure that a schema has every column that a model writes or references.

    Args:
        model: what is to be written.
        found: what the target declares.
        keep: tables of which referenced columns alone matter.
        only: looks at these tables alone.

    Raises:
        DifferentSchema: it has not; the text names all that differs.
    """
    there = {table.name: table for table in found.tables}
    lines = [
        line
        for table in model.schema.tables
        if only is None or table.name in only
        for line in _differences(model, table, there.get(table.name), table.name in keep)
    ]
    if lines:
        raise DifferentSchema(
            f"the target's schema does not fit the model: {'; '.join(lines)}; migrate the target, "
            "learn again, or name a database without tables"
        )


def referenced(schema: Schema, name: TableName) -> tuple[Column, ...]:
    """The columns of a table that any foreign key references."""
    names = schema.referenced(name)
    return tuple(column for column in schema.table(name).columns if column.name in names)


def filled(plan: Plan, found: Schema) -> list[Table]:
    """The tables of a target that a plan fills."""
    names = {name for tree in plan.trees for name in tree.tables} - plan.keeps
    return [table for table in found.tables if table.name in names]


def _feeding(plan: Plan, found: Schema) -> list[Sequence]:
    """The sequences of a target that feed tables that a plan fills."""
    tables = {table.name for table in filled(plan, found)}
    return [sequence for sequence in found.sequences if sequence.table in tables]


def _differences(
    model: DatabaseModel, table: Table, there: Table | None, kept: bool
) -> Iterator[str]:
    if there is None:
        yield f"{table.name} is not there"
        return
    columns = {column.name: column for column in there.columns}
    if kept:
        wanted = referenced(model.schema, table.name)
        columns = {n: replace(c, generated=None) for n, c in columns.items()}
    else:
        wanted = table.written
        yield from _unfilled(table, there)
    nulls = frozenset() if kept else _with_nulls(model.tables[table.name], table)
    for column in wanted:
        text = _difference(column, columns.get(column.name), column.name in nulls)
        if text:
            yield f"{table.name}.{column.name} {text}"


def _difference(column: Column, other: Column | None, with_nulls: bool) -> str:
    if other is None:
        return "is not there"
    if not _same_type(column.datatype, other.datatype):
        return f"is {other.datatype.sql}, expected {column.datatype.sql}"
    if other.generated is not None:
        return "is generated, expected a column to write"
    return "must not be null, and the model has nulls" * (with_nulls and not other.nullable)


def _unfilled(table: Table, there: Table) -> Iterator[str]:
    """Columns that need a value, for which the model has none."""
    written = {column.name for column in table.written}
    for column in there.columns:
        if column.name not in written and _is_needed(column):
            yield f"{table.name}.{column.name} needs a value, and the model has none"


def _with_nulls(model: TableModel, table: Table) -> frozenset[str]:
    """The columns in which the model's rows hold nulls."""
    keys = (r.key.columns for r in model.references if r.nullable)
    free = {c for columns in keys for c in columns if table.column(c).nullable}
    return frozenset(free | {f.column.name for f in model.columns if f.nullable})


def _same_type(one: DataType, other: DataType) -> bool:
    """Whether values of one type can be written as another; that may have more labels."""
    if one.element is not None and other.element is not None:
        if not _same_type(one.element, other.element):
            return False
        one, other = replace(one, element=None), replace(other, element=None)
    labels = set(one.labels) <= set(other.labels)
    return labels and replace(one, labels=()) == replace(other, labels=())


def _is_needed(column: Column) -> bool:
    given = (column.default, column.generated, column.identity)
    return not column.nullable and all(fact is None for fact in given)


def _check_references(target: Target, found: Schema, keep: frozenset[TableName]) -> None:
    """Kept rows can reference kept rows alone: the others are not there yet, or gone."""
    for table in found.tables:
        for key in table.foreign_keys if table.name in keep else ():
            count = 0 if key.parent in keep else target.violations(table, key)
            if count:
                raise WrongRequest(
                    f"{count} rows of {table.name}, which is kept, reference {key.parent} by "
                    f"{key.name}, which is not kept and has no such rows; keep {key.parent} too"
                )


def _notes(schema: Schema, found: Schema) -> Iterator[str]:
    """What the target has beyond the model: it stays, and is not filled."""
    known = {table.name: {c.name for c in table.columns} for table in schema.tables}
    rules = [
        f"{table.name} {name}"
        for table in found.tables
        if table.name in known
        for name in _unknown_rules(schema.table(table.name), table)
    ]
    tables = [str(table.name) for table in found.tables if table.name not in known]
    columns = [
        f"{table.name}.{column.name}"
        for table in found.tables
        for column in table.columns
        if table.name in known and column.name not in known[table.name]
    ]
    if tables:
        yield f"not in the model, left alone: {_listed(tables)}"
    if columns:
        yield f"not in the model, left to their defaults: {_listed(columns)}"
    if rules:
        yield f"not in the model, left to the server, which will judge the rows: {_listed(rules)}"


def _unknown_rules(table: Table, there: Table) -> Iterator[str]:
    """Keys and checks of the target that the model does not know by any name."""
    keys = {(f.columns, f.parent, f.parent_columns) for f in table.foreign_keys}
    uniques = {(frozenset(u.columns), u.expressions) for u in table.uniques}
    checks, exclusions = {c.sql for c in table.checks}, {e.sql for e in table.exclusions}
    yield from (
        f.name for f in there.foreign_keys if (f.columns, f.parent, f.parent_columns) not in keys
    )
    yield from (
        u.name for u in there.uniques if (frozenset(u.columns), u.expressions) not in uniques
    )
    yield from (c.name for c in there.checks if c.sql not in checks)
    yield from (e.name for e in there.exclusions if e.sql not in exclusions)


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    return ", ".join(every[:_NAMED]) + (", ..." if len(every) > _NAMED else "")
