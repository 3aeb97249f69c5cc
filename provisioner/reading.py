"""Reads rows with the ids of their units."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.schema import Table
from generators.facts import Training


def read_rows(batches: Iterator[pa.RecordBatch], table: Table) -> Training:
    """The rows of `Source.training` or `Source.held_out`, each column of its exact type."""
    fields = [pa.field(c.name, arrow_type(c.datatype)) for c in table.written]
    expected = pa.schema([*fields, pa.field("unit", pa.int64())])
    rows = pa.Table.from_batches([_named(b, expected) for b in batches], expected)
    units = rows.column(rows.num_columns - 1)
    return Training(
        rows.remove_column(rows.num_columns - 1),
        np.asarray(units.to_numpy(), dtype=np.int64),
    )


def _named(batch: pa.RecordBatch, expected: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(batch.columns, schema=expected)
