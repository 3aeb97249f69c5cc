"""Which keys of several columns say when and where a row belongs, so that they are learned."""

from connectors.graph import reached
from connectors.schema import ForeignKey, Table, TableName
from generators.facts import Facts, stored
from generators.relations.clocks import tells_when
from generators.relations.references import Mode


def natural_keys(facts: Facts, table: Table) -> tuple[ForeignKey, ...]:
    """The keys whose columns are learned as if no key held them: the team and the year of a season.

    A row in order behind its siblings says most of what it leads to by its own time. So are keys
    of several columns that no other key shares, one of which is a time; none of them is null, and
    none of them alone tells rows of the parent apart, as numbers do that somebody gave out. All
    lead to a row, whose table needs none of these rows to be drawn before.
    """
    found = facts.references.get(table.name, ())
    return tuple(
        r.key for r in found if r.mode is Mode.CLUSTER and _is_natural(facts, table, r.key)
    )


def _is_natural(facts: Facts, table: Table, key: ForeignKey) -> bool:
    owner = facts.owners.get(table.name)
    if owner is None or len(key.columns) < 2 or key.parent in facts.source.masked:
        return False
    if _is_on_ring(facts, table.name, key.parent) or _leads_astray(facts, key):
        return False
    others = {c for f in table.foreign_keys if f != key for c in f.columns}
    columns = [table.column(c) for c in key.columns]
    nulls = facts.source.profile.tables[table.name].columns
    if others & set(key.columns) or any(nulls[c].null_frac > 0 for c in key.columns):
        return False
    parent = facts.source.schema.table(key.parent)
    alone = {u.columns[0] for u in parent.uniques if len(u.columns) == 1}
    given = {c for f in parent.foreign_keys for c in f.columns}
    if (alone | given) & set(key.parent_columns):
        return False
    training = facts.source.training[table.name]
    return any(tells_when(column, stored(training, column.name)) for column in columns)


def _is_on_ring(facts: Facts, name: TableName, parent: TableName) -> bool:
    """Whether keys lead back from a parent to the table."""
    steps = {t.name: [f.parent for f in t.foreign_keys] for t in facts.source.schema.tables}
    return parent == name or name in reached(steps, parent)


def _leads_astray(facts: Facts, key: ForeignKey) -> bool:
    """Whether some values of a key lead nowhere, or shall."""
    return bool(facts.source.profile.fan_out(key).dangling or key.dangling)
