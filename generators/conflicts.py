"""Why a column that is set to keep some rules cannot be set to keep another one, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.invariants import Invariant, Term
from connectors.schema import TableName
from generators.found import Found
from generators.invariants import Part
from generators.model import DatabaseModel
from generators.placed import Placed
from generators.sight import Node, Sight
from generators.spared import is_spared
from generators.steps import Step
from generators.ties import course

COURSES = frozenset({"rising", "falling"})
"""Forms of rules that say which way values go from row to row."""
_PAIR = 2
_COMPUTED = frozenset({"arithmetic", "equality", "computed"})
"""Kinds that say what a value is where it is not null."""


def held(step: Step, others: Sequence[Step], placed: Placed) -> str | None:
    """Why a column that others set cannot be set by a step as well; None where it can."""
    column = step.target[1]
    if any(s.part is Part.SETS for s in others) or (others and step.part is Part.SETS):
        return f"{column} is set to keep {others[0].found.words}"
    meeting = [s for s in others if not is_spared(step, s, placed.of)]
    if (other := _masked(step, meeting)) is not None:
        return f"{column} is null to keep {other.found.words}"
    if any(s.pushes * step.pushes < 0 for s in others):
        return f"{column} is moved the other way to keep {others[0].found.words}"
    return None


def _masked(step: Step, others: Iterable[Step]) -> Step | None:
    """A step that says where its column is null, and that another one would undo.

    One says so of all rows, or fills what the other nulls.
    """
    masks = [s for s in others if s.part is Part.MASKS] if step.part is Part.MASKS else []
    for other in masks:
        filled = _fills(other) * _fills(step) < 0
        if filled or _is_exact(other) or _is_exact(step) or _is_emptied(step, other):
            return other
    return None


def _is_emptied(step: Step, other: Step) -> bool:
    """Whether one puts a value where the other may put null: what tells them is not the same."""
    pair = (step, other) if _puts(step) else (other, step)
    if not _puts(pair[0]) or not _nulls(pair[1]):
        return False
    told, empty = (s.found.rule.terms for s in pair)
    return told[0] not in empty


def _puts(step: Step) -> bool:
    """Whether a step puts a constant in rows that another column tells."""
    terms = step.found.rule.terms
    told = len(terms) == _PAIR and terms[1] == Term(step.target[1])
    return step.found.rule.kind == "constant" and told


def _nulls(step: Step) -> bool:
    """Whether a step puts nulls in rows that another column tells."""
    rule = step.found.rule
    if rule.kind == "onset":
        return rule.form.startswith("null")
    first = rule.kind == "presence" and rule.terms[0] == Term(step.target[1])
    return first and rule.form in ("only with", "-> null", "iff value")


def _fills(step: Step) -> int:
    """Whether a step fills a column that another goes with (1), or nulls it where that is (-1)."""
    rule = step.found.rule
    if (rule.kind, rule.form) != ("presence", "only with"):
        return 0
    return 1 if rule.terms[1].column == step.target[1] else -1


def _is_exact(step: Step) -> bool:
    """Whether a column is filled from a point on, or up to it: no other mask may null it there."""
    rule = step.found.rule
    return rule.kind == "onset" and rule.form.startswith(("iff", "filled"))


def completes(model: DatabaseModel, step: Step, others: Sequence[Step], placed: Placed) -> bool:
    """Whether a dependency lists values that others compute from all that determines them.

    They agree where both say something. Of what is computed from nulls, and of which row has one,
    only the dependency says what it is.
    """
    rule = step.found.rule
    if rule.kind != "dependency" or not len(step.found.known.get("held", ())):
        return False
    if any(s.part is not Part.SETS or s.found.rule.kind not in _COMPUTED for s in others):
        return False
    gaps = {(rule.table, f.column.name) for f in model.tables[rule.table].columns if f.nullable}
    given = {(rule.table, term.column) for term in rule.terms[:-1]}
    found, left = set[Node](), {step.target}
    while left:
        found |= left
        read = [placed.of(node) for node in left]
        if not all(read):
            return False
        left = {n for steps in read for s in steps for n in s.reads} - given - found
    return not gaps.isdisjoint(found) and gaps.isdisjoint(given)


def are_one(step: Step, other: Step) -> bool:
    """Whether two steps of a column go together, since what chooses does so of what is set before.

    It leaves nulls where they are, and makes equal values equal ones where nothing else has a say.
    """
    if {step.found.rule.kind, other.found.rule.kind}.isdisjoint({"among"}):
        return False
    chosen, before = (step, other) if step.found.rule.kind == "among" else (other, step)
    if before.found.rule.kind == "dependency":
        return len(chosen.found.rule.terms) == 1
    return before.found.rule.kind == "presence" or chooses(before.found, before.target)


def chooses(found: Found, target: Node) -> bool:
    """Whether a rule is kept by choosing another row for a key, and not by setting what it says."""
    return found.rule.kind == "equality" and target[1] not in found.rule.columns


def agree(one: Step, others: Sequence[Step], placed: Placed) -> bool:
    """Whether dependencies of one column agree, since what determines it by one tells the rest.

    Rows of a city lie in one state, and so in that state's country; those of a city without one
    lie in the city's.
    """
    every = (one, *others)
    if any(step.agrees or step.found.rule.kind != "dependency" for step in every):
        return False
    given = [_given(step) for step in every]
    return all(
        _tells(a, b, placed) or _tells(b, a, placed)
        for n, a in enumerate(given)
        for b in given[n + 1 :]
    )


def _tells(given: frozenset[Node], told: frozenset[Node], placed: Placed) -> bool:
    """Whether columns determine others by dependencies that are kept."""
    steps = (step for node in told for step in placed.of(node))
    kept = (step for step in steps if step.found.rule.kind == "dependency")
    return told <= given | {step.target for step in kept if _given(step) <= given}


def _given(step: Step) -> frozenset[Node]:
    """What a dependency is determined by."""
    rule = step.found.rule
    return frozenset((rule.table, term.column) for term in rule.terms[:-1])


def depths(model: DatabaseModel) -> Mapping[int, int]:
    """How many rules determine what a dependency is determined by: those of most come first.

    Of an address, a city and a country, the country follows the city, so that the address need not
    tell it as well.
    """
    told: dict[Node, int] = {}
    rules = enumerate(found.rule for found in model.invariants)
    dependencies = [(number, rule) for number, rule in rules if rule.kind == "dependency"]
    for _, rule in dependencies:
        node = rule.table, rule.terms[-1].column
        told[node] = told.get(node, 0) + 1
    return {
        number: min(told.get((rule.table, term.column), 0) for term in rule.terms[:-1])
        for number, rule in dependencies
    }


def is_coupled(rule: Invariant, along: Invariant) -> bool:
    """Whether two times of a row are in order, or as close, once one is sorted as the other is.

    The least is then beside the least; what ends when the next one begins ends after its own start.
    """
    kinds = {"running": ("order", "lag"), "periods": ("order",)}.get(along.kind, ())
    ordered = along.kind == "periods" or along.form in COURSES
    pair = {along.terms[0], along.terms[-1]}
    return rule.table == along.table and rule.kind in kinds and ordered and {*rule.terms} == pair


def outlasts(step: Step, sets: Step, placed: Placed) -> bool:
    """Whether an order goes on to hold once a column is set as a step says.

    What the last row of a course takes over, the others do not go beyond.

    Siblings that get each other's values keep to what is one bound for all of them: their owner's.

    Rows that take after the first one like them hold what holds of that row, where all that the
    order speaks of is alike in them. Two columns whose values are sorted in the same way are as
    much apart as before, least beside least, and no two are further apart than any were.
    """
    rule, other = step.found.rule, sets.found.rule
    if sets.postponed is not None:
        return is_coupled(rule, other)
    if sets.descends:
        ordered = (rule.key, rule.columns) == (other.key, tuple(t.column for t in other.terms[1:]))
        return rule.kind == "running" and rule.form in COURSES and ordered
    if rule.kind in ("order", "years") and _is_owners(rule, step.target[1], other):
        return True
    if rule.kind not in ("order", "lag"):
        return False
    if other.kind == "dependency" and not any(len(v) for v in sets.found.known.values()):
        given = {(other.table, term.column) for term in other.terms[:-1]}
        own = {node for node in step.reads if node[0] == rule.table}
        return bool(own) and own <= given
    before = (s.found.rule for read in step.reads for s in placed.of(read))
    courses = [rule for rule in before if rule.kind == "running"]
    return other.kind == "running" and any(course(c) == course(other) for c in courses)


def _is_owners(rule: Invariant, column: str, along: Invariant) -> bool:
    """Whether a bound is the owner's of a course: siblings have it in common."""
    if along.kind != "running" or along.form not in COURSES or along.key is None:
        return False
    others = (term for term in rule.terms if term != Term(column))
    return all(term.keys[:1] == along.key[1:] for term in others)


def beside_sets(
    step: Step, others: Sequence[Step], placed: Placed
) -> tuple[Step, list[Step]] | None:
    """A bound of a column that is set as it is taken, and what else it minds; None for others.

    It comes before that and outlasts it, or comes after it, and the course of the values goes on.
    """
    sets = [other for other in others if other.part is Part.SETS]
    rest = [other for other in others if other.part is not Part.SETS]
    if len(sets) != 1:
        return None
    if all(other.before for other in rest) and outlasts(step, sets[0], placed):
        return replace(step, before=True), rest
    alike = all(o.pushes == step.pushes for o in rest if o.part is Part.BOUNDS)
    if alike and step.pushes and step.found.rule.kind == "order" and _goes_on(sets[0]):
        return replace(step, along=sets[0].found.rule), rest
    return None


def _goes_on(sets: Step) -> bool:
    """Whether a step has values rise, or fall, that may be equal."""
    rule = sets.found.rule
    ways = rule.kind == "running" and rule.form in COURSES
    return ways and sets.postponed is None and not sets.numbers and not sets.descends


def close(sight: Sight, rule: Invariant, placed: Placed) -> str | None:
    """Why a course would tear two times of a row apart; None where it would not."""
    if rule.kind != "running":
        return None
    mine = rule.terms[0].column
    near_by = sight.near.get((rule.table, mine), frozenset())
    clock, owner = clock_of(sight.model, rule.table), sight.model.owners.get(rule.table)
    if clock in near_by and (owner is None or rule.key != (rule.table, owner.name)):
        return f"{mine} stays close to {clock}, which says when siblings follow each other"
    for other in (step.found for step in placed.accepted if step.found.rule.kind == "running"):
        column, same = other.rule.terms[0].column, other.rule.table == rule.table
        if same and column in near_by and course(other.rule) != course(rule):
            return f"{mine} stays close to {column}, which is set to keep {other.words}"
    return None


def clock_of(model: DatabaseModel, name: TableName) -> str | None:
    """The column that says when rows of a table follow each other."""
    history = model.tables[name].history
    return history.clock.column if history and history.clock else None
