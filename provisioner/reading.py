"""The rows of a source that are learned from."""

import time
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.engines import Source
from connectors.profile import Split
from connectors.schema import Schema, Table, TableName
from generators.facts import Training
from generators.privacy.support import dense
from provisioner.events import Advanced, Listener, StageFinished, StageStarted


def read(
    source: Source, schema: Schema, split: Split, listen: Listener
) -> Mapping[TableName, Training]:
    """The rows of the units to learn from, with numbers from 0 for the units."""
    began = time.monotonic()
    listen(StageStarted("read", len(schema.tables), "tables"))
    found = {}
    for table in schema.tables:
        found[table.name] = read_rows(source.training(table, split), table)
        listen(Advanced("read", 1, str(table.name)))
    rows = sum(len(t.rows) for t in found.values())
    listen(StageFinished("read", rows, time.monotonic() - began))
    units = dense([t.units for t in found.values()])
    return {
        name: Training(part.rows, numbers)
        for (name, part), numbers in zip(found.items(), units, strict=True)
    }


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
