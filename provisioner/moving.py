"""Moves rows that repeat a unique key to values that are free."""

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED
from connectors.rules import evaluate
from connectors.schema import Unique
from generators.distinct import (
    SPREADABLE,
    enumerated,
    groups,
    patched,
    spread_out,
    surplus,
    without_room,
)
from generators.encoding import empty
from generators.errors import Unmeetable
from generators.relations.references import Mode
from generators.shapes import others_like
from provisioner.allowed import wide
from provisioner.freedom import (
    fixed_columns,
    free_columns,
    rather_free,
    shares_a_column,
    values_left,
)
from provisioner.job import Ints, Job, Values
from provisioner.straying import typed, unspoken

_REDRAWS = 60
_WIDTH = 100
"""Values per row among which one is drawn where what was learned leaves too little room."""
_MOST_LISTED = 1_000_000
_LONGEST = 200
"""Characters of a text whose type sets no limit."""


def uniques(job: Job, values: Values) -> Iterator[tuple[Unique, list[pa.Array]]]:
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


def repeats_of(job: Job, values: Values) -> Ints:
    """Rows that repeat a unique key of their table."""
    found = [_repeated(job, columns) for _, columns in uniques(job, values)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _repeated(job: Job, columns: list[pa.Array]) -> Ints:
    """Rows that repeat another one; of those that are equal, a hand-made one is the first."""
    if not len(job.seats):
        return surplus(columns)
    order = np.concatenate([job.seats, np.setdiff1d(_numbers(job), job.seats)])
    return np.sort(order[surplus([c.take(pa.array(order)) for c in columns])])


def _numbers(job: Job) -> Ints:
    return np.arange(len(job.indexes))


def move(job: Job, values: Values, turn: int) -> None:
    """Moves what repeats a unique key to free values, column by column."""
    for unique, columns in uniques(job, values):
        if len(_repeated(job, columns)):
            _spread(job, unique, values)
        for attempt in range(_REDRAWS):
            repeats = _repeated(job, _compared(job, unique, values))
            if not len(repeats):
                break
            rng = job.randomness("redraw", unique.name, turn, attempt)
            _redraw(job, unique, values, repeats, rng)
            if attempt >= _REDRAWS // 2:
                _widen(job, unique, values, repeats, rng)
        if len(_repeated(job, _compared(job, unique, values))):
            _enumerate(job, unique, values)
        _empty(job, unique, values)


def _enumerate(job: Job, unique: Unique, values: Values) -> None:
    """Goes through all that a crowded key may hold, where its columns' values can be listed."""
    fixed = fixed_columns(job, values)
    rather = rather_free(job, unique, set(unique.columns) - fixed)
    free = [c for c in unique.columns if c in rather]
    listed = {c: k for c in free if (k := _listed(job, c)) is not None}
    listed |= _spelled(job, unique, values, [c for c in free if c not in listed])
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
        return values_left(job, column)
    for reference in job.model.references:
        key = reference.key
        parents = job.setting.plan.layout(key.parent).total
        alone = key.columns == (column,) and reference.mode is Mode.CLUSTER
        if alone and 0 < parents <= _MOST_LISTED and not shares_a_column(job, reference):
            return job.setting.keys(key.parent, key.parent_columns, job.setting.reachable(key))[0]
    return None


def _spelled(
    job: Job, unique: Unique, values: Values, columns: list[str]
) -> Mapping[str, pa.Array]:
    """One of some columns of labels with those that rows hold, and as many more as a key needs.

    Rare labels are withheld, though where a key is crowded rows held them. Others stand for them.
    """
    rules = job.setting.keeper(job.table.name)
    spoken = {column for rule in rules.rules for column in rule.columns}
    for fitted in (f for f in job.model.columns if f.column.name in columns):
        name, datatype = fitted.column.name, fitted.column.datatype
        labels = fitted.generator.kind == "category" and not datatype.labels
        if name in spoken or not labels or datatype.kind is not Kind.TEXT:
            continue
        others = groups([values[c] for c in unique.columns if c != name])
        held = values[name].unique().drop_null()
        sizes = np.bincount(others[others >= 0]) if len(others) else [len(job.indexes)]
        lacking = max(0, int(np.max(sizes, initial=0)) - len(held))
        more = others_like(held.to_pylist(), lacking, datatype.length or _LONGEST)
        return {name: pa.concat_arrays([held, pa.array(more, held.type)])}
    return {}


def _empty(job: Job, unique: Unique, values: Values) -> None:
    """Makes null what still repeats a key that takes null for different from null."""
    repeats = _repeated(job, _compared(job, unique, values))
    parts = set(unique.columns) - fixed_columns(job, values)
    free = [f.column for f in job.model.columns if f.column.name in parts]
    nullable = next((column for column in free if column.nullable), None)
    if len(repeats) and nullable is not None and unique.nulls_distinct:
        values[nullable.name] = patched(
            values[nullable.name], repeats, empty(nullable, len(repeats))
        )


def _spread(job: Job, unique: Unique, values: Values) -> None:
    """Moves the values of a column to free ones, but for those that lead to a row."""
    limits = job.setting.keeper(job.table.name).limits
    kept = fixed_columns(job, values)
    kept |= {key.only[0] for key in job.table.polymorphic if key.only is not None}
    learned = {fitted.column.name for fitted in job.model.columns}
    rather = rather_free(job, unique, learned - kept)
    for fitted in job.model.columns:
        name = fitted.column.name
        if name not in rather:
            continue
        if name in limits and limits[name] != UNLIMITED:
            continue  # The next free value may lie outside; drawing again stays inside.
        if fitted.column.datatype.kind in SPREADABLE:
            rows = np.arange(len(job.indexes))
            if name in job.table.typed_columns:
                rows = unspoken(job, values)
            some = pa.array(rows)
            _even_out(job, unique, values, name)
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


def _even_out(job: Job, unique: Unique, values: Values, spread: str) -> None:
    """Lets rows of a full parent lead to others, where a key is a reference and a value to spread.

    There they find values between the ends of all, beyond which those would have to go.
    """
    kept = fixed_columns(job, values)
    names = [c for c in unique.columns if c != spread and c not in kept]
    alone = len(names) == len(unique.columns) - 1 == 1
    if not alone or _listed(job, names[0]) is None or len(job.seats):
        return
    [name] = names
    there = values[name].unique().drop_null()
    group = pc.fill_null(pc.index_in(values[name], there), -1).to_numpy(zero_copy_only=False)
    full, room = without_room(group.astype(np.int64), values[spread])
    if not len(full):
        return
    sizes = np.bincount(group[group >= 0], minlength=len(there))
    free = np.repeat(np.arange(len(there)), np.maximum(room - sizes, 0))
    taken = job.randomness("even", unique.name).permutation(free)[: len(full)]
    fresh = there.take(pa.array(taken))
    values[name] = patched(values[name], full[: len(taken)], fresh)


def _redraw(
    job: Job, unique: Unique, values: Values, repeats: Ints, rng: np.random.Generator
) -> None:
    """Gives the parts of a key that may be anything new values, whatever was learned of them."""
    parts = {*unique.columns, *_read_by(job, unique)}
    free = {c: f for c, f in free_columns(job, values, rng).items() if c in parts}
    rather = rather_free(job, unique, free)
    free = {c: f for c, f in free.items() if c in rather or c not in unique.columns}
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
