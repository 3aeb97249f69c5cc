"""Rules that no shard can keep by itself, and that the target keeps once it holds all rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from connectors.invariants import Invariant, Term
from connectors.schema import Schema, TableName
from generators.conflicts import is_coupled
from generators.found import Found
from generators.invariants import Postponable
from generators.placed import Placed, sources
from generators.sight import Node, Sight
from generators.steps import Step
from generators.targets import settable

_AT_EDGES = frozenset({"min", "max"})


def postponed(
    sight: Sight, found: Found, number: int, placed: Placed, target: Node
) -> Iterator[Step]:
    """The step by which the database sets a column of a rule's own table, where it may.

    It undoes none of those placed before: these neither set the column nor read it, or bound it on
    the side from which it moves away.
    """
    kind, rule, schema = found.kind, found.rule, sight.model.schema
    own = target[0] == rule.table and target[1] in settable(sight.model, rule, rule.table)
    still = rule.table in sight.still or is_inherited(schema, rule)
    if not own or still or rule.relaxed or not isinstance(kind, Postponable):
        return
    how = kind.postponed(rule, target[1], found.known, schema)
    if how is None or any(target in sources(one, placed) for one in how.reads):
        return
    step = Step(found, number, target, frozenset(how.reads), postponed=how.sql)
    others = [s for s in placed.accepted if s.found is not found]
    touched = (s for s in others if s.target == target or target in s.reads)
    if all(_outlasts(one, step, placed) for one in touched):
        yield step


def differing(sight: Sight, steps: Sequence[Step], placed: Placed) -> tuple[Step, ...]:
    """The steps by which rows of one shard, then of several differ, in the column of most values.

    None where no statement may have them differ once all rows are there.
    """
    columns = sight.model.tables[steps[0].target[0]].columns
    sizes = {fitted.column.name: fitted.feature.size for fitted in columns}
    for step in sorted(steps, key=lambda s: -sizes.get(s.target[1], 0)):
        for last in postponed(sight, step.found, step.number, placed, step.target):
            return step, last
    return ()


def is_inherited(schema: Schema, rule: Invariant) -> bool:
    """Whether a statement on a table would read or change rows of one that inherits from it."""
    spoken = {rule.table, rule.key[0] if rule.key else rule.table}
    return any(t.inherits and spoken & {t.name, *t.inherits} for t in schema.tables)


def _outlasts(one: Step, last: Step, placed: Placed) -> bool:
    """Whether a step's rule goes on to hold once a bound has moved a column that it speaks of.

    A period ends after its start, and so after all that comes before that.
    """
    rule, column = one.found.rule, Term(last.target[1])
    if is_coupled(rule, last.found.rule):
        return True
    if last.found.rule.kind == "periods" and (rule.kind, rule.terms[-1]) == ("order", column):
        start = replace(rule, terms=(rule.terms[0], last.found.rule.terms[0]))
        return any(step.found.rule == start for step in placed.accepted)
    if rule.kind != "order" or not last.pushes or rule.table != last.target[0]:
        return False
    return rule.terms[1 if last.pushes > 0 else 0] == column


def too_late(reads: Iterable[Node], placed: Placed) -> str | None:
    """Why a row cannot keep to what it would read; None where all of that is there."""
    waiting = (column for table, column in reads if _is_postponed((table, column), placed))
    column = next(waiting, None)
    return None if column is None else f"{column} is set once all rows are there"


def _is_postponed(node: Node, placed: Placed) -> bool:
    return any(step.postponed is not None for step in placed.of(node))


def without_implied(
    unkept: Sequence[tuple[Found, str]], rules: Iterable[Found], steps: Sequence[Step]
) -> Iterator[tuple[Found, str]]:
    """What is not kept, but for orders that hold since the least or greatest child is above."""
    lost = {id(found) for found, _ in unkept}
    kept = [found.rule for found in rules if id(found) not in lost]
    edges = [s.found.rule for s in steps if s.found.rule.form in _AT_EDGES]
    implied = {pair for edge in edges for pair in _implied(edge, edges, kept)}
    for found, why in unkept:
        if (found.rule.table, found.rule.form, *found.rule.terms) not in implied:
            yield found, why


def _implied(
    edge: Invariant, edges: Iterable[Invariant], kept: Sequence[Invariant]
) -> Iterator[tuple[TableName, str, Term, Term]]:
    """Orders that hold since a parent's value is its children's least or greatest.

    They are those between that value and a child's, or another end; and where either the parent or
    its children keep to another value of the parent's, those of the others.
    """
    if edge.key is None:
        return
    (below, key), (own, value), least = edge.key, edge.terms, edge.form == "min"
    child, above = Term(value.column), Term(own.column, (key,))
    yield below, "<=", *_turned(least, above, child)
    for one in edges:
        if (one.key, one.terms[1]) == (edge.key, value) and one.form != edge.form:
            yield edge.table, "<=", *_turned(least, own, one.terms[0])
    for table, terms in ((r.table, r.terms) for r in kept if (r.kind, r.form) == ("order", "<=")):
        bound, held = _turned(least, *terms)
        if table == edge.table and held == own and not bound.keys:
            yield below, "<=", *_turned(least, Term(bound.column, (key,)), child)
        elif table == below and held == child and bound.keys == (key,):
            yield edge.table, "<=", *_turned(least, Term(bound.column), own)


def _turned(least: bool, one: Term, other: Term) -> tuple[Term, Term]:
    """Two terms as they are, or the other way round for the greatest."""
    return (one, other) if least else (other, one)
