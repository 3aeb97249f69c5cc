"""Masks of one column that never meet: both fill it, or it is filled where neither nulls it."""

from collections.abc import Callable, Iterable

from connectors.invariants import Invariant, Term
from generators.sight import Node
from generators.steps import Step


def is_spared(one: Step, other: Step, of: Callable[[Node], Iterable[Step]]) -> bool:
    """Whether two steps do no harm to each other: both fill a column, or one nulls it only before.

    Or one says where it is null, and the other no more than that some rows have another value.

    That is where one fills it from a point on, and the other nulls it where another column is null,
    of which a step before says that it is filled from there on, if not from an earlier point.

    Args:
        one: a mask of a column.
        other: another one of the same column.
        of: the steps that set a column.
    """
    if _fills(one) and _fills(other):
        return True
    if (one.stays and _is_of_nulls(other)) or (other.stays and _is_of_nulls(one)):
        return True
    for filling, nulling in ((one, other), (other, one)):
        rule, told = filling.found.rule, _leading(nulling)
        if rule.kind == "onset" and rule.form.startswith("filled") and told is not None:
            steps = of((rule.table, told.column))
            if any(_covers(step.found.rule, rule) for step in steps if not rule.relaxed):
                return True
    return False


def _is_of_nulls(step: Step) -> bool:
    """Whether a step says of its column only where it is null."""
    rule = step.found.rule
    if rule.kind == "onset":
        return not rule.form.startswith("=")
    return rule.kind == "presence" and (not rule.constants or rule.terms[0] == Term(step.target[1]))


def _fills(step: Step) -> bool:
    """Whether a step nulls nothing."""
    rule = step.found.rule
    if rule.kind == "constant":
        return rule.form == "null ->" and rule.terms[0] == Term(step.target[1])
    if rule.kind == "onset":
        return rule.form.startswith("filled")
    only = rule.form == "only with" and rule.terms[1] == Term(step.target[1])
    return rule.kind == "presence" and (rule.form in ("at least one", "-> filled") or only)


def _leading(step: Step) -> Term | None:
    """The column that a step's is null with; None for other rules."""
    rule = step.found.rule
    if rule.kind != "presence" or rule.form not in ("only with", "together"):
        return None
    first, second = rule.terms
    if first == Term(step.target[1]):
        return second
    return first if rule.form == "together" and second == Term(step.target[1]) else None


def _covers(wide: Invariant, narrow: Invariant) -> bool:
    """Whether a rule says that its column is filled wherever another one says so of its own."""
    if wide.kind != "onset" or wide.relaxed or wide.terms[1] != narrow.terms[1]:
        return False
    (what, side), (_, way) = wide.form.split(), narrow.form.split()
    begin, end = _number(wide.constants[0]), _number(narrow.constants[0])
    if begin is None or end is None:
        return False
    if what == "iff":  # null before a point, or beyond it, and filled at all others
        return side != way and (begin <= end if way == ">" else begin >= end)
    return what == "filled" and side == way and (begin <= end if way == ">" else begin >= end)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
