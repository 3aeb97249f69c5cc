"""Draws one table in one shard: how many, under whom, with which codes, keys and values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import ForeignKey, Table, TableName, Unique
from generators.columns import Codes, Draw
from generators.contexts import Rows, context
from generators.distinct import SPREADABLE, groups, patched, spread_out, surplus
from generators.encoding import FittedColumn, empty
from generators.errors import Unmeetable
from generators.layout import scatter
from generators.model import DatabaseModel, TableModel
from generators.randomness import identities, stream
from generators.relations.counts import to_quota
from generators.relations.references import Mode, Reference
from generators.spans import apart, overlap
from generators.tables import Feature, Matrix
from provisioner.plan import Plan

Ints = npt.NDArray[np.int64]
Values = dict[str, pa.Array]
Keys = Callable[[TableName, tuple[str, ...], Ints], list[pa.Array]]
Matching = Callable[[TableName, Mapping[str, pa.Array], np.random.Generator], Ints]

_RESAMPLES = 6
_REDRAWS = 60


@dataclass(frozen=True, slots=True)
class Setting:
    """What drawing any table needs.

    Attributes:
        most: the most rows under one owner that a table's unique keys allow.
        keys: values of key columns of any rows of a table, by index.
        matching: index of some row of a table that holds given values in some key columns.
    """

    model: DatabaseModel
    plan: Plan
    most: Mapping[TableName, int | None]
    keys: Keys
    matching: Matching


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table's rows in one shard.

    Attributes:
        indexes: the rows' indexes in their table.
        parents: position of each row's owner among the owner's rows of this shard.
        rows: codes, with those they were drawn given.
        values: a value per row, by column.
    """

    indexes: Ints
    parents: Ints
    rows: Rows
    values: Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True)
class _Job:
    setting: Setting
    table: Table
    model: TableModel
    shard: int
    above: Mapping[TableName, Drawn]
    indexes: Ints
    parents: Ints
    context: Matrix

    def randomness(self, *purpose: object) -> np.random.Generator:
        return stream(self.setting.plan.seed, self.table.name, self.shard, *purpose)

    @property
    def owner(self) -> ForeignKey | None:
        return self.setting.model.owners.get(self.table.name)


def draw_table(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """Draws a table's rows in a shard whose owners are in `above`.

    Rows that repeat a unique key are drawn again, all columns together; what still repeats after
    a few rounds is moved to free values.

    Raises:
        Unmeetable: a unique key has no room for the rows.
    """
    job = _job(setting, name, shard, above)
    rows = np.arange(len(job.indexes))
    codes = _sampled(job, rows, 0)
    values = _values(job, codes, rows, 0)
    for attempt in range(1, _RESAMPLES + 1):
        repeats = _repeats(job, values)
        if not len(repeats):
            break
        codes[repeats] = _sampled(job, repeats, attempt)
        fresh = _values(job, codes[repeats], repeats, attempt)
        values = {c: patched(v, repeats, fresh[c]) for c, v in values.items()}
    _settle(job, values)
    _separate(job, values)
    _reference_selves(job, codes, values)
    target = Matrix(_features(job.model), codes)
    return Drawn(job.indexes, job.parents, Rows(job.context, target), values)


def _job(setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]) -> _Job:
    model, layout = setting.model.tables[name], setting.plan.layout(name)
    indexes = layout.indexes(shard)
    clusters = model.clusters.of(indexes, layout.total)
    owner = setting.model.owners.get(name)
    parents = np.arange(len(indexes))
    if owner is not None:
        parents = _parents(setting, name, shard, above[owner.parent])
    given = context(
        None if owner is None else above[owner.parent].rows,
        parents,
        clusters,
        model.clusters.count,
    )
    table = setting.model.schema.table(name)
    return _Job(setting, table, model, shard, above, indexes, parents, given)


def _parents(setting: Setting, name: TableName, shard: int, above: Drawn) -> Ints:
    """The owner's position for each row, from the counts that the owner's rows were drawn with."""
    owner = setting.model.owners[name]
    fitted = setting.model.tables[owner.parent].counts[name]
    rng = stream(setting.plan.seed, name, shard, "counts")
    codes = above.rows.target.column(fitted.column.name)
    draw = Draw(rng, above.indexes, above.indexes.astype(np.uint64))
    counts = np.asarray(fitted.decode(codes, draw).to_numpy(zero_copy_only=False), dtype=np.int64)
    quota = setting.plan.layout(name).rows[shard]
    counts = to_quota(np.maximum(counts, 0), quota, setting.most[name], rng)
    if int(counts.sum()) != quota:
        raise Unmeetable(
            f"{name}: {quota} rows planned under {len(counts)} rows of {owner.parent}, but its "
            f"unique keys leave room for {int(counts.sum())}; lower its rows"
        )
    return np.repeat(np.arange(len(counts)), counts)


def _features(model: TableModel) -> tuple[Feature, ...]:
    return (
        *(f.feature for f in model.counts.values()),
        *(r.feature for r in model.references),
        *(f.feature for f in model.columns),
    )


def _sampled(job: _Job, rows: Ints, attempt: int) -> Codes:
    rng = job.randomness("codes", attempt)
    return job.model.generator.sample(job.context.codes[rows], {}, rng)


def _values(job: _Job, codes: Codes, rows: Ints, attempt: int) -> Values:
    """A value per row and column, but for keys that reference the table itself."""
    values: Values = {}
    indexes = job.indexes[rows]
    for name, key in job.model.keys.items():
        values[name] = key.at(indexes)
    values |= _owner_values(job, rows)
    features = [f.name for f in _features(job.model)]
    people = identities(job.setting.plan.seed, str(job.table.name), indexes)
    for fitted in job.model.columns:
        rng = job.randomness(fitted.column.name, attempt)
        column = codes[:, features.index(fitted.column.name)]
        values[fitted.column.name] = fitted.decode(column, Draw(rng, indexes, people))
    for reference in job.model.references:
        if reference.mode is not Mode.SELF:
            column = codes[:, features.index(reference.feature.name)]
            shared = {c: values[c] for c in reference.key.columns if c in values}
            if shared:
                values |= _matched_values(job, reference, shared, column, attempt)
            else:
                values |= _reference_values(job, reference, column, rows, attempt)
    return values


def _owner_values(job: _Job, rows: Ints) -> Values:
    if job.owner is None:
        return {}
    above, places = job.above[job.owner.parent], pa.array(job.parents[rows])
    pairs = zip(job.owner.columns, job.owner.parent_columns, strict=True)
    return {child: above.values[parent].take(places) for child, parent in pairs}


def _reference_values(
    job: _Job, reference: Reference, codes: Codes, rows: Ints, attempt: int
) -> Values:
    key = reference.key
    if reference.mode is Mode.ANCESTOR:
        above, places = _ancestor(job, key.parent, rows)
        found = [above.values[c].take(pa.array(places)) for c in key.parent_columns]
        return _with_nulls(job, key.columns, found, (codes == 0) & reference.nullable)
    parents = job.setting.plan.layout(key.parent).total
    null = ((codes == 0) & reference.nullable) | np.full(len(rows), parents == 0)
    if reference.mode is Mode.UNIQUE:
        null |= job.indexes[rows] >= parents
        indexes = scatter(np.where(null, 0, job.indexes[rows]), max(1, parents))
    else:
        rng = job.randomness("->", key.name, attempt)
        clusters = job.setting.model.tables[key.parent].clusters
        inside = np.maximum(codes.astype(np.int64) - reference.nullable, 0)
        indexes = clusters.draw(inside, max(1, parents), rng)
    return _referenced(job, key, indexes, null)


def _matched_values(
    job: _Job, reference: Reference, shared: Values, codes: Codes, attempt: int
) -> Values:
    """The free columns of a key whose other columns were already given by another key.

    Raises:
        Unmeetable: no referenced row holds the given values, and no free column may be null.
    """
    key = reference.key
    free = [c for c in key.columns if c not in shared]
    targets = dict(zip(key.columns, key.parent_columns, strict=True))
    rng = job.randomness("->", key.name, attempt)
    found = job.setting.matching(key.parent, {targets[c]: v for c, v in shared.items()}, rng)
    given = np.all([v.is_valid().to_numpy(zero_copy_only=False) for v in shared.values()], axis=0)
    if not _can_be_null(job, free) and bool((given & (found < 0)).any()):
        raise Unmeetable(
            f"{job.table.name} {key.name}: shares a column with another key, whose value no row "
            f"of {key.parent} holds; expected one, or a column that may be null"
        )
    null = ((codes == 0) & reference.nullable) | ~given | (found < 0)
    columns = tuple(targets[c] for c in free)
    fresh = job.setting.keys(key.parent, columns, np.maximum(found, 0))
    return _with_nulls(job, free, fresh, null)


def _can_be_null(job: _Job, columns: list[str]) -> bool:
    return any(job.table.column(c).nullable for c in columns)


def _referenced(job: _Job, key: ForeignKey, indexes: Ints, null: npt.NDArray[np.bool_]) -> Values:
    if null.all():
        return {c: empty(job.table.column(c), len(null)) for c in key.columns}
    found = job.setting.keys(key.parent, key.parent_columns, np.where(null, 0, indexes))
    return _with_nulls(job, key.columns, found, null)


def _with_nulls(
    job: _Job, columns: Sequence[str], found: list[pa.Array], null: npt.NDArray[np.bool_]
) -> Values:
    """Values of a key's columns; in a null key, those that may be null are."""
    places = np.arange(len(null))
    return {
        name: values.take(pa.array(places, mask=null if job.table.column(name).nullable else None))
        for name, values in zip(columns, found, strict=True)
    }


def _ancestor(job: _Job, name: TableName, rows: Ints) -> tuple[Drawn, Ints]:
    """The rows above these in one of the tables that own theirs."""
    owners = job.setting.model.owners
    step, places = owners[job.table.name].parent, job.parents[rows]
    while step != name:
        places, step = job.above[step].parents[places], owners[step].parent
    return job.above[name], places


def _uniques(job: _Job, values: Values) -> Iterator[Unique]:
    """The unique keys to care for: whole ones that hold no column distinct by itself."""
    distinct = {f.column.name for f in job.model.columns if f.generator.distinct}
    distinct |= set(job.model.keys)
    for unique in job.table.uniques:
        columns = set(unique.columns)
        whole = unique.predicate is None and not unique.expressions
        if whole and not columns & distinct and columns <= values.keys():
            yield unique


def _repeats(job: _Job, values: Values) -> Ints:
    found = [surplus([values[c] for c in u.columns]) for u in _uniques(job, values)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _settle(job: _Job, values: Values) -> None:
    """Moves what still repeats to free values, column by column."""
    for unique in _uniques(job, values):
        if len(surplus([values[c] for c in unique.columns])):
            _spread(job, unique, values)
        for attempt in range(_REDRAWS):
            repeats = surplus([values[c] for c in unique.columns])
            if not len(repeats):
                break
            _redraw(job, unique, values, repeats, attempt)
    left = _repeats(job, values)
    if len(left):
        raise Unmeetable(
            f"{job.table.name}: {len(left)} of {len(job.indexes)} rows repeat a unique key "
            f"({', '.join(u.name for u in _uniques(job, values))}) and no free value is left; "
            "lower the scale or its rows"
        )


def _separate(job: _Job, values: Values) -> None:
    """Keeps apart the ranges that an exclusion constraint forbids to overlap."""
    for exclusion in job.table.exclusions:
        found = overlap(job.table, exclusion)
        if found is not None and len(job.indexes):
            equal = [values[c] for c in found.equal]
            group = groups(equal) if equal else np.zeros(len(job.indexes), np.int64)
            sql = job.table.column(found.span).datatype.sql
            values[found.span] = apart(group, values[found.span], sql)


def _spread(job: _Job, unique: Unique, values: Values) -> None:
    for fitted in job.model.columns:
        name = fitted.column.name
        if name in unique.columns and fitted.column.datatype.kind in SPREADABLE:
            others = [values[c] for c in unique.columns if c != name]
            try:
                values[name] = spread_out(others, values[name], fitted.column)
            except pa.ArrowInvalid as error:
                raise Unmeetable(
                    f"{job.table.name}.{name}: its type has no room for {len(job.indexes)} rows "
                    f"that differ in {unique.name}; lower the scale"
                ) from error
            return


def _redraw(job: _Job, unique: Unique, values: Values, repeats: Ints, attempt: int) -> None:
    """Gives the parts of a key that may be anything new values, whatever was learned of them."""
    rng = job.randomness("redraw", unique.name, attempt)
    for reference in job.model.references:
        key, parents = reference.key, job.setting.plan.layout(reference.key.parent).total
        if reference.mode is Mode.CLUSTER and parents and set(key.columns) & set(unique.columns):
            indexes = rng.integers(0, parents, len(repeats))
            null = np.zeros(len(repeats), np.bool_)
            for name, fresh in _referenced(job, key, indexes, null).items():
                values[name] = patched(values[name], repeats, fresh)
    for fitted in job.model.columns:
        if fitted.column.name in unique.columns:
            fresh = _anything(job, fitted, repeats, rng)
            values[fitted.column.name] = patched(values[fitted.column.name], repeats, fresh)


def _anything(job: _Job, fitted: FittedColumn, rows: Ints, rng: np.random.Generator) -> pa.Array:
    codes = rng.integers(fitted.nullable, fitted.feature.size, len(rows)).astype(np.int32)
    indexes = job.indexes[rows]
    people = identities(job.setting.plan.seed, str(job.table.name), indexes)
    return fitted.decode(codes, Draw(rng, indexes, people))


def _reference_selves(job: _Job, codes: Codes, values: Values) -> None:
    """Points self-references at earlier rows of the shard, so that no cycle arises."""
    features = [f.name for f in _features(job.model)]
    for reference in job.model.references:
        if reference.mode is Mode.SELF:
            column = codes[:, features.index(reference.feature.name)]
            places = np.arange(len(column))
            rng = job.randomness("->", reference.key.name)
            earlier = (rng.random(len(column)) * places).astype(np.int64)
            null = ((column == 0) & reference.nullable) | (places == 0)
            found = [values[c].take(pa.array(earlier)) for c in reference.key.parent_columns]
            values |= _with_nulls(job, reference.key.columns, found, null)
