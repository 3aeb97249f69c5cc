"""Draws one table in one shard, and makes its rows keep unique keys, exclusions and checks."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import arrow_type
from connectors.rules import evaluate
from connectors.schema import TableName, Unique
from generators.contexts import Rows
from generators.distinct import SPREADABLE, groups, patched, spread_out, surplus
from generators.encoding import FittedColumn
from generators.errors import Unmeetable
from generators.relations.references import Mode, Reference
from generators.spans import apart, overlap
from generators.tables import Matrix
from provisioner.keeping import Free, Redraw, mended
from provisioner.succession import draw_codes, draw_codes_again, with_repeats
from provisioner.values import (
    Drawn,
    Ints,
    Job,
    Setting,
    Values,
    anything,
    features,
    job_of,
    reference_selves,
    referenced,
    row_values,
)

_RESAMPLES = 6
_REDRAWS = 60
_ROUNDS = 12


def draw_table(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """Draws a table's rows in a shard whose owners are in `above`.

    Rows that repeat a unique key or break a check are drawn again, all columns together; what
    still does after a few rounds is moved to free values or mended.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    job = job_of(setting, name, shard, above)
    rows = np.arange(len(job.indexes))
    turns = draw_codes(job)
    values = with_repeats(job, row_values(job, turns.codes, rows, 0), turns)
    for attempt in range(1, _RESAMPLES + 1):
        refused = _refused(job, values)
        if not len(refused):
            break
        turns = draw_codes_again(job, turns, refused, attempt)
        fresh = row_values(job, turns.codes[refused], refused, attempt)
        values = {c: patched(v, refused, fresh[c]) for c, v in values.items()}
        values = with_repeats(job, values, turns)
    values |= reference_selves(job, turns.codes, values)
    values = _settled(job, values)
    target = Matrix(features(job.model), turns.codes)
    return Drawn(job.indexes, job.parents, Rows(job.context, target), values)


def _refused(job: Job, values: Values) -> Ints:
    """Rows that repeat a unique key or break a check, as far as their columns are drawn."""
    keeper = job.setting.keeper(job.table.name)
    broken = np.empty(0, np.int64)
    if all(c in values for rule in keeper.rules for c in rule.columns):
        broken = np.flatnonzero(keeper.broken(values).any(axis=1))
    return np.union1d(_repeats(job, values), broken)


def _settled(job: Job, values: Values) -> Values:
    """Mends and moves until nothing is refused.

    Raises:
        Unmeetable: something still is after a few rounds.
    """
    keeper = job.setting.keeper(job.table.name)
    for attempt in range(_ROUNDS):
        rng = job.randomness("mend", attempt)
        values = mended(keeper, values, _free(job, rng), rng)
        _move(job, values, attempt)
        _separate(job, values)
        if not len(_refused(job, values)):
            return values
    raise Unmeetable(_complaint(job, values))


def _complaint(job: Job, values: Values) -> str:
    rows = len(job.indexes)
    keeper = job.setting.keeper(job.table.name)
    rates = keeper.broken(values).sum(axis=0)
    broken = [
        f"{count} of {rows} rows break {rule.name}: {rule.sql}"
        for rule, count in zip(keeper.rules, rates, strict=True)
        if count
    ]
    repeated = [
        f"{len(left)} of {rows} rows repeat {unique.name} and no free value is left"
        for unique, columns in _uniques(job, values)
        if len(left := surplus(columns))
    ]
    return (
        f"{job.table.name}: {'; '.join([*broken, *repeated])}; lower its rows, or change the "
        "constraint in the target"
    )


def _free(job: Job, rng: np.random.Generator) -> Mapping[str, Free]:
    """What mending may change: learned columns, and keys that may point to any row."""
    proposals = job.setting.keeper(job.table.name).proposals
    free: dict[str, Free] = {}
    for fitted in job.model.columns:
        name, kind = fitted.column.name, arrow_type(fitted.column.datatype)
        redraw = _column_redraw(job, fitted, rng)
        worth = proposals.get(name, pa.nulls(0, kind))
        free[name] = Free(redraw, fitted.column.nullable, alone=True, proposals=worth)
    for reference in job.model.references:
        parents = job.setting.plan.layout(reference.key.parent).total
        if reference.mode is Mode.CLUSTER and parents and not _shares_a_column(job, reference):
            free |= _free_key(job, reference, proposals, rng)
    return free


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


def _shares_a_column(job: Job, reference: Reference) -> bool:
    others = (f for f in job.table.foreign_keys if f != reference.key)
    return any(set(f.columns) & set(reference.key.columns) for f in others)


def _column_redraw(job: Job, fitted: FittedColumn, rng: np.random.Generator) -> Redraw:
    return lambda rows: {fitted.column.name: anything(job, fitted, rows, rng)}


def _reference_redraw(job: Job, reference: Reference, rng: np.random.Generator) -> Redraw:
    def redraw(rows: Ints) -> Values:
        parents = job.setting.plan.layout(reference.key.parent).total
        null = np.zeros(len(rows), np.bool_)
        return referenced(job, reference.key, rng.integers(0, parents, len(rows)), null)

    return redraw


def _uniques(job: Job, values: Values) -> Iterator[tuple[Unique, list[pa.Array]]]:
    """The unique keys to care for, with the values that must differ; null where none need."""
    distinct = {f.column.name for f in job.model.columns if f.generator.distinct}
    # Mending for a rule may give two rows one value, whatever the generator promised.
    distinct -= {c for r in job.setting.keeper(job.table.name).rules for c in r.columns}
    distinct |= set(job.model.keys)
    for unique in job.table.uniques:
        if not set(unique.columns) & distinct and set(unique.columns) <= values.keys():
            columns = _compared(job, unique, values)
            if columns:
                yield unique, columns


def _compared(job: Job, unique: Unique, values: Values) -> list[pa.Array]:
    """A key's columns and expressions, null outside a partial index; empty where unknown."""
    columns = [values[c] for c in unique.columns]
    parts = job.setting.keeper(job.table.name).uniques[unique.name]
    wanted = (*parts.expressions, *([parts.predicate] if parts.predicate else []))
    if not parts.known or not all(c in values for e in wanted for c in e.columns):
        return []
    if wanted and len(job.indexes):
        found = evaluate(wanted, pa.table(values))
        columns += found[: len(parts.expressions)]
        if parts.predicate:
            inside = pc.if_else(found[-1], _places(len(job.indexes)), None)
            columns = [c.take(inside) for c in columns]
    return columns if unique.nulls_distinct or parts.predicate else [*map(_null_as_value, columns)]


def _places(rows: int) -> pa.Array:
    return pa.array(np.arange(rows))


def _null_as_value(column: pa.Array) -> pa.Array:
    """The column as codes in which null equals null."""
    codes = column.dictionary_encode(null_encoding="mask").indices
    return pc.fill_null(codes.cast(pa.int64()), -1)


def _repeats(job: Job, values: Values) -> Ints:
    found = [surplus(columns) for _, columns in _uniques(job, values)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _move(job: Job, values: Values, turn: int) -> None:
    """Moves what repeats a unique key to free values, column by column."""
    for unique, columns in _uniques(job, values):
        if len(surplus(columns)):
            _spread(job, unique, values)
        for attempt in range(_REDRAWS):
            repeats = surplus(_compared(job, unique, values))
            if not len(repeats):
                break
            rng = job.randomness("redraw", unique.name, turn, attempt)
            _redraw(job, unique, values, repeats, rng)


def _separate(job: Job, values: Values) -> None:
    """Keeps apart the ranges that an exclusion constraint forbids to overlap."""
    for exclusion in job.table.exclusions:
        found = overlap(job.table, exclusion)
        if found is not None and len(job.indexes):
            equal = [values[c] for c in found.equal]
            group = groups(equal) if equal else np.zeros(len(job.indexes), np.int64)
            sql = job.table.column(found.span).datatype.plain
            values[found.span] = apart(group, values[found.span], sql)


def _spread(job: Job, unique: Unique, values: Values) -> None:
    for fitted in job.model.columns:
        name = fitted.column.name
        if name in unique.columns and fitted.column.datatype.kind in SPREADABLE:
            others = [values[c] for c in unique.columns if c != name]
            try:
                values[name] = spread_out(others, values[name], fitted.column)
            except pa.ArrowInvalid as error:
                raise Unmeetable(
                    f"{job.table.name}.{name}: its type has no room for {len(job.indexes)} rows "
                    f"that differ in {unique.name}; lower the scale"
                ) from error
            return


def _redraw(
    job: Job, unique: Unique, values: Values, repeats: Ints, rng: np.random.Generator
) -> None:
    """Gives the parts of a key that may be anything new values, whatever was learned of them."""
    parts = {*unique.columns, *_read_by(job, unique)}
    free = {c: f for c, f in _free(job, rng).items() if c in parts}
    for redraw in {id(f.redraw): f.redraw for f in free.values()}.values():
        for name, fresh in redraw(repeats).items():
            values[name] = patched(values[name], repeats, fresh)


def _read_by(job: Job, unique: Unique) -> set[str]:
    """Columns that a key's expressions read."""
    parts = job.setting.keeper(job.table.name).uniques[unique.name]
    return {c for e in parts.expressions for c in e.columns}
