"""Steps that wait for other rows of their shard: which do in vain, and in which turn others come.

Totals of rows below come first, table by table upwards; then downwards what follows from these in
rows below, as the amount of a payment from an order's total; then upwards what comes to such.
"""

from collections.abc import Iterable
from dataclasses import replace

from connectors.invariants import foreign_key
from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.relations.references import Mode
from generators.sight import BELOW, Node
from generators.steps import Step, is_above, late_columns


def in_vain(model: DatabaseModel, steps: list[Step]) -> list[Step]:
    """The steps that would wait for what comes after them, but for those that wait for such."""
    found, soon = list[Step](), _taking_over(steps)
    while True:
        left = [s for s in steps if s not in found]
        late = late_columns(left)
        if not (waiting := [s for s in left if _waits_in_vain(model, s, late, soon)]):
            return found
        sure = late_columns(s for s in left if s not in waiting)
        found += [s for s in waiting if _waits_in_vain(model, s, sure, soon)] or waiting


def _taking_over(steps: list[Step]) -> frozenset[Node]:
    """The columns that rows need to take over what their owner says, before any row waits."""
    found = {n for s in steps if s.descends for n in (s.target, *s.reads)}
    while more := {n for s in steps if s.target in found for n in s.reads} - found:
        found |= more
    return frozenset(found)


def _waits_in_vain(
    model: DatabaseModel, step: Step, late: frozenset[Node], soon: frozenset[Node]
) -> bool:
    """Whether a row reads something late of a row that it does not see once that is complete."""
    here = step.target[0]
    if step.numbers and step.target in late:
        return True
    read = [n for n in step.reads if n in late and n[0] != here]
    if is_above(step) or not read:
        return False
    return step.target in soon or not all(_sees(model, step, node) for node in read)


def _sees(model: DatabaseModel, step: Step, node: Node) -> bool:
    """Whether rows see a column of rows above them, which lie in their shard, once it is there."""
    rule = step.found.rule
    if step.descends:
        return False
    paths = (t.keys for t in rule.terms if t.keys and t.keys != BELOW and t.column == node[1])
    found = [p for p in paths if foreign_key(model.schema, rule.table, p).parent == node[0]]
    return bool(found) and all(_leads_up(model, rule.table, path) for path in found)


def _leads_up(model: DatabaseModel, name: TableName, path: tuple[str, ...]) -> bool:
    """Whether keys that follow one another lead from owner to owner, or one to an owner's."""
    modes = {r.key.name: r.mode for r in model.tables[name].references}
    if len(path) == 1 and modes.get(path[0]) is Mode.ANCESTOR:
        return True
    for key in path:
        owner = model.owners.get(name)
        if owner is None or owner.name != key:
            return False
        name = owner.parent
    return True


def in_turns(model: DatabaseModel, steps: Iterable[Step]) -> list[Step]:
    """The steps that wait, in their order, each with the first turn in which all is there.

    What sets a column comes before what reads it, and all that sets it in one turn, since one moves
    what another has put there.
    """
    turns, taken = dict[Node, int](), list(steps)
    for step in taken:
        here, turn = step.target[0], turns.get(step.target, 0)
        for node in (n for n in step.reads if n in turns):
            downwards = _lies_above(model, node[0], here)
            meets = node[0] == here or turns[node] % 2 == downwards
            turn = max(turn, turns[node] + (not meets))
        turns[step.target] = turn
    return [replace(step, turn=turns[step.target]) for step in taken]


def _lies_above(model: DatabaseModel, name: TableName, other: TableName) -> bool:
    """Whether a table is among those that own the rows of another one, directly or not."""
    while (owner := model.owners.get(other)) is not None:
        other = owner.parent
        if other == name:
            return True
    return False
