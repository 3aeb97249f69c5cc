"""Where a target's rows are looked at, and rows drawn anew to compare them with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.engines import Reader
from connectors.schema import ForeignKey, Table, TableName
from generators.distinct import groups
from generators.errors import GeneratorError
from generators.model import DatabaseModel
from generators.relations.links import parent_rows
from generators.shift import shifted
from generators.traits import Family
from provisioner.errors import ProvisionerError
from provisioner.plan import Plan
from provisioner.shifting import Shift
from provisioner.synthesize import Synthesizer

_SAMPLE = 200_000
_FAMILIES = 50_000
_DRAWN = 5_000


class Gallery(Protocol):
    """Where rows are looked at."""

    def rows(self, table: Table) -> pa.Table | None:
        """Some rows of a table; None where there are none."""
        ...

    def family(self, table: Table, key: ForeignKey) -> Family | None:
        """Some rows of a table, siblings all or none, beside their parents; None for no rows."""
        ...

    def children(self, table: Table, parent: Table, key: ForeignKey) -> Mapping[int, int] | None:
        """How many parents have so many children; None where not all rows are there."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """The rows of a target; times that were moved are moved back."""

    target: Reader
    model: DatabaseModel
    shift: Shift | None
    _rows: dict[TableName, pa.Table | None] = field(default_factory=dict)
    _families: dict[tuple[TableName, str], Family | None] = field(default_factory=dict)

    def rows(self, table: Table) -> pa.Table | None:
        """See `Gallery`; read once, and only of the table asked for last."""
        if table.name not in self._rows:
            self._rows.clear()
            batches = list(self.target.read(table, _SAMPLE))
            self._rows[table.name] = self._joined(batches, [table])[0]
        return self._rows[table.name]

    def family(self, table: Table, key: ForeignKey) -> Family | None:
        """See `Gallery`; read once, and only of the key asked for last."""
        place = key.table, key.name
        if place not in self._families:
            self._families.clear()
            parent = self.model.schema.table(key.parent)
            batches = list(self.target.families(table, key, parent, _FAMILIES))
            rows, above = self._joined(batches, [table, parent])
            self._families[place] = _beside(rows, above, key)
        return self._families[place]

    def children(self, table: Table, parent: Table, key: ForeignKey) -> Mapping[int, int]:
        """See `Gallery`; those without are among them."""
        found = self.target.fan_out(table, key)
        return {**found, 0: max(0, self.target.rows(parent) - sum(found.values()))}

    def _joined(
        self, batches: list[pa.RecordBatch], tables: list[Table]
    ) -> tuple[pa.Table | None, ...]:
        """Batches with the columns of several tables side by side, as a table of each."""
        found: list[pa.Table | None] = []
        start = 0
        for table in tables:
            fields = [pa.field(c.name, arrow_type(c.datatype)) for c in table.written]
            end = start + len(fields)
            parts = [
                pa.RecordBatch.from_arrays(b.columns[start:end], schema=pa.schema(fields))
                for b in batches
            ]
            rows = pa.Table.from_batches(parts, pa.schema(fields))
            found.append(self._moved(rows, table.name) if len(rows) else None)
            start = end
        return tuple(found)

    def _moved(self, rows: pa.Table, name: TableName) -> pa.Table:
        if self.shift is None:
            return rows
        for column in self.shift.of(name) & set(rows.column_names):
            place = rows.schema.get_field_index(column)
            back = shifted(rows[column].combine_chunks(), -self.shift.days)
            rows = rows.set_column(place, column, back)
        return rows


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows drawn from the model as the plan has them; nothing where others stand beside them.

    All of a tree that one shard holds: an untouched target has the very same rows.
    """

    model: DatabaseModel
    plan: Plan
    _rows: dict[TableName, pa.Table] = field(default_factory=dict)
    _trees: set[int] = field(default_factory=set)
    _drawings: list[Synthesizer] = field(default_factory=list)

    def rows(self, table: Table) -> pa.Table | None:
        """See `Gallery`; the whole tree of a table is drawn when one of them is asked for."""
        if self.plan.kept or self.plan.hand_made or self.plan.shift is not None:
            return None
        tree = self.plan.tree(table.name)
        if tree not in self._trees:
            self._trees.add(tree)
            self._rows.update(self._of_tree(tree))
        return self._rows.get(table.name)

    def family(self, table: Table, key: ForeignKey) -> Family | None:
        """See `Gallery`; only of a key whose parent stands in the same tree."""
        rows, above = self.rows(table), self.rows(self.model.schema.table(key.parent))
        if rows is None or above is None:
            return None
        owners = parent_rows(rows, above, key)
        there = pa.array(owners, mask=owners < 0)
        return Family(rows, above.take(there), owners)

    def children(self, table: Table, parent: Table, key: ForeignKey) -> Mapping[int, int] | None:
        """See `Gallery`; those without are among them."""
        rows = self.rows(table) if table.name in self.plan.whole else None
        if rows is None:
            return None
        owners = groups([rows[c].combine_chunks() for c in key.columns])
        sizes = np.bincount(owners[owners >= 0])
        found = np.bincount(sizes)
        counts = {n: int(found[n]) for n in np.flatnonzero(found).tolist()}
        total = self.plan.layout(parent.name).total
        return {**counts, 0: max(0, total - len(sizes))}

    def _of_tree(self, tree: int) -> Mapping[TableName, pa.Table]:
        """Rows of each table of a tree; none where they cannot be drawn."""
        names = frozenset(self.plan.trees[tree].tables)
        drawing = self._drawing()
        try:
            if self.plan.trees[tree].shards == 1:
                return {b.table: pa.Table.from_batches([b.rows]) for b in drawing.shard(tree, 0)}
            found = list(drawing.sample(tree, _DRAWN, names))
        except (GeneratorError, ProvisionerError):
            return {}
        return {
            name: pa.Table.from_batches([one.rows])
            for name, one in found
            if not isinstance(one, Exception)
        }

    def _drawing(self) -> Synthesizer:
        """The one that draws all trees, made when the first is asked for."""
        if not self._drawings:
            self._drawings.append(Synthesizer(self.model, self.plan))
        return self._drawings[0]


def _beside(rows: pa.Table | None, above: pa.Table | None, key: ForeignKey) -> Family | None:
    if rows is None or above is None:
        return None
    owners = groups([rows[c].combine_chunks() for c in key.columns])
    lost = above[key.parent_columns[0]].combine_chunks().is_null()
    owners = np.where(lost.to_numpy(zero_copy_only=False), -1, owners)
    return Family(rows, above, owners)
