"""Puts values that programs trip over into a share of the rows, where constraints allow it."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.limits import UNLIMITED
from connectors.schema import Table
from generators.distinct import patched
from generators.edges import edges
from generators.encoding import FittedColumn, empty
from generators.invariants import Part
from generators.randomness import identities
from provisioner.freedom import fixed_columns
from provisioner.job import Ints, Job, Values
from provisioner.keeping import Keeper

Bools = npt.NDArray[np.bool_]

PLAIN = frozenset({"numeric", "temporal", "category", "text", "template", "vocabulary", "bytes"})
"""Kinds of columns whose values are nobody's: the others invent people and what belongs to them."""
_OFTEN = 0.5
"""Share of its columns in which a chosen row lies at the edge."""
_ATTEMPTS = 4


def edged(job: Job, values: Values) -> tuple[Values, Ints]:
    """The values with edge cases in the share of rows that the plan asks for, and those rows.

    What breaks a rule with several of them is tried with fewer, and stays as it was drawn where
    even one does. Keys, what they lead to, clocks and parts of unique keys stay.
    """
    rows = np.flatnonzero(is_chosen(job)) if job.setting.plan.edge_cases else np.empty(0, np.int64)
    rows = np.setdiff1d(rows, job.seats)  # what is made by hand is left as it was given
    columns = _columns(job, values) if len(rows) else {}
    if not columns:
        return values, rows[:0]
    found, left, done = dict(values), rows, np.empty(0, np.int64)
    rng, rules = job.randomness("edges"), _rules(job, values)
    before = rules.broken(values).sum(axis=1)
    for attempt in range(_ATTEMPTS):
        often = _OFTEN / 2**attempt if attempt < _ATTEMPTS - 1 else 0.0
        trial = {c: v.take(pa.array(left)) for c, v in values.items()}
        for name in _chosen_columns(columns, len(left), often, rng):
            trial[name[0]] = _replaced(columns[name[0]], trial[name[0]], name[1], rng)
        good = rules.broken(trial).sum(axis=1) <= before[left]
        places, taken = left[good], pa.array(np.flatnonzero(good))
        found = {c: patched(v, places, trial[c].take(taken)) for c, v in found.items()}
        done, left = np.union1d(done, places), left[~good]
        if not len(left):
            break
    return found, done


def is_chosen(job: Job) -> Bools:
    """Which rows are edge cases: a function of seed, table and index alone."""
    share = job.setting.plan.edge_cases
    numbers = identities(job.setting.plan.seed, f"edges of {job.table.name}", job.indexes)
    return np.asarray(numbers < np.uint64(min(share, 1.0) * (2**64 - 2**12)))


def _rules(job: Job, values: Values) -> Keeper:
    return job.setting.keeper(job.table.name).over(frozenset(values))


def _columns(job: Job, values: Values) -> dict[str, tuple[FittedColumn, pa.Array]]:
    """The columns that may lie at the edge, with the values there; null is one where it may be."""
    kept = fixed_columns(job, values) | _kept(job)
    limits = job.setting.keeper(job.table.name).limits
    found = {}
    for fitted in job.model.columns:
        name = fitted.column.name
        if name in kept or name not in values or fitted.generator.kind not in PLAIN:
            continue
        worth = edges(fitted.column.datatype, limits.get(name, UNLIMITED))
        if fitted.column.nullable:
            worth = pa.concat_arrays([worth, empty(fitted.column, 1)])
        if len(worth):
            found[name] = fitted, worth.cast(values[name].type)
    return found


def _kept(job: Job) -> set[str]:
    """Columns on which other rows, the server or an order of rows rely."""
    table, history = job.table, job.model.history
    kept = {c for key in table.foreign_keys for c in key.columns} | set(table.typed_columns)
    kept |= job.setting.orientation.targets(table.name, Part.MASKS)
    kept |= set(job.setting.model.schema.referenced(table.name))
    kept |= {c for key in job.setting.keeper(table.name).keys for c in key.columns}
    parts = job.setting.keeper(table.name).uniques.values()
    kept |= {c for part in parts for e in part.expressions for c in e.columns}
    if history is not None and history.clock is not None:
        kept.add(history.clock.column)
    return kept | _judged_elsewhere(job, table)


def _judged_elsewhere(job: Job, table: Table) -> set[str]:
    """Columns of constraints that are not evaluated here."""
    texts = [rule.sql for rule, _ in job.setting.keeper(table.name).left]
    texts += [exclusion.sql for exclusion in table.exclusions]
    return {c.name for c in table.columns if any(c.name in text for text in texts)}


def _chosen_columns(
    columns: dict[str, tuple[FittedColumn, pa.Array]],
    rows: int,
    often: float,
    rng: np.random.Generator,
) -> list[tuple[str, Ints]]:
    """Per column the rows in which it lies at the edge: one column for sure, others so often."""
    sure = rng.integers(0, len(columns), rows)
    return [
        (name, np.flatnonzero((sure == place) | (rng.random(rows) < often)))
        for place, name in enumerate(columns)
    ]


def _replaced(
    column: tuple[FittedColumn, pa.Array], values: pa.Array, rows: Ints, rng: np.random.Generator
) -> pa.Array:
    _, worth = column
    return patched(values, rows, worth.take(pa.array(rng.integers(0, len(worth), len(rows)))))
