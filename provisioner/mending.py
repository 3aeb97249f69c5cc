"""Mends rows that break the rules of their table, a few columns at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.rules import Rule, evaluate
from connectors.schema import Table
from generators.distinct import patched
from provisioner.keeping import Ints, Keeper, Values, Verdict

Redraw = Callable[[Ints], Mapping[str, pa.Array]]

Change = Callable[["_Trial", list[str], Values], Mapping[str, pa.Array]]

_ATTEMPTS = 60
_VAIN_ATTEMPTS = 20
_ANEW = 0.3
"""How often another column of an equality is drawn again before it is solved."""
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Free:
    """A column that mending may change: how to draw it again, and whether it may be null.

    Attributes:
        redraw: new values for rows at some positions, of this column and those tied to it.
        alone: whether the column is tied to no other, so that a value may be put in its place.
        proposals: the values worth trying in it.
    """

    redraw: Redraw
    nullable: bool
    alone: bool
    proposals: pa.Array


def mended(
    keeper: Keeper, values: Values, free: Mapping[str, Free], rng: np.random.Generator
) -> Values:
    """The values, with rows that break rules changed until they break fewer, at best none.

    Tries in turn, on the columns of one broken rule: one set to what an equality of the rule asks
    for; the values of a row that keeps all; each
    column drawn again, set to a proposal, to null or left; proposals and nulls alone; two columns
    swapped; one column set to another's value or beside it. Gives up early where nothing gets
    better, however often all of these were tried.
    """
    verdict = keeper.broken(values)
    fruitful = 0
    for attempt in range(_ATTEMPTS):
        rules = np.flatnonzero(verdict.any(axis=0))
        if not len(rules) or attempt - fruitful > _VAIN_ATTEMPTS * len(rules):
            break
        rule = int(rules[attempt % len(rules)])
        rows = np.flatnonzero(verdict[:, rule])
        changes = _changes(keeper, rule)
        change, columns = changes[attempt // len(rules) % len(changes)]
        names = [c for c in columns if c in free]
        trial = {c: v.take(pa.array(rows)) for c, v in values.items()}
        keeps = np.asarray(~verdict.any(axis=1))
        trial |= change(
            _Trial(values, free, rows, keeps, keeper, keeper.rules[rule], rng), names, trial
        )
        judged = keeper.broken(trial)
        better = judged.sum(axis=1) < verdict[rows].sum(axis=1)
        better &= ~_voided(keeper.table, trial)
        fruitful = attempt if better.any() else fruitful
        places, chosen = rows[better], pa.array(np.flatnonzero(better))
        values = {c: patched(v, places, trial[c].take(chosen)) for c, v in values.items()}
        verdict[places] = judged[better]
    return values


def _voided(table: Table, values: Values) -> npt.NDArray[np.bool_]:
    """Rows with a null in a column that may hold none."""
    found = np.zeros(len(next(iter(values.values()))), np.bool_)
    for name, column in values.items():
        if column.null_count and not table.column(name).nullable:
            found |= column.is_null().to_numpy(zero_copy_only=False)
    return found


def _changes(keeper: Keeper, rule: int) -> tuple[tuple[Change, tuple[str, ...]], ...]:
    """What to try in turn, and on which columns: the rule's own, or all tied to them by rules."""
    own, tied = keeper.rules[rule].columns, _tied(keeper, rule)
    solved = ((_solved, own),) if keeper.solutions.get(keeper.rules[rule]) else ()
    first = ((_borrowed, tied), (_mixed, own), (_emptied, own))
    return (*solved, *solved, *first, (_mixed, tied), (_swapped, own), (_copied, own))


def _tied(keeper: Keeper, rule: int) -> tuple[str, ...]:
    """The columns of a rule, of the rules that share one of those, and so on."""
    found = set(keeper.rules[rule].columns)
    groups = [set(r.columns) for r in keeper.rules]
    while more := [g for g in groups if g & found and not g <= found]:
        found = found.union(*more)
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class _Trial:
    values: Values
    free: Mapping[str, Free]
    rows: Ints
    keeps: Verdict
    keeper: Keeper
    rule: Rule
    rng: np.random.Generator


def _solved(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """One free column set to what an equality asks for; at times the others are drawn again."""
    known = trial.keeper.solutions[trial.rule]
    options = [(c, side) for c, side in known if c in names and trial.free[c].alone]
    if not options:
        return {}
    column, side = options[int(trial.rng.integers(len(options)))]
    others = [c for c in names if c != column and trial.rng.random() < _ANEW]
    changed = dict(_mixed(trial, others, part))
    [found] = evaluate([side], pa.table(part | changed))
    return changed | {column: found.cast(part[column].type)}


def _borrowed(trial: _Trial, names: list[str], _part: Values) -> Mapping[str, pa.Array]:
    """The free columns of other rows that keep all rules, together."""
    givers = np.flatnonzero(trial.keeps)
    alone = [c for c in names if trial.free[c].alone]
    if not len(givers):
        return {}
    chosen = pa.array(trial.rng.choice(givers, len(trial.rows)))
    return {c: trial.values[c].take(chosen) for c in alone}


def _mixed(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Each free column drawn again, set to a proposal or to null, or left, row by row."""
    changed: dict[str, pa.Array] = {}
    for name in names:
        if not trial.free[name].alone:
            changed |= trial.free[name].redraw(trial.rows)
            continue
        options = [part[name], trial.free[name].redraw(trial.rows)[name]]
        if len(trial.free[name].proposals):
            options += [_picked(trial, name)] * 2
        if trial.free[name].nullable:
            options.append(pa.nulls(len(trial.rows), part[name].type))
        changed[name] = _chosen(options, trial.rng)
    return changed


def _emptied(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Each free column set to a proposal, or else to null where it may be."""
    changed: dict[str, pa.Array] = {}
    for name in names:
        if trial.free[name].alone and len(trial.free[name].proposals):
            changed[name] = _picked(trial, name)
        elif trial.free[name].nullable:
            changed[name] = pa.nulls(len(trial.rows), part[name].type)
    return changed


def _picked(trial: _Trial, name: str) -> pa.Array:
    proposals = trial.free[name].proposals
    return proposals.take(pa.array(trial.rng.integers(0, len(proposals), len(trial.rows))))


def _swapped(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Two free columns of one type, each with the other's value."""
    alone = [c for c in names if trial.free[c].alone]
    pairs = [(a, b) for a in alone for b in alone if a < b and part[a].type == part[b].type]
    if not pairs:
        return {}
    one, two = pairs[int(trial.rng.integers(len(pairs)))]
    return {one: part[two], two: part[one]}


def _copied(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """A free column with the value of another one of the rule, or a neighbour of that."""
    pairs = [
        (mine, other)
        for mine in names
        for other in trial.rule.columns
        if mine != other and trial.free[mine].alone and part[mine].type == part[other].type
    ]
    if not pairs:
        return {}
    mine, other = pairs[int(trial.rng.integers(len(pairs)))]
    return {mine: _beside(part[other], trial.rng)}


def _beside(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """The values, each with one step less, the same or one more, where their type has steps."""
    stepped = pa.types.is_integer(values.type) or pa.types.is_date32(values.type)
    width = 1 if stepped else _SECOND
    if not stepped and not pa.types.is_timestamp(values.type):
        return values
    plain = values.view(pa.int32()) if pa.types.is_date32(values.type) else values
    moved = pc.add(plain.cast(pa.int64()), pa.array(rng.integers(-1, 2, len(values)) * width))
    return moved.cast(plain.type, safe=False).cast(values.type)


def _chosen(options: list[pa.Array], rng: np.random.Generator) -> pa.Array:
    rows = len(options[0])
    stacked = pa.concat_arrays([o.cast(options[0].type) for o in options])
    return stacked.take(pa.array(rng.integers(0, len(options), rows) * rows + np.arange(rows)))
