"""Draws one table in one shard, and makes its rows keep unique keys, exclusions and checks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import arrow_type
from connectors.rules import UNLIMITED, evaluate, failing
from connectors.schema import TableName, Unique
from generators.columns import Codes
from generators.contexts import Rows
from generators.distinct import SPREADABLE, enumerated, groups, patched, spread_out, surplus
from generators.encoding import FittedColumn, empty
from generators.errors import Unmeetable
from generators.relations.references import Mode, Reference
from generators.spans import apart, apart_by_ends, overlap
from generators.tables import Matrix
from provisioner.allowed import allowed, every, wide
from provisioner.keeping import Free, Keeper, Redraw, callable_functions, keeper, mended
from provisioner.proposals import proposals_of
from provisioner.report import Finding, Severity
from provisioner.selves import chosen_selves, reference_selves
from provisioner.straying import strayed, typed, unspoken
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
    late_values,
    referenced,
    row_values,
    waiting_references,
)

_RESAMPLES = 6
_REDRAWS = 60
_WIDTH = 100
"""Values per row among which one is drawn where what was learned leaves too little room."""
_ROUNDS = 12
_PATIENCE = 4
_PROGRESS = 0.9
_MOST_LISTED = 1_000_000


def draw_table(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """Draws a table's rows in a shard whose owners are in `above`.

    Rows that repeat a unique key or break a check are drawn again, all columns together; what
    still does after a few rounds is moved to free values or mended.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    drawn = draw_keys(setting, name, shard, above)
    if not setting.late[name]:
        return drawn
    job = job_of(setting, name, shard, above)
    values = late_values(job, drawn.rows.target.codes, dict(drawn.values))
    return replace(drawn, values=_settled(job, values))


def draw_keys(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """As `draw_table`, without the references that wait for the keys of other tables.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    job = job_of(setting, name, shard, above)
    rows = np.arange(len(job.indexes))
    turns = draw_codes(job)
    values = with_repeats(job, _drawn(job, turns.codes, rows, 0), turns)
    for attempt in range(1, _RESAMPLES + 1):
        refused = _refused(job, values)
        if not len(refused):
            break
        turns = draw_codes_again(job, turns, refused, attempt)
        fresh = _drawn(job, turns.codes[refused], refused, attempt)
        values = {c: patched(v, refused, fresh[c]) for c, v in values.items()}
        values = with_repeats(job, values, turns)
    if any(r.mode is Mode.SELF for r in job.model.references):
        values = _settled(job, values)  # what rows refer to stays as it is from here on
        values |= reference_selves(job, turns.codes, values)
    values |= strayed(job, values, rows, 0, selves=True)
    values = _settled(job, values)
    target = Matrix(features(job.model), turns.codes)
    return Drawn(job.indexes, job.parents, Rows(job.context, target), values)


def _drawn(job: Job, codes: Codes, rows: Ints, attempt: int) -> Values:
    """A value per row and column, but for keys that reference the table itself."""
    values = row_values(job, codes, rows, attempt)
    values |= strayed(job, values, rows, attempt, selves=False)
    return values | typed(job, values, rows, job.randomness("typed", attempt))


def _refused(job: Job, values: Values) -> Ints:
    """Rows that repeat a unique key or break a check, as far as their columns are drawn."""
    broken = _keeper(job, values).broken(values).any(axis=1)
    return np.union1d(_repeats(job, values), np.flatnonzero(broken))


def _keeper(job: Job, values: Values) -> Keeper:
    """The rules of the table whose columns are drawn."""
    return job.setting.keeper(job.table.name).over(frozenset(values))


def _settled(job: Job, values: Values) -> Values:
    """Rows that nothing refuses; checks that are NOT VALID are given up where others need it.

    Raises:
        Unmeetable: something is still refused.
    """
    try:
        return _mended(job, values)
    except Unmeetable:
        firm = _without_doubtful(job)
        if firm is None:
            raise
        return _mended(firm, values)


def _without_doubtful(job: Job) -> Job | None:
    """The job without checks that are NOT VALID; None where there are none."""
    checks = tuple(c for c in job.table.checks if c.validated)
    if checks == tuple(c for c in job.table.checks if c.binding):
        return None
    table, setting = replace(job.table, checks=checks), job.setting
    firm = keeper(table, callable_functions(setting.model.schema))
    firm = replace(firm, matching=setting.matching)

    def rules(name: TableName) -> Keeper:
        return firm if name == table.name else setting.keeper(name)

    return replace(job, table=table, setting=replace(setting, keeper=rules))


def _mended(job: Job, values: Values) -> Values:
    """Mends and moves until nothing is refused, or only what somebody acknowledged.

    Raises:
        Unmeetable: something else still is after a few rounds, or when no round gets any further.
    """
    rules = _keeper(job, values)
    left: list[int] = []
    for attempt in range(_ROUNDS):
        rng = job.randomness("mend", attempt)
        free = _free(job, values, rng, last=attempt >= _PATIENCE)
        values = mended(rules, values, free, rng)
        _move(job, values, attempt)
        _separate(job, values)
        left.append(len(_refused(job, values)))
        if not left[-1]:
            return values
        if _is_stuck(left):
            break
    broken = dict(_complaints(job, values))
    if not all(_is_acknowledged(job, place) for place in broken):
        raise Unmeetable(
            f"{job.table.name}: {'; '.join(broken.values())}; lower its rows, or change the "
            "constraint in the target",
            broken,
        )
    return values


def _is_stuck(left: Sequence[int]) -> bool:
    """Whether the last rounds left nearly as many rows refused as the best one before them."""
    earlier, late = left[:-_PATIENCE], left[-_PATIENCE:]
    return bool(earlier) and min(late) > _PROGRESS * min(earlier)


def _complaints(job: Job, values: Values) -> Iterator[tuple[str, str]]:
    """Each rule and key that rows break, by its place, with the rows that do."""
    rows = len(job.indexes)
    rules = _keeper(job, values)
    rates = rules.broken(values).sum(axis=0)
    for rule, count in zip(rules.rules, rates, strict=True):
        if count:
            text = f"{count} of {rows} rows break {rule.name}: {rule.sql}"
            yield f"{job.table.name} {rule.name}", text
    for unique, columns in _uniques(job, values):
        if count := len(surplus(columns)):
            text = f"{count} of {rows} rows repeat {unique.name} and no free value is left"
            yield f"{job.table.name} {unique.name}", text


def _is_acknowledged(job: Job, place: str) -> bool:
    finding = Finding("unmeetable", Severity.ERROR, place, "")
    return finding.hash in job.setting.plan.acknowledged


def _free(
    job: Job, values: Values, rng: np.random.Generator, *, last: bool = True
) -> Mapping[str, Free]:
    """What mending may change: learned columns, and keys that may point to any row.

    What other rows refer to becomes null only as the last resort, for nothing can lead there.
    """
    proposals = proposals_of(job)
    fixed, sought = _fixed(job, values), job.setting.model.schema.referenced(job.table.name)
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
        there &= not fixed & set(reference.key.columns)
        there = there and len(job.setting.reachable(reference.key)) > 0
        if there and not _shares_a_column(job, reference):
            free |= _free_key(job, reference, proposals, rng)
    return free


def _fixed(job: Job, values: Values) -> set[str]:
    """Columns that others reference, once references are drawn that took them as they were."""
    fixed: set[str] = set()
    for key in chosen_selves(job, values):
        fixed |= {*key.columns, *key.parent_columns}
    if any(set(r.key.columns) <= values.keys() for r in waiting_references(job)):
        fixed |= job.setting.model.schema.referenced(job.table.name)
    return fixed


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
    """Draws as checks of the column allow; where they set no limit, as learned."""
    name, rules = fitted.column.name, job.setting.keeper(job.table.name)
    limits, patterns = rules.limits.get(name, UNLIMITED), rules.patterns.get(name, ())

    def redraw(rows: Ints) -> Values:
        if limits != UNLIMITED and (left := _left(job, name)) is not None and len(left):
            return {name: left.take(pa.array(rng.integers(0, len(left), len(rows))))}
        free = allowed(fitted.column.datatype, limits, patterns, len(rows), rng)
        if free is None:
            return {name: anything(job, fitted, rows, rng)}
        return {name: free.cast(arrow_type(fitted.column.datatype))}

    return redraw


def _reference_redraw(job: Job, reference: Reference, rng: np.random.Generator) -> Redraw:
    def redraw(rows: Ints) -> Values:
        null = np.zeros(len(rows), np.bool_)
        chosen = rng.choice(job.setting.reachable(reference.key), len(rows))
        return referenced(job, reference.key, chosen, null)

    return redraw


def _uniques(job: Job, values: Values) -> Iterator[tuple[Unique, list[pa.Array]]]:
    """The unique keys to care for, with the values that must differ; null where none need."""
    distinct = {f.column.name for f in job.model.columns if f.generator.distinct}
    # Mending for a rule may give two rows one value, whatever the generator promised.
    distinct -= {c for r in job.setting.keeper(job.table.name).rules for c in r.columns}
    distinct |= set(job.model.keys)
    for unique in job.setting.keeper(job.table.name).keys:
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
            if attempt >= _REDRAWS // 2:
                _widen(job, unique, values, repeats, rng)
        if len(surplus(_compared(job, unique, values))):
            _enumerate(job, unique, values)
        _empty(job, unique, values)


def _enumerate(job: Job, unique: Unique, values: Values) -> None:
    """Goes through all that a crowded key may hold, where its columns' values can be listed."""
    fixed = _fixed(job, values)
    free = [c for c in unique.columns if c not in fixed]
    listed = {c: k for c in free if (k := _listed(job, c)) is not None}
    if not listed or prod(len(known) for known in listed.values()) > _MOST_LISTED:
        return
    names, known = list(listed), list(listed.values())
    others = [values[c] for c in unique.columns if c not in listed]
    for name, found in zip(
        names, enumerated(others, [values[c] for c in names], known), strict=True
    ):
        moved = np.flatnonzero(found >= 0)
        fresh = listed[name].take(pa.array(found[moved]))
        values[name] = patched(values[name], moved, fresh)


def _listed(job: Job, column: str) -> pa.Array | None:
    """Every value that a free column may hold: what checks leave, or all keys of a parent."""
    if any(f.column.name == column for f in job.model.columns):
        return _left(job, column)
    for reference in job.model.references:
        key = reference.key
        parents = job.setting.plan.layout(key.parent).total
        alone = key.columns == (column,) and reference.mode is Mode.CLUSTER
        if alone and 0 < parents <= _MOST_LISTED and not _shares_a_column(job, reference):
            return job.setting.keys(key.parent, key.parent_columns, job.setting.reachable(key))[0]
    return None


def _left(job: Job, column: str) -> pa.Array | None:
    """Every value that type and checks leave a column, where those can be listed."""
    rules = job.setting.keeper(job.table.name)
    known = every(job.table.column(column).datatype, rules.limits.get(column, UNLIMITED))
    alone = [e for e in rules.expressions if set(e.columns) == {column}]
    if known is None or not alone:
        return known
    return known.filter(pa.array(~failing(alone, pa.table({column: known})).any(axis=1)))


def _empty(job: Job, unique: Unique, values: Values) -> None:
    """Makes null what still repeats a key that takes null for different from null."""
    repeats = surplus(_compared(job, unique, values))
    parts = set(unique.columns) - _fixed(job, values)
    free = [f.column for f in job.model.columns if f.column.name in parts]
    nullable = next((column for column in free if column.nullable), None)
    if len(repeats) and nullable is not None and unique.nulls_distinct:
        values[nullable.name] = patched(
            values[nullable.name], repeats, empty(nullable, len(repeats))
        )


def _separate(job: Job, values: Values) -> None:
    """Keeps apart the ranges that an exclusion constraint forbids to overlap."""
    for exclusion in job.table.exclusions:
        found = overlap(job.table, exclusion)
        if found is None or not len(job.indexes):
            continue
        equal = [values[c] for c in found.equal]
        group = groups(equal) if equal else np.zeros(len(job.indexes), np.int64)
        columns = [(values[c], job.table.column(c).datatype) for c in found.columns]
        if len(columns) == 1:
            moved = [apart(group, columns[0][0], columns[0][1].plain)]
        else:
            moved = [*apart_by_ends(group, columns[0], columns[1], closed=found.closed)]
        values.update(zip(found.columns, moved, strict=True))


def _spread(job: Job, unique: Unique, values: Values) -> None:
    """Moves the values of a column to free ones, but for those that lead to a row."""
    limits = job.setting.keeper(job.table.name).limits
    kept = _fixed(job, values)
    kept |= {key.only[0] for key in job.table.polymorphic if key.only is not None}
    for fitted in job.model.columns:
        name = fitted.column.name
        if name in kept:
            continue
        if name in limits and limits[name] != UNLIMITED:
            continue  # The next free value may lie outside; drawing again stays inside.
        if name in unique.columns and fitted.column.datatype.kind in SPREADABLE:
            rows = np.arange(len(job.indexes))
            if name in job.table.typed_columns:
                rows = unspoken(job, values)
            some = pa.array(rows)
            others = [values[c].take(some) for c in unique.columns if c != name]
            try:
                moved = spread_out(others, values[name].take(some), fitted.column)
                values[name] = patched(values[name], rows, moved)
            except pa.ArrowInvalid as error:
                raise Unmeetable(
                    f"{job.table.name}.{name}: its type has no room for {len(job.indexes)} rows "
                    f"that differ in {unique.name}; lower the scale",
                    {f"{job.table.name} {unique.name}": f"{name} has no room for so many rows"},
                ) from error
            return


def _redraw(
    job: Job, unique: Unique, values: Values, repeats: Ints, rng: np.random.Generator
) -> None:
    """Gives the parts of a key that may be anything new values, whatever was learned of them."""
    parts = {*unique.columns, *_read_by(job, unique)}
    free = {c: f for c, f in _free(job, values, rng).items() if c in parts}
    for redraw in {id(f.redraw): f.redraw for f in free.values()}.values():
        for name, fresh in redraw(repeats).items():
            values[name] = patched(values[name], repeats, fresh)
    if parts & job.table.typed_columns:
        some = {c: values[c].take(pa.array(repeats)) for c in job.table.typed_columns}
        for name, fresh in typed(job, some, repeats, rng).items():
            values[name] = patched(values[name], repeats, fresh)


def _widen(
    job: Job, unique: Unique, values: Values, repeats: Ints, rng: np.random.Generator
) -> None:
    """Goes beyond what was learned of a column that a key's expressions read, as far as needed."""
    limits = job.setting.keeper(job.table.name).limits
    for fitted in job.model.columns:
        name, most = fitted.column.name, _WIDTH * len(job.indexes)
        if name in _read_by(job, unique) and limits.get(name, UNLIMITED) == UNLIMITED:
            fresh = wide(fitted.column.datatype, most, len(repeats), rng)
            if fresh is not None:
                values[name] = patched(values[name], repeats, fresh)


def _read_by(job: Job, unique: Unique) -> set[str]:
    """Columns that a key's expressions read."""
    parts = job.setting.keeper(job.table.name).uniques[unique.name]
    return {c for e in parts.expressions for c in e.columns}
