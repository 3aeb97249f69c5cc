"""Lets rows exchange what others are computed from, so that these are as they were drawn.

A code of a time stands for many: which one it is was drawn without regard to the rest of the row,
and so the hour computed from it would go with nothing, though the hour that was drawn does. Rows
of one code give each other their times: all of these stay, and with them what was learned of them.
"""

import numpy as np
import pyarrow as pa

from generators.columns import Codes
from generators.distinct import groups, patched
from generators.encoding import FittedColumn
from generators.invariants import Part
from generators.pairing import paired
from generators.steps import Step
from provisioner.job import Ints, Job, Values, features

_UNMOVED = frozenset({"presence", "unique"})
"""Kinds of rules that hold on as long as values stay in their groups."""


def exchanged(job: Job, codes: Codes, values: Values, edges: Ints) -> Values:
    """The values, of which those that alone tell others are dealt out anew inside their codes.

    Not of rows at the `edges`, nor where rows follow each other or a person says what they hold.
    """
    found = dict(values)
    if job.model.history is not None or len(job.seats) or job.setting.plan.roles(job.table.name):
        return found
    for told in _sources(job):
        if (group := _groups(job, told, values)) is not None:
            _exchange(job, told, codes, (found, group, edges))
    return found


def _sources(job: Job) -> list[list[Step]]:
    """Steps that compute columns from one column alone, those of each such column together."""
    steps = (*job.setting.orientation.of(job.table.name), *_late(job))
    told: dict[str, list[Step]] = {}
    for step in steps:
        rule = step.found.rule
        plain = step.part is Part.SETS and len(rule.terms) == 2 and not rule.relaxed
        if rule.kind == "computed" and plain and not any(t.keys for t in rule.terms):
            told.setdefault(rule.terms[1].column, []).append(step)
    return [those for those in told.values() if _is_free(job, those, steps)]


def _late(job: Job) -> tuple[Step, ...]:
    return job.setting.orientation.late.get(job.table.name, ())


def _moved(told: list[Step]) -> frozenset[str]:
    """What goes together: the columns that a few steps compute, and the one they are told by."""
    return frozenset(term.column for step in told for term in step.found.rule.terms)


def _is_free(job: Job, told: list[Step], steps: tuple[Step, ...]) -> bool:
    """Whether a column, and what it tells, may go to other rows: nothing else leans on them."""
    moved, name = _moved(told), job.table.name
    learned = {f.column.name for f in job.model.columns if not f.generator.personal}
    keys = {column for key in job.table.foreign_keys for column in key.columns}
    leant = keys | job.setting.model.schema.referenced(name) | job.setting.orientation.read_of(name)
    if not moved <= learned - leant - job.table.typed_columns:
        return False
    others = (s for s in steps if s not in told and s.found.rule.kind not in _UNMOVED)
    touched = {node for step in others for node in (*step.reads, step.target)}
    return not touched & {(name, column) for column in moved}


def _groups(job: Job, told: list[Step], values: Values) -> Ints | None:
    """Rows alike in all that a unique key or rule has beside what moves; None where it is unknown.

    -1 where that is null.
    """
    moved, model = _moved(told), job.setting.model
    uniques = [set(u.columns) for u in job.setting.keeper(job.table.name).keys]
    rules = (f.rule for f in model.invariants if f.rule.table == job.table.name)
    uniques += [set(r.columns) for r in rules if r.kind == "unique"]
    beside = sorted({c for columns in uniques if columns & moved for c in columns - moved})
    if not values.keys() >= {*beside, *moved}:
        return None
    rows = np.zeros(len(job.indexes), np.int64)
    return groups([pa.array(rows), *(values[c] for c in beside)])


def _exchange(job: Job, told: list[Step], codes: Codes, drawn: tuple[Values, Ints, Ints]) -> None:
    """Deals out a column with all that it tells, in place."""
    found, group, edges = drawn
    fitted = {f.column.name: f for f in job.model.columns}
    source = told[0].found.rule.terms[1].column
    targets = sorted(_moved(told) - {source})
    known = group >= 0
    known[edges] = False
    for column in _moved(told):
        known &= found[column].is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(known)
    names = [f.name for f in features(job.model)]
    wanted = [codes[rows, names.index(c)].astype(np.int64) for c in targets]
    held = [_codes(fitted[c], found[c], rows) for c in targets]
    if not len(rows) or all(np.array_equal(w, h) for w, h in zip(wanted, held, strict=True)):
        return
    inside = groups([pa.array(group[rows]), pa.array(_codes(fitted[source], found[source], rows))])
    given = pa.array(rows[paired(inside, wanted, held)])
    for column in _moved(told):
        found[column] = patched(found[column], rows, found[column].take(given))


def _codes(fitted: FittedColumn, values: pa.Array, rows: Ints) -> Ints:
    return fitted.encode(values.take(pa.array(rows))).astype(np.int64)
