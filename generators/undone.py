"""Rules that a step keeps in part: what comes later undoes it, or other shards do not see it."""

from collections.abc import Iterable, Iterator, Sequence

from connectors.datatypes import Kind
from connectors.invariants import Invariant
from connectors.schema import Column, TableName
from generators.conflicts import chooses
from generators.invariants import Part
from generators.sight import Node, Sight
from generators.steps import Step, late_columns

FAR = "rows that repeat each other may lie in several shards"


def undone(sight: Sight, steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """The steps whose rules some rows break all the same, and why; each does what it can."""
    put, late = _put_late(steps), late_columns(steps)
    apart = {step.target for step in steps if step.part is Part.PARTS}
    chosen = {s.target: s.found.words for s in steps if s.found.rule.kind == "among"}
    for step in steps:
        if _is_taken_over(sight, step):
            yield step, FAR
        elif step.target in apart and _is_constant(step):
            yield step, f"{step.target[1]} is moved where rows would repeat each other"
        elif step.target in chosen and chooses(step.found, step.target):
            yield step, f"{step.target[1]} is chosen again to keep {chosen[step.target]}"
        elif step.found.rule.kind == "among" and _may_find_none(sight, step):
            yield step, f"{step.target[1]} stays where there is none to choose"
        elif step.part is Part.SETS and not step.descends and step.target not in late:
            told = (step.target, *sorted(step.reads, key=str))
            for _, column in [node for node in told if node in put][:1]:
                yield step, f"{column} may be set again once rows below are drawn"


def is_scattered(sight: Sight, name: TableName, columns: Iterable[str]) -> bool:
    """Whether rows equal in some columns may lie in several shards: these tell no shard apart.

    Those of an owner do, whose rows lie in one shard, and so does what is invented for each row.
    """
    if name in sight.whole:
        return False
    model, owner, named = sight.model.tables[name], sight.model.owners.get(name), {*columns}
    if owner is not None and {*owner.columns} <= named:
        return False
    fitted = (f.column for f in model.columns if f.generator.distinct or _is_uuid(f.column))
    return named.isdisjoint({*model.keys, *(column.name for column in fitted)})


def is_shared_out(sight: Sight, rule: Invariant) -> bool:
    """Whether each shard draws texts that no other one draws, so that all differ."""
    if rule.kind != "unique" or len(rule.columns) > 1 or rule.table in sight.vast:
        return False
    columns = {f.column.name: f.column for f in sight.model.tables[rule.table].columns}
    return rule.columns[0] in columns and columns[rule.columns[0]].datatype.kind is Kind.TEXT


def _is_uuid(column: Column) -> bool:
    return column.datatype.kind is Kind.UUID


def _is_taken_over(sight: Sight, step: Step) -> bool:
    """Whether rows take after the first one of their shard that equals them: nothing was learned.

    A key that leads elsewhere is chosen among a shard's rows, too.
    """
    rule = step.found.rule
    if rule.kind != "dependency":
        return False
    listed = any(len(step.found.known.get(name, ())) for name in ("held", "steps"))
    chosen = step.target[1] != rule.terms[-1].column
    given = (term.column for term in rule.terms[:-1] if not term.keys)
    return (chosen or step.agrees or not listed) and is_scattered(sight, rule.table, given)


def _may_find_none(sight: Sight, step: Step) -> bool:
    """Whether rows that choose may be left without a choice."""
    if step.asks:
        return not sight.model.schema.table(step.target[0]).column(step.target[1]).nullable
    return len(step.found.rule.terms) > 1 or step.target in sight.single


def _is_constant(step: Step) -> bool:
    """Whether a step puts a constant in its column."""
    rule = step.found.rule
    return rule.kind == "constant" and rule.constants != () and rule.columns[-1] == step.target[1]


def _put_late(steps: Iterable[Step]) -> frozenset[Node]:
    """The columns that rows below take over, and that are set late as these, or none, have them."""
    rules = (step.found.rule for step in steps if step.descends)
    return frozenset((rule.table, rule.terms[0].column) for rule in rules)
