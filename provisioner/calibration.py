"""Swaps drawn owners for others until their children add up to what the plan gives the shard.

The number of children is drawn with each owner, so that its sum misses the plan's by chance. To
drop or add children one by one would tear what belongs together; other owners do not.
"""

import numpy as np

from connectors.schema import TableName
from generators.columns import Codes
from provisioner.job import Floats, Ints, Job, counts_of

_CLOSE = 0.002
"""Share of the planned children that may be missing, or too many, once owners were swapped."""
_ROUNDS = 4


def calibrated(job: Job, codes: Codes, rng: np.random.Generator) -> Codes:
    """The codes of owners, with those of some drawn again; each row is as likely as before.

    Only where rows do not depend on their older siblings.
    """
    quotas = _quotas(job)
    if not quotas or not len(codes) or job.model.history is not None:
        return codes
    wanted = np.array(list(quotas.values()), np.float64)
    for _ in range(_ROUNDS):
        counts = _counts(job, codes, quotas)
        gap = (wanted - counts.sum(axis=0)) / wanted
        if float(np.abs(gap).max()) <= _CLOSE:
            break
        fresh = job.model.generator.sample(job.context.codes, {}, rng)
        change = (_counts(job, fresh, quotas) - counts) / wanted
        swapped = _swaps(gap, change, rng.permutation(len(codes)))
        codes = codes.copy()
        codes[swapped] = fresh[swapped]
    return codes


def _quotas(job: Job) -> dict[TableName, int]:
    """How many rows the plan gives each owned table in this shard, where it gives any.

    But for those whose number depends on what rows of another table turn out to be.
    """
    plan = job.setting.plan
    planned = ((child, plan.layout(child).rows[job.shard]) for child in _foretold(job))
    return {child: rows for child, rows in planned if rows}


def _foretold(job: Job) -> list[TableName]:
    """The tables whose numbers follow from codes alone, behind those that they are told beside."""
    beside = job.model.beside
    told = (c for c in job.model.counts if c not in beside or beside[c].pace is None)
    return sorted(told, key=lambda c: c in beside)


def _counts(job: Job, codes: Codes, quotas: dict[TableName, int]) -> Floats:
    """The children of each row, of shape (rows, tables)."""
    known: dict[TableName, Ints] = {}
    for child in _foretold(job):
        known[child] = counts_of(job, codes, child, known)
    return np.stack([known[child] for child in quotas], axis=1).astype(np.float64)


def _swaps(gap: Floats, change: Floats, order: Ints) -> Ints:
    """Rows that bring the sums nearer to what is wanted, one by one, until they are close."""
    found: list[int] = []
    left = gap.copy()
    moving = order[np.abs(change[order]).sum(axis=1) > 0]
    for row in moving:
        after = left - change[row]
        if float(after @ after) < float(left @ left):
            found.append(int(row))
            left = after
            if float(np.abs(left).max()) <= _CLOSE / 2:
                break
    return np.array(found, np.int64)
