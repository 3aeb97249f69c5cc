"""Which column is set to keep each rule, and in which order, so that rules do not undo each other.

Columns are the nodes of a graph; a step points from what a rule reads to the column that it sets.
Rules come in turn: those that a person wrote, then those that set whole columns, then masks, then
bounds, then what is to differ, for which nearly any column will do. A rule that finds no column
left, or would close a circle, is not kept, and says why.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import chain
from math import prod

from connectors.invariants import Invariant, Term, foreign_key, key_named
from connectors.schema import TableName
from generators.companions import chosen_columns, differs_by_choice, paired
from generators.conflicts import agree, are_one, beside_sets, close, completes, depths, held
from generators.contested import contested
from generators.found import Found
from generators.invariants import Part
from generators.lifespans import limit, overruled
from generators.model import DatabaseModel
from generators.placed import Placed, sources
from generators.postponing import differing, postponed, too_late, without_implied
from generators.rings import unready_columns
from generators.sight import (
    BELOW,
    Node,
    Sight,
    asks_children,
    out_of_sight,
    out_of_turn,
    steps_up,
    vast_tables,
)
from generators.steps import (
    Orientation,
    Step,
    begins,
    in_turn,
    is_above,
    late_columns,
    part_of,
)
from generators.targets import best_first, chosen_keys, unseen
from generators.ties import leaning, near
from generators.undone import FAR, is_scattered, is_shared_out, undone
from generators.waiting import in_turns, in_vain

_MOST_TELLING = ("equality", "ranges", "computed", "arithmetic", "aggregate", "running")
_TELLING = frozenset({"dependency", "equality", "computed", "arithmetic"})
"""Kinds whose steps make their target a function of what they read."""
_FIRM = "none of its columns may be set: they are keys, or other rows lean on them"
_ONE_AT_MOST = ("at most one", "exactly one")
_PAIR = 2
_CROWDED = 0.5
"""Share of pairs that have a row, from which on an owner may be dealt more rows than are left."""


def oriented(
    model: DatabaseModel,
    whole: frozenset[TableName] = frozenset(),
    still: frozenset[TableName] = frozenset(),
    vast: frozenset[TableName] | None = None,
) -> Orientation:
    """The steps that keep a model's rules.

    What rows below cannot take over, since it is known too late, waits for them.

    Args:
        model: the rules, and how rows are drawn.
        whole: tables all of whose rows are drawn at once, by a plan; none is known without one.
        still: tables whose rows the target shall leave as they are drawn.
        vast: tables with too many rows to be looked at in every shard; None to go by the source's.
    """
    sight = Sight(
        model,
        whole,
        single_columns(model),
        steps_up(model),
        near(model),
        {id(found): one for found, one in paired(model)},
        still,
        vast=vast_tables(model.rows) if vast is None else vast,
        unready=unready_columns(model),
    )
    while True:
        placed = _all_placed(sight)
        vain = in_vain(model, [s for s in placed.accepted if s.postponed is None])
        if not (waiting := {s.number for s in vain if s.descends}):
            return _in_order(sight, placed, vain)
        sight = replace(sight, waiting=sight.waiting | waiting)


def _all_placed(sight: Sight) -> Placed:
    """Every rule with the column that is set to keep it, or why there is none."""
    model = sight.model
    told = depths(model)
    ranked = sorted(
        enumerate(model.invariants),
        key=lambda n: (
            not n[1].rule.declared,
            *_rank(n[1].rule),
            -told.get(n[0], 0),
            -n[1].spoken.value,
            n[0],
        ),
    )
    placed = Placed()
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
    _place_last(replace(sight, ending=True), placed)
    return placed


def _place_last(sight: Sight, placed: Placed) -> None:
    """Has bounds kept once all rows are there that read what is set then."""
    numbers = {id(found): number for number, found in enumerate(sight.model.invariants)}
    for found in [f for f, _ in placed.unkept if part_of(f.rule) is Part.BOUNDS]:
        steps, _ = _possible(sight, found, numbers[id(found)], placed)
        if steps and steps[0].postponed is not None:
            placed.unkept[:] = [pair for pair in placed.unkept if pair[0] is not found]
            placed.accept(steps[0])


def _reach(rule: Invariant) -> int:
    """How many keys a rule follows, one after the other: what is far comes after what is near."""
    return max((len(term.keys) for term in rule.terms if term.keys != BELOW), default=0)


def _in_order(sight: Sight, placed: Placed, vain: list[Step]) -> Orientation:
    """The steps, each behind those that set what it reads."""
    accepted, unkept = [s for s in placed.accepted if s.postponed is None], placed.unkept
    last = tuple(s for s in placed.accepted if s.postponed is not None)
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
    unkept = [*without_implied(unkept, sight.model.invariants, last)]
    order = _ranks(accepted)
    accepted = in_turn(accepted, order)
    soon = [s for s in accepted if s.target not in late]
    rest = (_rest(s) for s in accepted if s.descends)
    waits = in_turns(sight.model, (*rest, *(s for s in accepted if s.target in late)))
    return Orientation(_by_table(soon), _by_table(waits), tuple(unkept), last)


def _rest(step: Step) -> Step:
    """What is left to a parent whose child takes over: its value where it has no child."""
    own = step.found.rule.table, step.found.rule.terms[0].column
    return replace(step, target=own, reads=step.reads - {own} | {step.target}, rest=True)


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


def _rank(rule: Invariant) -> tuple[Part, int, bool, int]:
    """Earlier parts first; of what sets a column, what says most of it, and of most rows."""
    order = _MOST_TELLING.index(rule.kind) if rule.kind in _MOST_TELLING else len(_MOST_TELLING)
    order = -1 if rule.kind == "onset" and not rule.form.startswith("filled") else order
    wide = len(rule.terms) if rule.kind == "among" else 0
    return part_of(rule), order, rule.kind == "running" and rule.key is not None, -wide


def _place_bounds(sight: Sight, waiting: list[tuple[int, Found]], placed: Placed) -> None:
    """Places the rules first that have the fewest columns left, so that all find one."""
    while waiting:
        left = [len(_possible(sight, f, n, placed)[0]) for n, f in waiting]
        number, found = waiting.pop(left.index(min(left)))
        _place(sight, found, number, placed)


def _place(sight: Sight, found: Found, number: int, placed: Placed) -> None:
    """Adds the step of a rule to those accepted before, or the rule to those that are not kept."""
    rule = found.rule
    counted = rule.kind == "cardinality" and not rule.terms
    drawn = keeps_to_keys(rule, sight.single) or _follows_key(sight.model, rule, placed)
    beside = id(found) in sight.beside or limit(sight.model, rule) is not None
    beside |= differs_by_choice(rule, sight.beside.values()) is not None
    if counted or rule.kind == "filled" or drawn or beside:
        return  # no step keeps it: numbers of rows do, how keys are drawn, or that no null is
    steps, why = _possible(sight, found, number, placed)
    if not steps:
        placed.unkept.append((found, why))
        return
    far = rule.kind == "unique" and is_scattered(sight, rule.table, rule.columns)
    far = far and not is_shared_out(sight, rule)
    own, *last = (far and differing(sight, steps, placed)) or steps[:1]
    for step in (own, *last):
        placed.accept(step)
    if _is_crowded(sight.model, rule):
        placed.unkept.append((found, "nearly all rows that its keys lead to are paired"))
    elif far and not last:
        placed.unkept.append((found, FAR))


def _follows_key(model: DatabaseModel, rule: Invariant, placed: Placed) -> bool:
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


def _possible(sight: Sight, found: Found, number: int, placed: Placed) -> tuple[list[Step], str]:
    """The steps that may keep a rule beside those accepted, the best first, or why none may."""
    model, rule = sight.model, found.rule
    moved = out_of_turn(model, rule) or close(sight, rule, placed)
    if (far := out_of_sight(sight, rule)) is not None:
        early = moved is not None or (part_of(rule) is Part.BOUNDS and not sight.ending)
        own = ((rule.table, column) for column in found.kind.targets(rule) if not early)
        last = (postponed(sight, found, number, placed, target) for target in own)
        return [*chain.from_iterable(last)], far
    if (vast := unseen(sight, rule, placed)) is not None:
        return [], vast
    nodes, steps = frozenset(_nodes(model, rule)), list[Step]()
    why = moved or _FIRM
    for target in best_first(sight, found, number, placed):
        column = target[1]
        told = {n for n in leaning(found) if target not in sources(n, placed)}
        asks = asks_children(model, rule)
        step = Step(found, number, target, nodes - {target} | told, asks=asks)
        others = placed.of(target)
        if moved is not None and not step.numbers:
            continue
        step, others = _beside(model, step, others, placed)
        if (reason := held(step, others, placed)) is not None:
            why = reason
        elif (late := too_late((target, *sorted(step.reads, key=str)), placed)) is not None:
            why = late
            steps += postponed(sight, found, number, placed, target) if sight.ending else ()
        elif any(target in sources(read, placed) for read in step.reads):
            why = f"what it reads follows from {column}"
        else:
            steps.append(step)
    return sorted(steps, key=lambda step: step.postponed is not None), why


def _beside(
    model: DatabaseModel, step: Step, others: list[Step], placed: Placed
) -> tuple[Step, list[Step]]:
    """A step as it is to be taken beside others of its column, and those that it has to mind."""
    others = [s for s in others if not are_one(step, s)]
    if agree(step, others, placed):
        others = []
    if (kept := beside_sets(step, others, placed)) is not None:
        return kept
    if others and completes(model, step, others, placed):
        return replace(step, agrees=True), []
    return step, others


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
    elif rule.kind == "among":
        yield from ((rule.other[0], column) for column in (rule.other[1], *rule.beside))


def _home(model: DatabaseModel, rule: Invariant, term: Term) -> TableName:
    if not term.keys:
        return rule.table
    if term.keys == BELOW and rule.key is not None:
        return rule.key[0]
    return foreign_key(model.schema, rule.table, term.keys).parent


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
