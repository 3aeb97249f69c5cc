"""Reads the rows that somebody made by hand, from a configuration or from CSV files beside it."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind, arrow_type
from connectors.schema import Column, Schema, Table, TableName
from provisioner.config import Config
from provisioner.errors import WrongConfig, WrongRequest
from provisioner.given import Given, value_of
from provisioner.lines import Places, resolved
from provisioner.naming import named_table
from provisioner.passwords import hashed
from provisioner.sections import Mode, TableSection

_NULL = r"\N"
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it is written: texts by column, null as None."""

    place: str
    texts: Mapping[str, str | None]


def hand_made(
    config: Config, schema: Schema, seed: int, environment: Mapping[str, str]
) -> Mapping[TableName, Given]:
    """The hand-made rows of each table that has any.

    Args:
        config: the configuration, which holds them or names their files.
        schema: the tables of the model.
        seed: decides the salts of passwords.
        environment: the variables that files may name.

    Raises:
        WrongConfig: a file, a column or a value does not fit; told with file, line and column.
    """
    found: dict[TableName, Given] = {}
    known = tuple(table.name for table in schema.tables)
    for text, section in config.tables.items():
        if section.hand_made is None or section.mode is Mode.SKIP:
            continue
        path = ("tables", text, "hand_made")
        if section.mode is not Mode.SYNTHESIZE:
            raise config.places.wrong(path, f"a table in mode {section.mode} takes no such rows")
        try:
            name = named_table(text, known)
        except WrongRequest as error:
            raise config.places.wrong(("tables", text), str(error)) from None
        rows = tuple(_rows(config, text, section, environment))
        if not 0 < len(rows) <= _MOST:
            told = f"{len(rows)} rows found; expected from 1 to {_MOST}"
            raise config.places.wrong(path, told)
        _check_passwords(config, text, section, schema.table(name))
        found[name] = _given(schema.table(name), rows, section, seed)
    return found


def _rows(
    config: Config, table: str, section: TableSection, environment: Mapping[str, str]
) -> Iterator[_Row]:
    if isinstance(section.hand_made, str):
        file = config.folder / section.hand_made
        yield from _read(file, config, table, environment)
        return
    for number, texts in enumerate(section.hand_made or ()):
        path = ("tables", table, "hand_made", number)
        yield _Row(config.places.of(path), texts)


def _read(file: Path, config: Config, table: str, environment: Mapping[str, str]) -> Iterator[_Row]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        told = f"{file} cannot be read; expected a CSV file in UTF-8"
        raise config.places.wrong(("tables", table, "hand_made"), told) from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        if len(set(header)) < len(header) or not all(header):
            raise WrongConfig(f"{file}, line 1: expected the names of columns, each once")
        begin = lines.line_num + 1
        for cells in lines:
            if cells:
                yield _of_line(file, begin, header, cells, environment)
            begin = lines.line_num + 1
    except csv.Error:
        raise WrongConfig(f"{file}, line {lines.line_num}: this is no CSV; mend it") from None


def _of_line(
    file: Path, line: int, header: list[str], cells: list[str], environment: Mapping[str, str]
) -> _Row:
    """A line's cells; an empty one is left out, and one of `_NULL` is null."""
    place = f"{file}, line {line}"
    if len(cells) != len(header):
        raise WrongConfig(f"{place}: {len(cells)} cells found; expected {len(header)}")
    places = Places(str(file), {(): line})
    told = {c: t for c, t in zip(header, cells, strict=True) if t}
    return _Row(
        place,
        {
            column: None if text == _NULL else resolved(text, environment, places, (column,))
            for column, text in told.items()
        },
    )


def _check_passwords(config: Config, text: str, section: TableSection, table: Table) -> None:
    columns = {c.name: c for c in table.columns}
    for name in section.passwords:
        if name not in columns or columns[name].datatype.kind is not Kind.TEXT:
            told = f"no column of texts in {table.name}; expected the one that holds hashes"
            raise config.places.wrong(("tables", text, "passwords", name), told)


def _given(table: Table, rows: tuple[_Row, ...], section: TableSection, seed: int) -> Given:
    columns = {c.name: c for c in table.columns}
    for row in rows:
        for name in row.texts:
            _check_column(row, name, columns, table)
    named = [c for c in table.written if any(c.name in row.texts for row in rows)]
    values: dict[str, pa.Array] = {}
    for column in named:
        scheme = section.passwords.get(column.name)
        cells = []
        for number, row in enumerate(rows):
            text = row.texts.get(column.name)
            if scheme is not None and text is not None:
                text = hashed(text, scheme, seed, table.name, number, column.name)
            cells.append(_cell(row, column, text))
        values[column.name] = pa.concat_arrays(cells)
    held = {c.name: np.array([c.name in row.texts for row in rows]) for c in named}
    return Given(table.name, tuple(row.place for row in rows), values, held)


def _check_column(row: _Row, name: str, columns: Mapping[str, Column], table: Table) -> None:
    if name not in columns:
        raise WrongConfig(
            f"{row.place}: {table.name} has no column {name}; expected one of {', '.join(columns)}"
        )
    if columns[name].generated is not None:
        raise WrongConfig(f"{row.place}, column {name}: the database computes it; leave it out")


def _cell(row: _Row, column: Column, text: str | None) -> pa.Array:
    if column.name not in row.texts:
        return pa.nulls(1, arrow_type(column.datatype))
    try:
        return value_of(column, text)
    except ValueError as problem:
        raise WrongConfig(f"{row.place}, column {column.name}: {problem}") from None
