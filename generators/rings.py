"""Foreign keys that wait for others, or that have to reach every row of their parent.

Keys made of other keys are no function of a row's index, so that knowing them means drawing their
table. Where that table's rows in turn refer back, neither could be first; but only a reference
that is part of a key decides keys. All others on the ring can wait.
"""

from collections.abc import Iterable, Mapping

from connectors.graph import reached
from connectors.schema import ForeignKey, Table, TableName
from generators.model import DatabaseModel
from generators.relations.references import Mode, Reference


def late_references(model: DatabaseModel) -> Mapping[TableName, frozenset[str]]:
    """The names of each table's references that can be drawn only after its keys are known."""
    edges = {name: _needs(model, name, _drawn(model, name)) for name in model.tables}
    ends = {name: reached(edges, name) for name in model.tables}
    return {
        name: frozenset(
            reference.key.name
            for reference in _drawn(model, name)
            if not _is_key_part(model, reference)
            and reference.key.parent in edges[name]
            and name in ends[reference.key.parent]
        )
        for name in model.tables
    }


def unready_columns(model: DatabaseModel) -> frozenset[tuple[TableName, str]]:
    """The columns, by table, of references that are drawn once the keys of all tables are known."""
    late = late_references(model).items()
    keys = (model.foreign_key(name, key) for name, names in late for key in names)
    return frozenset((key.table, column) for key in keys for column in key.columns)


def endless_keys(model: DatabaseModel) -> tuple[TableName, ...]:
    """Tables whose keys depend on themselves even when all that can wait does."""
    late = late_references(model)
    edges = {
        name: _needs(model, name, [r for r in _drawn(model, name) if r.key.name not in late[name]])
        for name in model.tables
    }
    return tuple(name for name in sorted(edges) if name in reached(edges, name))


def covering_keys(model: DatabaseModel) -> frozenset[tuple[TableName, str]]:
    """Foreign keys, by table and name, that must lead to every row of their parent.

    They are those of a child of which each parent row needs one: its own key holds the column
    that the child took from it, and what else it holds may not be null. A child whose referenced
    key does not hold all that it took may be another row's, so that not every row needs its own.
    """
    return frozenset(
        (back.table, back.name)
        for table in model.schema.tables
        for key in table.foreign_keys
        for back in model.schema.table(key.parent).foreign_keys
        if back.parent == key.table and not key.self_reference and _needs_a_child(table, key, back)
        if set(back.columns) <= set(key.parent_columns) and back.table not in model.carried
    )


def wanted_keys(model: DatabaseModel) -> frozenset[tuple[TableName, str]]:
    """Foreign keys that lead to every row of their parent by rules that nobody declared."""
    return frozenset(
        found.rule.key
        for found in model.invariants
        if found.rule.kind == "cardinality"
        and found.rule.form in ("at least one", "exactly one")
        and found.rule.key is not None
        and not found.rule.relaxed
    )


def _needs_a_child(table: Table, key: ForeignKey, back: ForeignKey) -> bool:
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    taken = set(zip(back.parent_columns, back.columns, strict=True))
    rest = [column for column, parent in pairs if (column, parent) not in taken]
    return len(rest) < len(pairs) and not any(table.column(c).nullable for c in rest)


def _drawn(model: DatabaseModel, name: TableName) -> list[Reference]:
    """The references whose values come from a table that is not drawn beside this one."""
    if name in model.carried:
        return []
    modes = (Mode.CLUSTER, Mode.UNIQUE)
    return [r for r in model.tables[name].references if r.mode in modes]


def _needs(
    model: DatabaseModel, name: TableName, references: Iterable[Reference]
) -> frozenset[TableName]:
    """The tables that must be drawn before this one: its owner, and those with made keys."""
    found = {r.key.parent for r in references if _is_made(model, r)}
    owner = model.owners.get(name)
    return frozenset(found if owner is None else {*found, owner.parent})


def _is_made(model: DatabaseModel, reference: Reference) -> bool:
    """Whether a referenced key is no function of its row's index."""
    parent = reference.key.parent
    known = parent in model.carried or set(reference.key.parent_columns) <= set(
        model.tables[parent].keys
    )
    return not known


def _is_key_part(model: DatabaseModel, reference: Reference) -> bool:
    """Whether other tables, or its own, reference columns that the reference alone fills."""
    needed = model.schema.referenced(reference.key.table)
    fitted = model.tables[reference.key.table]
    own = {*fitted.keys, *(f.column.name for f in fitted.columns)}
    return bool(needed.intersection(reference.key.columns) - own)
