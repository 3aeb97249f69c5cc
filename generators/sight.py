"""What can be seen of other rows while a shard is drawn, and which rules are out of sight."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.graph import reached
from connectors.invariants import Invariant, foreign_key
from connectors.schema import TableName
from generators.companions import Companion
from generators.model import DatabaseModel
from generators.relations.references import Mode

Node = tuple[TableName, str]
_MOST_LOOKED_AT = 250_000
"""Rows of a table among which those of another choose."""
BELOW = ("<-",)
"""The path of a term that is a column of the rows that the rule's key leads here from."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known when steps are placed.

    Attributes:
        model: the rules, and how rows are drawn.
        whole: the tables that are drawn at once.
        single: the columns whose values differ by how references are drawn.
        above: the tables that keys of each table lead to.
        near: the other times of a row that each time stays close to.
        beside: how rules of whose rows stand beside whose are kept, by the rules' identity.
        still: the tables whose rows stay as they are drawn.
        waiting: rules, by number, that rows below cannot take over.
        ending: whether all else is placed, so that bounds may move what nothing else reads.
        vast: the tables with too many rows for each worker to draw them all.
        unready: columns that are drawn once the keys of all tables are known.
    """

    model: DatabaseModel
    whole: frozenset[TableName]
    single: frozenset[Node]
    above: Mapping[TableName, frozenset[TableName]]
    near: Mapping[Node, frozenset[str]]
    beside: Mapping[int, Companion]
    still: frozenset[TableName] = frozenset()
    waiting: frozenset[int] = frozenset()
    ending: bool = False
    vast: frozenset[TableName] = frozenset()
    unready: frozenset[Node] = frozenset()


def vast_tables(rows: Mapping[TableName, int]) -> frozenset[TableName]:
    """The tables with too many rows for each worker to draw them all."""
    return frozenset(name for name, count in rows.items() if count > _MOST_LOOKED_AT)


def out_of_sight(sight: Sight, rule: Invariant) -> str | None:
    """Why rows of a shard do not tell whether a rule holds; None where they do."""
    model = sight.model
    owner = model.owners.get(rule.table)
    together = rule.key is not None and rule.key[0] == rule.table and rule.table in sight.whole
    if rule.key is not None and not together:
        child = model.owners.get(rule.key[0])
        if child is None or child.name != rule.key[1]:
            return f"rows that share a parent by {rule.key[1]} may lie in several shards"
    if rule.key is None and rule.other is None and rule.beside and rule.table not in sight.whole:
        return f"rows that share {', '.join(rule.beside)} may lie in several shards"
    if asks_children(model, rule):
        return None
    if rule.other is not None and rule.table in _needed_by(sight, rule.other[0]):
        return f"rows of {rule.other[0]} wait for those of {rule.table}"
    for path in {t.keys for t in rule.terms if t.keys and t.keys != BELOW}:
        key = foreign_key(model.schema, rule.table, path)
        near = owner is not None and key.name == owner.name
        near |= any(
            r.key.name == key.name and r.mode is Mode.ANCESTOR
            for r in model.tables[rule.table].references
        )
        if not near and rule.table in _needed_by(sight, key.parent):
            return f"rows of {key.parent} wait for those of {rule.table}"
    return None


def asks_children(model: DatabaseModel, rule: Invariant) -> bool:
    """Whether rows hold what one of the rows that they own does: the department of a membership."""
    if rule.kind != "among" or rule.other is None or any(term.keys for term in rule.terms):
        return False
    owner, columns = model.owners.get(rule.other[0]), (rule.other[1], *rule.beside)
    pairs = {(t.column, column) for t, column in zip(rule.terms, columns, strict=True)}
    if owner is None or owner.parent != rule.table or len(pairs) != len(owner.columns) + 1:
        return False
    return {*zip(owner.parent_columns, owner.columns, strict=True)} <= pairs


def looks(model: DatabaseModel, rule: Invariant) -> bool:
    """Whether rows look at those of a table that no key of theirs leads to, all of them drawn."""
    if rule.other is None or rule.kind not in ("among", "inclusion"):
        return False
    table, column = rule.other
    known = table in model.carried or column in model.tables[table].keys
    return not asks_children(model, rule) and (rule.kind == "among" or not known)


def looks_in_a_ring(sight: Sight, rule: Invariant, looking: Iterable[Invariant]) -> bool:
    """Whether rows that look at those of another table would have to be drawn before these.

    Args:
        sight: what is known.
        rule: says that rows look at others.
        looking: the rules by which rows look at others already.
    """
    edges = {name: {*above} for name, above in sight.above.items()}
    for one in sight.beside.values():
        edges[one.table].add(one.other)
    for name, table in sight.model.tables.items():
        if table.history is not None and table.history.beat is not None:
            edges[name].add(table.history.beat)
        for child, measure in table.beside.items():
            edges[child].add(measure.table)
    for other in looking:
        edges[other.table].update([] if other.other is None else other.other[:1])
    return rule.other is not None and rule.table in reached(edges, rule.other[0])


def out_of_turn(model: DatabaseModel, rule: Invariant) -> str | None:
    """Why a whole table's course would undo when things happen to an owner; None where not.

    Siblings are numbered one after the other: were all rows in the order of their numbers, all that
    an owner ever does would happen at once, and long before or after the owner's own days.
    """
    if rule.kind != "running" or rule.key is not None or rule.table not in model.owners:
        return None
    return f"rows are numbered by their owners, whose days say what {rule.terms[0]} may be"


def steps_up(model: DatabaseModel) -> Mapping[TableName, frozenset[TableName]]:
    """Per table those that its keys lead to."""
    return {t.name: frozenset(f.parent for f in t.foreign_keys) for t in model.schema.tables}


def _needed_by(sight: Sight, name: TableName) -> frozenset[TableName]:
    """The tables whose rows may have to be known to draw those of one: all that keys lead to."""
    return reached(sight.above, name) | {name}
