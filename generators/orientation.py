"""Which column is set to keep each rule, and in which order, so that rules do not undo each other.

Columns are the nodes of a graph; a step points from what a rule reads to the column that it sets.
Rules come in turn: those that a person wrote, then those that set whole columns, then masks, then
bounds, then what is to differ, for which nearly any column will do. A rule that finds no column
left, or would close a circle, is not kept, and says why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from itertools import pairwise
from math import prod

import numpy as np

from connectors.invariants import Invariant, Term, foreign_key, key_named
from connectors.schema import TableName
from generators.companions import chosen_columns, differs_by_choice, paired
from generators.contested import contested
from generators.found import Found
from generators.invariants import Part
from generators.lifespans import limit, overruled
from generators.model import DatabaseModel
from generators.relations.references import Mode
from generators.sight import BELOW, Node, Sight, out_of_sight, out_of_turn, steps_up
from generators.spared import is_spared
from generators.steps import Orientation, Step, begins, in_vain, is_above, late_columns, part_of
from generators.ties import course, leaning, near
from generators.undone import FAR, is_scattered, undone

_MOST_TELLING = ("equality", "ranges", "computed", "arithmetic", "aggregate", "running")
_TELLING = frozenset({"dependency", "equality", "computed", "arithmetic"})
"""Kinds whose steps make their target a function of what they read."""
_CHOOSE_KEYS = frozenset({"dependency", "equality", "unique"})
"""Kinds that give a foreign key no other values than keys."""
_HANDED_DOWN = frozenset({"latest"})
"""Aggregates that a child can take over from its parent, so that the parent waits for none."""
_COURSES = frozenset({"rising", "falling"})
_FIRM = "none of its columns may be set: they are keys, or other rows lean on them"
_ONE_AT_MOST = ("at most one", "exactly one")
_PAIR = 2
_CROWDED = 0.5
"""Share of pairs that have a row, from which on an owner may be dealt more rows than are left."""
_FEW_KEYS = 8
"""Keys that tell whether they ascend with the rows."""


def oriented(model: DatabaseModel, whole: frozenset[TableName] = frozenset()) -> Orientation:
    """The steps that keep a model's rules.

    What rows below cannot take over, since it is known too late, waits for them.

    Args:
        model: the rules, and how rows are drawn.
        whole: tables all of whose rows are drawn at once, by a plan; none is known without one.
    """
    beside = {id(found): one for found, one in paired(model)}
    sight = Sight(model, whole, single_columns(model), steps_up(model), near(model), beside)
    while True:
        placed = _all_placed(sight)
        vain = in_vain(placed.accepted)
        if not (waiting := {s.number for s in vain if s.descends}):
            return _in_order(sight, placed, vain)
        sight = replace(sight, waiting=sight.waiting | waiting)


def _all_placed(sight: "Sight") -> "_Placed":
    """Every rule with the column that is set to keep it, or why there is none."""
    model = sight.model
    depths = _depths(model)
    ranked = sorted(
        enumerate(model.invariants),
        key=lambda n: (
            not n[1].rule.declared,
            *_rank(n[1].rule),
            -depths.get(n[0], 0),
            -n[1].spoken.value,
            n[0],
        ),
    )
    placed = _Placed()
    bounds: dict[TableName, list[tuple[int, Found]]] = {}
    apart: list[tuple[int, Found]] = []
    far: list[tuple[int, Found]] = []
    for number, found in ranked:
        if part_of(found.rule) is Part.BOUNDS and _reach(found.rule) > 1:
            far.append((number, found))
        elif part_of(found.rule) is Part.BOUNDS:
            bounds.setdefault(found.rule.table, []).append((number, found))
        elif part_of(found.rule) is Part.PARTS:
            apart.append((number, found))
        else:
            _place(sight, found, number, placed)
    for waiting in bounds.values():
        _place_bounds(sight, waiting, placed)
    for number, found in (*far, *apart):
        _place(sight, found, number, placed)
    return placed


def _reach(rule: Invariant) -> int:
    """How many keys a rule follows, one after the other: what is far comes after what is near."""
    return max((len(term.keys) for term in rule.terms if term.keys != BELOW), default=0)


def _in_order(sight: "Sight", placed: "_Placed", vain: list[Step]) -> Orientation:
    """The steps, each behind those that set what it reads."""
    accepted, unkept = placed.accepted, placed.unkept
    unkept += [(s.found, "it reads a total of rows that are drawn after its own") for s in vain]
    accepted = [s for s in accepted if s not in vain]
    late, half = late_columns(accepted), {s.number: why for s, why in undone(sight, accepted)}
    unkept += [(s.found, half[s.number]) for s in accepted if s.number in half]
    sure = [s for s in accepted if s.number not in half]
    telling = [s for s in sure if _is_telling(s) and not is_above(s)]
    unkept = [(f, why) for f, why in unkept if not _follows(sight.model, f, telling)]
    told = {s.target: s.found.words for s in accepted if s.part in (Part.SETS, Part.PARTS)}
    unkept += contested(sight.model, told)
    unkept += overruled(sight.model, told, chosen_columns(sight.model, (f for f, _ in unkept)))
    order = _ranks(accepted)
    accepted.sort(key=lambda s: (order[s.target], not s.before, s.part, s.number))
    soon = [s for s in accepted if s.target not in late]
    rest = (_rest(s) for s in accepted if s.descends)
    waits = (*rest, *(s for s in accepted if s.target in late))
    return Orientation(_by_table(soon), _by_table(waits), tuple(unkept))


def _rest(step: Step) -> Step:
    """What is left to a parent whose child takes over: its value where it has no child."""
    own = step.found.rule.table, step.found.rule.terms[0].column
    return replace(step, target=own, reads=step.reads - {own} | {step.target}, rest=True)


def _depths(model: DatabaseModel) -> Mapping[int, int]:
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


def _follows(model: DatabaseModel, found: Found, telling: Iterable[Step]) -> bool:
    """Whether a dependency holds because of others that are kept, by steps that tell all of them.

    A null says nothing of others, and only a dependency says where nulls are.
    """
    rule = found.rule
    if rule.kind != "dependency":
        return False
    *given, last = ((rule.table, term.column) for term in rule.terms)
    fitted = model.tables[rule.table].columns
    gaps = {(rule.table, f.column.name) for f in fitted if f.nullable}
    steps = [s for s in telling if s.found.rule.kind == "dependency" or s.target not in gaps]
    told, before = set(given), 0
    while len(told) > before:
        before = len(told)
        filled = told - gaps | set(given)
        told |= {s.target for s in steps if s.reads <= filled}
    return last in told


def _is_telling(step: Step) -> bool:
    """Whether what a step reads makes up all of its target."""
    rule = step.found.rule
    if step.target[1] not in step.found.kind.targets(rule):
        return False  # one of many references that will do
    day = begins(rule) and rule.terms[1] == Term(step.target[1])
    return day or (rule.kind in _TELLING and step.part is Part.SETS)


def _rank(rule: Invariant) -> tuple[Part, int, bool]:
    """Earlier parts first; of what sets a column, what says most of it, and of most rows."""
    order = _MOST_TELLING.index(rule.kind) if rule.kind in _MOST_TELLING else len(_MOST_TELLING)
    order = -1 if rule.kind == "onset" and not rule.form.startswith("filled") else order
    return part_of(rule), order, rule.kind == "running" and rule.key is not None


@dataclass(frozen=True, slots=True)
class _Placed:
    """What is placed so far: steps in order, the same by the column that they set, what is not."""

    accepted: list[Step] = field(default_factory=list)
    by_target: dict[Node, list[Step]] = field(default_factory=dict)
    unkept: list[tuple[Found, str]] = field(default_factory=list)

    def accept(self, step: Step) -> None:
        """Adds a step."""
        self.accepted.append(step)
        self.by_target.setdefault(step.target, []).append(step)

    def of(self, node: Node) -> list[Step]:
        """The steps that set a column."""
        return self.by_target.get(node, [])


def _place_bounds(sight: Sight, waiting: list[tuple[int, Found]], placed: _Placed) -> None:
    """Places the rules first that have the fewest columns left, so that all find one."""
    while waiting:
        left = [len(_possible(sight, f, n, placed)[0]) for n, f in waiting]
        number, found = waiting.pop(left.index(min(left)))
        _place(sight, found, number, placed)


def _place(sight: Sight, found: Found, number: int, placed: _Placed) -> None:
    """Adds the step of a rule to those accepted before, or the rule to those that are not kept."""
    rule = found.rule
    counted = rule.kind == "cardinality" and not rule.terms
    drawn = keeps_to_keys(rule, sight.single) or _follows_key(sight.model, rule, placed)
    beside = id(found) in sight.beside or limit(sight.model, rule) is not None
    beside |= differs_by_choice(rule, sight.beside.values()) is not None
    if counted or rule.kind == "filled" or drawn or beside:
        return  # no step keeps it: numbers of rows do, how keys are drawn, or that no null is
    steps, why = _possible(sight, found, number, placed)
    if steps:
        placed.accept(steps[0])
        if _is_crowded(sight.model, rule):
            placed.unkept.append((found, "nearly all rows that its keys lead to are paired"))
        elif rule.kind == "unique" and is_scattered(sight, rule.table, rule.columns):
            placed.unkept.append((found, FAR))
    else:
        placed.unkept.append((found, why))


def _follows_key(model: DatabaseModel, rule: Invariant, placed: _Placed) -> bool:
    """Whether rows that differ in a declared key differ in what is computed from it, too.

    Those of the source do. Were another column of the key moved, rows would repeat the key.
    """
    if rule.kind != "unique":
        return False
    told = set[str]()
    for column in rule.columns:
        steps = (s.found.rule for s in placed.of((rule.table, column)) if s.part is Part.SETS)
        taken = [t.column for r in steps if r.kind == "computed" for t in r.terms[1:]]
        told |= {*taken} if taken else {column}
    uniques = model.schema.table(rule.table).uniques
    return told != {*rule.columns} and any(u.whole and {*u.columns} <= told for u in uniques)


def _is_crowded(model: DatabaseModel, rule: Invariant) -> bool:
    """Whether so many pairs of two references have a row that those drawn may find none free.

    Its step does what it can.
    """
    if rule.kind != "unique" or len(rule.columns) < _PAIR:
        return False
    led = {k.columns[0]: k.parent for k in model.schema.table(rule.table).foreign_keys}
    if not led.keys() >= set(rule.columns):
        return False
    pairs = prod(model.rows[led[column]] for column in rule.columns if led[column] in model.rows)
    return model.rows[rule.table] > _CROWDED * pairs


def _possible(sight: Sight, found: Found, number: int, placed: _Placed) -> tuple[list[Step], str]:
    """The steps that may keep a rule beside those accepted, the best first, or why none may."""
    model, rule = sight.model, found.rule
    if (far := out_of_sight(sight, rule)) is not None:
        return [], far
    moved = out_of_turn(model, rule) or _close(sight, rule, placed)
    nodes, steps = frozenset(_nodes(model, rule)), list[Step]()
    why = moved or _FIRM
    for target in _best_first(sight, found, number, placed):
        column = target[1]
        told = {n for n in leaning(found) if target not in _sources(n, placed)}
        step = Step(found, number, target, nodes - {target} | told)
        others = placed.of(target)
        if moved is not None and not step.numbers:
            continue
        if len(others) == 1 and _outlasts(step, others[0], placed):
            step, others = replace(step, before=True), []
        if (held := _held(step, others, placed)) is not None:
            why = held
        elif any(target in _sources(read, placed) for read in step.reads):
            why = f"what it reads follows from {column}"
        else:
            steps.append(step)
    return steps, why


def _held(step: Step, others: Sequence[Step], placed: "_Placed") -> str | None:
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


def _outlasts(step: Step, sets: Step, placed: _Placed) -> bool:
    """Whether an order goes on to hold once a column is set as a step says.

    What the last row of a course takes over, the others do not go beyond.

    Rows that take after the first one like them hold what holds of that row, where all that the
    order speaks of is alike in them. Two columns whose values are sorted in the same way are as
    much apart as before, least beside least, and no two are further apart than any were.
    """
    rule, other = step.found.rule, sets.found.rule
    if sets.descends:
        ordered = (rule.key, rule.columns) == (other.key, tuple(t.column for t in other.terms[1:]))
        return rule.kind == "running" and rule.form in _COURSES and ordered
    if rule.kind not in ("order", "lag"):
        return False
    if other.kind == "dependency" and not any(len(v) for v in sets.found.known.values()):
        given = {(other.table, term.column) for term in other.terms[:-1]}
        own = {node for node in step.reads if node[0] == rule.table}
        return bool(own) and own <= given
    before = (s.found.rule for read in step.reads for s in placed.of(read))
    courses = [rule for rule in before if rule.kind == "running"]
    return other.kind == "running" and any(course(c) == course(other) for c in courses)


def _close(sight: "Sight", rule: Invariant, placed: "_Placed") -> str | None:
    """Why a course would tear two times of a row apart; None where it would not."""
    if rule.kind != "running":
        return None
    mine = rule.terms[0].column
    near_by = sight.near.get((rule.table, mine), frozenset())
    clock, owner = _clock(sight.model, rule.table), sight.model.owners.get(rule.table)
    if clock in near_by and (owner is None or rule.key != (rule.table, owner.name)):
        return f"{mine} stays close to {clock}, which says when siblings follow each other"
    for other in (step.found for step in placed.accepted if step.found.rule.kind == "running"):
        column, same = other.rule.terms[0].column, other.rule.table == rule.table
        if same and column in near_by and course(other.rule) != course(rule):
            return f"{mine} stays close to {column}, which is set to keep {other.words}"
    return None


def _best_first(sight: Sight, found: Found, number: int, placed: _Placed) -> list[Node]:
    """The targets that may be set; what orders siblings is computed only where nothing else can be.

    Bounds keep their order, so that most of them push the same way; lags push no way.
    """
    model, rule = sight.model, found.rule
    settable = _settable(model, rule, rule.table)
    bound = found.kind.part is Part.BOUNDS and rule.kind != "lag"
    last = None if bound else _clock(model, rule.table)
    own = sorted((t for t in found.kind.targets(rule) if t in settable), key=lambda t: t == last)
    below = () if number in sight.waiting else _taking_over(model, rule)
    listed = ((rule.table, column) for column in (*own, *_choosing(model, rule, placed)))
    return [*below, *_numbering(model, rule), *listed]


def _settable(model: DatabaseModel, rule: Invariant, name: TableName) -> set[str]:
    """The columns of a table that may be set to keep a rule."""
    # Contacts stay inside the space reserved for invented ones: they are drawn again, not set.
    again, columns = rule.kind == "unique", model.tables[name].columns
    learned = {f.column.name for f in columns if again or f.generator.reserved is None}
    if rule.kind in _CHOOSE_KEYS:
        learned |= chosen_keys(model, name)
    learned -= {c for r in model.tables[name].natural for c in r.key.columns}
    return learned - model.schema.referenced(name) - model.schema.table(name).typed_columns


def _clock(model: DatabaseModel, name: TableName) -> str | None:
    """The column that says when rows of a table follow each other."""
    history = model.tables[name].history
    return history.clock.column if history and history.clock else None


def _taking_over(model: DatabaseModel, rule: Invariant) -> Iterator[Node]:
    """The column of the rows below that may take over what their owner says of one of them."""
    if rule.kind != "aggregate" or rule.form not in _HANDED_DOWN or rule.key is None:
        return
    name, column = rule.key[0], rule.terms[1].column
    owner = model.owners.get(name)
    if owner is None or owner.name != rule.key[1] or column == _clock(model, name):
        return
    told = any(_tells(f, name, column) for f in model.invariants)
    if column in _settable(model, rule, name) and not told:
        yield name, column


def _choosing(model: DatabaseModel, rule: Invariant, placed: _Placed) -> Iterator[str]:
    """The references of which another row may be chosen, where nothing else can be set.

    Where all that tells a value may be lent as well, rows that break the rule borrow.
    """
    chosen = chosen_keys(model, rule.table) & _settable(model, rule, rule.table)
    if rule.kind == "equality" and rule.form != "is":
        for path in (term.keys for term in rule.terms if len(term.keys) == 1):
            columns = key_named(model.schema.table(rule.table), path[0]).columns
            yield from (c for c in columns if c in chosen)
    elif rule.kind == "dependency" and len(rule.terms) == 2:
        *given, last = ((rule.table, term.column) for term in rule.terms)
        lent = {(rule.table, column) for column in _settable(model, rule, rule.table)}
        if not _sources(last, placed) <= lent:
            yield from (column for _, column in given if column in chosen)
    elif rule.kind == "presence":
        held = chosen_keys(model, rule.table) - model.schema.referenced(rule.table)
        held -= model.schema.table(rule.table).typed_columns
        yield from (column for column in rule.columns[::-1] if column in held)


def _numbering(model: DatabaseModel, rule: Invariant) -> Iterator[Node]:
    """The key that may be given out in the order of all rows of a table, as it says.

    Where references are drawn by the numbers of rows, all else of them goes with those.
    """
    if rule.kind != "running" or rule.key is not None or rule.form not in _COURSES:
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
    if rule.table != name or part_of(rule) is not Part.SETS or rule.form in _COURSES:
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


def single_keys(model: DatabaseModel) -> frozenset[tuple[TableName, str]]:
    """Foreign keys no two rows of which lead to one row, by rules that nobody declared."""
    rules = [found.rule for found in model.invariants if not found.rule.relaxed]
    few = {r.key for r in rules if r.kind == "cardinality" and r.form in _ONE_AT_MOST}
    alone = {(r.table, r.columns[0]) for r in rules if r.kind == "unique" and len(r.columns) == 1}
    chosen = {name: chosen_keys(model, name) for name in model.tables}
    drawn = [r.key for table in model.tables.values() for r in table.references]
    keys = [key for key in drawn if key.columns[0] in chosen[key.table]]
    keys += [key for key in model.owners.values() if len(key.columns) == 1]
    found = [k for k in keys if (k.table, k.name) in few or (k.table, k.columns[0]) in alone]
    found += [k for k in model.owners.values() if (k.table, k.name) in few]
    return frozenset((key.table, key.name) for key in found)


def single_columns(model: DatabaseModel) -> frozenset[Node]:
    """The columns of those of them that are one column each."""
    columns = ((table, model.foreign_key(table, key).columns) for table, key in single_keys(model))
    return frozenset((table, names[0]) for table, names in columns if len(names) == 1)


def withheld(model: DatabaseModel, found: Found) -> bool:
    """Whether a rule says what contacts are made of: they stay inside the space reserved for them.

    A rule that names the domain of a company's e-mail addresses has no place in a test database.
    """
    table, targets = model.tables[found.rule.table], found.kind.targets(found.rule)
    reserved = {f.column.name for f in table.columns if f.generator.reserved is not None}
    return found.rule.kind in ("computed", "arithmetic") and reserved.issuperset(targets)


def keeps_to_keys(rule: Invariant, single: frozenset[Node]) -> bool:
    """Whether the values of one reference are said to differ, which drawing it sees to."""
    return (
        rule.kind == "unique" and len(rule.columns) == 1 and (rule.table, rule.columns[0]) in single
    )


def _nodes(model: DatabaseModel, rule: Invariant) -> Iterator[Node]:
    """Every column that a rule speaks of, and those of the keys that it follows."""
    for term in rule.terms:
        yield _home(model, rule, term), term.column
        for step in range(len(term.keys) if term.keys != BELOW else 0):
            key = foreign_key(model.schema, rule.table, term.keys[: step + 1])
            yield from ((key.table, column) for column in key.columns)
    if rule.key is not None and rule.key[0] == rule.table:
        key = key_named(model.schema.table(rule.table), rule.key[1])
        yield from ((rule.table, column) for column in key.columns)
    if rule.other is None:
        yield from ((rule.table, column) for column in rule.beside)


def _home(model: DatabaseModel, rule: Invariant, term: Term) -> TableName:
    if not term.keys:
        return rule.table
    if term.keys == BELOW and rule.key is not None:
        return rule.key[0]
    return foreign_key(model.schema, rule.table, term.keys).parent


def _sources(node: Node, placed: _Placed) -> set[Node]:
    """All that a column is computed from, by any number of steps; itself included."""
    found, left = set[Node](), [node]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += [read for step in placed.of(at) for read in step.reads]
    return found


def _ranks(steps: Iterable[Step]) -> Mapping[Node, int]:
    """A number per column, above those of all that it is computed from."""
    graph: dict[Node, set[Node]] = {}
    for step in steps:
        graph.setdefault(step.target, set()).update(step.reads)
    return {node: n for n, node in enumerate(TopologicalSorter(graph).static_order())}


def _by_table(steps: Iterable[Step]) -> Mapping[TableName, tuple[Step, ...]]:
    found: dict[TableName, tuple[Step, ...]] = {}
    for step in steps:
        found[step.target[0]] = (*found.get(step.target[0], ()), step)
    return found
