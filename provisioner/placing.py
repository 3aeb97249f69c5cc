"""Where hand-made rows stand among the drawn ones, and who takes the keys that they bring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import ForeignKey, TableName
from generators.distinct import patched
from generators.model import DatabaseModel
from provisioner.given import Given
from provisioner.lookups import Matching
from provisioner.plan import Plan

Ints = npt.NDArray[np.int64]
ByIndex = Callable[[TableName, str, Ints], pa.Array]
"""The values that a column would have at some indexes without hand-made rows."""

_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Swap:
    """The rows of a table that hold another key than their index gives them.

    A hand-made row has its own key; where that is the key of a drawn row, the two change places.

    Attributes:
        indexes: of these rows, ascending.
        values: their keys.
    """

    indexes: Ints
    values: pa.Array


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """The places of hand-made rows in a plan.

    Rows of a root table take its first indexes. A row with an owner takes one of the first
    indexes of its owner's shard; without a word on its owner, of the first shard.

    Attributes:
        given: the hand-made rows by table.
        matching: the index of a row with some key values.
        plain: keys as they would be without hand-made rows.
        indexed: whether a column is a function of the row's index, and differs in each.
    """

    model: DatabaseModel
    plan: Plan
    given: Mapping[TableName, Given]
    matching: Matching
    plain: ByIndex
    indexed: Callable[[TableName, str], bool]
    _owners: dict[TableName, Ints] = field(default_factory=dict)
    _swaps: dict[tuple[TableName, str], Swap] = field(default_factory=dict)

    def owners(self, name: TableName) -> Ints:
        """The index of each hand-made row's owner; -1 where the file says nothing of it."""
        if name not in self._owners:
            given, key = self.given[name], self.model.owners[name]
            told = given.whole(key.columns)
            found = np.full(len(given.places), -1)
            if len(told):
                found[told] = self.led(key, told)
            self._owners[name] = found
        return self._owners[name]

    def owners_of(self, name: TableName, rows: Ints) -> Ints:
        """The owner's index of some hand-made rows; -1 where the file says nothing of it."""
        return self.owners(name)[rows] if len(rows) else rows

    def led(self, key: ForeignKey, rows: Ints) -> Ints:
        """The index of the row that a key of some hand-made rows leads to; -1 for none."""
        values, some = self.given[key.table].values, pa.array(rows)
        pairs = zip(key.columns, key.parent_columns, strict=True)
        wanted = {parent: values[child].take(some) for child, parent in pairs}
        return self.matching(key.parent, wanted, np.random.default_rng(0))

    def of_shard(self, plan: Plan, name: TableName, shard: int) -> Ints:
        """The hand-made rows of a table in a shard, in the order of their indexes."""
        if name not in self.given:
            return np.empty(0, np.int64)
        everything = np.arange(len(self.given[name].places))
        key = self.model.owners.get(name)
        if key is None:
            return everything if shard == 0 else everything[:0]
        owners, layout = self.owners(name), plan.layout(key.parent)
        ends = np.cumsum(layout.rows)
        inside = np.searchsorted(ends, np.maximum(owners, 0), side="right") == shard
        order = np.lexsort((everything, owners))
        return np.asarray(order[inside[order]])

    def indexes(self, name: TableName) -> Ints:
        """The index of each hand-made row of a table."""
        found = np.full(len(self.given[name].places), -1)
        layout = self.plan.layout(name)
        for shard in range(len(layout.rows)):
            rows = self.of_shard(self.plan, name, shard)
            found[rows] = layout.offset(shard) + np.arange(len(rows))
        return found

    def swapped(self, name: TableName, column: str, indexes: Ints, values: pa.Array) -> pa.Array:
        """The values of a key column at some indexes, hand-made rows and their partners set."""
        if name not in self.given or column not in self.given[name].values:
            return values
        if not self.indexed(name, column):
            return values
        swap = self._swap(name, column)
        place = np.minimum(np.searchsorted(swap.indexes, indexes), len(swap.indexes) - 1)
        here = np.flatnonzero(swap.indexes[place] == indexes)
        return patched(values, here, swap.values.take(pa.array(place[here])))

    def _swap(self, name: TableName, column: str) -> Swap:
        if (name, column) not in self._swaps:
            given = self.given[name]
            rows = np.flatnonzero(given.given[column])
            brought = given.values[column].take(pa.array(rows))
            own = self.indexes(name)[rows]
            left = self.plain(name, column, own)
            left = left.filter(pc.invert(pc.is_in(left, brought)))
            others = np.setdiff1d(self._holders(name, column, brought), own)
            found = np.concatenate([own, others])
            values = pa.concat_arrays([brought, left.slice(0, len(others))])
            order = np.argsort(found)
            self._swaps[name, column] = Swap(found[order], values.take(pa.array(order)))
        return self._swaps[name, column]

    def _holders(self, name: TableName, column: str, wanted: pa.Array) -> Ints:
        """The indexes of rows that would have some keys."""
        total, found = self.plan.layout(name).total, [np.empty(0, np.int64)]
        for begin in range(0, total, _CHUNK):
            indexes = np.arange(begin, min(total, begin + _CHUNK))
            held = pc.is_in(self.plain(name, column, indexes), pc.drop_null(wanted))
            found.append(indexes[held.to_numpy(zero_copy_only=False)])
        return np.concatenate(found)


def with_at_least(counts: Ints, least: Ints) -> Ints:
    """Counts of children, none below its least; those with the most to spare give them up.

    As long as others can, none gives up its last one.
    """
    raised = np.maximum(counts, least)
    excess = int(raised.sum() - counts.sum())
    spare = raised - np.maximum(least, np.minimum(counts, 1))
    spare = spare if spare.sum() >= excess else raised - least
    order = np.argsort(-spare, kind="stable")
    before = np.cumsum(spare[order]) - spare[order]
    raised[order] -= np.clip(excess - before, 0, spare[order])
    return raised


def seated(parents: Ints, owners: Ints) -> Ints:
    """A row for each hand-made one among rows that stand side by side under their owners.

    Args:
        parents: position of each row's owner, ascending.
        owners: position of each hand-made row's owner; -1 for any.
    """
    seats = np.full(len(owners), -1)
    told = np.flatnonzero(owners >= 0)
    order = told[np.argsort(owners[told], kind="stable")]
    firsts = np.searchsorted(owners[order], owners[order])
    seats[order] = np.searchsorted(parents, owners[order]) + np.arange(len(order)) - firsts
    free = np.setdiff1d(np.arange(len(parents)), seats[told])
    seats[owners < 0] = free[: int((owners < 0).sum())]
    return seats
