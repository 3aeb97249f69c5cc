"""Has rows refer to the copied rows that hold what was drawn: an order to the rate of its own day.

A rule says that a column equals one of the row that a key leads to. Which of the copied rows that
is was learned where enough units share it, and else only what it refers to: it is then the one of
these that is nearest to what was drawn, which else gives way to what any of them holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.invariants import Term, key_named
from connectors.schema import ForeignKey
from generators.distinct import groups, patched
from generators.magnitudes import Scale, magnitudes, scale_of
from generators.sorting import ordered
from generators.targets import chosen_keys
from provisioner.job import Floats, Ints, Job, Values


@dataclass(frozen=True, slots=True)
class _Equal:
    """A column of numbers or times that is set to what copied rows hold."""

    own: str
    key: ForeignKey
    far: str
    scale: Scale


def met(job: Job, values: Values) -> Values:
    """The values, with references to the nearest of the rows that may be meant."""
    found = dict(values)
    for one in _equal(job):
        if one.own in found and one.key.columns[0] in found:
            found[one.key.columns[0]] = _nearest(job, found, one)
    return found


def _equal(job: Job) -> Iterator[_Equal]:
    free = chosen_keys(job.setting.model, job.table.name)
    for step in job.setting.orientation.of(job.table.name):
        rule, own = step.found.rule, Term(step.target[1])
        if (rule.kind, rule.form) != ("equality", "=") or own not in rule.terms:
            continue
        far = rule.terms[1 - rule.terms.index(own)]
        scale = scale_of(job.table.column(own.column).datatype)
        if scale is None or len(far.keys) != 1:
            continue
        key = key_named(job.table, far.keys[0])
        if key.parent in job.setting.plan.carried and free.issuperset(key.columns):
            yield _Equal(own.column, key, far.column, scale)


def _nearest(job: Job, values: Values, one: _Equal) -> pa.Array:
    """A key's values; those that lead to one of many rows lead to the nearest of them."""
    key, drawn, setting = one.key, values[one.key.columns[0]], job.setting
    rng, everything = job.randomness("meeting", key.name), _everything(job, key)
    led = setting.matching(key.parent, {key.parent_columns[0]: drawn}, rng)
    names, held = setting.keys(key.parent, (key.parent_columns[0], one.far), everything)
    there, wanted = magnitudes(held, one.scale), magnitudes(values[one.own], one.scale)
    sorts = np.where(there.known, _sorts(job, one), -1)
    rows = np.flatnonzero((led >= 0) & wanted.known)
    rows = rows[sorts[led[rows]] >= 0]
    if not len(rows):
        return drawn
    marks, asked = (np.asarray(m.values, np.float64) for m in (there, wanted))
    chosen = _closest((sorts, marks), (sorts[led[rows]], asked[rows]), rng)
    nearer = abs(marks[chosen] - asked[rows]) < abs(marks[led[rows]] - asked[rows])
    fresh = names.take(pa.array(chosen[nearer])).cast(drawn.type)
    return patched(drawn, rows[nearer], fresh)


def _everything(job: Job, key: ForeignKey) -> Ints:
    return np.arange(job.setting.plan.layout(key.parent).total)


def _sorts(job: Job, one: _Equal) -> Ints:
    """What each copied row refers to, as a number from 0; -1 for rows that are known one by one."""
    model, key, everything = job.setting.model, one.key, _everything(job, one.key)
    clusters = model.tables[key.parent].clusters
    codes = clusters.of(everything, len(everything))
    alone = np.bincount(codes, minlength=clusters.count)[codes] == 1
    keys = model.schema.table(key.parent).foreign_keys
    others = sorted({c for k in keys for c in k.columns} - {one.far, *key.parent_columns})
    told = np.zeros(len(everything), np.int64)
    if others:
        told = 1 + groups(job.setting.keys(key.parent, tuple(others), everything))
    return np.where(alone, -1, told)


def _closest(
    known: tuple[Ints, Floats], asked: tuple[Ints, Floats], rng: np.random.Generator
) -> Ints:
    """For each sort and number the row of that sort with the nearest number; of equal ones any."""
    (sorts, marks), (wanted, numbers) = known, asked
    order, steps = ordered(sorts, marks), np.unique(marks)
    width = len(steps) + 1
    place = width * sorts[order] + np.searchsorted(steps, marks[order])
    above = np.searchsorted(place, width * wanted + np.searchsorted(steps, numbers))
    pair = np.stack([np.maximum(above - 1, 0), np.minimum(above, len(order) - 1)])
    off = np.abs(marks[order[pair]] - numbers)
    off[sorts[order[pair]] != wanted] = np.inf
    near = place[pair[off.argmin(0), np.arange(len(numbers))]]
    low, high = (np.searchsorted(place, near, side) for side in ("left", "right"))
    return np.asarray(order[low + (rng.random(len(near)) * (high - low)).astype(np.int64)])
