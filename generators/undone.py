"""Rules that a step keeps in part: what comes later undoes it."""

from collections.abc import Iterable, Iterator, Sequence

from generators.invariants import Part
from generators.sight import Node
from generators.steps import Step, late_columns


def undone(steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """The steps whose rules some rows break all the same, and why; each does what it can."""
    put, late = _put_late(steps), late_columns(steps)
    for step in steps:
        if step.part is Part.SETS and not step.descends and step.target not in late:
            told = (step.target, *sorted(step.reads, key=str))
            for _, column in [node for node in told if node in put][:1]:
                yield step, f"{column} may be set again once rows below are drawn"


def _put_late(steps: Iterable[Step]) -> frozenset[Node]:
    """The columns that rows below take over, and that are set late as these, or none, have them."""
    rules = (step.found.rule for step in steps if step.descends)
    return frozenset((rule.table, rule.terms[0].column) for rule in rules)
