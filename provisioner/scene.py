"""Drawn rows of a table as kinds of invariants look at them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.invariants import Term, foreign_key, key_named
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.distinct import groups
from generators.relations.references import Mode
from generators.steps import Step
from provisioner.job import Drawn, Ints, Job, Values
from provisioner.values import ancestor


@dataclass(frozen=True, slots=True)
class DrawnScene:
    """The rows of one table in one shard; see `generators.invariants.Scene`.

    Attributes:
        drawn: a value per row and column.
        below: the rows that they own, where those are drawn already.
    """

    job: Job
    drawn: Values
    below: Mapping[TableName, Drawn] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        """See `Scene`."""
        return self.job.setting.model.schema

    @property
    def table(self) -> Table:
        """See `Scene`."""
        return self.job.table

    @property
    def rows(self) -> int:
        """See `Scene`."""
        return len(self.job.indexes)

    def values(self, term: Term) -> pa.Array:
        """See `Scene`."""
        if not term.keys:
            return self.drawn[term.column]
        if len(term.keys) > 1:
            return self._further(term)
        key = key_named(self.table, term.keys[0])
        if (near := self._near(key)) is not None:
            above, places = near
            found = above.values[term.column]
            return _all_null(found, len(places)) if not len(found) else _taken(found, places)
        wanted = zip(key.columns, key.parent_columns, strict=True)
        return self._far(key, term.column, {parent: self.drawn[own] for own, parent in wanted})

    def owners(self, key: str) -> Ints:
        """See `Scene`."""
        owner = self.job.owner
        if owner is not None and owner.name == key:
            return self.job.parents
        return groups([self.drawn[c] for c in key_named(self.table, key).columns])

    def children(self, key: tuple[TableName, str], column: str) -> tuple[pa.Array, Ints]:
        """See `Scene`."""
        found = self.below[key[0]]
        return found.values[column], found.parents

    def shows(self, step: Step) -> bool:
        """Whether all is drawn that a step looks at."""
        key, owner = step.found.rule.key, self.job.owner
        siblings = key is not None and key[0] == self.table.name
        if siblings and key is not None and (owner is None or owner.name != key[1]):
            columns = key_named(self.table, key[1]).columns
            if not all(column in self.drawn for column in columns):
                return False  # a key to other rows of the table is drawn once these are there
        return all(self._is_there(table, column) for table, column in (*step.reads, step.target))

    def _is_there(self, table: TableName, column: str) -> bool:
        if table == self.table.name:
            return column in self.drawn
        if table in self.below:
            return column in self.below[table].values
        if table in self.job.above:
            return column in self.job.above[table].values
        return table not in self.job.setting.plan.keeps

    def _near(self, key: ForeignKey) -> tuple[Drawn, Ints] | None:
        """The drawn rows above that a key leads to, and the position of each row's there."""
        owner, parents = self.job.owner, self.job.parents
        if owner is not None and owner.name == key.name:
            return self.job.above[owner.parent], parents
        modes = {r.key.name: r.mode for r in self.job.model.references}
        if modes.get(key.name) is not Mode.ANCESTOR:
            return None
        above, places = ancestor(self.job, key.parent, np.arange(self.rows))
        null = self.drawn[key.columns[0]].is_null().to_numpy(zero_copy_only=False)
        return above, np.where(null, -1, places)

    def _further(self, term: Term) -> pa.Array:
        """Values of the rows that several keys lead to, one after the other."""
        *before, _ = term.keys
        key = foreign_key(self.schema, self.table.name, term.keys)
        owner = self.job.setting.model.owners.get(key.table)
        if owner is not None and owner.name == key.name and self._owned_by(tuple(before)):
            above, places = ancestor(self.job, key.parent, np.arange(self.rows))
            return _taken(above.values[term.column], places)
        wanted = {
            parent: self.values(Term(own, tuple(before)))
            for own, parent in zip(key.columns, key.parent_columns, strict=True)
        }
        return self._far(key, term.column, wanted)

    def _owned_by(self, path: tuple[str, ...]) -> bool:
        """Whether each key of a path leads to the owner of the row before."""
        name = self.table.name
        for step in path:
            owner = self.job.setting.model.owners.get(name)
            if owner is None or owner.name != step:
                return False
            name = owner.parent
        return True

    def _far(self, key: ForeignKey, column: str, wanted: Mapping[str, pa.Array]) -> pa.Array:
        """Values of the rows that a reference leads to, in whatever shard these are drawn."""
        rng = self.job.randomness("rules", key.name)
        places = self.job.setting.matching(key.parent, wanted, rng)
        kind = arrow_type(self.schema.table(key.parent).column(column).datatype)
        if not (places >= 0).any():
            return pa.nulls(len(places), kind)
        [found] = self.job.setting.keys(key.parent, (column,), np.maximum(places, 0))
        return _taken(found, np.where(places < 0, -1, np.arange(len(places))))


def _taken(values: pa.Array, places: Ints) -> pa.Array:
    return values.take(pa.array(places, mask=places < 0))


def _all_null(values: pa.Array, rows: int) -> pa.Array:
    return pa.nulls(rows, values.type)
