"""The columns that may be set to keep a rule, the best first."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from connectors.invariants import Invariant, foreign_key, key_named
from connectors.schema import TableName
from generators.conflicts import COURSES, clock_of
from generators.found import Found
from generators.invariants import Part
from generators.model import DatabaseModel
from generators.placed import Placed, sources
from generators.relations.references import Mode
from generators.sight import Node, Sight, looks, looks_in_a_ring
from generators.steps import part_of

_CHOOSE_KEYS = frozenset({"among", "dependency", "equality", "unique"})
"""Kinds that give a foreign key no other values than keys."""
_HANDED_DOWN = frozenset({"latest"})
"""Aggregates that a child can take over from its parent, so that the parent waits for none."""
_FEW_KEYS = 8
"""Keys that tell whether they ascend with the rows."""


def best_first(sight: Sight, found: Found, number: int, placed: Placed) -> list[Node]:
    """The targets that may be set; what orders siblings is computed only where nothing else can be.

    Bounds keep their order, so that most of them push the same way; lags push no way.
    """
    model, rule = sight.model, found.rule
    free = settable(model, rule, rule.table)
    bound = found.kind.part is Part.BOUNDS and rule.kind != "lag"
    last = None if bound else clock_of(model, rule.table)
    own = sorted((t for t in found.kind.targets(rule) if t in free), key=lambda t: t == last)
    if rule.kind == "among":  # which values of others' rows no row has is known of all alone
        own = [t for t in own if _may_choose(sight, rule, t)]
    below = () if number in sight.waiting else _taking_over(model, rule)
    listed = ((rule.table, column) for column in (*own, *_choosing(sight, rule, placed)))
    return [*below, *_numbering(model, rule), *listed]


def _may_choose(sight: Sight, rule: Invariant, column: str) -> bool:
    """Whether rows can choose what a column holds, and go on to differ where they do."""
    if any(one.table == rule.table and column in one.columns for one in sight.beside.values()):
        return False
    alone = (rule.table, column) in sight.single
    return not alone or (len(rule.terms) == 1 and rule.table in sight.whole)


def unseen(sight: Sight, rule: Invariant, placed: Placed) -> str | None:
    """Why rows cannot look at those of another table; None where they can or do not."""
    model, other = sight.model, rule.other
    if other is None or not looks(model, rule):
        return None
    looking = (step.found.rule for step in placed.accepted)
    if looks_in_a_ring(sight, rule, (r for r in looking if looks(model, r))):
        return f"rows of {other[0]} wait for those of {rule.table}"
    return _unknown(sight, rule, other[0]) if rule.kind == "among" else None


def _unknown(sight: Sight, rule: Invariant, other: TableName) -> str | None:
    """Why rows of another table are not known in every shard; None where they are."""
    if other in sight.vast:
        return f"{other} has too many rows to be looked at in every shard"
    if {rule.table, other} <= sight.still:
        return f"rows of {other} that are there are not drawn again"
    columns = (rule.other[1], *rule.beside) if rule.other else ()
    if not sight.unready.isdisjoint((other, column) for column in columns):
        return f"keys of {other} are drawn once those of all tables are known"
    return None


def settable(model: DatabaseModel, rule: Invariant, name: TableName) -> set[str]:
    """The columns of a table that may be set to keep a rule."""
    # Contacts stay inside the space reserved for invented ones: they are drawn again, not set.
    again, columns = rule.kind == "unique", model.tables[name].columns
    learned = {f.column.name for f in columns if again or f.generator.reserved is None}
    if rule.kind in _CHOOSE_KEYS:
        learned |= chosen_keys(model, name)
    learned -= {c for r in model.tables[name].natural for c in r.key.columns}
    if rule.kind == "among":  # nobody says that enough is left to choose from
        learned -= {c for u in model.schema.table(name).uniques for c in u.columns}
    return learned - model.schema.referenced(name) - model.schema.table(name).typed_columns


def _taking_over(model: DatabaseModel, rule: Invariant) -> Iterator[Node]:
    """The column of the rows below that may take over what their owner says of one of them."""
    if rule.kind != "aggregate" or rule.form not in _HANDED_DOWN or rule.key is None:
        return
    name, column = rule.key[0], rule.terms[1].column
    owner = model.owners.get(name)
    if owner is None or owner.name != rule.key[1] or column == clock_of(model, name):
        return
    told = any(_tells(f, name, column) for f in model.invariants)
    if column in settable(model, rule, name) and not told:
        yield name, column


def _choosing(sight: Sight, rule: Invariant, placed: Placed) -> Iterator[str]:
    """The references of which another row may be chosen, where nothing else can be set.

    Where all that tells a value may be lent as well, rows that break the rule borrow.
    """
    model = sight.model
    chosen = chosen_keys(model, rule.table) & settable(model, rule, rule.table)
    if rule.kind == "equality" and rule.form != "is":
        for path in (term.keys for term in rule.terms if term.keys):
            columns = key_named(model.schema.table(rule.table), path[0]).columns
            yield from (c for c in columns if c in chosen and _are_ready(sight, rule, path))
    elif rule.kind == "dependency" and len(rule.terms) == 2:
        *given, last = ((rule.table, term.column) for term in rule.terms)
        lent = {(rule.table, column) for column in settable(model, rule, rule.table)}
        if not sources(last, placed) <= lent:
            yield from (column for _, column in given if column in chosen)
    elif rule.kind == "presence":
        held = chosen_keys(model, rule.table) - model.schema.referenced(rule.table)
        held -= model.schema.table(rule.table).typed_columns
        yield from (column for column in rule.columns[::-1] if column in held)


def _are_ready(sight: Sight, rule: Invariant, path: tuple[str, ...]) -> bool:
    """Whether keys that follow one another are known to each shard, of one column each."""
    steps = range(2, len(path) + 1)
    first = foreign_key(sight.model.schema, rule.table, path[:1])
    further = [foreign_key(sight.model.schema, rule.table, path[:step]) for step in steps]
    if any(len(key.columns) > 1 for key in (first, *further)):
        return False
    if not further:
        return True
    there = {rule.table, first.parent} <= sight.still or first.parent in sight.vast
    return not there and sight.unready.isdisjoint((k.table, *k.columns) for k in further)


def _numbering(model: DatabaseModel, rule: Invariant) -> Iterator[Node]:
    """The key that may be given out in the order of all rows of a table, as it says.

    Where references are drawn by the numbers of rows, all else of them goes with those.
    """
    if rule.kind != "running" or rule.key is not None or rule.form not in COURSES:
        return
    name, column = rule.table, rule.terms[1].column
    key = model.tables[name].keys.get(column)
    drawn = (r for table in model.tables.values() for r in table.references)
    told = any(r.key.parent == name and r.mode is not Mode.ANCESTOR for r in drawn)
    told |= any(key.parent == name for t in model.schema.tables for key in t.polymorphic)
    if key is not None and not told:
        first = key.at(np.arange(_FEW_KEYS)).to_pylist()
        if all(one < other for one, other in pairwise(first)):
            yield name, column


def _tells(found: Found, name: TableName, column: str) -> bool:
    """Whether a rule says what a column is, and not only in which order its values come."""
    rule = found.rule
    if rule.table != name or part_of(rule) is not Part.SETS or rule.form in COURSES:
        return False
    return column in found.kind.targets(rule)


def chosen_keys(model: DatabaseModel, name: TableName) -> frozenset[str]:
    """The columns of references for which any row of the parent will do."""
    table = model.schema.table(name)
    shared = [c for key in table.foreign_keys for c in key.columns]
    return frozenset(
        r.key.columns[0]
        for r in model.tables[name].references
        if r.mode is Mode.CLUSTER
        and len(r.key.columns) == 1
        and shared.count(r.key.columns[0]) == 1
    )
