"""Puts the rows of a shard in the order in which the source has them on disk."""

import pyarrow as pa
import pyarrow.compute as pc

from connectors.batch import Batch
from generators.model import DatabaseModel

_ORDERED = 0.9
"""Correlation with the order on disk from which a key's first column tells that order."""


def arranged(batch: Batch, model: DatabaseModel) -> Batch:
    """The rows by their primary key, where the source's lie so; else as they are.

    An index over columns that follow the order on disk is cheap to scan, and the planner knows
    from `pg_stats.correlation` which ones do: it would choose other plans over other orders.
    """
    known = model.estimates.statistics(batch.table)
    key = model.schema.table(batch.table).primary_key
    if known is None or key is None or not set(key.columns) <= set(batch.rows.schema.names):
        return batch
    first = known.columns.get(key.columns[0])
    correlation = 0.0 if first is None else first.correlation or 0.0
    if abs(correlation) < _ORDERED:
        return batch
    direction = "ascending" if correlation > 0 else "descending"
    try:
        order = pc.sort_indices(batch.rows, sort_keys=[(c, direction) for c in key.columns])
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):  # of types that Arrow cannot order
        return batch
    return Batch(batch.table, batch.rows.take(order))
