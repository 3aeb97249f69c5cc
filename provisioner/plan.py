"""What will be written: tables, rows, order and shards, and what cannot be met."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from pydantic import TypeAdapter

from connectors.datatypes import Kind
from connectors.graph import load_order
from connectors.schema import Table, TableName, Unique
from generators.companions import drawn_trees
from generators.layout import KeyLayout, spread
from generators.model import DatabaseModel, TableModel
from generators.relations.references import Mode
from generators.spans import overlap
from provisioner.keeping import callable_functions, keeper
from provisioner.report import Finding, Severity, acknowledged, unmatched
from provisioner.request import HandMade, Kept, Request, check, check_apart, checked_carried
from provisioner.risks import risks, taken
from provisioner.room import room_under_owner
from provisioner.scenarios import Quota, Role, quotas, read_by, roles
from provisioner.shifting import Shift, shift_to
from provisioner.shortages import shortages
from provisioner.trial import hopeless

_SHARD_ROWS = 100_000
_BYTES = {Kind.BOOLEAN: 1, Kind.INTEGER: 5, Kind.FLOAT: 8, Kind.DATE: 4, Kind.UUID: 16}
_OTHER_BYTES = 18
_LATER = "unless the pilot of `provision` finds it, drop it"
_ROW_BYTES = 28


@dataclass(frozen=True, slots=True)
class Added:
    """Rows that were added to those that a target held.

    Attributes:
        fingerprint: of the plan of these rows alone.
        shards: how many shards each tree had before them.
    """

    fingerprint: str
    shards: tuple[int, ...]


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
        edge_cases: share of the rows of each table that hold values at the edge.
        carried: tables whose rows are in the model, by name.
        accepted_risk: why the model is used though attacks on it failed; empty where none did.
        added: what was added to the first rows, in order; shards of before come first.
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
    edge_cases: float = 0.0
    carried: tuple[TableName, ...] = ()
    accepted_risk: str = ""
    added: tuple[Added, ...] = ()
    _places: Mapping[TableName, tuple[int, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {
            name: (number, place)
            for number, tree in enumerate(self.trees)
            for place, name in enumerate(tree.tables)
        }
        object.__setattr__(self, "_places", places)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the rows, in hexadecimal.

        Findings are left out, so that a load may be resumed with more of them acknowledged.
        """
        rows = replace(self, findings=(), acknowledged=(), accepted_risk="")
        return hashlib.sha256(rows.as_json().encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows to write."""
        return sum(tree.rows for tree in self.trees) - sum(kept.rows for kept in self.kept)

    @property
    def keeps(self) -> frozenset[TableName]:
        """The tables whose rows stay."""
        return frozenset(kept.table for kept in self.kept)

    @property
    def stands(self) -> frozenset[TableName]:
        """The tables whose rows are not drawn: those that stay, and those that the model holds."""
        return self.keeps.union(self.carried)

    def written(self, tree: int, shard: int) -> int:
        """Rows to write in a shard."""
        found = zip(self.trees[tree].tables, self.trees[tree].layouts, strict=True)
        return sum(layout.rows[shard] for name, layout in found if name not in self.keeps)

    @property
    def whole(self) -> frozenset[TableName]:
        """The tables all of whose rows lie in one shard."""
        return _whole(self.trees)

    def layout(self, table: TableName) -> KeyLayout:
        """The rows of a table; KeyError where the plan has no such table."""
        tree, place = self._places[table]
        return self.trees[tree].layouts[place]

    def before(self, table: TableName) -> int:
        """How many rows of a table were there before others were added; 0 where none were."""
        if not self.added:
            return 0
        return sum(self.layout(table).rows[: self.added[-1].shards[self.tree(table)]])

    def begun(self, table: TableName) -> int:
        """How many rows of a table the first load has."""
        shards = self.added[0].shards[self.tree(table)] if self.added else None
        return sum(self.layout(table).rows[:shards])

    def tree(self, table: TableName) -> int:
        """The number of the tree that holds a table."""
        return self._places[table][0]

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
        WrongRequest: a wrong scale, table or day, or a scenario that no rows can enact.
    """
    check(model, request)
    carried = checked_carried(model, request, kept, hand_made)
    there, fixed = _rows_of(kept), _rows_of(hand_made)
    order = {name: place for place, name in enumerate(load_order(model.schema))}
    found = sorted(drawn_trees(model), key=lambda tree: order[tree[0]])
    planned = tuple(_tree(model, tables, request, there, fixed) for tables in found)
    layouts = {n: lay for t in planned for n, lay in zip(t.tables, t.layouts, strict=True)}
    shift, resting = shift_to(model, request.as_of, _resting(model, carried).union(there))
    rows = {n: lay.total for n, lay in layouts.items()}
    check_apart(model, request, shift, hand_made)
    asked = quotas(model, request.scenarios, rows)
    short = shortages(model, layouts, request.empty, frozenset(there))
    found_all = (*short, *resting, *hopeless(model, asked, rows), *_travelling(model, carried))
    findings = acknowledged(found_all, request.acknowledged)
    return Plan(
        model_fingerprint,
        request.seed,
        request.scale,
        planned,
        (*findings, *_remarks(model, request, findings)),
        sum(rows[n] * _row_bytes(model.schema.table(n)) for n in rows.keys() - there.keys()),
        tuple(sorted(request.fire)),
        tuple(sorted(request.acknowledged)),
        kept,
        shift,
        hand_made,
        asked,
        request.edge_cases,
        carried,
        taken(model.attacked, request.accept_risk),
    )


def _resting(model: DatabaseModel, carried: tuple[TableName, ...]) -> frozenset[TableName]:
    """The carried tables whose times stay, too: they are what they are in the source."""
    return frozenset(name for name in carried if model.carried[name].mode == "copy")


def _travelling(model: DatabaseModel, carried: tuple[TableName, ...]) -> Iterator[Finding]:
    """What is not drawn, but as it was in the source."""
    for name in carried:
        one = model.carried[name]
        text = f"{one.count} rows of the source travel in the file as they are, declared public"
        if one.masks is not None:
            text = f"{one.count} rows of the source travel in the file, {len(one.masks)} of their "
            text += "columns masked"
        yield Finding(one.mode, Severity.NOTE, str(name), text)


def _rows_of(given: Iterable[Kept | HandMade]) -> Mapping[TableName, int]:
    return {one.table: one.rows for one in given}


def _remarks(
    model: DatabaseModel, request: Request, findings: tuple[Finding, ...]
) -> Iterator[Finding]:
    """What no hash acknowledges."""
    yield from unmatched(findings, request.acknowledged, _LATER)
    yield from risks(model.attacked, request.accept_risk)


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
    if any(model.tables[name].unit is not None for name in tree):
        return False
    inside = frozenset(tree)
    outside = (r for name, m in model.tables.items() if name not in inside for r in m.references)
    return any(r.key.parent in inside for r in outside)


def most_children(
    model: DatabaseModel, child: TableName, rows: Mapping[TableName, int]
) -> int | None:
    """The most rows of a table under one owner that its unique keys allow; None for any number."""
    table, fitted = model.schema.table(child), model.tables[child]
    rules = keeper(table, callable_functions(model.schema))
    found = [room_under_owner(table, fitted, unique, rows, rules) for unique in table.uniques]
    return min((most for most in found if most is not None), default=None)


def whole_as_learned(model: DatabaseModel) -> frozenset[TableName]:
    """The tables all of whose rows lie in one shard where as many are drawn as were learned."""
    found = drawn_trees(model)
    return _whole(_tree(model, tables, Request(), {}, {}) for tables in found)


def _whole(planned: Iterable[TreePlan]) -> frozenset[TableName]:
    return frozenset(name for tree in planned if tree.shards == 1 for name in tree.tables)


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
    drawn = [n for n in tables if n not in model.carried]
    if shards > 1 and not all(is_apart(model, n, read.get(n, frozenset())) for n in drawn):
        shards = 1
    if fixed.get(tables[0], 0) * shards > totals[tables[0]]:
        shards = 1
    layouts: dict[TableName, KeyLayout] = {}
    for name in tables:
        key = model.owners.get(name)
        weights = [1.0] * shards if key is None else [float(r) for r in layouts[key.parent].rows]
        layouts[name] = KeyLayout(tuple(int(n) for n in spread(totals[name], weights)))
    return TreePlan(tables, tuple(layouts[name] for name in tables))


def is_apart(model: DatabaseModel, name: TableName, read: frozenset[str] = frozenset()) -> bool:
    """Whether rows of a table may be drawn in several shards that know nothing of each other.

    `read` are the columns that scenarios read.
    """
    return _keeps_apart(model, name) and _is_alone(model, name, read)


def _is_alone(model: DatabaseModel, name: TableName, read: frozenset[str]) -> bool:
    """Whether a shard alone can keep every unique key of plain columns.

    `read` are the columns that scenarios read.
    """
    table = model.schema.table(name)
    rules = keeper(table, callable_functions(model.schema)).rules
    ruled = read.union(*(rule.columns for rule in rules))
    plain = [u for u in table.uniques if u.columns and not u.expressions and u.predicate is None]
    return all(is_local(table, model.tables[name], unique, ruled) for unique in plain)


def _keeps_apart(model: DatabaseModel, name: TableName) -> bool:
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
    """Rows of a tree's tables; under a kept table, as many per kept row as were learned.

    A carried table has its rows; what it owns is scaled.
    """
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
        if name in model.carried:
            totals[name] = model.carried[name].count
            factors[name] = factor * totals[name] / max(1, rows)
            continue
        if key is not None:
            factors[name] = factors[key.parent]
        totals[name] = max(round(rows * factors[name]), 1 if rows and factors[name] else 0)
        if name in request.empty or (key is not None and not totals[key.parent]):
            totals[name] = 0
    return totals


def _row_bytes(table: Table) -> int:
    return _ROW_BYTES + sum(_BYTES.get(c.datatype.kind, _OTHER_BYTES) for c in table.written)
