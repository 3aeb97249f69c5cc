"""Rows of the source that travel in the file: copied as they are, or masked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.schema import Schema, Table, TableName
from generators.privacy.support import Released, Support

_FOLDER = "rows/"


@dataclass(frozen=True, slots=True)
class Carried:
    """Rows of one table that are loaded as they stand in the file.

    Attributes:
        rows: the written columns in their order and exact types; a row's index is its position.
        masks: of a masked table, the mask of each column that has one; None for a copied table,
            whose rows a person declared public.
    """

    rows: Released[pa.Table]
    masks: Mapping[str, str] | None = None

    @property
    def mode(self) -> str:
        """`copy` or `mask`, as a configuration says it."""
        return "copy" if self.masks is None else "mask"

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.rows.value.num_rows)


def carried_members(
    schema: Schema, carried: Mapping[TableName, Carried]
) -> Iterator[tuple[str, bytes]]:
    """The file of each carried table, by its name in the archive."""
    for number, table in enumerate(schema.tables):
        if table.name in carried:
            sink = pa.BufferOutputStream()
            rows = carried[table.name].rows.value
            with pa.ipc.new_file(sink, rows.schema) as file:
                file.write_table(rows)
            yield f"{_FOLDER}{number}.arrow", sink.getvalue().to_pybytes()


def carried_header(schema: Schema, carried: Mapping[TableName, Carried]) -> dict[str, Any]:
    """The masks of each carried table, by its file's name."""
    found = (
        (f"{_FOLDER}{number}.arrow", carried[table.name])
        for number, table in enumerate(schema.tables)
        if table.name in carried
    )
    return {name: None if c.masks is None else dict(c.masks) for name, c in found}


def restored_carried(
    schema: Schema, header: Mapping[str, Any], members: Mapping[str, bytes]
) -> Mapping[TableName, Carried]:
    """The carried tables of an archive.

    Raises:
        ValueError: a file does not hold the columns of its table, or is no Arrow file.
    """
    return dict(
        _restored(table, masks, members[name])
        for number, table in enumerate(schema.tables)
        for name, masks in header.items()
        if name == f"{_FOLDER}{number}.arrow"
    )


def carried_schema(table: Table) -> pa.Schema:
    """The columns of a table's carried rows."""
    return pa.schema([pa.field(c.name, arrow_type(c.datatype)) for c in table.written])


def _restored(
    table: Table, masks: Mapping[str, Any] | None, data: bytes
) -> tuple[TableName, Carried]:
    with pa.ipc.open_file(pa.BufferReader(data)) as file:
        rows = file.read_all()
    if not rows.schema.equals(carried_schema(table)):
        raise ValueError(f"other columns than those of {table.name} found among its rows")
    rows.validate(full=True)
    known = None if masks is None else {str(c): str(kind) for c, kind in masks.items()}
    return table.name, Carried(Support().declared(rows), known)
