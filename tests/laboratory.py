"""A laboratory for invariants: a real database, what is found in it, and rows that keep it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from connectors.datatypes import arrow_type
from connectors.engines import open_source
from connectors.invariants import Invariant, Tally, Term
from connectors.schema import TableName
from generators.discovery import sought, verified
from generators.facts import Training
from generators.invariants import Drawing, invariant_kinds
from generators.privacy.support import Support
from generators.viewing import LearnedView, Library


@dataclass(frozen=True)
class Laboratory:
    """A database in which rules are looked for, broken on purpose, and kept again."""

    url: str
    library: Library

    def view(self, table: str) -> LearnedView:
        """The rows of a table of the schema public."""
        return LearnedView(self.library, self.library.schema.table(TableName("public", table)))

    def found(self, kind: str, table: str) -> dict[str, Invariant]:
        """The rules of a kind that the rows of a table keep, by their words."""
        proposed = sought(self.view(table), invariant_kinds()[kind])
        with open_source(self.url) as source:
            kept = [f.rule for f in verified(self.library, proposed, source.tally)]
        return {invariant_kinds()[kind].words(rule): rule for rule in kept}

    def tally(self, rule: Invariant) -> Tally:
        """How often the rows that are stored now keep a rule."""
        with open_source(self.url) as source:
            return source.tally(invariant_kinds()[rule.kind].claim(rule, self.library.schema))

    def scrambled(self, table: str, column: str) -> "Laboratory":
        """The same rows, the values of a column in another order; nothing is stored."""
        name = TableName("public", table)
        rows = self.library.training[name].rows
        mixed = np.random.default_rng(1).permutation(len(rows))
        values = rows[column].combine_chunks().take(pa.array(mixed))
        return self.with_values(table, column, values)

    def with_values(self, table: str, column: str, values: pa.Array) -> "Laboratory":
        """The same rows with other values of a column; nothing is stored."""
        name = TableName("public", table)
        known = self.library.training[name]
        place = known.rows.schema.get_field_index(column)
        rows = known.rows.set_column(place, column, values)
        training = {**self.library.training, name: Training(rows, known.units)}
        return Laboratory(self.url, Library(self.library.schema, training, self.library.support))

    def emptied(self, table: str) -> "Laboratory":
        """The same database without the rows of a table; nothing is stored."""
        name = TableName("public", table)
        bare = Training(self.library.training[name].rows[:0], np.empty(0, np.int64))
        training = {**self.library.training, name: bare}
        return Laboratory(self.url, Library(self.library.schema, training, self.library.support))

    def remade(
        self,
        rule: Invariant,
        target: str,
        *,
        drawn: "Laboratory | None" = None,
        tight: bool = False,
    ) -> pa.Array:
        """Values of a column with which drawn rows keep a rule learned from the rows as they are.

        Where none are given, they are the same with the target scrambled.
        """
        kind = invariant_kinds()[rule.kind]
        fitted = kind.fit(rule, self.view(rule.table.name)).items()
        state = {name: _carried(released.value) for name, released in fitted}
        mixed = (drawn or self.scrambled(rule.table.name, target)).view(rule.table.name)
        rng = np.random.default_rng(7)

        def again(column: str, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
            known = mixed.values(Term(column)).drop_null()
            return known.take(pa.array(rng.integers(0, len(known), len(rows))))

        def pool(column: str) -> pa.Array:
            return mixed.values(Term(column))[:4_096]

        def keys(table: TableName, column: str) -> pa.Array:
            return self.library.column(table, Term(column))

        broken = self.tally(rule).share
        drawing = Drawing(mixed, target, rng, 1, again, pool, keys, tight, broken=broken)
        return kind.realise(rule, state, drawing)

    def store(self, table: str, column: str, values: pa.Array) -> None:
        """Writes values of a column into the database; rows are told by their column `id`."""
        name = TableName("public", table)
        ids = self.library.training[name].rows["id"].to_pylist()
        change = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.executemany(change, list(zip(values.to_pylist(), ids, strict=True)))


def _carried(value: Any) -> Any:
    """What the model file gives back: arrays as they are, all else as JSON."""
    return value if isinstance(value, np.ndarray | pa.Array) else json.loads(json.dumps(value))


@pytest.fixture
def laboratory(new_database: Callable[[], str]) -> Callable[[str], Laboratory]:
    """Makes a laboratory of a database that some SQL fills; every row is a privacy unit."""

    def made(script: str) -> Laboratory:
        url = new_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script.encode())
        with open_source(url) as source:
            schema = source.schema()
            training = {}
            for table in schema.tables:
                fields = pa.schema([(c.name, arrow_type(c.datatype)) for c in table.written])
                batches = [
                    pa.RecordBatch.from_arrays(b.columns, schema=fields) for b in source.read(table)
                ]
                rows = pa.Table.from_batches(batches, fields)
                training[table.name] = Training(rows, np.arange(len(rows)))
        return Laboratory(url, Library(schema, training, Support(11)))

    return made
