"""Rows as a COPY stream, in the server's binary form or as text.

A binary stream is `BINARY_HEADER`, the blocks of any number of batches, `BINARY_TRAILER`; a text
stream has neither. The server reads binary about twice as fast.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind
from connectors.engines.postgresql.binary import binary_rows, oid
from connectors.engines.postgresql.buffers import content
from connectors.engines.postgresql.exact import exact
from connectors.engines.postgresql.literals import literals
from connectors.schema import Column

# Signature, no flags, no extension: the manual's page on COPY, "Binary Format".
BINARY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
BINARY_TRAILER = b"\xff\xff"

_BLOCK_BYTES = 1 << 20
_FIELD_OVERHEAD = 6
_NULL = r"\N"
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_UNESCAPED = frozenset({Kind.TEXT, Kind.ENUM, Kind.JSON, Kind.BYTES, Kind.ARRAY, Kind.OTHER})


def has_binary_form(datatype: DataType) -> bool:
    """Whether a column of the type may travel by binary COPY; any column may by text COPY.

    Not so where Arrow holds only the value's literal, where the stream would have to name an oid
    that each database chooses itself (arrays of enums, domains and extension types), and for a
    domain over json or jsonb, since nothing here says which of the two it is.
    """
    if datatype.kind is Kind.ARRAY:
        return datatype.element is not None and oid(datatype.element) is not None
    if datatype.domain is not None:
        return datatype.kind not in {Kind.OTHER, Kind.JSON}
    return datatype.kind is Kind.ENUM or oid(datatype) is not None or _is_citext(datatype)


def _is_citext(datatype: DataType) -> bool:
    return datatype.kind is Kind.TEXT and datatype.sql.rpartition(".")[2] == "citext"


def binary_copy(rows: pa.RecordBatch, columns: Sequence[Column]) -> Iterator[bytes]:
    """The rows in binary form, in blocks of about 1 MB, without header and trailer.

    Args:
        rows: holds every column by its name, in any order.
        columns: in the order of the COPY's column list; each type has a binary form.

    Raises:
        WrongArrowType: a column of `rows` cannot become the exact Arrow type of its column.
    """
    datatypes = [column.datatype for column in columns]
    for block in _blocks(rows, columns):
        yield binary_rows(block, datatypes)


def text_copy(rows: pa.RecordBatch, columns: Sequence[Column]) -> Iterator[bytes]:
    r"""The rows as lines of text with tabs between values and \N for null, in UTF-8.

    Blocks, arguments and errors are those of `binary_copy`; every type has a text form. A row
    without columns is an empty line.
    """
    if not columns:
        yield b"\n" * rows.num_rows
        return
    for block in _blocks(rows, columns):
        texts = [_text(array, c.datatype) for array, c in zip(block, columns, strict=True)]
        options = {"null_handling": "replace", "null_replacement": _NULL}
        lines = pc.binary_join_element_wise(*texts, "\t", **options)
        yield content(pc.binary_join_element_wise(lines, "\n", "")).tobytes()


def _text(array: pa.Array, datatype: DataType) -> pa.Array:
    texts = literals(array, datatype)
    if datatype.kind in _UNESCAPED:
        for special, escape in _ESCAPES:
            texts = pc.replace_substring(texts, special, escape)
    return texts


def _blocks(rows: pa.RecordBatch, columns: Sequence[Column]) -> Iterator[list[pa.Array]]:
    """The columns in their exact types, some thousand rows at a time: a block fits the caches."""
    if rows.num_rows == 0:
        return
    row_bytes = rows.nbytes // rows.num_rows + _FIELD_OVERHEAD * len(columns)
    step = max(1, _BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, rows.num_rows, step):
        block = rows.slice(start, step)
        yield [exact(block.column(column.name), column) for column in columns]
