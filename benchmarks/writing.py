"""How near the write path comes to the server's own COPY, measured in the same run.

The floor is the time of a server-side COPY of a binary file that was encoded beforehand; the write
path encodes Arrow batches in a thread and hands them to psycopg in another. A share of 1 means
that encoding and sending cost nothing beside the server's own work.
"""

import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import Queue

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.engines.postgresql.copy import BINARY_HEADER, BINARY_TRAILER, binary_copy
from connectors.schema import Column

RUNS = 3
BATCH_ROWS = 65_536
QUEUED_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Load:
    """A table to fill: `rows` rows of `columns`."""

    name: str
    rows: int
    columns: tuple[Column, ...]


def written(connection: psycopg.Connection, load: Load) -> dict[str, float]:
    """The share of the floor, the seconds of both ways, and the rate of encoding alone."""
    batches = _batches(load)
    _create(connection, load)
    try:
        floors, writes = _alternately(connection, load, batches)
    finally:
        connection.execute(sql.SQL("DROP TABLE {}").format(_table(load)))
    floor, write = statistics.median(floors), statistics.median(writes)
    return {
        f"write_{load.name}": round(floor / write, 3),
        f"{load.name}_rows": load.rows,
        f"{load.name}_floor_seconds": round(floor, 3),
        f"{load.name}_write_seconds": round(write, 3),
        f"{load.name}_encoded_rows_per_second": round(load.rows / _encoding(batches, load)),
    }


def _alternately(
    connection: psycopg.Connection, load: Load, batches: Sequence[pa.RecordBatch]
) -> tuple[list[float], list[float]]:
    """Both ways in turn, so that what else the machine does weighs on both alike."""
    floors, writes = [], []
    with _encoded_file(batches, load) as path:
        for _ in range(RUNS):
            floors.append(_floor(connection, load, path))
            writes.append(_write(connection, load, batches))
    return floors, writes


@contextmanager
def _encoded_file(batches: Sequence[pa.RecordBatch], load: Load) -> Iterator[Path]:
    """A file with the whole stream, which the server's own user may read."""
    with tempfile.TemporaryDirectory(prefix="provisioner-load-") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "rows.bin"
        with path.open("wb") as file:
            file.writelines(_stream(batches, load))
        path.chmod(0o644)
        yield path


def _stream(batches: Sequence[pa.RecordBatch], load: Load) -> Iterator[bytes]:
    blocks = (block for rows in batches for block in binary_copy(rows, load.columns))
    return chain([BINARY_HEADER], blocks, [BINARY_TRAILER])


def _floor(connection: psycopg.Connection, load: Load, path: Path) -> float:
    _empty(connection, load)
    order = sql.SQL("COPY {} FROM {} (FORMAT binary)").format(_table(load), sql.Literal(str(path)))
    start = time.perf_counter()
    connection.execute(order)
    return time.perf_counter() - start


def _write(connection: psycopg.Connection, load: Load, batches: Sequence[pa.RecordBatch]) -> float:
    _empty(connection, load)
    order = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_table(load))
    start = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(order) as copy:
        for block in _produced(_stream(batches, load)):
            copy.write(block)
    return time.perf_counter() - start


def _produced(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks, made by a thread of their own, a few ahead."""
    queue: Queue[bytes | None] = Queue(QUEUED_BLOCKS)

    def produce() -> None:
        try:
            for block in blocks:
                queue.put(block)
        finally:
            queue.put(None)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    while (block := queue.get()) is not None:
        yield block
    thread.join()


def _encoding(batches: Sequence[pa.RecordBatch], load: Load) -> float:
    start = time.perf_counter()
    for _ in _stream(batches, load):
        pass
    return time.perf_counter() - start


def _table(load: Load) -> sql.Identifier:
    return sql.Identifier(f"provisioner_benchmark_{load.name}")


def _create(connection: psycopg.Connection, load: Load) -> None:
    types = (sql.SQL(column.datatype.sql) for column in load.columns)  # our own constants
    names = (sql.Identifier(column.name) for column in load.columns)
    declared = sql.SQL(", ").join(
        sql.SQL("{} {}").format(name, of_type) for name, of_type in zip(names, types, strict=True)
    )
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_table(load)))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(_table(load), declared))
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(
            _table(load), sql.Identifier(load.columns[0].name)
        )
    )


def _empty(connection: psycopg.Connection, load: Load) -> None:
    connection.execute(sql.SQL("TRUNCATE {}").format(_table(load)))
    connection.execute("CHECKPOINT")


def _batches(load: Load) -> list[pa.RecordBatch]:
    rng = np.random.default_rng(2024)
    starts = range(0, load.rows, BATCH_ROWS)
    return [_batch(load, s, min(BATCH_ROWS, load.rows - s), rng) for s in starts]


def _batch(load: Load, start: int, rows: int, rng: np.random.Generator) -> pa.RecordBatch:
    """Ascending keys in the first column, anything in the rest; every null is one in five."""
    arrays = [pa.array(np.arange(start, start + rows))]
    for column in load.columns[1:]:
        values = _values(column.datatype, rows, rng)
        is_null = pa.array(rng.random(rows) < 0.2)
        arrays.append(pc.if_else(is_null, None, values) if column.nullable else values)
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in load.columns])


def _values(datatype: DataType, rows: int, rng: np.random.Generator) -> pa.Array:
    target = arrow_type(datatype)
    if pa.types.is_floating(target):
        return pa.array(rng.normal(size=rows)).cast(target, safe=False)
    if pa.types.is_string(target):
        return _texts(datatype, rows, rng)
    if pa.types.is_fixed_size_binary(target) or pa.types.is_binary(target):
        drawn = pa.py_buffer(rng.bytes(16 * rows))
        return pa.Array.from_buffers(pa.binary(16), rows, [None, drawn]).cast(target)
    return _counted(datatype, rows, rng).cast(target)


def _texts(datatype: DataType, rows: int, rng: np.random.Generator) -> pa.Array:
    if datatype.kind is Kind.JSON:
        numbers = pa.array(rng.integers(0, 10**6, rows)).cast(pa.string())
        return pc.binary_join_element_wise('{"size": "large", "count": ', numbers, "}", "")
    shortest, longest = (datatype.length or 8, datatype.length or 60)
    text = "The quick brown fox jumps over the lazy dog, and the dog sleeps on"
    pool = [text[:size] for size in rng.integers(shortest, longest, 1000, endpoint=True)]
    return pa.array(pool).take(pa.array(rng.integers(0, len(pool), rows)))


def _counted(datatype: DataType, rows: int, rng: np.random.Generator) -> pa.Array:
    """Types that are a count of something: cents, days, microseconds, true and false."""
    counts = rng.integers(0, _LARGEST.get(datatype.kind, 30_000), rows)
    if datatype.kind is Kind.BOOLEAN:
        return pa.array(counts == 1)
    if datatype.kind is Kind.DECIMAL:
        return pa.array(counts / 100)
    form = pa.int32() if datatype.kind is Kind.DATE else pa.int64()
    return pa.array(counts).cast(form)


_LARGEST = {
    Kind.BOOLEAN: 2,
    Kind.DECIMAL: 10**6,
    Kind.TIME: 86_400_000_000,
    Kind.TIMESTAMP: 1_700_000_000_000_000,
    Kind.TIMESTAMPTZ: 1_700_000_000_000_000,
    Kind.INTERVAL: 10**12,
}


def _column(name: str, kind: Kind, type_sql: str, is_nullable: bool = False) -> Column:
    sizes = {"smallint": 16, "integer": 32, "bigint": 64, "real": 32, "double precision": 64}
    modifiers = [int(digits) for digits in re.findall(r"\d+", type_sql)]
    precision, scale = (*modifiers, None, None)[:2] if kind is Kind.DECIMAL else (None, None)
    length = modifiers[0] if kind is Kind.TEXT and modifiers else None
    datatype = DataType(
        kind, type_sql, bits=sizes.get(type_sql), length=length, precision=precision, scale=scale
    )
    return Column(name, datatype, nullable=is_nullable)


NARROW = (
    _column("id", Kind.INTEGER, "bigint"),
    _column("customer", Kind.INTEGER, "integer"),
    _column("amount", Kind.FLOAT, "double precision"),
    _column("moment", Kind.TIMESTAMP, "timestamp without time zone"),
    _column("is_paid", Kind.BOOLEAN, "boolean"),
)
MIXED = (
    *NARROW,
    _column("stock", Kind.INTEGER, "smallint"),
    _column("parent", Kind.INTEGER, "integer", is_nullable=True),
    _column("score", Kind.FLOAT, "real"),
    _column("price", Kind.DECIMAL, "numeric(10,2)"),
    _column("discount", Kind.DECIMAL, "numeric(8,2)", is_nullable=True),
    _column("weight", Kind.DECIMAL, "numeric"),
    _column("name", Kind.TEXT, "text"),
    _column("note", Kind.TEXT, "text", is_nullable=True),
    _column("code", Kind.TEXT, "character varying(12)"),
    _column("country", Kind.TEXT, "character(2)"),
    _column("birthday", Kind.DATE, "date", is_nullable=True),
    _column("opens", Kind.TIME, "time without time zone"),
    _column("changed", Kind.TIMESTAMPTZ, "timestamp with time zone", is_nullable=True),
    _column("lasts", Kind.INTERVAL, "interval"),
    _column("token", Kind.UUID, "uuid"),
    _column("details", Kind.JSON, "jsonb"),
    _column("picture", Kind.BYTES, "bytea", is_nullable=True),
)
