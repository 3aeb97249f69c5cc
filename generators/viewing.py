"""Training rows as kinds of invariants look at them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import arrow_type
from connectors.invariants import Term, foreign_key, further, key_named, spoken
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.distinct import groups
from generators.facts import Training, stored
from generators.invariants import Listed
from generators.magnitudes import Magnitudes, magnitudes, scale_of
from generators.privacy.support import Support
from generators.relations.links import parent_rows
from generators.shelving import Shelf, shelves, widened

Ints = npt.NDArray[np.int64]

_FEW = 2_000


@dataclass(frozen=True, slots=True)
class Library:
    """The training rows of all tables, each key followed once and each column read once."""

    schema: Schema
    training: Mapping[TableName, Training]
    support: Support
    _links: dict[tuple[TableName, str], Ints] = field(default_factory=dict)
    _columns: dict[tuple[TableName, Term], pa.Array] = field(default_factory=dict)
    _numbers: dict[tuple[TableName, Term], Magnitudes | None] = field(default_factory=dict)
    _codes: dict[tuple[TableName, Term], Ints] = field(default_factory=dict)
    _shelves: dict[pa.DataType, Shelf] = field(default_factory=dict)

    def forget(self, name: TableName) -> None:
        """Lets go of what was read of a table's rows, once no kind looks at them any more."""
        for known in (self._columns, self._numbers, self._codes):
            for place in [p for p in known if p[0] == name]:
                del known[place]

    def link(self, key: ForeignKey) -> Ints:
        """Per child row, the position of its parent among those read; -1 for none."""
        place = key.table, key.name
        if place not in self._links:
            child, parent = (self.training[t].rows for t in (key.table, key.parent))
            self._links[place] = parent_rows(child, parent, key)
        return self._links[place]

    def column(self, name: TableName, term: Term) -> pa.Array:
        """The values of a term for each row of a table; null where the server computes them."""
        rows = self.training[name].rows
        if not term.keys and term.column not in rows.column_names:
            datatype = self.schema.table(name).column(term.column).datatype
            return pa.nulls(len(rows), arrow_type(datatype))
        if not term.keys:
            return stored(self.training[name], term.column)
        if (name, term) not in self._columns:
            key = key_named(self.schema.table(name), term.keys[0])
            above = self.column(key.parent, Term(term.column, term.keys[1:]))
            link = self.link(key)
            self._columns[name, term] = above.take(pa.array(link, mask=link < 0))
        return self._columns[name, term]

    def numbers(self, name: TableName, term: Term) -> Magnitudes | None:
        """The same as numbers; None where they are none."""
        if (name, term) not in self._numbers:
            table = self.schema.table(name)
            home = foreign_key(self.schema, name, term.keys).parent if term.keys else table.name
            scale = scale_of(self.schema.table(home).column(term.column).datatype)
            found = None if scale is None else magnitudes(self.column(name, term), scale)
            self._numbers[name, term] = found
        return self._numbers[name, term]

    def codes(self, name: TableName, term: Term) -> Ints:
        """The same as numbers of distinct values; -1 for null."""
        if (name, term) not in self._codes:
            self._codes[name, term] = groups([self.column(name, term)])
        return self._codes[name, term]

    def listed(self, values: pa.Array) -> list[Listed]:
        """The keys of one column, of any table, that hold any of some values."""
        if not self._shelves:
            self._shelves.update(shelves(self.keys()))
        wide = widened(pc.unique(pc.drop_null(values)))
        shelf = self._shelves.get(wide.type)
        return [] if shelf is None else shelf.holding(wide)

    def keys(self) -> Iterator[tuple[TableName, str, pa.Array]]:
        """Every key of one column, with its values."""
        for table in self.schema.tables:
            alone = (u.columns[0] for u in table.uniques if u.whole and len(u.columns) == 1)
            for column in dict.fromkeys(alone):
                yield table.name, column, self.column(table.name, Term(column))


@dataclass(frozen=True, slots=True)
class LearnedView:
    """The training rows of one table; see `generators.invariants.View`."""

    library: Library
    table: Table

    @property
    def schema(self) -> Schema:
        """See `Scene`."""
        return self.library.schema

    @property
    def support(self) -> Support:
        """See `View`."""
        return self.library.support

    @property
    def units(self) -> Ints:
        """See `View`."""
        return self.library.training[self.table.name].units

    @property
    def rows(self) -> int:
        """See `Scene`."""
        return len(self.library.training[self.table.name].rows)

    @property
    def terms(self) -> tuple[Term, ...]:
        """See `View`."""
        return tuple(spoken(self.table, self.schema))

    @property
    def further(self) -> tuple[Term, ...]:
        """See `View`."""
        return tuple(further(self.table, self.schema))

    @property
    def few(self) -> Ints:
        """See `View`; in their order."""
        if self.rows <= _FEW:
            return np.arange(self.rows)
        return np.sort(np.random.default_rng(self.rows).choice(self.rows, _FEW, replace=False))

    def values(self, term: Term) -> pa.Array:
        """See `Scene`."""
        return self.library.column(self.table.name, term)

    def numbers(self, term: Term) -> Magnitudes | None:
        """See `View`."""
        return self.library.numbers(self.table.name, term)

    def codes(self, term: Term) -> Ints:
        """See `View`."""
        return self.library.codes(self.table.name, term)

    def column(self, table: TableName, column: str) -> pa.Array:
        """See `View`."""
        return self.library.column(table, Term(column))

    def listed(self, values: pa.Array) -> list[Listed]:
        """See `View`."""
        return self.library.listed(values)

    def owners(self, key: str) -> Ints:
        """See `Scene`; siblings whose parent was not read are told by the key's values."""
        columns = key_named(self.table, key).columns
        return groups([self.values(Term(column)) for column in columns])

    def children(self, key: tuple[TableName, str], column: str) -> tuple[pa.Array, Ints]:
        """See `Scene`."""
        found = key_named(self.schema.table(key[0]), key[1])
        return self.library.column(key[0], Term(column)), self.library.link(found)
