"""Tables of one owner whose rows stand beside each other: who pitched that year has batted, too.

Of two such tables one is drawn before the other. Rows of the later one choose each a row of the
earlier one, where that is the wider one. Else the later one has a row for each row of the earlier
one, which *asks* for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.graph import reached
from connectors.invariants import Invariant
from connectors.schema import ForeignKey, Table, TableName
from generators.found import Found
from generators.model import DatabaseModel
from generators.relations.owners import trees
from generators.relations.references import Mode

Trees = tuple[tuple[TableName, ...], ...]


@dataclass(frozen=True, slots=True)
class Companion:
    """A rule that keys of a table's rows are those of an earlier table's under the same owner.

    Attributes:
        table: the table that is drawn later.
        other: the one that is drawn before.
        pairs: columns of the later table, each with one of the other; the owner's left out.
        asks: whether each row of the other table asks for one, and not each row chooses one there.
        owner: the columns of the later table's key to the owner.
    """

    table: TableName
    other: TableName
    pairs: tuple[tuple[str, str], ...]
    asks: bool
    owner: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the later table."""
        return tuple(own for own, _ in self.pairs)

    @property
    def inside(self) -> tuple[TableName, TableName]:
        """The table whose rows' keys are those of rows of the other one, and that one."""
        return (self.other, self.table) if self.asks else (self.table, self.other)

    @property
    def inclusion(self) -> frozenset[tuple[str, str]]:
        """The pairs, in the order of `inside`."""
        return frozenset((pair[1], pair[0]) if self.asks else pair for pair in self.pairs)


def companions(
    model: DatabaseModel, unkept: Iterable[Found] = ()
) -> Mapping[TableName, tuple[Companion, ...]]:
    """What earlier tables have to say of each table, that of most columns first.

    Without rules that are kept in part alone: rows that are drawn well would go from table to table
    for them, and a player from team to team.
    """
    found: dict[TableName, list[Companion]] = {}
    doubted = {id(one) for one in unkept}
    for invariant, one in paired(model):
        if id(invariant) not in doubted:
            found.setdefault(one.table, []).append(one)
    return {name: tuple(sorted(f, key=lambda c: -len(c.pairs))) for name, f in found.items()}


def chosen_columns(
    model: DatabaseModel, unkept: Iterable[Found]
) -> frozenset[tuple[TableName, str]]:
    """The columns that rows take over from one that they choose, by table."""
    found = list[tuple[TableName, str]]()
    for name, several in companions(model, unkept).items():
        first = next((c for c in several if not c.asks and c.pairs), None)
        found += [] if first is None else [(name, c) for c in first.columns]
    return frozenset(found)


def paired(model: DatabaseModel) -> tuple[tuple[Found, Companion], ...]:
    """Each rule that is kept while rows are drawn, and how."""
    places = {name: n for tree in drawn_trees(model) for n, name in enumerate(tree)}
    found = list[tuple[Found, Companion]]()
    for invariant in model.invariants:
        beside = _beside(invariant.rule)
        if beside is not None:
            asks = places[invariant.rule.table] < places[beside]
            one = _companion(model, invariant.rule, asks=asks)
            found += [] if one is None else [(invariant, one)]
    return tuple(found)


def apart(model: DatabaseModel, one: Companion) -> tuple[frozenset[str], ...]:
    """Columns in all of which no two rows of an owner are equal, some of them taken over.

    Of sets that hold others, these alone.
    """
    owner = {*one.owner}
    declared = (u.columns for u in model.schema.table(one.table).uniques if u.whole)
    rules = (f.rule for f in model.invariants if f.rule.table == one.table and not f.rule.relaxed)
    found = (r.columns for r in rules if r.kind == "unique" and r.form == "unique")
    sets = {frozenset(columns) - owner for columns in (*declared, *found) if owner <= {*columns}}
    some = [columns for columns in sets if columns & {*one.columns}]
    least = [a for a in some if not any(b < a for b in some)]
    return tuple(sorted(least, key=lambda a: (len(a - {*one.columns}), sorted(a))))


def differs_by_choice(rule: Invariant, known: Iterable[Companion]) -> Companion | None:
    """The choice by which rows differ in some columns, if all of these are taken over by it.

    No two rows of an owner choose what is equal in them.
    """
    if rule.kind != "unique" or rule.relaxed or rule.form != "unique":
        return None
    some = [c for c in known if c.table == rule.table and not c.asks and c.pairs]
    first = max(some, key=lambda c: len(c.pairs), default=None)
    if first is None or not {*rule.columns} & {*first.columns}:
        return None
    return first if {*rule.columns} <= {*first.owner, *first.columns} else None


def drawn_trees(model: DatabaseModel) -> Trees:
    """The tables of each tree in the order in which they are drawn, parents before children.

    A table comes behind those whose rows its own stand beside, so that it chooses among them and
    moves none. Else, and where two are beside each other, the one with fewer rows comes first.
    """
    found = trees(model.schema, model.owners, model.rows)
    before: dict[TableName, set[TableName]] = {
        name: {*_needed(model, name)} for name in model.tables
    }
    wider = ((f.rule.table, _chosen_from(model, f.rule)) for f in model.invariants)
    pairs = dict.fromkeys((name, other) for name, other in wider if other is not None)
    for name, other in sorted(pairs, key=lambda pair: (-model.rows[pair[1]], pair)):
        if name not in reached(before, other):
            before[name].add(other)
    return tuple(tuple(_in_order(tree, before)) for tree in found)


def _needed(model: DatabaseModel, name: TableName) -> Iterator[TableName]:
    """The tables of its tree that a table's rows are drawn given."""
    history, owner = model.tables[name].history, model.owners.get(name)
    if history is not None and history.beat is not None:
        yield history.beat
    if owner is not None:
        yield owner.parent
        if (measure := model.tables[owner.parent].beside.get(name)) is not None:
            yield measure.table


def _chosen_from(model: DatabaseModel, rule: Invariant) -> TableName | None:
    """The table among whose rows those of a rule's table may choose; None for other rules."""
    beside = _beside(rule)
    if beside is None or _companion(model, rule, asks=False) is None:
        return None
    return beside


def _in_order(
    tree: tuple[TableName, ...], before: Mapping[TableName, set[TableName]]
) -> Iterator[TableName]:
    """The tables of a tree, each behind those that come before it, else as they stand."""
    left = [*tree]
    while left:
        name = next(n for n in left if before[n].isdisjoint(left))
        left.remove(name)
        yield name


def _beside(rule: Invariant) -> TableName | None:
    """The other table of a rule that says beside whose rows those of a table stand."""
    if rule.kind != "among" or rule.other is None or rule.relaxed:
        return None
    beside = rule.other[0]
    return None if any(term.keys for term in rule.terms) or rule.table == beside else beside


def _companion(model: DatabaseModel, rule: Invariant, *, asks: bool) -> Companion | None:
    """How a rule is kept while rows are drawn; None where it cannot be."""
    if rule.other is None:
        return None
    beside, columns = rule.other[0], (rule.other[1], *rule.beside)
    pairs = [(t.column, column) for t, column in zip(rule.terms, columns, strict=True)]
    later, other = (beside, rule.table) if asks else (rule.table, beside)
    turned = [(two, one) if asks else (one, two) for one, two in pairs]
    owned = _owned(model, later, other)
    if not owned or not owned <= {*turned}:
        return None
    key = model.owners[later].columns
    found = Companion(later, other, tuple(p for p in turned if p not in owned), asks, key)
    return found if _may_be_set(model, found) else None


def _owned(model: DatabaseModel, later: TableName, other: TableName) -> set[tuple[str, str]]:
    """The columns by which rows of two tables belong to one owner; nothing where none does."""
    here, there = model.owners.get(later), model.owners.get(other)
    if here is None or there is None or here.parent != there.parent:
        return set()
    ours, theirs = _columns(here), _columns(there)
    return {(ours[p], theirs[p]) for p in ours} if ours.keys() == theirs.keys() else set()


def _columns(key: ForeignKey) -> Mapping[str, str]:
    """The columns of a key by those that they lead to."""
    return dict(zip(key.parent_columns, key.columns, strict=True))


def _may_be_set(model: DatabaseModel, found: Companion) -> bool:
    """Whether rows may take over keys as they are: whole ones, to which nothing else leads."""
    table, fitted = model.schema.table(found.table), model.tables[found.table]
    free = {f.column.name for f in fitted.columns if f.generator.reserved is None}
    free |= {c for r in fitted.references if r.mode is Mode.CLUSTER for c in r.key.columns}
    free -= model.schema.referenced(found.table) | table.typed_columns
    return set(found.columns) <= free and all(
        _is_whole(model, found, k) for k in _keys(table, found)
    )


def _keys(table: Table, found: Companion) -> Iterator[ForeignKey]:
    """The keys that some of the columns are part of."""
    return (key for key in table.foreign_keys if set(key.columns) & set(found.columns))


def _is_whole(model: DatabaseModel, found: Companion, key: ForeignKey) -> bool:
    """Whether all columns of a key are taken over from a key to the same rows."""
    pairs = dict(found.pairs)
    taken = {parent: pairs.get(own) for parent, own in _columns(key).items()}
    others = model.schema.table(found.other).foreign_keys
    return any(other.parent == key.parent and _columns(other) == taken for other in others)
