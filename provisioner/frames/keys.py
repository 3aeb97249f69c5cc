"""Keys of tables that come from DataFrames: as they are written, and whether the rows keep them."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import pyarrow as pa
from pydantic import ValidationError

from connectors.datatypes import Kind
from connectors.engines import Reader
from connectors.schema import ForeignKey, Table, TableName, Unique
from provisioner.errors import WrongFrame
from provisioner.frames.stored import SCHEMA, Stored
from provisioner.frames.types import BIGINT, lossless
from provisioner.sections import Place

Columns: TypeAlias = str | Sequence[str]
"""One column, or several that are a key together."""
Parent: TypeAlias = str | tuple[str, Columns]
"""The columns that a key leads to: `customers (id)`, or the table's name beside its columns."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of several frames, by the frame's name.

    Attributes:
        primary: the primary key of each frame.
        unique: further keys, each of which no two rows share.
        foreign: by columns, what they lead to.
    """

    primary: Mapping[str, Columns]
    unique: Mapping[str, str | Sequence[Columns]]
    foreign: Mapping[str, Mapping[str | tuple[str, ...], Parent]]


def keyed(frames: Mapping[str, Stored], keys: Keys) -> dict[str, Stored]:
    """The frames with keys; what a key leads to is a primary or a unique key of its table.

    A column of a foreign key that has no value at all, or whose whole numbers pandas holds as
    floats, since some are missing, takes the type of what it leads to.

    Raises:
        WrongFrame: a key names what is not there, or what cannot be equal.
    """
    foreign = [key for name, of_one in keys.foreign.items() for key in _foreign(name, of_one)]
    found = dict(frames)
    for key in foreign:
        _check_there(frames, key.table.name, key.columns)
        _check_there(frames, key.parent.name, key.parent_columns)
    for key in foreign:
        found[key.table.name] = _retyped(found, key)
    for key in foreign:
        _check_alike(found, key)
    for name in (*keys.primary, *keys.unique):
        for unique in _uniques(name, keys, ()):
            _check_there(frames, name, unique.columns)
    return {
        name: replace(one, table=_with_keys(name, one.table, keys, foreign))
        for name, one in found.items()
    }


def broken_keys(frames: Mapping[str, Stored], reader: Reader) -> tuple[str, ...]:
    """The keys that rows break, each with the number of those rows and none of their values."""
    return tuple(said for one in frames.values() for said in _broken(one, reader))


def _with_keys(name: str, table: Table, keys: Keys, foreign: Sequence[ForeignKey]) -> Table:
    leading = [key.parent_columns for key in foreign if key.parent.name == name]
    own = tuple(key for key in foreign if key.table.name == name)
    return replace(table, uniques=tuple(_uniques(name, keys, leading)), foreign_keys=own)


def _uniques(name: str, keys: Keys, leading: Iterable[tuple[str, ...]]) -> Iterator[Unique]:
    """The unique keys of a table, each set of columns once, the primary key first.

    Where no primary key is given, the first columns that a key leads to are one.
    """
    unique = keys.unique.get(name, ())
    said = [_columns(one) for one in ([unique] if isinstance(unique, str) else unique)]
    first = [_columns(keys.primary[name])] if name in keys.primary else []
    known = {frozenset(columns) for columns in said}
    led = [columns for columns in leading if frozenset(columns) not in known]
    primary = (first or led)[:1]
    seen: set[frozenset[str]] = set()
    for columns in (*primary, *said, *led):
        if frozenset(columns) not in seen:
            seen.add(frozenset(columns))
            yield Unique(_listed(columns), columns, primary=columns in primary)


def _foreign(name: str, keys: Mapping[str | tuple[str, ...], Parent]) -> Iterator[ForeignKey]:
    for columns, parent in keys.items():
        own, (table, there) = _columns(columns), _place(name, parent)
        said = f"{name} {_listed(own)} -> {table} {_listed(there)}"
        if len(own) != len(there):
            raise WrongFrame(f"{said} cannot be a key: the columns differ in number")
        yield ForeignKey(said, TableName(SCHEMA, name), own, TableName(SCHEMA, table), there)


def _place(name: str, parent: Parent) -> tuple[str, tuple[str, ...]]:
    if not isinstance(parent, str):
        table, columns = parent
        return table, _columns(columns)
    try:
        place = Place.model_validate(parent)
    except ValidationError:
        raise WrongFrame(
            f"a key of {name} leads to {parent!r}; expected a table and its columns, such as "
            "'customers (id)' or ('customers', 'id')"
        ) from None
    return place.table, place.columns


def _columns(columns: Columns) -> tuple[str, ...]:
    found = (columns,) if isinstance(columns, str) else tuple(columns)
    if not found or len(set(found)) < len(found):
        raise WrongFrame(f"a key has the columns {_listed(found)}; expected one or more, each once")
    return found


def _listed(columns: Sequence[object]) -> str:
    return f"({', '.join(map(str, columns))})"


def _check_there(frames: Mapping[str, Stored], name: str, columns: Sequence[str]) -> None:
    if name not in frames:
        raise WrongFrame(f"a key names the table {name}, which no frame is; {_near(name, frames)}")
    known = frames[name].rows.column_names
    for column in columns:
        if column not in known:
            raise WrongFrame(f"{name} has no column {column} for a key; {_near(column, known)}")


def _near(wanted: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(str(wanted), names, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"


def _retyped(frames: Mapping[str, Stored], key: ForeignKey) -> Stored:
    found = frames[key.table.name]
    for own, other in zip(key.columns, key.parent_columns, strict=True):
        column = found.table.column(own)
        wanted = frames[key.parent.name].table.column(other).datatype
        values = found.rows.column(own)
        if column.datatype.kind is wanted.kind:
            continue
        if values.null_count == len(values):
            column = replace(column, datatype=wanted)
            values = lossless(pa.chunked_array([pa.nulls(len(values))]), wanted)
        elif column.datatype.kind is Kind.FLOAT and wanted.kind is Kind.INTEGER:
            column = replace(column, datatype=BIGINT)
            values = _whole(key, own, values)
        place = found.rows.column_names.index(own)
        columns = (*found.table.columns[:place], column, *found.table.columns[place + 1 :])
        table = replace(found.table, columns=columns)
        found = Stored(table, found.rows.set_column(place, own, values))
    return found


def _whole(key: ForeignKey, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return lossless(values, BIGINT)
    except WrongFrame:
        raise WrongFrame(
            f"{key.name} cannot be a key: {column} holds floats that are no whole numbers; "
            "expected those of an integer column"
        ) from None


def _check_alike(frames: Mapping[str, Stored], key: ForeignKey) -> None:
    child, parent = frames[key.table.name].table, frames[key.parent.name].table
    for own, other in zip(key.columns, key.parent_columns, strict=True):
        one, two = child.column(own).datatype, parent.column(other).datatype
        if one.kind is not two.kind:
            raise WrongFrame(
                f"{key.name} cannot be a key: {own} has type {one.sql} and {other} has {two.sql}; "
                "expected types that can be equal: convert one of them"
            )


def _broken(one: Stored, reader: Reader) -> Iterator[str]:
    name, total = one.table.name.name, one.rows.num_rows
    for unique in one.table.uniques:
        listed = _listed(unique.columns)
        repeated = reader.violations(one.table, unique)
        if repeated:
            yield (
                f"{repeated} of {total} rows of {name} repeat the values {listed} of another; "
                "expected each in one row"
            )
        empty = max(one.rows.column(c).null_count for c in unique.columns) if unique.primary else 0
        if empty:
            yield f"{empty} of {total} rows of {name} have no value in the primary key {listed}"
    for key in one.table.foreign_keys:
        lost = reader.violations(one.table, key)
        if lost:
            yield f"{lost} of {total} rows of {name} lead nowhere by the key {key.name}"
