"""Some rows of a table with all that they need: what they own, and what any of it refers to.

Downwards, a row is chosen where the key that ties its table to the root (as for privacy units)
leads to a chosen row. Upwards, a row is needed where any key of a chosen one leads to it. Tables
that no key ties to the root stay whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.engines import Source
from connectors.graph import reached
from connectors.profile import Split, UnitPath
from connectors.rules import Scope, Unevaluable, holding, predicate
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.distinct import groups, surplus
from generators.facts import Training
from generators.privacy.units import unit_paths
from provisioner.carrying import Carrying, Subset, every_key
from provisioner.errors import WrongRequest
from provisioner.keeping import callable_functions
from provisioner.reading import read_rows

Ints = npt.NDArray[np.int64]
_AT_ONCE = 20_000
"""Keys that one query looks for."""


@dataclass(frozen=True, slots=True)
class _Closure:
    """What is chosen so far.

    Attributes:
        schema: the tables.
        split: whose row each one is.
        rows: of each table, the rows that are chosen; of copied ones all.
        sought: keys that were looked for, by table and columns.
    """

    source: Source
    schema: Schema
    split: Split
    rows: dict[TableName, Training]
    sought: dict[tuple[TableName, tuple[str, ...]], pa.Table] = field(default_factory=dict)


def subset_rows(
    source: Source,
    schema: Schema,
    carrying: Carrying,
    split: Split,
    training: Mapping[TableName, Training],
) -> Mapping[TableName, Training]:
    """The rows of each masked table that a subset holds, each once, with their units.

    Args:
        source: where they are read, in its snapshot.
        schema: the tables.
        carrying: which tables are masked and copied, and of which table some rows are chosen.
        split: each table's way to its privacy unit.
        training: the rows of the copied tables, which all travel.

    Raises:
        WrongRequest: the condition cannot be read, or no row is chosen.
    """
    asked = carrying.subset
    if asked is None:
        return {n: _whole(source, schema.table(n), split) for n in carrying.masked}
    rows = {name: training[name] for name in carrying.copied}
    closure = _Closure(source, schema, split, rows)
    tied = reached(_ties(schema, carrying), asked.table) | {asked.table}
    for name in sorted(carrying.masked):
        table = schema.table(name)
        rows[name] = _nothing(table) if name in tied else _whole(source, table, split)
    primary = _primary(schema.table(asked.table))
    _add(closure, asked.table, primary, _values(_roots(source, schema, asked), primary))
    for key in _downwards(schema, carrying, asked.table):
        _add(closure, key.table, key.columns, _values(rows[key.parent].rows, key.parent_columns))
    _close(closure, carrying)
    return {name: rows[name] for name in carrying.masked}


def _roots(source: Source, schema: Schema, asked: Subset) -> pa.Table:
    """The primary keys of the rows that a share or a condition chooses.

    A share takes the rows with the lowest hashes of their keys, so a larger one holds them too.
    """
    table = schema.table(asked.table)
    scope = Scope(table, functions=callable_functions(schema))
    found = None if asked.where is None else predicate(asked.where, scope)
    if isinstance(found, Unevaluable):
        raise WrongRequest(
            f"subset of {asked.table}: {found.why}; expected a condition as in a CHECK"
        )
    columns = (*_primary(table), *(() if found is None else found.columns))
    split = Split({table.name: UnitPath(table.name)}, salt=0, holdout=0.0)
    every = read_rows(source.training(_narrow(table, columns), split), _narrow(table, columns))
    if found is not None:
        chosen = np.flatnonzero(holding(found, every.rows))
    else:
        order = np.argsort(every.units, kind="stable")
        chosen = order[: round((asked.share or 0.0) * len(order))]
    if not len(chosen):
        raise WrongRequest(f"subset of {asked.table}: none of its {len(every.rows)} rows is chosen")
    return every.rows.take(pa.array(chosen)).select(list(_primary(table)))


def _downwards(schema: Schema, carrying: Carrying, root: TableName) -> Iterator[ForeignKey]:
    """The key by which each masked table below the root finds it, the nearest tables first."""
    paths = unit_paths(schema, {}, (root,))
    found = [(len(p.keys), n, p.keys[0]) for n, p in paths.items() if p.unit == root and p.keys]
    return (key for _, name, key in sorted(found, key=lambda f: f[:2]) if name in carrying.masked)


def _close(closure: _Closure, carrying: Carrying) -> None:
    """Adds the rows that keys lead to, until none is missing."""
    masked = carrying.masked.keys()
    tables = [closure.schema.table(name) for name in closure.rows]
    keys = [key for table in tables for key in every_key(table) if key.parent in masked]
    more = True
    while more:
        more = sum(_follow(closure, key) for key in keys) > 0


def _follow(closure: _Closure, key: ForeignKey) -> int:
    """Adds the rows that one key leads to and that are not there; answers how many."""
    child = closure.rows[key.table].rows
    if key.only is not None:
        column, value = key.only
        texts = child[column].combine_chunks().cast(pa.string())
        child = child.filter(pa.array([text == value for text in texts.to_pylist()], pa.bool_()))
    written = {c.name for c in closure.schema.table(key.parent).written}
    if not ({*key.columns} <= {*child.column_names} and {*key.parent_columns} <= written):
        return 0  # a generated column, of which nobody can choose the value
    return _add(closure, key.parent, key.parent_columns, _values(child, key.columns))


def _add(closure: _Closure, name: TableName, columns: tuple[str, ...], keys: pa.Table) -> int:
    """Looks for rows with some keys that were not looked for yet; answers how many are new."""
    table, rows, place = closure.schema.table(name), closure.rows[name], (name, columns)
    there = _values(rows.rows, columns)
    keys = keys.cast(there.schema)
    sought = closure.sought.get(place, keys.slice(0, 0))
    known = [sought, there] if _is_key(table, columns) else [sought]
    missing = keys.take(pa.array(_absent(keys, known)))
    closure.sought[place] = pa.concat_tables([sought, missing])
    parts = [rows]
    for start in range(0, len(missing), _AT_ONCE):
        some = missing.slice(start, _AT_ONCE).combine_chunks()
        batches = closure.source.matching(table, closure.split, columns, some)
        parts.append(read_rows(batches, table))
    closure.rows[name] = _once(table, parts)
    return len(closure.rows[name].rows) - len(rows.rows)


def _absent(keys: pa.Table, known: Sequence[pa.Table]) -> Ints:
    """Where each key stands first that is not known."""
    every = pa.concat_tables([*known, keys])
    numbers = groups([every[c].combine_chunks() for c in every.column_names])
    start = len(every) - len(keys)
    fresh, places = np.unique(numbers[start:], return_index=True)
    return np.sort(places[~np.isin(fresh, numbers[:start])])


def _once(table: Table, parts: Sequence[Training]) -> Training:
    """The rows of all parts, those found in two ways once."""
    rows = pa.concat_tables([part.rows for part in parts])
    units = np.concatenate([part.units for part in parts])
    unique = table.primary_key or next((u for u in table.uniques if u.whole), None)
    if unique is None or not {*unique.columns} <= {*rows.column_names}:
        return Training(rows, units)
    twice = surplus([rows[c].combine_chunks() for c in unique.columns])
    kept = np.setdiff1d(np.arange(len(rows)), twice)
    return Training(rows.take(pa.array(kept)), units[kept])


def _values(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The values of a key, under names that any key shares; those with a null left out."""
    names = [str(place) for place in range(len(columns))]
    return pa.table([rows[c] for c in columns], names=names).drop_null()


def _ties(schema: Schema, carrying: Carrying) -> Mapping[TableName, set[TableName]]:
    """The masked tables that each one refers to, or is referred to by."""
    found: dict[TableName, set[TableName]] = {name: set() for name in carrying.masked}
    for name in carrying.masked:
        for key in every_key(schema.table(name)):
            if key.parent in found:
                found[name].add(key.parent)
                found[key.parent].add(name)
    return found


def _primary(table: Table) -> tuple[str, ...]:
    if table.primary_key is None:
        raise WrongRequest(f"subset of {table.name}: it has no primary key to tell its rows by")
    return table.primary_key.columns


def _is_key(table: Table, columns: tuple[str, ...]) -> bool:
    return any(u.whole and set(u.columns) == set(columns) for u in table.uniques)


def _narrow(table: Table, columns: Sequence[str]) -> Table:
    return replace(table, columns=tuple(c for c in table.columns if c.name in columns))


def _whole(source: Source, table: Table, split: Split) -> Training:
    return read_rows(source.training(table, split), table)


def _nothing(table: Table) -> Training:
    return read_rows(iter(()), table)
