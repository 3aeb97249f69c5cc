"""Draws the rows of one shard, parents before children, each table complete before the next."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.batch import Batch
from connectors.schema import TableName
from generators.columns import Draw
from generators.distinct import groups
from generators.errors import Unmeetable
from generators.model import DatabaseModel
from generators.randomness import identities, stream
from provisioner.drawing import draw_table
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.plan import Plan, most_children
from provisioner.values import Drawn, Setting

Ints = npt.NDArray[np.int64]


class Synthesizer:
    """Draws any shard of a plan; two of them with the same model and plan draw alike."""

    def __init__(self, model: DatabaseModel, plan: Plan) -> None:
        rows = {name: plan.layout(name).total for name in model.tables}
        most = {name: most_children(model, name, rows) for name in model.owners}
        self._setting = Setting(model, plan, most, self.keys, self.matching, self.keeper)
        self._whole: dict[TableName, Mapping[str, pa.Array]] = {}
        self._open: set[TableName] = set()
        self._keepers: dict[TableName, Keeper] = {}
        self._functions = callable_functions(model.schema)

    def shard(self, tree: int, shard: int) -> Iterator[Batch]:
        """The rows of every table of a shard, in load order.

        Raises:
            Unmeetable: a unique key cannot be met with the rows planned.
        """
        drawn: dict[TableName, Drawn] = {}
        for name in self._setting.plan.trees[tree].tables:
            drawn[name] = draw_table(self._setting, name, shard, drawn)
            table = self._setting.model.schema.table(name)
            names = [c.name for c in table.written]
            arrays = [drawn[name].values[n] for n in names]
            if len(drawn[name].indexes):
                yield Batch(name, pa.RecordBatch.from_arrays(arrays, names=names))

    def keys(self, name: TableName, columns: tuple[str, ...], indexes: Ints) -> list[pa.Array]:
        """Values of some key columns of any rows of a table, by index, whatever their shard."""
        return [self._key(name, column, indexes) for column in columns]

    def matching(
        self, name: TableName, wanted: Mapping[str, pa.Array], rng: np.random.Generator
    ) -> Ints:
        """The index of some row of a table with the values wanted in some key columns; else -1."""
        everything = np.arange(self._setting.plan.layout(name).total)
        known = self.keys(name, tuple(wanted), everything)
        rows = len(next(iter(wanted.values())))
        both = groups(
            [
                pa.concat_arrays([k, w.cast(k.type)])
                for k, w in zip(known, wanted.values(), strict=True)
            ]
        )
        have, want = both[: len(everything)], both[len(everything) :]
        order = np.argsort(have, kind="stable")
        low, high = (np.searchsorted(have[order], want, side) for side in ("left", "right"))
        place = low + (rng.random(rows) * (high - low)).astype(np.int64)
        missing = (want < 0) | (low == high)
        found = order[np.minimum(place, max(0, len(order) - 1))] if len(order) else place
        return np.asarray(np.where(missing, -1, found))

    def keeper(self, name: TableName) -> Keeper:
        """The rules of a table, made ready once."""
        if name not in self._keepers:
            schema = self._setting.model.schema
            self._keepers[name] = keeper(schema.table(name), self._functions)
        return self._keepers[name]

    def _key(self, name: TableName, column: str, indexes: Ints) -> pa.Array:
        model = self._setting.model.tables[name]
        if column in model.keys:
            return model.keys[column].at(indexes)
        mended = {c for rule in self.keeper(name).rules for c in rule.columns}
        for fitted in model.columns:
            as_drawn = fitted.generator.distinct and not fitted.nullable and column not in mended
            if fitted.column.name == column and as_drawn:
                seed = self._setting.plan.seed
                people = identities(seed, str(name), indexes)
                draw = Draw(stream(seed, name, column), indexes, people)
                return fitted.decode(np.zeros(len(indexes), np.int32), draw)
        return self._all(name)[column].take(pa.array(indexes))

    def _all(self, name: TableName) -> Mapping[str, pa.Array]:
        """The referenced columns of a table whose keys are no function of a row's index.

        Drawn once from all shards and kept: the price of keys made of other keys.
        """
        if name in self._whole:
            return self._whole[name]
        if name in self._open:
            raise Unmeetable(f"the keys of {name} depend on themselves through foreign keys")
        self._open.add(name)
        needed = {
            column
            for key in self._setting.model.schema.foreign_keys
            if key.parent == name
            for column in key.parent_columns
        }
        plan = self._setting.plan
        shards = range(plan.trees[plan.tree(name)].shards)
        parts = [self._line(name, shard).values for shard in shards]
        self._whole[name] = {c: pa.concat_arrays([p[c] for p in parts]) for c in sorted(needed)}
        self._open.discard(name)
        return self._whole[name]

    def _line(self, name: TableName, shard: int) -> Drawn:
        """One table of a shard, with nothing drawn beside it but what its rows depend on."""
        drawn: dict[TableName, Drawn] = {}
        for step in self._needed(name):
            drawn[step] = draw_table(self._setting, step, shard, drawn)
        return drawn[name]

    def _needed(self, name: TableName) -> tuple[TableName, ...]:
        """A table, behind its owners and beats, theirs, and so on."""
        model = self._setting.model
        history = model.tables[name].history
        above = [model.owners[name].parent] if name in model.owners else []
        beats = [history.beat] if history is not None and history.beat is not None else []
        line = [step for table in (*above, *beats) for step in self._needed(table)]
        return tuple(dict.fromkeys([*line, name]))
