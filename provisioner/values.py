"""The values of a table's rows in one shard: owners, codes, keys, columns, references."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow.types import is_integer

from connectors.datatypes import arrow_type
from connectors.invariants import key_named
from connectors.schema import Column, ForeignKey, Table, TableName
from generators.columns import Codes, Draw
from generators.distinct import patched
from generators.encoding import FittedColumn, empty
from generators.errors import Unmeetable
from generators.keys import KeyGenerator
from generators.layout import scatter
from generators.randomness import identities
from generators.relations.references import Mode, Reference
from generators.relations.twins import in_turn
from provisioner.job import Drawn, Ints, Job, Values, features
from provisioner.setting import partnered, sharing


def row_values(job: Job, codes: Codes, rows: Ints, attempt: int) -> Values:
    """A value per row and column, but for keys that reference the table itself."""
    values: Values = {}
    indexes = job.indexes[rows]
    for name, key in job.model.keys.items():
        own = key_values(job.table.column(name), key, indexes)
        if (given := job.setting.adopted.get((job.table.name, name))) is not None:
            own = given.among(indexes, own)
        values[name] = job.setting.placing.swapped(job.table.name, name, indexes, own)
    values |= _owner_values(job, rows)
    names = [f.name for f in features(job.model)]
    people = identities(job.setting.plan.seed, str(job.table.name), indexes)
    for fitted in job.model.columns:
        rng = job.randomness(fitted.column.name, attempt)
        column = codes[:, names.index(fitted.column.name)]
        drawn = fitted.decode(column, Draw(rng, indexes, people))
        name = fitted.column.name
        values[name] = job.setting.placing.swapped(job.table.name, name, indexes, drawn)
    for reference in _in_turn(job, late=False):
        column = codes[:, names.index(reference.feature.name)]
        values |= _referring(job, reference, values, column, rows, attempt)
    return values


def late_values(job: Job, codes: Codes, values: Values) -> Values:
    """The references that wait until the keys of all tables on their ring are known."""
    names = [f.name for f in features(job.model)]
    rows = np.arange(len(job.indexes))
    for reference in _in_turn(job, late=True):
        column = codes[:, names.index(reference.feature.name)]
        values = values | _referring(job, reference, values, column, rows, 0)
    return values


def waiting_references(job: Job) -> list[Reference]:
    """The references that `late_values` draws."""
    return _in_turn(job, late=True)


def _in_turn(job: Job, *, late: bool) -> list[Reference]:
    """The references to other rows as they are drawn."""
    waiting = job.setting.late[job.table.name]
    natural = job.model.natural
    others = [r for r in job.model.references if r.mode is not Mode.SELF and r not in natural]
    return in_turn([r for r in others if (r.key.name in waiting) == late])


def _referring(
    job: Job, reference: Reference, values: Values, codes: Codes, rows: Ints, attempt: int
) -> Values:
    shared = {c: values[c] for c in reference.key.columns if c in values}
    if shared:
        return _matched_values(job, reference, shared, codes, attempt)
    return _reference_values(job, reference, values, codes, rows, attempt)


def key_values(column: Column, key: KeyGenerator, indexes: Ints) -> pa.Array:
    """A key's values at some indexes; null where it may be, once there are no more."""
    if not column.nullable or not (indexes >= key.capacity).any():
        return key.at(indexes)
    there = np.flatnonzero(indexes < key.capacity)
    return patched(empty(column, len(indexes)), there, key.at(indexes[there]))


def as_declared(table: Table, column: str, values: pa.Array) -> pa.Array:
    """Values in the width of their own column: a key may be narrower than what it leads to.

    Raises:
        Unmeetable: one of them is too large for it.
    """
    wanted = arrow_type(table.column(column).datatype)
    if values.type == wanted or not (is_integer(values.type) and is_integer(wanted)):
        return values
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid as error:
        raise Unmeetable(
            f"{table.name}.{column}: its type has no room for keys of so many rows as it leads to; "
            "lower the rows of that table, or widen the column",
            {f"{table.name} {column}": "no room for the keys that it leads to"},
        ) from error


def _owner_values(job: Job, rows: Ints) -> Values:
    if job.owner is None:
        return {}
    above, places = job.above[job.owner.parent], pa.array(job.parents[rows])
    pairs = zip(job.owner.columns, job.owner.parent_columns, strict=True)
    return {child: above.values[parent].take(places) for child, parent in pairs}


def _reference_values(
    job: Job, reference: Reference, values: Values, codes: Codes, rows: Ints, attempt: int
) -> Values:
    key = reference.key
    if reference.mode is Mode.ANCESTOR:
        above, places = ancestor(job, key.parent, rows)
        found = [above.values[c].take(pa.array(places)) for c in key.parent_columns]
        return with_nulls(job, key.columns, found, (codes == 0) & reference.nullable)
    reachable = job.setting.reachable(key)
    null = ((codes == 0) & reference.nullable) | np.full(len(rows), len(reachable) == 0)
    number, there = job.indexes[rows] - job.setting.plan.before(key.table), _before(job, key)
    fresh = reachable[reachable >= there]
    if reference.mode is Mode.UNIQUE or _is_single(job, key, len(fresh)):
        null |= number >= len(fresh)
        _check_room(job, key, null)
        indexes = scatter(np.where(null, 0, number), max(1, len(fresh)))
        return referenced(job, key, fresh[indexes] if len(fresh) else indexes, null)
    parents = job.setting.plan.layout(key.parent).total
    rng = job.randomness("->", key.name, attempt)
    clusters = job.setting.model.tables[key.parent].clusters
    indexes = clusters.draw(reference.inside(codes), max(1, parents), rng)
    twins = reference.twins(codes)
    if (job.table.name, key.name) in job.setting.covering and not (reference.nullable and attempt):
        led, to = _covering(job, reference, number, np.flatnonzero(~null), (twins, rng))
        indexes[led], twins[led] = to, False
    if 0 < len(reachable) < parents:
        others = rng.choice(reachable, len(rows))
        indexes = np.where(np.isin(indexes, reachable), indexes, others)
    indexes = _with_partners(job, key, indexes, rng)
    return _as_twin(job, reference, (referenced(job, key, indexes, null), values), twins)


def _as_twin(
    job: Job, reference: Reference, drawn: tuple[Values, Values], twins: npt.NDArray[np.bool_]
) -> Values:
    """A reference's values, those of some rows as its twin's, where that is drawn by now."""
    found, values = drawn
    rows = np.flatnonzero(twins)
    if not len(rows):
        return found
    twin = key_named(job.table, reference.twin)
    if not values.keys() >= {*twin.columns}:
        return found
    pairs, some = zip(reference.key.columns, twin.columns, strict=True), pa.array(rows)
    return {own: patched(found[own], rows, values[other].take(some)) for own, other in pairs}


def _covering(
    job: Job,
    reference: Reference,
    numbers: Ints,
    filled: Ints,
    drawn: tuple[npt.NDArray[np.bool_], np.random.Generator],
) -> tuple[Ints, Ints]:
    """Rows that have to lead to rows of the parent, so that all are led to, and which; twins last.

    Which rows of a key that may be null lead nowhere is known in their own shard alone, so that
    each shard has some of the rows that are to be led to.
    """
    (twins, rng), key = drawn, reference.key
    parents, there = job.setting.plan.layout(key.parent).total, _before(job, key)
    if not reference.nullable:
        some, more = np.flatnonzero(numbers < parents - there), max(1, parents - there)
        return some, there + scatter(numbers[some] % more, more)
    shards = len(job.setting.plan.layout(key.table).rows)
    share = there + np.arange(job.shard, parents - there, shards)
    order = rng.permutation(filled)
    some = order[np.argsort(twins[order], kind="stable")][: len(share)]
    return some, rng.permutation(share)[: len(some)]


def _before(job: Job, key: ForeignKey) -> int:
    """How many rows of a key's parent have theirs already, where rows are added to others."""
    return job.setting.plan.before(key.parent)


def _is_single(job: Job, key: ForeignKey, room: int) -> bool:
    """Whether rows lead to a row each by a rule that nobody declared, and there is room for it."""
    rows = job.setting.plan.layout(key.table).total - job.setting.plan.before(key.table)
    return (job.table.name, key.name) in job.setting.single and rows <= room


def _check_room(job: Job, key: ForeignKey, null: npt.NDArray[np.bool_]) -> None:
    """Raises Unmeetable where rows find no row of their own to refer to, and must have one."""
    if not null.any() or can_be_null(job, [*key.columns]):
        return
    rows, room = job.setting.plan.layout(key.table).total, len(job.setting.reachable(key))
    raise Unmeetable(
        f"{key.table} {key.name}: {rows} rows planned, each to refer to another row of "
        f"{key.parent}, but only {room} rows there hold what it references; lower its rows",
        {f"{key.table} {key.name}": f"{rows} rows planned, room for {room}"},
    )


def _with_partners(job: Job, key: ForeignKey, indexes: Ints, rng: np.random.Generator) -> Ints:
    """The indexes, with others for rows that leave no partner to a key that shares a column."""
    if not sharing(job.setting, key):
        return indexes
    reachable = job.setting.reachable(key)
    values = job.setting.keys(key.parent, key.parent_columns, reachable)
    kept = reachable[partnered(job.setting, key, values, rng)]
    if not len(kept):
        return indexes
    others = rng.choice(kept, len(indexes))
    return np.asarray(np.where(np.isin(indexes, kept), indexes, others))


def _matched_values(
    job: Job, reference: Reference, shared: Values, codes: Codes, attempt: int
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
    if not can_be_null(job, free) and bool((given & (found < 0)).any()):
        raise Unmeetable(
            f"{job.table.name} {key.name}: shares a column with another key, whose value no row "
            f"of {key.parent} holds; expected one, or a column that may be null",
            {f"{job.table.name} {key.name}": f"no row of {key.parent} has the shared values"},
        )
    null = ((codes == 0) & reference.nullable) | ~given | (found < 0)
    columns = tuple(targets[c] for c in free)
    fresh = job.setting.keys(key.parent, columns, np.maximum(found, 0))
    return with_nulls(job, free, fresh, null)


def can_be_null(job: Job, columns: list[str]) -> bool:
    """Whether a key is null, in whole or in part, where one of these columns is."""
    return any(job.table.column(c).nullable for c in columns)


def referenced(job: Job, key: ForeignKey, indexes: Ints, null: npt.NDArray[np.bool_]) -> Values:
    """Values of a key's columns that lead to the parent's rows at some indexes, or are null."""
    if null.all():
        return {c: empty(job.table.column(c), len(null)) for c in key.columns}
    found = job.setting.keys(key.parent, key.parent_columns, np.where(null, 0, indexes))
    return with_nulls(job, key.columns, found, null)


def with_nulls(
    job: Job, columns: Sequence[str], found: list[pa.Array], null: npt.NDArray[np.bool_]
) -> Values:
    """Values of a key's columns; in a null key, those that may be null are."""
    places = np.arange(len(null))
    return {
        name: values.take(pa.array(places, mask=null if job.table.column(name).nullable else None))
        for name, values in zip(columns, found, strict=True)
    }


def ancestor(job: Job, name: TableName, rows: Ints) -> tuple[Drawn, Ints]:
    """The rows above some rows in one of the tables that own theirs, and each one's position."""
    owners = job.setting.model.owners
    step, places = owners[job.table.name].parent, job.parents[rows]
    while step != name:
        places, step = job.above[step].parents[places], owners[step].parent
    return job.above[name], places


def anything(job: Job, fitted: FittedColumn, rows: Ints, rng: np.random.Generator) -> pa.Array:
    """Values of a column for some rows, every code as likely as any other."""
    codes = rng.integers(fitted.nullable, fitted.feature.size, len(rows)).astype(np.int32)
    indexes = job.indexes[rows]
    people = identities(job.setting.plan.seed, str(job.table.name), indexes)
    return fitted.decode(codes, Draw(rng, indexes, people))
