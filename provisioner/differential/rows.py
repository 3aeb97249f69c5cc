"""Drawn rows of one table put together: values, keys, and what they refer to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from generators import keys as key_kinds
from generators.checked import limits_of
from generators.columns import Draw, Sample
from generators.distinct import hashable
from generators.encoding import FittedColumn, fit_column
from generators.privacy.domains import Domain
from generators.privacy.support import Ints, Support
from provisioner.differential.shape import Shape, link_column

_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Drawn rows of a table.

    Attributes:
        units: the made-up unit of each row.
        codes: fine codes of each measured column, the number of children among them.
        above: the position of each row's owner; empty where it has none.
    """

    rows: pa.Table
    units: Ints
    codes: Mapping[str, Ints]
    above: Ints


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the rows of tables, after those that they refer to."""

    schema: Schema
    made: Mapping[TableName, pa.Table]
    rng: np.random.Generator

    def assembled(
        self, shape: Shape, domains: Mapping[str, Domain], codes: Mapping[str, Ints], above: Ints
    ) -> tuple[pa.Table, Ints]:
        """The rows that codes stand for, and the places of those that no key forbids."""
        count = len(above)
        columns = {
            c.name: domains[c.name].decode(codes[c.name], self.rng, self._inventor(shape.table, c))
            for c in shape.columns
        }
        for column in shape.keys:
            columns[column.name] = self._key(shape.table, column, count)
        if shape.owner is not None:
            self._follow(columns, shape.owner, above)
        for key in shape.links:
            pseudo = link_column(key, nullable=True).name
            place = codes[pseudo] - domains[pseudo].nullable
            self._follow(columns, key, np.maximum(place, -1))
        for key in shape.loose:
            held = domains[f"->{key.name}"]
            null = (codes[f"->{key.name}"] == 0) & held.nullable
            self._follow(columns, key, np.where(null, -1, self._anywhere(columns, key, count)))
        rows = pa.table({c.name: self._whole(columns, c, count) for c in shape.table.written})
        return _without_repeats(rows, shape.table)

    def _whole(self, columns: Mapping[str, pa.Array], column: Column, count: int) -> pa.Array:
        found = columns.get(column.name)
        return pa.nulls(count, arrow_type(column.datatype)) if found is None else found

    def _follow(self, columns: dict[str, pa.Array], key: ForeignKey, places: Ints) -> None:
        """Sets the columns of a key from rows of its parent; -1 for null."""
        if key.self_reference and not set(key.parent_columns) <= columns.keys():
            return
        for own, other in zip(key.columns, key.parent_columns, strict=True):
            if own not in columns:
                parent = columns if key.self_reference else self.made[key.parent]
                values = parent[other]
                flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
                kind = arrow_type(self.schema.table(key.table).column(own).datatype)
                columns[own] = flat.take(pa.array(places, mask=places < 0)).cast(kind, safe=False)

    def _anywhere(self, columns: Mapping[str, pa.Array], key: ForeignKey, count: int) -> Ints:
        """A row of the parent for each row: any that agrees with what is set already."""
        if key.self_reference:
            return self.rng.integers(0, np.maximum(1, np.arange(count)), count)
        parent = self.made.get(key.parent)
        if parent is None or not len(parent):
            return np.full(count, -1, np.int64)
        pairs = [p for p in zip(key.columns, key.parent_columns, strict=True) if p[0] in columns]
        if not pairs:
            return self.rng.integers(0, len(parent), count)
        codes = _cells([(columns[own], parent[other]) for own, other in pairs])
        return _matching(codes[:count], codes[count:], self.rng)

    def _inventor(self, table: Table, column: Column) -> "_Inventor":
        return _Inventor(table, column, self.rng)

    def _key(self, table: Table, column: Column, count: int) -> pa.Array:
        """Values that differ, from a column's type and checks alone."""
        kind = arrow_type(column.datatype)
        left = limits_of(self.schema, table, column)
        generator = key_kinds.choose(column, None, left)
        fitted = _cold(table, column)
        if fitted.generator.distinct or generator is None:
            return _Inventor(table, column, self.rng)(count)
        key = generator.fit(column, Sample(pa.array([], kind), _NOTHING), Support(), None, left)
        places = np.arange(min(count, key.capacity))
        found = key.at(places)
        return found.take(pa.array(np.arange(count) % max(1, len(places))))


@dataclass(frozen=True, slots=True)
class _Inventor:
    """Makes values of a column from its name and type alone."""

    table: Table
    column: Column
    rng: np.random.Generator

    def __call__(self, count: int) -> pa.Array:
        fitted = _cold(self.table, self.column)
        rows = np.arange(count)
        identities = self.rng.integers(0, 1 << 63, count).astype(np.uint64)
        codes = self.rng.integers(0, fitted.generator.size, count).astype(np.int32)
        found = fitted.generator.decode(codes, Draw(self.rng, rows, identities))
        return found.cast(arrow_type(self.column.datatype), safe=False)


def _cold(table: Table, column: Column) -> FittedColumn:
    nothing = pa.array([], arrow_type(column.datatype))
    return fit_column(table.name, column, nothing, _NOTHING, Support())


def _cells(pairs: list[tuple[pa.Array, pa.Array]]) -> Ints:
    """A number per row, first of the one side and then of the other, equal where all values are."""
    cells: Ints | None = None
    for own, other in pairs:
        kind = other.type
        both = pa.chunked_array([*_chunks(own.cast(kind)), *_chunks(other)])
        flat = hashable(both.combine_chunks())
        codes = flat.dictionary_encode(null_encoding="encode").indices.to_numpy(
            zero_copy_only=False
        )
        numbers = codes.astype(np.int64)
        cells = numbers if cells is None else cells * (numbers.max(initial=0) + 1) + numbers
        cells = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    return np.empty(0, np.int64) if cells is None else cells


def _chunks(values: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return list(values.chunks) if isinstance(values, pa.ChunkedArray) else [values]


def _matching(own: Ints, parent: Ints, rng: np.random.Generator) -> Ints:
    """For each number, the place of any equal one in `parent`; -1 where there is none."""
    order = np.argsort(parent, kind="stable")
    ranked = parent[order]
    first = np.searchsorted(ranked, own, side="left")
    many = np.searchsorted(ranked, own, side="right") - first
    place = first + rng.integers(0, np.maximum(1, many))
    return np.where(many > 0, order[np.minimum(place, len(order) - 1)], -1)


def _without_repeats(rows: pa.Table, table: Table) -> tuple[pa.Table, Ints]:
    """The rows without those that break a key over several columns, or miss a value they need."""
    kept = np.arange(len(rows))
    for unique in table.uniques:
        if unique.whole and len(unique.columns) > 1:
            rows = _numbered(rows, table, unique)
            known = _known(rows, unique.columns)
            cells = _cells([(rows[c], rows[c].slice(0, 0)) for c in unique.columns])
            first = np.unique(
                np.where(known, cells, cells.max(initial=0) + 1 + np.arange(len(cells))),
                return_index=True,
            )[1]
            rows, kept = rows.take(pa.array(np.sort(first))), kept[np.sort(first)]
    needed = [c.name for c in table.written if not c.nullable]
    there = _known(rows, tuple(needed))
    return rows.filter(pa.array(there)), kept[there]


def _known(rows: pa.Table, columns: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found = np.ones(len(rows), np.bool_)
    for name in columns:
        found &= rows[name].is_valid().to_numpy()
    return found


def _numbered(rows: pa.Table, table: Table, unique: Unique) -> pa.Table:
    """The rows with repeated whole numbers of a key moved up to the next free one."""
    foreign = {c for f in table.foreign_keys for c in f.columns}
    free = [
        c
        for c in unique.columns
        if c not in foreign and table.column(c).datatype.kind is Kind.INTEGER
    ]
    if not free or not len(rows):
        return rows
    name = free[-1]
    rest = [c for c in unique.columns if c != name]
    cells = _cells([(rows[c], rows[c].slice(0, 0)) for c in rest])
    values = pc.fill_null(rows[name], 1).to_numpy().astype(np.int64)
    order = np.lexsort((values, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    lifted = values[order] - rank
    group = np.repeat(np.arange(len(sizes)), sizes)
    span = int(lifted.max() - lifted.min()) + 1 if len(lifted) else 1
    shifted = np.maximum.accumulate(lifted - lifted.min(initial=0) + group * span)
    moved = np.empty(len(order), np.int64)
    moved[order] = shifted - group * span + lifted.min(initial=0) + rank
    kind = arrow_type(table.column(name).datatype)
    edge = 2 ** (kind.bit_width - 1) - 1
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, name, pa.array(np.minimum(moved, edge)).cast(kind))
