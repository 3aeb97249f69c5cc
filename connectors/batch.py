"""Some rows of one table, as Arrow."""

from dataclasses import dataclass

import pyarrow as pa

from connectors.schema import TableName


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table; column names are the table's, generated columns are left out."""

    table: TableName
    rows: pa.RecordBatch
