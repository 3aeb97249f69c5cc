"""Gives an only row below an owner all that was drawn as the owner's total.

A total is set to what the rows below come to once these are drawn. They are drawn given about what
the total is, and would make it another than the one that was drawn with all else of the owner.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from connectors.invariants import Invariant
from connectors.schema import Column
from generators.distinct import patched
from generators.invariants import Part
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of, stored
from generators.steps import is_above
from provisioner.holding import pool
from provisioner.job import Job, Values

_WHOLE = frozenset({"sum", "average", "min", "max"})
"""What a single number comes to is the number itself."""


def apportioned(job: Job, values: Values) -> Values:
    """The values, those of rows without siblings as the totals of their owners were drawn.

    Totals beyond what rows are usually drawn as stay out of them.
    """
    found = dict(values)
    for column, wanted in _totals(job):
        only = np.bincount(job.parents)[job.parents] == 1
        usual = _numbers(pool(job, column.name))
        least, most = (
            end(usual.values[usual.known], initial=start)
            for end, start in ((np.min, np.inf), (np.max, -np.inf))
        )
        whole = wanted.values[job.parents]
        known = only & wanted.known[job.parents] & (whole >= least) & (whole <= most)
        rows = np.flatnonzero(known & found[column.name].is_valid().to_numpy(zero_copy_only=False))
        fresh = stored(whole[rows], np.ones(len(rows), np.bool_), column.datatype)
        found[column.name] = patched(found[column.name], rows, fresh)
    return found


def _totals(job: Job) -> Iterator[tuple[Column, Magnitudes]]:
    """Columns that are free to be what owners were drawn with, and the numbers drawn there."""
    if job.owner is None:
        return
    parent, drawn = job.owner.parent, job.above[job.owner.parent].values
    free = {f.column.name for f in job.model.columns}
    free -= job.setting.orientation.targets(job.table.name, Part.PARTS)
    for step in job.setting.orientation.late.get(parent, ()):
        rule = step.found.rule
        own, column = rule.terms[0].column, _part(job, rule)
        if is_above(step) and column is not None and column.name in free and own in drawn:
            yield column, _numbers(drawn[own])


def _part(job: Job, rule: Invariant) -> Column | None:
    """The column of numbers that alone makes up a total of the owner; None for other rules."""
    owner = job.owner
    if rule.form not in _WHOLE or owner is None or rule.key != (job.table.name, owner.name):
        return None
    column = job.table.column(rule.terms[1].column)
    return column if scale_of(column.datatype) is Scale.NUMBER else None


def _numbers(values: pa.Array) -> Magnitudes:
    return magnitudes(values, Scale.NUMBER)
