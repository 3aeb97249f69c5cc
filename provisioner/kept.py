"""The rows that a target keeps: the key values that other tables may reference."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import arrow_type
from connectors.engines import Reader, Target, open_target
from connectors.schema import Column, Schema, Table, TableName
from generators.model import DatabaseModel
from provisioner.errors import WrongRequest
from provisioner.migrated import check_fit, referenced
from provisioner.plan import Plan
from provisioner.request import Kept

Keys = Mapping[TableName, pa.RecordBatch]
"""The referenced columns of each kept table, without rows that hold a null in one."""

_MOST = 1_000_000
"""Rows of a table that may be referenced; of a larger one, a sample of about as many."""


def kept_in(url: str | None, model: DatabaseModel, names: frozenset[TableName]) -> tuple[Kept, ...]:
    """What a plan must know of the tables to keep in the target of a URL; nothing without names.

    Raises:
        WrongRequest: there is no URL.
        DifferentSchema: a kept table is not there, or its keys have other types.
    """
    if not names:
        return ()
    if url is None:
        raise WrongRequest("--keep keeps rows of a target; name it with --target")
    with open_target(url) as target:
        return summaries(kept_keys(model, target, names))


def kept_keys(model: DatabaseModel, target: Target, names: Iterable[TableName]) -> Keys:
    """The key values of tables to keep, in an order that depends on the values alone."""
    keep = frozenset(names)
    if not keep:
        return {}
    check_fit(model, target.schema(), keep, only=keep)
    return {name: _keys(model.schema, target, name) for name in sorted(keep)}


def planned_keys(model: DatabaseModel, target: Target, plan: Plan) -> Keys:
    """The key values of a plan's kept tables.

    Raises:
        WrongRequest: they are not those that the plan was made for.
    """
    found = kept_keys(model, target, plan.keeps)
    if summaries(found) != plan.kept:
        raise WrongRequest("the kept rows have changed since the plan was made; plan again")
    return found


def summaries(keys: Keys) -> tuple[Kept, ...]:
    """How many rows of each table may be referenced, and a digest of their values."""
    return tuple(Kept(name, len(found), _digest(found)) for name, found in sorted(keys.items()))


def _keys(schema: Schema, target: Reader, name: TableName) -> pa.RecordBatch:
    narrow = _narrowed(schema.table(name), referenced(schema, name))
    fields = pa.schema([pa.field(c.name, arrow_type(c.datatype)) for c in narrow.columns])
    batches = _exact(target.read(narrow, _MOST), fields)
    keys = pa.Table.from_batches(batches, fields).drop_null()
    if len(keys):
        order = {c: _sortable(keys[c]) for c in keys.column_names}
        keys = keys.take(pc.sort_indices(pa.table(order), [(c, "ascending") for c in order]))
    return pa.RecordBatch.from_arrays([c.combine_chunks() for c in keys.columns], schema=fields)


def _narrowed(table: Table, columns: tuple[Column, ...]) -> Table:
    """The table with a few of its columns, generated ones as readable as others."""
    return replace(table, columns=tuple(replace(c, generated=None) for c in columns))


def _exact(batches: Iterator[pa.RecordBatch], fields: pa.Schema) -> Iterator[pa.RecordBatch]:
    return (pa.RecordBatch.from_arrays(batch.columns, schema=fields) for batch in batches)


def _sortable(values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """The values, or texts that stand for arrays, which Arrow cannot sort."""
    if pa.types.is_nested(values.type):
        return pa.array([repr(value) for value in values.to_pylist()])
    return values


def _digest(keys: pa.RecordBatch) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, keys.schema) as stream:
        stream.write_batch(keys)
    return hashlib.sha256(sink.getvalue()).hexdigest()
