"""A DataFrame as a table with its rows: types are told by dtypes, or by the objects in a column."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from connectors.batch import Batch
from connectors.datatypes import DataType
from connectors.schema import Column, Table, TableName
from provisioner.errors import WrongFrame
from provisioner.frames.objects import of_objects
from provisioner.frames.types import datatype_of, is_list, lossless

SCHEMA = "public"
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class Stored:
    """A table and the rows that it shall hold, every column in its exact Arrow type."""

    table: Table
    rows: pa.Table

    @property
    def batches(self) -> Iterator[Batch]:
        """Its rows; none where it has none."""
        return (Batch(self.table.name, part) for part in self.rows.to_batches() if part.num_rows)


def stored(name: object, frame: object) -> Stored:
    """A frame as a table of the schema `public`.

    An index without a name is left out; one with names is columns, before the others.

    Raises:
        WrongFrame: a name is none that the server takes, or a column has no counterpart.
    """
    if not isinstance(frame, pd.DataFrame):
        raise WrongFrame(f"{name} is of type {type(frame).__name__}; expected a DataFrame")
    table = TableName(SCHEMA, _name(name, "a table"))
    columns = dict(_columns(table.name, frame))
    datatypes = {label: datatype for label, (datatype, _) in columns.items()}
    rows = pa.table({label: values for label, (_, values) in columns.items()})
    return Stored(Table(table, tuple(Column(c, t) for c, t in datatypes.items())), rows)


def _columns(
    table: str, frame: pd.DataFrame
) -> Iterator[tuple[str, tuple[DataType, pa.ChunkedArray]]]:
    seen = set()
    for label, series in _labelled(frame):
        name = _name(label, f"a column of {table}")
        if name in seen:
            raise WrongFrame(f"{table} has two columns {name}; expected names that differ")
        seen.add(name)
        try:
            yield name, _stored(series)
        except WrongFrame as error:
            raise WrongFrame(f"{table}.{name} ({series.dtype}): {error}") from None
    if not seen:
        raise WrongFrame(f"{table} has no columns; expected at least one")


def _labelled(frame: pd.DataFrame) -> Iterator[tuple[Hashable, "pd.Series[Any]"]]:
    index = frame.index
    for level, label in enumerate(index.names):
        if label is not None:
            yield label, pd.Series(index.get_level_values(level).array)
    for place, label in enumerate(frame.columns):
        yield label, frame.iloc[:, place]


def _name(found: object, what: str) -> str:
    """A name as the server keeps it; it would cut a longer one without an error."""
    if not isinstance(found, str):
        raise WrongFrame(f"{found!r} is the name of {what}; expected a text: rename it")
    size = len(found.encode("utf-8", "replace"))
    if not 0 < size <= _LONGEST or "\0" in found:
        raise WrongFrame(f"{found!r} is the name of {what}; expected 1 to {_LONGEST} bytes of text")
    return found


def _stored(series: "pd.Series[Any]") -> tuple[DataType, pa.ChunkedArray]:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _categorical(series)
    if series.dtype == object:
        return of_objects(series)
    values = _arrow(series)
    found = datatype_of(values.type)
    if found is not None:
        return found, lossless(values, found)
    if is_list(values.type) or pa.types.is_struct(values.type):
        return of_objects(values.to_pylist())
    return _extended(series, values)


def _categorical(series: "pd.Series[Any]") -> tuple[DataType, pa.ChunkedArray]:
    """The type of the categories: an enum would declare them, and rare ones would travel."""
    datatype, labels = _stored(pd.Series(series.cat.categories.array))
    codes = pa.array(series.cat.codes, mask=(series.cat.codes < 0).to_numpy())
    return datatype, pa.chunked_array([labels.combine_chunks().take(codes)])


def _arrow(series: "pd.Series[Any]") -> pa.ChunkedArray:
    try:
        found = pa.array(series.array, from_pandas=True)
    except UnicodeEncodeError:
        raise WrongFrame("it holds text that UTF-8 cannot hold; drop lone surrogates") from None
    except (pa.ArrowException, TypeError, ValueError):
        raise _without_counterpart() from None
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def _extended(
    series: "pd.Series[Any]", values: pa.ChunkedArray
) -> tuple[DataType, pa.ChunkedArray]:
    """Values of Arrow's own extension types, and what it holds in a dictionary or in runs."""
    if pa.types.is_dictionary(values.type):
        plain = pa.chunked_array([c.dictionary_decode() for c in values.chunks])
        return _stored(pd.Series(pd.arrays.ArrowExtensionArray(plain)))
    if isinstance(series.dtype, pd.ArrowDtype) and isinstance(values.type, pa.UuidType):
        return of_objects(values.to_pylist())
    raise _without_counterpart()


def _without_counterpart() -> WrongFrame:
    return WrongFrame("this type has no counterpart in PostgreSQL; convert the column first")
