"""What will be written: tables, rows, order and shards, and what cannot be met."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil

from pydantic import TypeAdapter

from connectors.datatypes import Kind
from connectors.graph import load_order
from connectors.schema import Schema, Table, TableName, Unique
from generators.layout import KeyLayout, spread
from generators.model import DatabaseModel, TableModel
from generators.relations.owners import trees
from generators.relations.references import Mode, Reference
from generators.spans import overlap
from provisioner.errors import WrongRequest
from provisioner.feasibility import (
    constraints_met,
    left_to_server,
    unkept,
    unmodelled,
    unwritable,
)
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.leaving import without
from provisioner.report import Finding, Severity, acknowledged, unmatched
from provisioner.rings import covering_keys, endless_keys
from provisioner.room import Room, room, room_under_owner
from provisioner.scenarios import Quota, Role, Scenario, quotas, read_by, roles
from provisioner.shifting import Shift, shift_to
from provisioner.trial import hopeless

_SHARD_ROWS = 100_000
_BYTES = {Kind.BOOLEAN: 1, Kind.INTEGER: 5, Kind.FLOAT: 8, Kind.DATE: 4, Kind.UUID: 16}
_OTHER_BYTES = 18
_LATER = "unless the pilot of `provision` finds it, drop it"
_ROW_BYTES = 28


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants.

    Attributes:
        scale: factor on the rows of every tree that is not reference data.
        seed: the same seed gives the same rows.
        rows: exact numbers of rows for root tables, over the scale.
        cold: rows of each table that is empty in the source, so that no scale applies.
        empty: tables that are created and stay empty.
        keep: tables whose rows in the target stay, and are referenced.
        fire: tables whose triggers are there before their rows.
        acknowledged: hashes of findings that are errors and yet do not stop the run. Rows are then
            drawn as well as they can be and written as they are, so that the server is the judge
            of the constraint; where it refuses one, the load stops there.
        as_of: the day that the rows shall look like; None for that of learning.
        scenarios: predicates that so many rows of a table shall satisfy.
    """

    scale: float = 1.0
    seed: int = 0
    rows: Mapping[TableName, int] = field(default_factory=dict)
    cold: int = 0
    empty: frozenset[TableName] = frozenset()
    keep: frozenset[TableName] = frozenset()
    fire: frozenset[TableName] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    as_of: date | None = None
    scenarios: tuple[Scenario, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows in the target stay.

    Attributes:
        rows: rows that may be referenced.
        digest: of the key values that may be referenced, so that no other ones pass for them.
    """

    table: TableName
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class HandMade:
    """The rows of a table that somebody made by hand; the plan holds none of their values.

    Attributes:
        rows: how many there are.
        digest: of their values, so that no other ones pass for them.
        outside: per column of invented contacts, how many lie outside their reserved space.
    """

    table: TableName
    rows: int
    digest: str
    outside: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TreePlan:
    """A tree of owners, root first, and the rows of each of its tables, shard by shard."""

    tables: tuple[TableName, ...]
    layouts: tuple[KeyLayout, ...]

    @property
    def shards(self) -> int:
        """Number of shards."""
        return len(self.layouts[0].rows)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(layout.total for layout in self.layouts)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, as a function of model, request and kept keys alone.

    Attributes:
        model: fingerprint of the model archive.
        trees: in the order in which they are loaded; kept tables stand in theirs.
        findings: what cannot be met, and what only the server can judge.
        bytes: estimated size of the rows in the target.
        fire: tables whose triggers are there before their rows, by name.
        acknowledged: hashes of findings that do not stop the run, sorted.
        kept: tables whose rows are in the target already, by name.
        shift: by how much times move once rows are drawn; None where they stay.
        hand_made: tables with rows made by hand, by name.
        scenarios: predicates, with the rows that shall satisfy them.
    """

    model: str
    seed: int
    scale: float
    trees: tuple[TreePlan, ...]
    findings: tuple[Finding, ...]
    bytes: int
    fire: tuple[TableName, ...] = ()
    acknowledged: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    shift: Shift | None = None
    hand_made: tuple[HandMade, ...] = ()
    scenarios: tuple[Quota, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the rows, in hexadecimal.

        Findings are left out, so that a load may be resumed with more of them acknowledged.
        """
        rows = replace(self, findings=(), acknowledged=())
        return hashlib.sha256(rows.as_json().encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows to write."""
        return sum(tree.rows for tree in self.trees) - sum(kept.rows for kept in self.kept)

    @property
    def keeps(self) -> frozenset[TableName]:
        """The tables whose rows stay."""
        return frozenset(kept.table for kept in self.kept)

    def written(self, tree: int, shard: int) -> int:
        """Rows to write in a shard."""
        found = zip(self.trees[tree].tables, self.trees[tree].layouts, strict=True)
        return sum(layout.rows[shard] for name, layout in found if name not in self.keeps)

    def layout(self, table: TableName) -> KeyLayout:
        """The rows of a table; KeyError where the plan has no such table."""
        tree = self.trees[self.tree(table)]
        return tree.layouts[tree.tables.index(table)]

    def tree(self, table: TableName) -> int:
        """The number of the tree that holds a table."""
        for number, tree in enumerate(self.trees):
            if table in tree.tables:
                return number
        raise KeyError(str(table))

    def roles(self, table: TableName) -> tuple[Role, ...]:
        """What scenarios ask of the rows of a table."""
        return roles(self.scenarios, table)

    def as_json(self) -> str:
        """The plan as JSON, for the ledger."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_plan(text: str) -> Plan:
    """The plan that `as_json` wrote."""
    return _ADAPTER.validate_json(text)


def plan(
    model: DatabaseModel,
    model_fingerprint: str,
    request: Request,
    kept: tuple[Kept, ...] = (),
    hand_made: tuple[HandMade, ...] = (),
) -> Plan:
    """Fixes how many rows of each table each shard has.

    Args:
        model: what was learned.
        model_fingerprint: of its archive.
        request: what the user wants.
        kept: the tables of `request.keep`, as the target holds them.
        hand_made: the rows made by hand; a root table has at least as many.

    Raises:
        WrongRequest: a scale that is not positive, a table that the model does not hold, a day that
            times cannot move to, or a scenario that no rows can enact.
    """
    _check(model, request)
    for one in hand_made:
        if one.table in request.keep:
            raise WrongRequest(f"{one.table} has hand-made rows and is kept; drop one of the two")
    if request.keep != {one.table for one in kept}:
        raise WrongRequest("which rows are kept depends on the target; name it with --target")
    there = {one.table: one.rows for one in kept}
    order = {name: place for place, name in enumerate(load_order(model.schema))}
    found = sorted(trees(model.schema, model.owners, model.rows), key=lambda tree: order[tree[0]])
    fixed = {one.table: one.rows for one in hand_made}
    planned = tuple(_tree(model, tables, request, there, fixed) for tables in found)
    layouts = {n: lay for t in planned for n, lay in zip(t.tables, t.layouts, strict=True)}
    fresh = {n: lay for n, lay in layouts.items() if n not in there}
    shift, resting = shift_to(model, request.as_of, frozenset(there))
    rows = {n: lay.total for n, lay in layouts.items()}
    asked = quotas(model, request.scenarios, rows)
    found_all = (
        *_findings(model, layouts, request.empty, frozenset(there)),
        *resting,
        *hopeless(model, asked, rows),
    )
    findings = acknowledged(found_all, request.acknowledged)
    return Plan(
        model_fingerprint,
        request.seed,
        request.scale,
        planned,
        (*findings, *unmatched(findings, request.acknowledged, _LATER)),
        sum(lay.total * _row_bytes(model.schema.table(n)) for n, lay in fresh.items()),
        tuple(sorted(request.fire)),
        tuple(sorted(request.acknowledged)),
        kept,
        shift,
        hand_made,
        asked,
    )


def is_local(table: Table, model: TableModel, unique: Unique, ruled: frozenset[str]) -> bool:
    """Whether a shard alone can keep a unique key: it holds a key of its own or the owner's.

    `ruled` are the columns that checks speak of, which mending may change in any shard.
    """
    owner = next((f for f in table.foreign_keys if f.name == model.owner), None)
    single = [r.key.columns for r in model.references if r.mode is Mode.UNIQUE]
    distinct = {f.column.name for f in model.columns if f.generator.distinct}
    distinct = (distinct - ruled) | set(model.keys)
    return (
        bool(distinct & set(unique.columns))
        or (owner is not None and set(owner.columns) <= set(unique.columns))
        or any(set(columns) <= set(unique.columns) for columns in single)
    )


def is_reference_data(model: DatabaseModel, tree: tuple[TableName, ...]) -> bool:
    """Whether a tree keeps its size at any scale: it is referenced, and belongs to no unit."""
    outside = (r for name, m in model.tables.items() if name not in tree for r in m.references)
    belongs = any(model.tables[name].unit is not None for name in tree)
    return not belongs and any(r.key.parent in tree for r in outside)


def most_children(
    model: DatabaseModel, child: TableName, rows: Mapping[TableName, int]
) -> int | None:
    """The most rows of a table under one owner that its unique keys allow; None for any number."""
    table, fitted = model.schema.table(child), model.tables[child]
    rules = keeper(table, callable_functions(model.schema))
    found = [room_under_owner(table, fitted, unique, rows, rules) for unique in table.uniques]
    return min((most for most in found if most is not None), default=None)


def _check(model: DatabaseModel, request: Request) -> None:
    if not 0 < request.scale <= 1e6:
        raise WrongRequest(f"scale {request.scale:g} found; expected above 0, at most 1000000")
    for name in sorted(request.keep & request.rows.keys()):
        raise WrongRequest(f"rows asked for {name}, whose rows are kept; drop one of the two")
    for name in (*request.rows, *request.empty, *request.keep, *request.fire):
        if name not in model.tables:
            raise WrongRequest(f"the model holds no table {name}; see `provisioner show`")
    _check_scenarios(request)
    roots = {tree[0] for tree in trees(model.schema, model.owners, model.rows)}
    for name, rows in request.rows.items():
        if name not in roots:
            above = model.owners[name].parent
            raise WrongRequest(f"rows of {name} follow those of {above}; set that table's rows")
        if rows < 0:
            raise WrongRequest(f"{rows} rows asked for {name}; expected 0 or more")


def _check_scenarios(request: Request) -> None:
    for scenario in request.scenarios:
        for name in sorted({scenario.table, scenario.judged} & request.keep):
            raise WrongRequest(f"{scenario.place}: rows of {name} are kept; drop one of the two")


def _tree(
    model: DatabaseModel,
    tables: tuple[TableName, ...],
    request: Request,
    kept: Mapping[TableName, int],
    fixed: Mapping[TableName, int],
) -> TreePlan:
    totals = _totals(model, tables, request, kept)
    totals[tables[0]] = max(totals[tables[0]], fixed.get(tables[0], 0))
    shards = min(max(1, ceil(sum(totals.values()) / _SHARD_ROWS)), max(1, totals[tables[0]]))
    read = read_by(model, request.scenarios)
    if shards > 1 and not all(
        _is_apart(model, n) and _is_alone(model, n, read.get(n, frozenset())) for n in tables
    ):
        shards = 1
    if fixed.get(tables[0], 0) * shards > totals[tables[0]]:
        shards = 1
    layouts: dict[TableName, KeyLayout] = {}
    for name in tables:
        key = model.owners.get(name)
        weights = [1.0] * shards if key is None else [float(r) for r in layouts[key.parent].rows]
        layouts[name] = KeyLayout(tuple(int(n) for n in spread(totals[name], weights)))
    return TreePlan(tables, tuple(layouts[name] for name in tables))


def _is_alone(model: DatabaseModel, name: TableName, read: frozenset[str]) -> bool:
    """Whether a shard alone can keep every unique key of plain columns.

    `read` are the columns that scenarios read.
    """
    table = model.schema.table(name)
    rules = keeper(table, callable_functions(model.schema)).rules
    ruled = read.union(*(rule.columns for rule in rules))
    plain = [u for u in table.uniques if u.columns and not u.expressions and u.predicate is None]
    return all(is_local(table, model.tables[name], unique, ruled) for unique in plain)


def _is_apart(model: DatabaseModel, name: TableName) -> bool:
    """Whether a shard alone can keep every exclusion of a table: each holds the owner's key."""
    table, owner = model.schema.table(name), model.owners.get(name)
    found = [overlap(table, exclusion) for exclusion in table.exclusions]
    return all(owner is not None and set(owner.columns) <= set(one.equal) for one in found if one)


def _totals(
    model: DatabaseModel,
    tables: tuple[TableName, ...],
    request: Request,
    kept: Mapping[TableName, int],
) -> dict[TableName, int]:
    """Rows of a tree's tables; under a kept table, as many per kept row as were learned."""
    root = tables[0]
    learned = model.tables[root].rows.value
    factor = 1.0 if is_reference_data(model, tables) else request.scale
    if root in request.rows:
        factor = request.rows[root] / max(1, learned)
    if not learned:
        cold = request.cold if model.schema.table(root).written else 0
        asked = 0 if root in request.empty else request.rows.get(root, cold)
        totals = {root: asked} | dict.fromkeys(tables[1:], 0)
        return totals | {name: kept[name] for name in tables if name in kept}
    totals, factors = {}, dict.fromkeys(tables, factor)
    for name in tables:
        rows, key = model.tables[name].rows.value, model.owners.get(name)
        if name in kept:
            totals[name], factors[name] = kept[name], kept[name] / max(1, rows)
            continue
        if key is not None:
            factors[name] = factors[key.parent]
        totals[name] = max(round(rows * factors[name]), 1 if rows and factors[name] else 0)
        if name in request.empty or (key is not None and not totals[key.parent]):
            totals[name] = 0
    return totals


def _row_bytes(table: Table) -> int:
    return _ROW_BYTES + sum(_BYTES.get(c.datatype.kind, _OTHER_BYTES) for c in table.written)


def _findings(
    model: DatabaseModel,
    layouts: Mapping[TableName, KeyLayout],
    empty: frozenset[TableName],
    kept: frozenset[TableName],
) -> Iterator[Finding]:
    rows = {name: layout.total for name, layout in layouts.items()}
    functions = callable_functions(model.schema)
    for table in model.schema.tables:
        fitted = model.tables[table.name]
        if table.name in kept:
            continue
        yield from _orphaned(model, table.name, rows, kept)
        yield from _too_many_keys(model.schema, table, fitted, rows[table.name])
        yield from _too_many_rows(table, fitted, rows, keeper(table, functions))
        yield from _too_few_parents(table, fitted, rows)
        yield from _owned_by_empty(table, fitted, model, empty)
        yield from _types_without_rows(table, fitted, rows)
        yield from unwritable(table, fitted)
    yield from _too_few_children(model, rows)
    for name in endless_keys(model):
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            str(name),
            "its keys depend on themselves through foreign keys that are part of keys; make one "
            "of the columns on this ring a column of its own",
        )
    met = constraints_met(model)
    yield from left_to_server(met)
    yield from unkept(met)
    yield from unmodelled(model.schema)
    yield from without(model.schema)


def _orphaned(
    model: DatabaseModel,
    name: TableName,
    rows: Mapping[TableName, int],
    kept: frozenset[TableName],
) -> Iterator[Finding]:
    """A table whose every row belongs to one of a kept table, which has none."""
    key = model.owners.get(name)
    if key is None or key.parent not in kept or rows[key.parent]:
        return
    if model.tables[name].rows.value:
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            f"{name} {key.name}",
            f"each row belongs to a row of {key.parent}, which is kept and has none in the "
            "target; fill it, or do not keep it",
        )


def _too_many_keys(schema: Schema, table: Table, model: TableModel, rows: int) -> Iterator[Finding]:
    """Keys that run out of values, and cannot go on with nulls."""
    needed = {c for f in schema.foreign_keys if f.parent == table.name for c in f.parent_columns}
    for column, key in model.keys.items():
        if rows > key.capacity and (column in needed or not table.column(column).nullable):
            yield _unmeetable(f"{table.name}.{column}", rows, column, key.capacity)


def _too_many_rows(
    table: Table, model: TableModel, rows: Mapping[TableName, int], keeper: Keeper
) -> Iterator[Finding]:
    """Unique keys of several columns, or of no generated key, with less room than rows."""
    for unique in table.uniques:
        found = room(table, model, unique, rows, keeper)
        known = any(set(unique.columns) <= set(f.columns) for f in table.foreign_keys)
        if found is not None and rows[table.name] > found.most and not known:
            keyed = len(unique.columns) == 1 and unique.columns[0] in model.keys
            if not keyed or table.column(unique.columns[0]).nullable:
                yield _crowded(table, unique, rows[table.name], found)


def _crowded(table: Table, unique: Unique, rows: int, found: Room) -> Finding:
    place = f"{table.name} {unique.name}"
    if len(unique.columns) == 1:
        return _unmeetable(place, rows, unique.columns[0], found.most)
    return Finding(
        "unmeetable",
        Severity.ERROR,
        place,
        f"{rows} rows asked for, each with another combination of ({', '.join(unique.columns)}); "
        f"at most {found.most} are possible ({found}): lower the scale, or ask for fewer rows",
    )


def _unmeetable(place: str, rows: int, column: str, most: int) -> Finding:
    return Finding(
        "unmeetable",
        Severity.ERROR,
        place,
        f"{rows} rows asked for, each with another value of {column}; types, formats and checks "
        f"allow at most {most}: lower the scale, or ask for at most {most} rows",
    )


def _too_few_parents(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for reference in model.references:
        parents = rows[reference.key.parent]
        short = reference.mode is Mode.UNIQUE and rows[table.name] > parents
        if rows[table.name] and not _may_lack(table, model, reference) and (short or not parents):
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table.name} {reference.key.name}",
                f"{rows[table.name]} rows asked for, each with a row of "
                f"{reference.key.parent} of its own, which has {parents}",
            )


def _too_few_children(model: DatabaseModel, rows: Mapping[TableName, int]) -> Iterator[Finding]:
    for table, name in sorted(covering_keys(model)):
        parent = model.foreign_key(table, name).parent
        if rows[table] < rows[parent]:
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table} {name}",
                f"{rows[table]} rows asked for, but each of the {rows[parent]} rows of {parent} "
                f"refers to one of its own among them: ask for at least as many",
            )


def _may_lack(table: Table, model: TableModel, reference: Reference) -> bool:
    """Whether rows do without a parent: a column may be null, or no value leads anywhere."""
    key = reference.key
    nullable = any(table.column(c).nullable for c in key.columns)
    return nullable or (not key.declared and model.dangling[key.name].value >= 1)


def _owned_by_empty(
    table: Table, fitted: TableModel, model: DatabaseModel, empty: frozenset[TableName]
) -> Iterator[Finding]:
    owner = model.owners.get(table.name)
    wanted = owner is not None and fitted.rows.value > 0 and table.name not in empty
    if owner is not None and wanted and owner.parent in empty:
        yield Finding(
            "unmeetable",
            Severity.ERROR,
            f"{table.name} {owner.name}",
            f"each of its rows needs a row of {owner.parent}, whose mode is empty; expected that "
            f"mode for {table.name} too",
        )


def _types_without_rows(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for key in table.polymorphic:
        leading = rows[table.name] and model.dangling[key.name].value < 1
        if leading and not rows[key.parent]:
            yield Finding(
                "type-without-rows",
                Severity.WARNING,
                f"{table.name} {key.name}",
                f"{key.parent} has no rows; rows of this type get null, or stop the run where "
                "null may not be: give it rows",
            )
