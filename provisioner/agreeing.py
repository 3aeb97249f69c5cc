"""Draws again what determines another value than was drawn with it.

A code of many categories stands for several of them: which one it is was drawn without regard to
the rest of the row. Were what it determines set instead, that would no longer go with all else. So
another one of the same code is drawn, or else taken over from a row with the same value.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import Draw
from generators.distinct import groups, hashable, nearest, patched
from generators.encoding import FittedColumn
from generators.invariants import Part
from generators.randomness import identities
from generators.relations.casts import Turns
from generators.steps import Step
from provisioner.holding import realised
from provisioner.job import Ints, Job, Values, features
from provisioner.scene import DrawnScene

Bools = npt.NDArray[np.bool_]

_DRAWS = 8
_FEWEST = 0.002
"""Share of the rows that a draw must bring to agree for another one to be worth it."""


def agreed(job: Job, values: Values, turns: Turns) -> Values:
    """The values, of which single ones that determine others go with what was drawn of these.

    Only what stands for itself: rows that repeat others, or that others repeat, keep theirs.
    """
    found = dict(values)
    steps = job.setting.orientation.of(job.table.name)
    for step in steps:
        fitted = _telling(job, step)
        if fitted is not None and len(job.indexes) and DrawnScene(job, found).shows(step):
            _agree(job, step, fitted, (found, turns))
    return found


def _telling(job: Job, step: Step) -> FittedColumn | None:
    """The categories that alone determine a step's target; None where they are set as well.

    Personal ones are as their identities are, and numbers and times as they follow each other.
    """
    rule = step.found.rule
    if rule.kind != "dependency" or step.part is not Part.SETS or len(rule.terms) != 2:
        return None
    given, last = rule.terms
    fixed = job.setting.orientation.targets(job.table.name) | job.table.typed_columns
    if given.keys or last.keys or last.column != step.target[1] or given.column in fixed:
        return None
    found = (f for f in job.model.columns if f.column.name == given.column)
    plain = (f for f in found if not (f.generator.personal or f.generator.distinct))
    return next((f for f in plain if not f.generator.ordered), None)


def _agree(job: Job, step: Step, fitted: FittedColumn, drawn: tuple[Values, Turns]) -> None:
    """Draws a column again where what it determines would be changed, in place."""
    found, turns = drawn
    name, rows = fitted.column.name, _own(job, fitted, turns)
    place = [f.name for f in features(job.model)].index(name)
    wrong = rows[_changed(job, step, found)[rows]]
    for attempt in range(_DRAWS):
        if not len(wrong):
            break
        rng, indexes = job.randomness("agree", step.number, attempt), job.indexes[wrong]
        people = identities(job.setting.plan.seed, str(job.table.name), indexes)
        fresh = fitted.decode(turns.codes[wrong, place], Draw(rng, indexes, people))
        tried = found | {name: patched(found[name], wrong, fresh)}
        still = _changed(job, step, tried)[wrong]
        kept = np.flatnonzero(~still)
        found[name] = patched(found[name], wrong[kept], fresh.take(pa.array(kept)))
        wrong = wrong[still]
        if len(kept) <= _FEWEST * len(job.indexes):
            break
    if len(wrong) and job.table.name not in job.setting.heeded:
        _take_over(job, step, wrong, found)


def _take_over(job: Job, step: Step, wrong: Ints, found: Values) -> None:
    """Has rows hold what rows hold with which the same was drawn and that agree, in place.

    What is spelled most nearly like their own, as codes of things that are alike often are.
    """
    [name, told] = step.found.rule.columns
    firm = np.flatnonzero(~_changed(job, step, found))
    last, spelled = groups([found[told]]), _spelled(found[name])
    firm, wrong = firm[last[firm] >= 0], wrong[last[wrong] >= 0]
    chosen = nearest((last[firm], spelled[firm]), (last[wrong], spelled[wrong]))
    there = np.flatnonzero(chosen >= 0)
    fresh = found[name].take(pa.array(firm[chosen[there]]))
    found[name] = patched(found[name], wrong[there], fresh)


def _spelled(values: pa.Array) -> Ints:
    """The place of each value among all in the order of their spelling; -1 for null."""
    plain = hashable(values)
    known = plain.unique().drop_null()
    found = pc.index_in(plain, value_set=known.take(pc.array_sort_indices(known)))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)


def _own(job: Job, fitted: FittedColumn, turns: Turns) -> Ints:
    """Rows whose value of a column is neither that of another row nor another row's."""
    history, rows = job.model.history, np.arange(len(job.indexes))
    names = [] if history is None else [f.name for f in history.features]
    if fitted.column.name not in names:
        return rows
    place = names.index(fitted.column.name)
    sources = turns.sources[:, place]
    tied = (sources >= 0) | (turns.current[:, place] >= 0)
    tied[sources[sources >= 0]] = True
    return np.flatnonzero(~tied)


def _changed(job: Job, step: Step, values: Values) -> Bools:
    """Rows of which a step would change what was drawn."""
    before = values[step.target[1]]
    after = realised(job, DrawnScene(job, values), step, turn=0, tight=False)
    same = pc.fill_null(pc.equal(before, after.cast(before.type)), True)
    return np.asarray(~same.to_numpy(zero_copy_only=False), np.bool_)
