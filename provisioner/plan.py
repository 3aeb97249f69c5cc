"""What will be written: tables, rows, order and shards, and what cannot be met."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil

from pydantic import TypeAdapter

from connectors.datatypes import Kind
from connectors.graph import load_order
from connectors.schema import Table, TableName, Unique
from generators.layout import KeyLayout, spread
from generators.model import DatabaseModel, TableModel
from generators.relations.owners import trees
from generators.relations.references import Mode
from generators.spans import overlap
from provisioner.errors import WrongRequest
from provisioner.feasibility import constraints_met, left_to_server, unmodelled
from provisioner.report import Finding, Severity

_SHARD_ROWS = 100_000
_BYTES = {Kind.BOOLEAN: 1, Kind.INTEGER: 5, Kind.FLOAT: 8, Kind.DATE: 4, Kind.UUID: 16}
_OTHER_BYTES = 18
_ROW_BYTES = 28
_LABELS = {Kind.BOOLEAN: 2, Kind.ENUM: 0}
"""Values of the kinds that have few; 0 where the type's labels tell."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants.

    Attributes:
        scale: factor on the rows of every tree that is not reference data.
        seed: the same seed gives the same rows.
        rows: exact numbers of rows for root tables, over the scale.
        cold: rows of each table that is empty in the source, so that no scale applies.
    """

    scale: float = 1.0
    seed: int = 0
    rows: Mapping[TableName, int] = field(default_factory=dict)
    cold: int = 0


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
    """What will be done, as a function of model and request alone.

    Attributes:
        model: fingerprint of the model archive.
        trees: in the order in which they are loaded.
        findings: what cannot be met, and what only the server can judge.
        bytes: estimated size of the rows in the target.
    """

    model: str
    seed: int
    scale: float
    trees: tuple[TreePlan, ...]
    findings: tuple[Finding, ...]
    bytes: int

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan, in hexadecimal."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(tree.rows for tree in self.trees)

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

    def as_json(self) -> str:
        """The plan as JSON, for the ledger."""
        return _ADAPTER.dump_json(self).decode()


_ADAPTER: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_plan(text: str) -> Plan:
    """The plan that `as_json` wrote."""
    return _ADAPTER.validate_json(text)


def plan(model: DatabaseModel, model_fingerprint: str, request: Request) -> Plan:
    """Fixes how many rows of each table each shard has.

    Raises:
        WrongRequest: a scale that is not positive, or a table that the model does not hold.
    """
    _check(model, request)
    order = {name: place for place, name in enumerate(load_order(model.schema))}
    found = sorted(trees(model.schema, model.owners), key=lambda tree: order[tree[0]])
    planned = tuple(_tree(model, tables, request) for tables in found)
    layouts = {n: lay for t in planned for n, lay in zip(t.tables, t.layouts, strict=True)}
    return Plan(
        model_fingerprint,
        request.seed,
        request.scale,
        planned,
        tuple(_findings(model, layouts)),
        sum(lay.total * _row_bytes(model.schema.table(n)) for n, lay in layouts.items()),
    )


def is_local(table: Table, model: TableModel, unique: Unique) -> bool:
    """Whether a shard alone can keep a unique key: it holds a key of its own or the owner's."""
    owner = next((f for f in table.foreign_keys if f.name == model.owner), None)
    single = [r.key.columns for r in model.references if r.mode is Mode.UNIQUE]
    distinct = {f.column.name for f in model.columns if f.generator.distinct} | set(model.keys)
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
    limits = [
        limit
        for unique in table.uniques
        if (limit := _room(table, fitted, unique, rows)) is not None
    ]
    return min(limits, default=None)


def _room(
    table: Table, model: TableModel, unique: Unique, rows: Mapping[TableName, int]
) -> int | None:
    """How many rows under one owner a unique key tells apart; None where that has no bound."""
    owner = next(f for f in table.foreign_keys if f.name == model.owner)
    rest = set(unique.columns) - set(owner.columns)
    partial = unique.expressions or unique.predicate
    if partial or not set(owner.columns) <= set(unique.columns):
        return None
    room = 1
    for reference in model.references:
        if rest & set(reference.key.columns):
            room *= max(1, rows[reference.key.parent])
            rest -= set(reference.key.columns)
    for fitted in model.columns:
        if fitted.column.name in rest:
            labels = _LABELS.get(fitted.column.datatype.kind)
            if labels is None:
                return None
            room *= labels or len(fitted.column.datatype.labels)
            rest.discard(fitted.column.name)
    return None if rest else room


def _check(model: DatabaseModel, request: Request) -> None:
    if not 0 < request.scale <= 1e6:
        raise WrongRequest(f"scale {request.scale:g} found; expected above 0, at most 1000000")
    roots = {tree[0] for tree in trees(model.schema, model.owners)}
    for name, rows in request.rows.items():
        if name not in model.tables:
            raise WrongRequest(f"the model holds no table {name}; see `provisioner show`")
        if name not in roots:
            above = model.owners[name].parent
            raise WrongRequest(f"rows of {name} follow those of {above}; set that table's rows")
        if rows < 0:
            raise WrongRequest(f"{rows} rows asked for {name}; expected 0 or more")


def _tree(model: DatabaseModel, tables: tuple[TableName, ...], request: Request) -> TreePlan:
    totals = _totals(model, tables, request)
    shards = min(max(1, ceil(sum(totals.values()) / _SHARD_ROWS)), max(1, totals[tables[0]]))
    if not all(
        is_local(model.schema.table(n), model.tables[n], u)
        for n in tables
        for u in model.schema.table(n).uniques
        if u.columns and not u.expressions and u.predicate is None
    ) or not all(_is_apart(model, name) for name in tables):
        shards = 1
    layouts: dict[TableName, KeyLayout] = {}
    for name in tables:
        key = model.owners.get(name)
        weights = [1.0] * shards if key is None else [float(r) for r in layouts[key.parent].rows]
        layouts[name] = KeyLayout(tuple(int(n) for n in spread(totals[name], weights)))
    return TreePlan(tables, tuple(layouts[name] for name in tables))


def _is_apart(model: DatabaseModel, name: TableName) -> bool:
    """Whether a shard alone can keep every exclusion of a table: each holds the owner's key."""
    table, owner = model.schema.table(name), model.owners.get(name)
    found = [overlap(table, exclusion) for exclusion in table.exclusions]
    return all(owner is not None and set(owner.columns) <= set(one.equal) for one in found if one)


def _totals(
    model: DatabaseModel, tables: tuple[TableName, ...], request: Request
) -> dict[TableName, int]:
    root = tables[0]
    learned = model.tables[root].rows.value
    factor = 1.0 if is_reference_data(model, tables) else request.scale
    if root in request.rows:
        factor = request.rows[root] / max(1, learned)
    if not learned:
        cold = request.cold if model.schema.table(root).written else 0
        return {root: request.rows.get(root, cold)} | dict.fromkeys(tables[1:], 0)
    totals: dict[TableName, int] = {}
    for name in tables:
        rows = model.tables[name].rows.value
        totals[name] = max(round(rows * factor), 1 if rows and factor else 0)
        key = model.owners.get(name)
        if key is not None and not totals[key.parent]:
            totals[name] = 0
    return totals


def _row_bytes(table: Table) -> int:
    return _ROW_BYTES + sum(_BYTES.get(c.datatype.kind, _OTHER_BYTES) for c in table.written)


def _findings(model: DatabaseModel, layouts: Mapping[TableName, KeyLayout]) -> Iterator[Finding]:
    rows = {name: layout.total for name, layout in layouts.items()}
    for table in model.schema.tables:
        fitted = model.tables[table.name]
        yield from _too_many_keys(table, fitted, rows)
        yield from _too_few_parents(table, fitted, rows)
    yield from left_to_server(constraints_met(model))
    yield from unmodelled(model.schema)


def _too_many_keys(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for column, key in model.keys.items():
        if rows[table.name] > key.capacity:
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table.name}.{column}",
                f"{rows[table.name]} distinct values asked for; its type and format allow "
                f"{key.capacity}: lower the scale",
            )


def _too_few_parents(
    table: Table, model: TableModel, rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    for reference in model.references:
        parents = rows[reference.key.parent]
        short = reference.mode is Mode.UNIQUE and rows[table.name] > parents
        if rows[table.name] and not reference.nullable and (short or not parents):
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{table.name} {reference.key.name}",
                f"{rows[table.name]} rows asked for, each with a row of "
                f"{reference.key.parent} of its own, which has {parents}",
            )
