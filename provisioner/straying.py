"""Values of undeclared keys: those that lead nowhere, and those that lead to a table by type."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import ForeignKey
from generators.columns import Codes
from generators.distinct import patched
from generators.encoding import empty
from generators.errors import Unmeetable
from generators.relations.references import Mode
from provisioner.job import Ints, Job, Values
from provisioner.values import row_values

Verdict = npt.NDArray[np.bool_]


def drawn_values(job: Job, codes: Codes, rows: Ints, attempt: int) -> Values:
    """A value per row and column, but for keys that reference the table itself."""
    values = row_values(job, codes, rows, attempt)
    values |= strayed(job, values, rows, attempt, selves=False)
    return values | typed(job, values, rows, job.randomness("typed", attempt))


def strayed(job: Job, values: Values, rows: Ints, attempt: int, *, selves: bool) -> Values:
    """The columns of imperfect keys, with the learned or asked share of values leading nowhere.

    Args:
        job: the table and shard.
        values: the rows' values.
        rows: the rows' positions in the shard.
        attempt: each draws others.
        selves: whether to change keys to the table itself, or all others.
    """
    found: Values = {}
    for reference in job.model.references:
        key = reference.key
        share = _share(job, key)
        if share and (reference.mode is Mode.SELF) is selves and not _is_shared(job, key):
            rng = job.randomness("astray", key.name, attempt)
            chosen = np.flatnonzero(_speaks(job, key, values) & (rng.random(len(rows)) < share))
            found |= _patched(key, values, chosen, _lost(job, key, job.indexes[rows[chosen]]))
    return found


def typed(job: Job, values: Mapping[str, pa.Array], rows: Ints, rng: np.random.Generator) -> Values:
    """The columns of polymorphic keys; each value leads to any row of the table of its type.

    Values of types that no key names stay as they are, and so do nulls.

    Raises:
        Unmeetable: rows of a type need a row of a table that has none.
    """
    found = dict(values)
    for key in job.table.polymorphic:
        chosen = np.flatnonzero(_speaks(job, key, found))
        if not len(chosen):
            continue
        astray = rng.random(len(chosen)) < _share(job, key)
        there, gone = chosen[~astray], chosen[astray]
        found |= _patched(key, found, there, _led(job, key, len(there), rng))
        found |= _patched(key, found, gone, _lost(job, key, job.indexes[rows[gone]]))
    return {c: found[c] for c in job.table.typed_columns if found[c] is not values[c]}


def unspoken(job: Job, values: Mapping[str, pa.Array]) -> Ints:
    """The rows of whose type no polymorphic key speaks."""
    spoken = [_speaks(job, key, values) for key in job.table.polymorphic]
    return np.flatnonzero(~np.any(spoken, axis=0))


def _led(job: Job, key: ForeignKey, rows: int, rng: np.random.Generator) -> list[pa.Array]:
    """Values that lead to any row of the parent; null where it has none."""
    total = job.setting.plan.layout(key.parent).total
    if total and rows:
        indexes = rng.integers(0, total, rows)
        return job.setting.keys(key.parent, key.parent_columns, indexes)
    if rows and not all(job.table.column(c).nullable for c in key.columns):
        raise Unmeetable(
            f"{job.table.name} {key.name}: {rows} rows need a row of {key.parent}, which has none; "
            "give it rows"
        )
    return [empty(job.table.column(c), rows) for c in key.columns]


def _share(job: Job, key: ForeignKey) -> float:
    return job.model.dangling[key.name].value if not key.declared else 0.0


def _is_shared(job: Job, key: ForeignKey) -> bool:
    """Whether another key holds one of its columns, whose value must then lead somewhere."""
    others = (f for f in job.table.foreign_keys if f != key)
    return any(set(f.columns) & set(key.columns) for f in others)


def _speaks(job: Job, key: ForeignKey, values: Mapping[str, pa.Array]) -> Verdict:
    """Which rows a key speaks of: no column of it is null, and its type is theirs."""
    rows = len(values[key.columns[0]])
    if not job.setting.plan.layout(key.parent).total:
        # Without a parent, all values of a column that may not be null are left to stray.
        bare = np.full(rows, not any(job.table.column(c).nullable for c in key.columns))
    else:
        bare = np.zeros(rows, np.bool_)
    present = np.all([_truth(values[c].is_valid()) for c in key.columns], axis=0)
    if key.only is None:
        return np.asarray(present | bare)
    column, value = key.only
    return np.asarray(
        present & _truth(pc.equal(pc.cast(values[column], pa.string()), value).fill_null(False))
    )


def _truth(mask: pa.Array) -> Verdict:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _lost(job: Job, key: ForeignKey, indexes: Ints) -> list[pa.Array]:
    """Values that no row of the parent has; as many different ones as it has rows."""
    if not len(indexes):
        return []
    total = job.setting.plan.layout(key.parent).total
    return job.setting.lost(key.parent, key.parent_columns, indexes % max(1, total))


def _patched(
    key: ForeignKey, values: Mapping[str, pa.Array], places: Ints, fresh: list[pa.Array]
) -> Values:
    if not len(places):
        return {}
    return {c: patched(values[c], places, v) for c, v in zip(key.columns, fresh, strict=True)}
