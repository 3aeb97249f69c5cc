"""What drawing one table in one shard depends on: its owners, and how many rows each has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.rules import Rule
from connectors.schema import ForeignKey, Table, TableName
from generators.columns import Codes, Draw
from generators.companions import apart
from generators.company import Asking, eased, standing
from generators.contexts import Rows, context
from generators.encoding import FittedColumn
from generators.errors import Unmeetable
from generators.lifespans import lifespans
from generators.model import TableModel
from generators.randomness import stream
from generators.relations.counts import beside, to_quota, with_enough
from generators.relations.references import Reference
from generators.tables import Feature, Matrix
from provisioner.placing import seated, with_at_least
from provisioner.setting import Setting, partnered, sharing

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Values = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table's rows in one shard.

    Attributes:
        indexes: the rows' indexes in their table.
        parents: position of each row's owner among the owner's rows of this shard.
        rows: codes, with those they were drawn given.
        values: a value per row, by column.
        edges: positions of the rows that hold values at the edge.
    """

    indexes: Ints
    parents: Ints
    rows: Rows
    values: Mapping[str, pa.Array]
    edges: Ints = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Seats:
    """Which key each row of a shard has.

    Attributes:
        rows: the rows that have one: all of some owners.
        times: per such row, its time.
        values: per column of the key but its time, the value of each such row.
    """

    rows: Ints
    times: Ints
    values: Mapping[str, pa.Array]


@dataclass(slots=True)
class Seen:
    """What drawing a job has looked at: columns that are the very same need no second look.

    Attributes:
        idle: per step of a rule that had nothing to change, by its number, what it read.
        sound: the values of which nothing was refused, with the table whose checks were asked.
        kept: rules that no row broke, with the columns that they read.
        seats: which keys rows have that others tell of.
    """

    idle: dict[int, tuple[pa.Array, ...]] = field(default_factory=dict)
    sound: tuple[Table, Values] | None = None
    kept: tuple[tuple[Rule, ...], tuple[pa.Array, ...]] | None = None
    seats: Seats | None = None

    def is_sound(self, table: Table, values: Values) -> bool:
        """Whether nothing is refused of these values, as far as is known."""
        if self.sound is None or self.sound[0] is not table:
            return False
        known = self.sound[1]
        return known.keys() == values.keys() and all(values[c] is known[c] for c in values)

    def are_kept(self, rules: tuple[Rule, ...], read: tuple[pa.Array, ...]) -> bool:
        """Whether no row breaks rules that read some columns, as far as is known."""
        if self.kept is None or self.kept[0] != rules:
            return False
        return all(a is b for a, b in zip(read, self.kept[1], strict=True))


@dataclass(frozen=True, slots=True)
class Job:
    """One table to draw in one shard, with all that its values depend on.

    Attributes:
        made: the hand-made rows in the shard, by their number in their file.
        seats: their positions among the rows.
        seen: what was looked at already.
    """

    setting: Setting
    table: Table
    model: TableModel
    shard: int
    above: Mapping[TableName, Drawn]
    indexes: Ints
    parents: Ints
    context: Matrix
    made: Ints
    seats: Ints
    seen: Seen = field(default_factory=Seen)

    def randomness(self, *purpose: object) -> np.random.Generator:
        """A stream for one purpose within this table and shard."""
        return stream(self.setting.plan.seed, self.table.name, self.shard, *purpose)

    @property
    def beside(self) -> frozenset[str]:
        """The columns by which rows stand beside those of tables drawn before."""
        found = self.setting.companions.get(self.table.name, ())
        return frozenset(column for one in found for column in one.columns)

    @property
    def owner(self) -> ForeignKey | None:
        """The owner key, where the table has one."""
        return self.setting.model.owners.get(self.table.name)


def job_of(setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]) -> Job:
    """The job of drawing a table whose owners are in `above`."""
    model, layout = setting.model.tables[name], setting.plan.layout(name)
    indexes = layout.indexes(shard)
    clusters = model.clusters.of(indexes, layout.total)
    owner = setting.model.owners.get(name)
    parents = np.arange(len(indexes))
    made = setting.placing.of_shard(setting.plan, name, shard)
    owners = np.full(len(made), -1)
    if owner is not None:
        owners = _positions(above[owner.parent], setting.placing.owners_of(name, made))
        parents = _parents(setting, name, shard, above, owners)
    seats = seated(parents, owners) if len(made) else made
    if len(made):
        others = np.setdiff1d(np.arange(len(indexes)), seats)
        order = np.argsort(np.concatenate([seats, others]))
        clusters, indexes = clusters[order], indexes[order]
    given = context(
        None if owner is None else above[owner.parent].rows,
        parents,
        clusters,
        model.clusters.count,
    )
    table = setting.model.schema.table(name)
    return Job(setting, table, model, shard, above, indexes, parents, given, made, seats)


def _positions(above: Drawn, indexes: Ints) -> Ints:
    """Where rows of some indexes stand among drawn ones; -1 for the index -1."""
    order = np.argsort(above.indexes)
    places = np.minimum(np.searchsorted(above.indexes[order], indexes), max(0, len(order) - 1))
    return np.where(indexes < 0, -1, order[places] if len(order) else -1)


def _parents(
    setting: Setting,
    name: TableName,
    shard: int,
    above: Mapping[TableName, Drawn],
    owners: Ints,
) -> Ints:
    """The owner's position for each row, from the counts that the owner's rows were drawn with."""
    owner = setting.model.owners[name]
    owning = above[owner.parent]
    rng = stream(setting.plan.seed, name, shard, "counts")
    counts = _counts(setting, name, above, rng)
    quota = setting.plan.layout(name).rows[shard]
    kept = _may_own(setting, owner, owning, rng) if quota else np.ones(len(counts), np.bool_)
    kept, least, room = _beside(setting, name, above, kept)
    if not kept.all():
        counts = np.where(kept, counts if counts[kept].any() else 1, 0)
    if (name, owner.name) in setting.covering and quota >= len(counts):
        counts = 1 + to_quota(np.maximum(counts - 1, 0), quota - len(counts), None, rng)
    alone = (name, owner.name) in setting.single and kept.all() and quota <= len(counts)
    most = _most(1 if alone else setting.most[name], room, quota)
    counts = to_quota(counts, quota, most, rng)
    least = least if most is None else np.minimum(least, most)
    counts = with_at_least(counts, eased(least, int(counts.sum())))
    counts = _with_enough(setting, owner, counts, kept, shard)
    if int(counts.sum()) != quota:
        raise Unmeetable(
            f"{name}: {quota} rows planned under {len(counts)} rows of {owner.parent}, but its "
            f"unique keys leave room for {int(counts.sum())}; lower its rows",
            {f"{name} {owner.name}": f"{quota} rows planned, room for {int(counts.sum())}"},
        )
    if len(owners):
        counts = with_at_least(counts, np.bincount(owners[owners >= 0], minlength=len(counts)))
    return np.repeat(np.arange(len(counts)), counts)


def _beside(
    setting: Setting, name: TableName, above: Mapping[TableName, Drawn], kept: Bools
) -> tuple[Bools, Ints, Ints | None]:
    """Which owners may have rows beside others', how many at least, and how many at most."""
    found = [(one, above[one.other]) for one in setting.companions.get(name, ())]
    known = [(c, Asking.of(c, other.parents, other.values)) for c, other in found]
    choosing = [c for c, _ in known if not c.asks and c.pairs]
    dates = above[setting.model.owners[name].parent].values
    spans = lifespans(setting.model, name, setting.orientation, dates)
    for least, most in spans.values():
        kept = kept & (least <= most) if (kept & (least <= most)).any() else kept
    if not choosing:
        return standing(known, kept)
    one = choosing[0]
    differing = {a: _labels(setting, a - {*one.columns}, name) for a in apart(setting.model, one)}
    return standing(known, kept, differing, spans)


def _labels(setting: Setting, columns: frozenset[str], name: TableName) -> int | None:
    """In how many ways rows may differ in some labels; None where others are among them."""
    fitted = {f.column.name: f.generator for f in setting.model.tables[name].columns}
    told = setting.model.tables[name].histograms
    plain = [c for c in columns if c in fitted and fitted[c].kind == "category" and c in told]
    if len(plain) < len(columns):
        return None
    return prod(int((np.asarray(told[c].value) > 0).sum()) for c in plain)


def _most(most: int | None, room: Ints | None, quota: int) -> int | Ints | None:
    """The most rows that owners may have; without a look at others' where these leave too few."""
    if room is None or int(room.sum()) < quota:
        return most
    return room if most is None else np.minimum(room, most)


def _counts(
    setting: Setting, name: TableName, above: Mapping[TableName, Drawn], rng: np.random.Generator
) -> Ints:
    """How many rows of a table each row of its owner was drawn with."""
    parent = setting.model.owners[name].parent
    fitted, owning = setting.model.tables[parent].counts[name], above[parent]
    codes = owning.rows.target.column(fitted.column.name)
    measure = setting.model.tables[parent].beside.get(name)
    others = None
    if measure is not None:
        other = above[measure.table]
        others = measure.of(other.values, other.parents, len(codes))
    return _decoded(
        fitted, codes, Draw(rng, owning.indexes, owning.indexes.astype(np.uint64)), others
    )


def counts_of(job: Job, codes: Codes, child: TableName, known: Mapping[TableName, Ints]) -> Ints:
    """How many rows of a child table a job's rows have, given their codes.

    `known` are those of the table beside whose number of rows the child's is told, if any.
    """
    fitted = job.model.counts[child]
    place = [f.name for f in features(job.model)].index(fitted.column.name)
    rng = stream(job.setting.plan.seed, child, job.shard, "counts")
    draw = Draw(rng, job.indexes, job.indexes.astype(np.uint64))
    measure = job.model.beside.get(child)
    others = None if measure is None else known[measure.table]
    return _decoded(fitted, codes[:, place], draw, others)


def _decoded(fitted: FittedColumn, codes: Codes, draw: Draw, others: Ints | None) -> Ints:
    counts = fitted.decode(codes, draw)
    if others is not None:
        return beside(counts, others)
    found = np.maximum(counts.to_numpy(zero_copy_only=False), 0)
    return np.asarray(found, dtype=np.int64)


def _with_enough(
    setting: Setting, owner: ForeignKey, counts: Ints, kept: npt.NDArray[np.bool_], shard: int
) -> Ints:
    """The counts, with as many owners that have enough children as scenarios speak of.

    Raises:
        Unmeetable: the children's unique keys allow an owner fewer than it needs.
    """
    name, most = owner.table, setting.most[owner.table]
    covered = int((name, owner.name) in setting.covering and counts.min(initial=1) > 0)
    for role in setting.plan.roles(name):
        having = role.scenario.having
        if having is None:
            continue
        place, least = role.scenario.place, having.at_least
        if role.quota.rows and most is not None and least > most:
            text = f"asks for {least} rows of {name}, whose unique keys allow {most} for each"
            raise Unmeetable(f"{place}: {text}", {place: text})
        rng = stream(setting.plan.seed, name, shard, "enough", role.column)
        wanted = role.quota.shard(setting.plan.layout(owner.parent), shard)
        able = np.flatnonzero(kept)
        found = with_enough(counts[able] - covered, wanted, least - covered, rng)
        counts = counts.copy()
        counts[able] = found + covered
    return counts


def _may_own(
    setting: Setting, owner: ForeignKey, above: Drawn, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which of the owner's rows can be referred to, and leave partners to overlapping keys."""
    values = [above.values[c] for c in owner.parent_columns]
    kept = np.all([v.is_valid().to_numpy(zero_copy_only=False) for v in values], axis=0)
    if sharing(setting, owner):
        kept &= partnered(setting, owner, values, rng)
    return np.asarray(kept)


def features(model: TableModel) -> tuple[Feature, ...]:
    """The columns of a table's matrix, in the order in which they were fitted."""
    return (
        *(f.feature for f in model.counts.values()),
        *(feature for r in model.references for feature in _of_reference(model, r)),
        *model.factors,
        *(f.feature for f in model.columns),
    )


def _of_reference(model: TableModel, reference: Reference) -> list[Feature]:
    branching = model.branching.get(reference.key.name)
    return [reference.feature, *([] if branching is None else [branching.feature])]
