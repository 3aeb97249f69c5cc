"""Which foreign key of a table is its owner: the one whose parent its rows are drawn under.

Owner keys form trees. A root with all of its descendants is generated as one, so the choice
decides which rules are local, what stays together, and what a shard is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.graph import reached
from connectors.limits import orders
from connectors.profile import ForeignKeyProfile, Profile, UnitPath
from connectors.rules import Scope
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.privacy.support import Support
from generators.relations.dangling import dangling_share

Owners = Mapping[TableName, ForeignKey]

_WIDEST = 2000.0
"""Children per parent above which a parent is a category of its children, not their owner."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    key: ForeignKey
    profile: ForeignKeyProfile
    depth: int
    in_unique: bool

    @property
    def rank(self) -> tuple[object, ...]:
        """Sorts the best first: nearest to the unit's leaves, part of a key, few children."""
        fan_out = self.profile.children / max(1, self.profile.parents_with_children)
        return (-self.depth, not self.in_unique, fan_out, self.key.name)


def choose_owners(
    schema: Schema,
    profile: Profile,
    paths: Mapping[TableName, UnitPath],
    k: int,
    carried: tuple[frozenset[TableName], frozenset[TableName]] = (frozenset(), frozenset()),
) -> Owners:
    """The owner key of each table that has one.

    A unit's table is a root. A key qualifies when every row has a parent, at least k parents
    have children, parents are entities rather than categories, and no check wants the key to come
    before or after another one. No row is drawn under one
    whose own key is made of the row's. Of the tables carried, which are copied or masked, none has
    an owner, since its rows are there, and a copied one owns nothing: which of its rows another
    one refers to is learned row by row.
    """
    copied, masked = carried
    support, made = Support(k), _made_of(schema)
    owners: dict[TableName, ForeignKey] = {}
    for table in sorted(schema.tables, key=lambda t: t.name):
        if paths[table.name].unit == table.name or table.name in copied | masked:
            continue
        for candidate in sorted(_candidates(table, profile, paths, support), key=lambda c: c.rank):
            above = candidate.key.parent
            if above in copied:
                continue
            if table.name not in made[above] and table.name not in ancestors(above, owners):
                owners[table.name] = candidate.key
                break
    return owners


def is_own(schema: Schema, key: ForeignKey, column: str, parent: str) -> bool:
    """Whether a key's column is the child's own, since the parent took it from the child.

    So is one that references itself, and the tenant's number in a key to its main project.
    """
    if key.self_reference or len(key.columns) == 1:
        return key.self_reference and column == parent
    return any(
        back.parent == key.table and pair == (parent, column)
        for back in schema.table(key.parent).foreign_keys
        for pair in zip(back.columns, back.parent_columns, strict=True)
    )


def ancestors(table: TableName, owners: Owners) -> tuple[TableName, ...]:
    """The table, its owner's table, that one's owner's table, and so on up to the root."""
    line = [table]
    while line[-1] in owners:
        line.append(owners[line[-1]].parent)
    return tuple(line)


def trees(
    schema: Schema, owners: Owners, rows: Mapping[TableName, int]
) -> tuple[tuple[TableName, ...], ...]:
    """The tables of each tree, root first and every parent before its children.

    Of tables at one depth those of fewer rows come first, so that others can have them as a beat.
    """
    names = [t.name for t in schema.tables]
    by_root: dict[TableName, list[TableName]] = {n: [] for n in names if n not in owners}
    for name in sorted(names, key=lambda n: (len(ancestors(n, owners)), rows[n], n)):
        by_root[ancestors(name, owners)[-1]].append(name)
    return tuple(tuple(tree) for _, tree in sorted(by_root.items()))


def _made_of(schema: Schema) -> Mapping[TableName, frozenset[TableName]]:
    """Per table those whose keys its own referenced columns are made of, and theirs, and so on."""
    referenced = {(f.parent, c) for f in schema.foreign_keys for c in f.parent_columns}
    edges: dict[TableName, set[TableName]] = {t.name: set() for t in schema.tables}
    for key in schema.foreign_keys:
        for column, parent in zip(key.columns, key.parent_columns, strict=True):
            if (key.table, column) in referenced and not is_own(schema, key, column, parent):
                edges[key.table].add(key.parent)
    return {name: reached(edges, name) for name in edges}


def _candidates(
    table: Table, profile: Profile, paths: Mapping[TableName, UnitPath], support: Support
) -> list[_Candidate]:
    nulls = profile.tables[table.name].columns
    found = []
    for key in table.foreign_keys:
        fan_out = profile.fan_out(key)
        if key.self_reference or any(nulls[c].null_frac > 0 for c in key.columns):
            continue
        if fan_out.parents_with_children < support.k:
            continue
        if dangling_share(key, fan_out, support).value > 0:
            continue
        if fan_out.children > _WIDEST * fan_out.parents_with_children:
            continue
        if _is_ordered(table, key):
            continue
        found.append(_Candidate(key, fan_out, _depth(table, key, paths), _in_unique(table, key)))
    return found


def _is_ordered(table: Table, key: ForeignKey) -> bool:
    """Whether a check puts this key and another one in order, so that both must be free."""
    others = {c for f in table.foreign_keys if f != key for c in f.columns} - set(key.columns)
    pairs = (p for c in table.checks for p in orders(c.sql, Scope(table)))
    return any(
        {one in key.columns, two in key.columns} == {True, False}
        and {one, two} - set(key.columns) <= others
        for one, two in pairs
    )


def _depth(table: Table, key: ForeignKey, paths: Mapping[TableName, UnitPath]) -> int:
    """Steps from the table to its unit through this key; 0 where the key does not lead there."""
    unit, above = paths[table.name].unit, paths[key.parent]
    return 1 + len(above.keys) if unit is not None and above.unit == unit else 0


def _in_unique(table: Table, key: ForeignKey) -> bool:
    return any(set(key.columns) <= set(u.columns) for u in table.uniques)
