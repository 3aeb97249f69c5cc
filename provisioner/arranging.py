"""Puts rows, and the keys that are invented for them, in the order that the source has on disk."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from connectors.batch import Batch
from connectors.planner import TableStatistics
from connectors.schema import TableName
from generators.ascent import Ascent
from generators.keys import KeyGenerator, OrderedKey
from generators.model import DatabaseModel
from provisioner.plan import Plan

_ORDERED = 0.9
"""Correlation with the order on disk from which a column tells that order."""


def with_ordered_keys(model: DatabaseModel, plan: Plan) -> DatabaseModel:
    """The model whose invented keys follow the rows over all shards, where the source's do.

    The rows of a shard may be put in the order of keys of any kind; those of several shards, and
    all rows that refer to them, follow each other only if their keys do.
    """
    tables = {
        name: replace(table, keys={**table.keys, **found})
        for name, table in model.tables.items()
        if (found := _ordered_keys(model, name, plan))
    }
    return replace(model, tables={**model.tables, **tables}) if tables else model


def _ordered_keys(model: DatabaseModel, name: TableName, plan: Plan) -> Mapping[str, KeyGenerator]:
    keys = {c: k for c, k in model.tables[name].keys.items() if isinstance(k, OrderedKey)}
    known = model.estimates.statistics(name) if keys else None
    if known is None:
        return {}
    rows = plan.begun(name)
    return {
        column: key.ordered(Ascent(rows, rises=_correlation(known, column) > 0))
        for column, key in keys.items()
        if _is_ordered(known, column)
    }


def arranged(batch: Batch, model: DatabaseModel) -> Batch:
    """The rows by their primary key, or by another column, where the source's lie so; or as is.

    An index over columns that follow the order on disk is cheap to scan, and the planner knows
    from `pg_stats.correlation` which ones do: it would choose other plans over other orders.
    """
    known = model.estimates.statistics(batch.table)
    key = model.schema.table(batch.table).primary_key
    if known is None:
        return batch
    columns = () if key is None else key.columns
    if not columns or not _is_ordered(known, columns[0]):
        columns = _telling(known, batch)
    if not columns or not set(columns) <= set(batch.rows.schema.names):
        return batch
    direction = "ascending" if _correlation(known, columns[0]) > 0 else "descending"
    try:
        order = pc.sort_indices(batch.rows, sort_keys=[(c, direction) for c in columns])
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):  # of types that Arrow cannot order
        return batch
    return Batch(batch.table, batch.rows.take(order))


def _telling(known: TableStatistics, batch: Batch) -> tuple[str, ...]:
    """The column that tells most of the order on disk; of equals, the one of most values."""
    names = [c for c in batch.rows.schema.names if _is_ordered(known, c)]
    best = max(
        names, key=lambda c: (abs(_correlation(known, c)), _distinct(known, c)), default=None
    )
    return () if best is None else (best,)


def _is_ordered(known: TableStatistics, column: str) -> bool:
    return abs(_correlation(known, column)) >= _ORDERED


def _correlation(known: TableStatistics, column: str) -> float:
    found = known.columns.get(column)
    return 0.0 if found is None else found.correlation or 0.0


def _distinct(known: TableStatistics, column: str) -> float:
    """How many values a column has; a negative number is a share of the rows."""
    found = known.columns[column].n_distinct
    return found if found >= 0 else -found * known.rows
