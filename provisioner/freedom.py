"""What mending may change in the rows of a table, and how it is drawn again."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.limits import UNLIMITED
from connectors.rules import failing
from connectors.schema import ForeignKey, Unique
from generators.encoding import FittedColumn
from generators.invariants import Part
from generators.relations.references import Mode, Reference
from provisioner.allowed import allowed, every
from provisioner.dating import any_in_time
from provisioner.job import Ints, Job, Values
from provisioner.mending import Free, Redraw
from provisioner.proposals import proposals_of
from provisioner.selves import chosen_selves, is_unique
from provisioner.values import anything, referenced, waiting_references


def free_columns(
    job: Job, values: Values, rng: np.random.Generator, *, last: bool = True
) -> Mapping[str, Free]:
    """What mending may change: learned columns, and keys that may point to any row.

    What other rows refer to becomes null only as the last resort, for nothing can lead there.
    """
    proposals = proposals_of(job)
    fixed, sought = fixed_columns(job, values), job.setting.model.schema.referenced(job.table.name)
    free: dict[str, Free] = {}
    for fitted in job.model.columns:
        if fitted.column.name in fixed:
            continue
        name, kind = fitted.column.name, arrow_type(fitted.column.datatype)
        if name in job.table.typed_columns:
            continue  # what a polymorphic key says depends on two columns at once
        redraw = _column_redraw(job, fitted, rng)
        worth = proposals.get(name, pa.nulls(0, kind))
        nullable = fitted.column.nullable and (last or name not in sought)
        free[name] = Free(redraw, nullable, alone=True, proposals=worth)
    for reference in job.model.references:
        there = reference.mode is Mode.CLUSTER and values.keys() >= set(reference.key.columns)
        own = set(reference.key.columns) - job.beside
        kept = fixed - own if reference in job.model.natural else fixed
        there &= not kept & set(reference.key.columns)
        there = there and len(job.setting.reachable(reference.key)) > 0
        if there and not shares_a_column(job, reference):
            free |= _free_key(job, reference, proposals, rng)
    return {**free, **_free_selves(job, values, rng)}


def _free_selves(job: Job, values: Values, rng: np.random.Generator) -> Mapping[str, Free]:
    """Keys of one column to the table itself, once they are filled: any earlier row will do."""
    free: dict[str, Free] = {}
    for key in chosen_selves(job, values):
        if len(key.columns) == 1 and not is_unique(job, key):
            column = job.table.column(key.columns[0])
            redraw = _earlier_redraw(key, values[key.parent_columns[0]], rng)
            free[column.name] = Free(redraw, column.nullable, alone=False, proposals=pa.nulls(0))
    return free


def _earlier_redraw(key: ForeignKey, known: pa.Array, rng: np.random.Generator) -> Redraw:
    there = np.flatnonzero(known.is_valid().to_numpy(zero_copy_only=False))

    def redraw(rows: Ints) -> Values:
        before = np.searchsorted(there, rows)
        places = there[(rng.random(len(rows)) * np.maximum(1, before)).astype(np.int64)]
        return {key.columns[0]: known.take(pa.array(places))}

    return redraw


def fixed_columns(job: Job, values: Values) -> set[str]:
    """Columns that others reference, once references are drawn that took them as they were.

    And those of natural keys, of which none moves without the others, and of what stands beside
    rows of other tables.
    """
    fixed = set(job.beside).union(*(r.key.columns for r in job.model.natural))
    for key in chosen_selves(job, values):
        fixed |= {*key.columns, *key.parent_columns}
    if any(set(r.key.columns) <= values.keys() for r in waiting_references(job)):
        fixed |= job.setting.model.schema.referenced(job.table.name)
    return fixed


def rather_free(job: Job, unique: Unique, free: Iterable[str]) -> set[str]:
    """Of some columns of a unique key, those that no rule says what they are; if none, all."""
    own = set(unique.columns) & set(free)
    steps = job.setting.orientation.of(job.table.name)
    told = {step.target[1] for step in steps if step.part is Part.SETS}
    return own - told or own


def _free_key(
    job: Job, reference: Reference, proposals: Mapping[str, pa.Array], rng: np.random.Generator
) -> Mapping[str, Free]:
    """A key's columns; what is proposed for a key of one column must be there in the parent."""
    key = reference.key
    redraw = _reference_redraw(job, reference, rng)
    nullable = all(job.table.column(c).nullable for c in key.columns)
    worth = pa.nulls(0)
    if len(key.columns) == 1 and len(proposals.get(key.columns[0], worth)):
        worth = proposals[key.columns[0]]
        found = job.setting.matching(key.parent, {key.parent_columns[0]: worth}, rng)
        worth = worth.filter(pa.array(found >= 0))
    single = len(key.columns) == 1
    return {c: Free(redraw, nullable, alone=single, proposals=worth) for c in key.columns}


def shares_a_column(job: Job, reference: Reference) -> bool:
    """Whether another key of the table holds a column of this one."""
    others = (f for f in job.table.foreign_keys if f != reference.key)
    return any(set(f.columns) & set(reference.key.columns) for f in others)


def _column_redraw(job: Job, fitted: FittedColumn, rng: np.random.Generator) -> Redraw:
    """Draws as checks of the column allow; where they set no limit, as learned."""
    name, rules = fitted.column.name, job.setting.keeper(job.table.name)
    limits, patterns = rules.limits.get(name, UNLIMITED), rules.patterns.get(name, ())

    def redraw(rows: Ints) -> Values:
        if limits != UNLIMITED and (left := values_left(job, name)) is not None and len(left):
            return {name: left.take(pa.array(rng.integers(0, len(left), len(rows))))}
        free = allowed(fitted.column.datatype, limits, patterns, len(rows), rng)
        if free is None:
            return {name: anything(job, fitted, rows, rng)}
        return {name: free.cast(arrow_type(fitted.column.datatype))}

    return redraw


def _reference_redraw(job: Job, reference: Reference, rng: np.random.Generator) -> Redraw:
    def redraw(rows: Ints) -> Values:
        null = np.zeros(len(rows), np.bool_)
        return referenced(job, reference.key, any_in_time(job, reference.key, rows, rng), null)

    return redraw


def values_left(job: Job, column: str) -> pa.Array | None:
    """Every value that type and checks leave a column, where those can be listed."""
    rules = job.setting.keeper(job.table.name)
    known = every(job.table.column(column).datatype, rules.limits.get(column, UNLIMITED))
    alone = [e for e in rules.expressions if set(e.columns) == {column}]
    if known is None or not alone:
        return known
    return known.filter(pa.array(~failing(alone, pa.table({column: known})).any(axis=1)))
