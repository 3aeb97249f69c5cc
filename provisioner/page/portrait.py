"""What the rows of a filled target look like, in the codes in which its source was learned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.engines import Reader
from connectors.schema import Schema, Table, TableName
from generators.encoding import FittedColumn
from generators.model import DatabaseModel, TableModel
from generators.privacy.support import Floats
from generators.shift import shifted
from provisioner.events import Advanced, Listener, StageStarted, silent
from provisioner.shifting import Shift

_SAMPLE = 100_000
"""Rows of a table that are looked at: a share is told to within 0.5 % of all rows."""


@dataclass(frozen=True, slots=True)
class TablePortrait:
    """One table as it was found.

    Attributes:
        rows: how many were looked at.
        shares: of each learned column, the share of these rows that hold each code.
    """

    rows: int
    shares: Mapping[str, Floats]


Portrait = Mapping[TableName, TablePortrait]
"""The tables of a target that could be read."""


def portray(
    model: DatabaseModel, target: Reader, shift: Shift | None = None, listen: Listener = silent
) -> Portrait:
    """Looks at a sample of each table that has all of its columns; times moved are moved back."""
    there = target.schema()
    listen(StageStarted("portray", len(model.schema.tables), "tables"))
    found = {}
    for table in model.schema.tables:
        if _is_whole(table, there):
            found[table.name] = _portrayed(target, table, model.tables[table.name], shift)
        listen(Advanced("portray", 1, str(table.name)))
    return found


def _is_whole(table: Table, found: Schema) -> bool:
    names = {t.name: {c.name for c in t.columns} for t in found.tables}
    return {c.name for c in table.columns} <= names.get(table.name, set())


def _portrayed(
    target: Reader, table: Table, model: TableModel, shift: Shift | None
) -> TablePortrait:
    schema = pa.schema([pa.field(c.name, arrow_type(c.datatype)) for c in table.written])
    read = target.read(table, _SAMPLE)
    batches = [pa.RecordBatch.from_arrays(b.columns, schema=schema) for b in read]
    rows = pa.Table.from_batches(batches, schema)
    moved = frozenset[str]() if shift is None else shift.of(table.name)
    days = 0 if shift is None else -shift.days
    columns = {
        fitted.column.name: shifted(values, days) if fitted.column.name in moved else values
        for fitted, values in _held(rows, model)
    }
    return TablePortrait(
        len(rows),
        {f.column.name: _shares(f, columns[f.column.name]) for f in model.columns},
    )


def _held(rows: pa.Table, model: TableModel) -> Iterator[tuple[FittedColumn, pa.Array]]:
    for fitted in model.columns:
        yield fitted, rows[fitted.column.name].combine_chunks()


def _shares(fitted: FittedColumn, values: pa.Array) -> Floats:
    """Shares that add up to 1; all 0 where there are no rows."""
    codes = fitted.encode(values)
    return np.bincount(codes, minlength=fitted.feature.size) / max(1, len(codes))
