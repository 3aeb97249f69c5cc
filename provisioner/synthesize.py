"""Draws the rows of one shard, parents before children, each table complete before the next."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.batch import Batch
from connectors.dialect.expressions import Scope
from connectors.schema import ForeignKey, Schema, TableName
from generators.columns import Draw
from generators.companions import Companion, companions
from generators.distinct import SPREADABLE, alike, beyond, numbered
from generators.errors import Unmeetable
from generators.model import DatabaseModel
from generators.orientation import oriented, single_keys
from generators.randomness import identities, stream
from generators.rings import covering_keys, late_references, wanted_keys
from generators.shift import shifted
from generators.steps import Orientation
from provisioner.adopting import adopted
from provisioner.arranging import arranged, with_ordered_keys
from provisioner.cutting import cut, without_counts
from provisioner.drawing import complete_table, draw_keys, draw_table
from provisioner.given import Given, as_drawn
from provisioner.job import Drawn
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.kept import Keys
from provisioner.lookups import computed, stored
from provisioner.placing import Placing
from provisioner.plan import Plan, most_children
from provisioner.postponing import unmoved, vast
from provisioner.scenarios import with_roles
from provisioner.setting import Setting
from provisioner.succession import carried_rows, kept_rows
from provisioner.values import as_declared, key_values
from provisioner.witnessed import all_witnessed

Ints = npt.NDArray[np.int64]


class Synthesizer:
    """Draws any shard of a plan; two of them with the same model and plan draw alike.

    Args:
        model: what was learned.
        plan: how many rows of each table each shard has.
        kept: the key values of the tables whose rows stay.
        given: the rows made by hand.
    """

    def __init__(
        self,
        model: DatabaseModel,
        plan: Plan,
        kept: Keys | None = None,
        given: Mapping[TableName, Given] | None = None,
    ) -> None:
        model = with_ordered_keys(model, plan)
        self.model, self.plan = model, plan
        drawn = as_drawn(given or {}, plan)
        self.placing = Placing(model, plan, drawn, self.matching, self._plain_key, self._is_indexed)
        self._kept = kept or {}
        rows = {name: plan.layout(name).total for name in model.tables}
        most = {
            name: None if name in plan.stands else most_children(model, name, rows)
            for name in model.owners
        }
        ruled = without_counts(model, plan)
        orientation = oriented(ruled, plan.whole, unmoved(plan), vast(plan))
        self._setting = Setting(
            model,
            plan,
            most,
            late_references(model),
            covering_keys(model) | wanted_keys(ruled),
            self.keys,
            self.matching,
            self.keeper,
            self.lost,
            self.reachable,
            self.placing,
            orientation,
            single_keys(ruled),
            adopted(model, plan),
            _drawn_beside(ruled, plan, orientation),
            all_witnessed(model, plan),
        )
        self._reachable: dict[tuple[TableName, tuple[str, ...]], Ints] = {}
        self._whole: dict[TableName, dict[str, pa.Array]] = {}
        self._open: set[TableName] = set()
        self._keepers: dict[TableName, Keeper] = {}
        self._functions = callable_functions(model.schema)

    @property
    def schema(self) -> Schema:
        """The schema that the rows are drawn for."""
        return self._setting.model.schema

    def shard(self, tree: int, shard: int) -> Iterator[Batch]:
        """The rows of every table of a shard, in load order.

        Raises:
            Unmeetable: a unique key cannot be met with the rows planned.
        """
        drawn: dict[TableName, Drawn] = {}
        names = self._written(tree)
        late = [
            n for n in names if n in self._setting.orientation.late and n not in self.plan.stands
        ]
        for name in names:
            drawn[name] = self._draw(self._setting, name, shard, drawn)
            if not late and name not in self.plan.keeps and len(drawn[name].indexes):
                yield arranged(self._batch(name, drawn[name]), self.model)
        if late:
            yield from self._completed(names, late, shard, drawn)

    def _completed(
        self,
        names: list[TableName],
        late: list[TableName],
        shard: int,
        drawn: dict[TableName, Drawn],
    ) -> Iterator[Batch]:
        """All rows of a shard, once those that follow from rows below, or above, are complete."""
        turns = {name: self._setting.orientation.turns(name) for name in late}
        for turn in sorted({turn for of_table in turns.values() for turn in of_table}):
            for name in late if turn % 2 else reversed(late):
                if turn in turns[name]:
                    drawn[name] = complete_table(self._setting, name, shard, drawn, turn)
        for name in names:
            if name not in self.plan.keeps and len(drawn[name].indexes):
                yield arranged(self._batch(name, drawn[name]), self.model)

    def edge_cases(self, tree: int, shard: int) -> Iterator[Batch]:
        """The keys of the rows of a shard that hold values at the edge; all of a row without one.

        Raises:
            Unmeetable: a unique key cannot be met with the rows planned.
        """
        drawn: dict[TableName, Drawn] = {}
        for name in self._written(tree):
            drawn[name] = self._draw(self._setting, name, shard, drawn)
            if len(drawn[name].edges) and name not in self.plan.keeps:
                found = self._batch(name, drawn[name]).rows
                table = self._setting.model.schema.table(name)
                key = None if table.primary_key is None else table.primary_key.columns
                names = [c for c in found.schema.names if key is None or c in key]
                yield Batch(name, found.select(names).take(pa.array(drawn[name].edges)))

    def sample(
        self, tree: int, most: int, wanted: Collection[TableName]
    ) -> Iterator[tuple[TableName, Batch | Unmeetable]]:
        """At most so many rows of each wanted table of a tree; or why it cannot be drawn.

        They are rows as the plan would have them, references to any planned row included, if its
        first shard were that small. What stands below a table that cannot be drawn is left out.
        """
        owners = self._setting.model.owners
        setting = replace(self._setting, plan=cut(self._setting.plan, tree, most, owners))
        tables = setting.plan.trees[tree].tables
        needed = {step for name in tables if name in wanted for step in self._needed(name)}
        drawn: dict[TableName, Drawn] = {}
        for name in (n for n in tables if n in needed):
            if not set(self._needed(name)[:-1]) <= drawn.keys():
                continue
            try:
                drawn[name] = self._draw(setting, name, 0, drawn)
            except Unmeetable as problem:
                yield name, problem
                continue
            if name in wanted and len(drawn[name].indexes):
                yield name, self._batch(name, drawn[name])

    def _batch(self, name: TableName, drawn: Drawn) -> Batch:
        table = self._setting.model.schema.table(name)
        names = [c.name for c in table.written]
        if not names:  # a batch has as many rows as its columns, or as it is told to have
            rows = pa.array([{}] * len(drawn.indexes), pa.struct([]))
            return Batch(name, pa.RecordBatch.from_struct_array(rows))
        moving = frozenset[str]() if self.plan.shift is None else self.plan.shift.of(name)
        days = 0 if self.plan.shift is None else self.plan.shift.days
        drawn_as = {n: as_declared(table, n, drawn.values[n]) for n in names}
        arrays = [shifted(drawn_as[n], days) if n in moving else drawn_as[n] for n in names]
        return Batch(name, pa.RecordBatch.from_arrays(arrays, names=names))

    def _written(self, tree: int) -> list[TableName]:
        """The tables of a tree that are written, and those that their rows depend on."""
        tables = self.plan.trees[tree].tables
        written = (name for name in tables if name not in self.plan.keeps)
        needed = {step for name in written for step in self._needed(name)}
        return [name for name in tables if name in needed]

    def _draw(
        self, setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
    ) -> Drawn:
        if name in self.plan.carried:
            return carried_rows(setting, name, shard, above)
        if name not in self.plan.keeps:
            return draw_table(setting, name, shard, above)
        columns = tuple(self._kept[name].schema.names)
        return kept_rows(setting, name, columns, shard, above)

    def keys(self, name: TableName, columns: tuple[str, ...], indexes: Ints) -> list[pa.Array]:
        """Values of some key columns of any rows of a table, by index, whatever their shard."""
        return [self._key(name, column, indexes) for column in columns]

    def reachable(self, key: ForeignKey) -> Ints:
        """Indexes of the rows of a key's parent that hold no null in what it references."""
        place = key.parent, key.parent_columns
        if place not in self._reachable:
            table = self._setting.model.schema.table(key.parent)
            everything = np.arange(self._setting.plan.layout(key.parent).total)
            names = tuple(c for c in key.parent_columns if table.column(c).nullable)
            valid = [
                v.is_valid().to_numpy(zero_copy_only=False)
                for v in self.keys(key.parent, names, everything)
            ]
            self._reachable[place] = everything[np.all(valid, axis=0)] if valid else everything
        return self._reachable[place]

    def lost(self, name: TableName, columns: tuple[str, ...], numbers: Ints) -> list[pa.Array]:
        """Values of some key columns that no row of a table has, by number.

        Raises:
            Unmeetable: of no column such values are known.
        """
        found = {column: self._outside(name, column, numbers) for column in columns}
        if all(values is None for values in found.values()):
            raise Unmeetable(
                f"no value of {name} ({', '.join(columns)}) is known to lead nowhere; ask for "
                "`dangling: 0`"
            )
        rows = max(1, self._setting.plan.layout(name).total)
        return [
            self._key(name, column, numbers % rows) if values is None else values
            for column, values in found.items()
        ]

    def _outside(self, name: TableName, column: str, numbers: Ints) -> pa.Array | None:
        """Values that a column has in no row: of rows beyond the last one, or beyond the largest.

        Where the column is a key itself, values outside its parent; None where none are known.
        """
        rows, table = self._setting.plan.layout(name).total, self._setting.model.schema.table(name)
        if self._is_indexed(name, column):
            return self._key(name, column, rows + numbers)
        for key in table.foreign_keys:
            if column in key.columns and not key.self_reference:
                return self._outside(
                    key.parent, key.parent_columns[key.columns.index(column)], numbers
                )
        if table.column(column).datatype.kind not in SPREADABLE:
            return None
        try:
            return beyond(self._key(name, column, np.arange(rows)), numbers)
        except pa.ArrowInvalid:
            return None

    def matching(
        self, name: TableName, wanted: Mapping[str, pa.Array], rng: np.random.Generator
    ) -> Ints:
        """The index of some row of a table with the values wanted in some key columns; else -1."""
        everything = np.arange(self._setting.plan.layout(name).total)
        known = self.keys(name, tuple(wanted), everything)
        return alike(*numbered(known, [*wanted.values()]), rng)

    def keeper(self, name: TableName) -> Keeper:
        """The rules of a table, made ready once."""
        if name not in self._keepers:
            schema = self._setting.model.schema
            found = keeper(schema.table(name), self._functions)
            scope = Scope(schema.table(name), functions=self._functions)
            found = with_roles(found, self.plan.roles(name), scope)
            self._keepers[name] = replace(found, matching=self.matching)
        return self._keepers[name]

    def _key(self, name: TableName, column: str, indexes: Ints) -> pa.Array:
        if name in self._kept:
            return self._kept[name].column(column).take(pa.array(indexes))
        table = self._setting.model.schema.table(name)
        if table.column(column).generated is not None:
            of = partial(self._key, name, indexes=indexes)
            return computed(table, column, self._functions, of)
        if name in self.plan.carried:
            return self._carried(name, column).take(pa.array(indexes))
        if not self._is_indexed(name, column):
            return self._all(name)[column].take(pa.array(indexes))
        plain = self._plain_key(name, column, indexes)
        return self.placing.swapped(name, column, indexes, plain)

    def _carried(self, name: TableName, column: str) -> pa.Array:
        """A column of a carried table in one piece, kept since keys are asked for often."""
        known = self._whole.setdefault(name, {})
        if column not in known:
            rows = self._setting.model.carried[name].rows.value
            known[column] = rows[column].combine_chunks()
        return known[column]

    def _plain_key(self, name: TableName, column: str, indexes: Ints) -> pa.Array:
        """What an indexed column holds, but for hand-made rows."""
        model, table = self._setting.model.tables[name], self._setting.model.schema.table(name)
        if column in model.keys:
            found = key_values(table.column(column), model.keys[column], indexes)
            given = self._setting.adopted.get((name, column))
            return found if given is None else given.among(indexes, found)
        [fitted] = (f for f in model.columns if f.column.name == column)
        seed = self._setting.plan.seed
        people = identities(seed, str(name), indexes)
        draw = Draw(stream(seed, name, column), indexes, people)
        return fitted.decode(np.zeros(len(indexes), np.int32), draw)

    def _is_indexed(self, name: TableName, column: str) -> bool:
        """Whether a column's values are a function of the row's index, and differ."""
        if name in self.plan.stands:
            return False
        model = self._setting.model.tables[name]
        mended = {c for rule in self.keeper(name).rules for c in rule.columns}
        return column in model.keys or any(
            f.generator.distinct and not f.nullable and column not in mended
            for f in model.columns
            if f.column.name == column
        )

    def _all(self, name: TableName) -> Mapping[str, pa.Array]:
        """The referenced columns of a table whose keys are no function of a row's index.

        Drawn once from all shards and kept: the price of keys made of other keys.
        """
        if name in self._whole:
            return self._whole[name]
        if name in self._open:
            raise Unmeetable(f"the keys of {name} depend on themselves through foreign keys")
        self._open.add(name)
        schema = self._setting.model.schema
        wanted = schema.referenced(name) | self._setting.orientation.read_of(name)
        needed = stored(schema.table(name), wanted, self._functions)
        plan = self._setting.plan
        shards = range(plan.trees[plan.tree(name)].shards)
        parts = [self._line(name, shard, sorted(needed)) for shard in shards]
        order = pa.array(np.argsort(np.concatenate([indexes for indexes, _ in parts])))
        self._whole[name] = {
            c: pa.concat_arrays([values[c] for _, values in parts]).take(order)
            for c in sorted(needed)
        }
        self._open.discard(name)
        return self._whole[name]

    def _line(
        self, name: TableName, shard: int, columns: list[str]
    ) -> tuple[Ints, Mapping[str, pa.Array]]:
        """Some columns of one table of a shard, with nothing drawn but what its rows depend on."""
        drawn: dict[TableName, Drawn] = {}
        for step in self._needed(name):
            stands = step in self.plan.stands
            draw = self._draw if stands else draw_keys
            drawn[step] = draw(self._setting, step, shard, drawn)
        found = drawn[name]
        return found.indexes, {column: found.values[column] for column in columns}

    def _needed(self, name: TableName) -> tuple[TableName, ...]:
        """A table, behind its owners, beats and companions, theirs, and so on."""
        model = self._setting.model
        history = model.tables[name].history
        above = [model.owners[name].parent] if name in model.owners else []
        beats = [history.beat] if history is not None and history.beat is not None else []
        beats += [
            model.tables[t].beside[name].table for t in above if name in model.tables[t].beside
        ]
        beats += [one.other for one in self._setting.companions.get(name, ())]
        line = [step for table in (*above, *beats) for step in self._needed(table)]
        return tuple(dict.fromkeys([*line, name]))


def _drawn_beside(
    model: DatabaseModel, plan: Plan, orientation: Orientation
) -> Mapping[TableName, tuple[Companion, ...]]:
    """What rows of earlier tables say of each table's, where those of both are no kept ones."""
    known = companions(model, [found for found, _ in orientation.unkept]).items()
    found = {name: tuple(c for c in of if c.other not in plan.keeps) for name, of in known}
    return {name: of for name, of in found.items() if of and name not in plan.keeps}
