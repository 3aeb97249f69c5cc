"""Learns a database: columns, rows and foreign keys, from the rows of training units."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import TIMES, Kind
from connectors.ddl import DdlItem
from connectors.profile import Profile, UnitPath
from connectors.rules import (
    UNLIMITED,
    Expression,
    Limits,
    Scope,
    compiled,
    failing,
    limits,
    patterns,
)
from connectors.schema import Check, Column, ForeignKey, Schema, Table, TableName, Unique
from generators import keys as key_kinds
from generators.columns import Codes, Draw, Sample, column_generators
from generators.contexts import Rows, context, joined
from generators.encoding import FittedColumn, fit_column
from generators.keys import KeyGenerator
from generators.model import DatabaseModel, TableModel
from generators.privacy.support import Floats, Ints, Released, Support
from generators.randomness import identities, stream
from generators.relations.beats import ticks
from generators.relations.counts import count_column
from generators.relations.courses import Followed, follow
from generators.relations.dangling import dangling_shares
from generators.relations.factors import factors
from generators.relations.histories import History
from generators.relations.levels import Descent, branching_column, descent
from generators.relations.links import parent_rows
from generators.relations.owners import Owners, ancestors, choose_owners, is_own, trees
from generators.relations.references import (
    Clusters,
    Mode,
    Reference,
    fit_clusters,
    unclustered,
)
from generators.siblings import Seen, Young, ordered, value_ids
from generators.tables import Feature, Matrix, table_generators

_SAME = 0.99
"""Share of rows in which two paths must lead to one row to count as the same."""
_INVENTED = 20
"""Invented values that are held against the pattern of a check."""
_ROOMY = 1_000_000
"""Values that a column needs to be a key by itself though only a longer key is declared."""
_FORMS = ("^[A-Z0-9]{8}$", "^[0-9]{8}$", "^[A-Z]{8}$")
"""Forms of texts that are tried where checks refuse the usual ones."""


@dataclass(frozen=True, slots=True)
class Training:
    """The training rows of a table with their unit ids."""

    rows: pa.Table
    units: Ints


@dataclass(frozen=True, slots=True)
class Source:
    """All that fitting looks at.

    Attributes:
        paths: each table's way to its privacy unit.
        training: each table's training rows.
    """

    schema: Schema
    ddl: tuple[DdlItem, ...]
    identity: str
    profile: Profile
    paths: Mapping[TableName, UnitPath]
    training: Mapping[TableName, Training]


@dataclass(frozen=True, slots=True)
class _Facts:
    source: Source
    support: Support
    kind: str
    owners: Owners
    links: Mapping[tuple[TableName, str], Ints]
    references: Mapping[TableName, tuple[Reference, ...]] = field(default_factory=dict)
    clusters: Mapping[TableName, tuple[Clusters, Codes]] = field(default_factory=dict)
    descents: Mapping[ForeignKey, Descent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is known of a table before its rows are held against those of its owner."""

    columns: tuple[FittedColumn, ...]
    keys: dict[str, KeyGenerator]
    counts: Mapping[TableName, FittedColumn]
    branching: Mapping[str, FittedColumn]
    factors: tuple[Feature, ...]
    target: Matrix


def fit_database(
    source: Source, support: Support, kind: str = "trees"
) -> Iterator[TableModel | DatabaseModel]:
    """Yields each table's model as it is done, and the database's last.

    Args:
        source: what to learn from.
        support: the rule of release.
        kind: which table generator models the rows.
    """
    facts = _gathered(source, support, kind)
    fitted: dict[TableName, TableModel] = {}
    rows = {name: profile.rows for name, profile in source.profile.tables.items()}
    for tree in trees(source.schema, facts.owners, rows):
        seen: dict[TableName, Seen] = {}
        drafts: dict[TableName, _Draft] = {}
        for name in reversed(tree):
            drafts[name] = _draft(facts, source.schema.table(name), drafts)
        for name in tree:
            table = source.schema.table(name)
            fitted[name], seen[name] = _fit_table(facts, table, drafts[name], seen)
            yield fitted[name]
    yield DatabaseModel(source.schema, source.ddl, fitted, source.identity, support.k)


def _gathered(source: Source, support: Support, kind: str) -> _Facts:
    owners = choose_owners(source.schema, source.profile, source.paths, support.k)
    links = {
        (f.table, f.name): parent_rows(
            source.training[f.table].rows, source.training[f.parent].rows, f
        )
        for f in source.schema.foreign_keys
    }
    facts = _Facts(source, support, kind, owners, links)
    modes = {t.name: _modes(facts, t) for t in source.schema.tables}
    clusters = {t.name: _clusters(facts, t.name, modes) for t in source.schema.tables}
    selves = (f for found in modes.values() for f, mode in found.items() if mode is Mode.SELF)
    descents = {f: _descent(facts, f) for f in selves}
    facts = replace(facts, clusters=clusters, descents=descents)
    references = {
        name: tuple(_reference(facts, f, mode) for f, mode in found.items())
        for name, found in modes.items()
    }
    return replace(facts, references=references)


def _modes(facts: _Facts, table: Table) -> Mapping[ForeignKey, Mode]:
    owner = facts.owners.get(table.name)
    return {
        f: _mode(facts, table, f)
        for f in table.foreign_keys
        if f != owner and not any(implies(other, f) for other in table.foreign_keys)
    }


def implies(wide: ForeignKey, narrow: ForeignKey) -> bool:
    """Whether a key to the same parent over more columns makes another one hold by itself."""
    pairs = [set(zip(f.columns, f.parent_columns, strict=True)) for f in (wide, narrow)]
    more = pairs[1] < pairs[0] or (pairs[1] == pairs[0] and wide.name < narrow.name)
    return wide.parent == narrow.parent and more


def _mode(facts: _Facts, table: Table, key: ForeignKey) -> Mode:
    if key.self_reference:
        return Mode.SELF
    if any(_whole(u) and set(u.columns) <= set(key.columns) for u in table.uniques):
        return Mode.UNIQUE
    if key.parent in ancestors(table.name, facts.owners)[1:] and _is_ancestor(facts, table, key):
        return Mode.ANCESTOR
    return Mode.CLUSTER


def _is_ancestor(facts: _Facts, table: Table, key: ForeignKey) -> bool:
    """Whether the key and the owner keys lead to the same row, in nearly all rows."""
    line = ancestors(table.name, facts.owners)
    above = np.arange(len(facts.source.training[table.name].rows))
    for name in line[: line.index(key.parent)]:
        step = facts.links[name, facts.owners[name].name]
        above = np.where(above < 0, -1, step[above]) if len(step) else above
    link = facts.links[key.table, key.name]
    known = (link >= 0) & (above >= 0)
    units = facts.source.training[table.name].units
    return facts.support.share((link == above)[known], units[known]).value >= _SAME


def _clusters(
    facts: _Facts, name: TableName, modes: Mapping[TableName, Mapping[ForeignKey, Mode]]
) -> tuple[Clusters, Codes]:
    incoming = [
        f
        for found in modes.values()
        for f, m in found.items()
        if f.parent == name and m is Mode.CLUSTER
    ]
    training = facts.source.training
    if not incoming:
        return unclustered(facts.support), np.zeros(len(training[name].rows), np.int32)
    links = np.concatenate([facts.links[f.table, f.name] for f in incoming])
    units = np.concatenate([training[f.table].units for f in incoming])
    known = links >= 0
    public = facts.source.paths[name].unit is None
    return fit_clusters(training[name].units, links[known], units[known], public, facts.support)


def _descent(facts: _Facts, key: ForeignKey) -> Descent:
    training, owner = facts.source.training[key.table], facts.owners.get(key.table)
    above = None if owner is None else facts.links[owner.table, owner.name]
    null, values = _null_rows(training, key), _values(training, key.parent_columns[-1])
    keys = ticks(values) if pa.types.is_integer(values.type) else None
    return descent(
        facts.links[key.table, key.name], null, (above, keys), training.units, facts.support
    )


def _reference(facts: _Facts, key: ForeignKey, mode: Mode) -> Reference:
    if mode is Mode.SELF:
        found = facts.descents[key]
        return Reference(key, mode, found.levels, found.rooted, found.within, found.older)
    nulls = facts.source.profile.tables[key.table].columns
    nullable = any(nulls[c].null_frac > 0 for c in key.columns)
    count = facts.clusters[key.parent][0].count if mode is Mode.CLUSTER else 1
    return Reference(key, mode, count, nullable)


def _draft(facts: _Facts, table: Table, below: Mapping[TableName, _Draft]) -> _Draft:
    """What is known of a table's rows without those of its owner; its children are in `below`."""
    training = facts.source.training[table.name]
    learned, keys = _divided(facts, table)
    columns = tuple(
        fit_column(table.name, c, _values(training, c.name), training.units, facts.support)
        for c in learned
    )
    counts, branching = _counts(facts, table.name), _branching(facts, table.name)
    common = joined(
        [
            factors(
                child,
                below[child].target,
                facts.links[key.table, key.name],
                training.units,
                facts.support,
            )
            for child, key in sorted(facts.owners.items())
            if key.parent == table.name
        ],
        len(training.rows),
    )
    target = _target(facts, table.name, columns, (counts, branching, common))
    return _Draft(columns, keys, counts, branching, common.features, target)


def _fit_table(
    facts: _Facts, table: Table, draft: _Draft, seen: Mapping[TableName, Seen]
) -> tuple[TableModel, Seen]:
    """Fits one table whose owners are in `seen`, and gives what its children need of it."""
    training, columns, target = facts.source.training[table.name], draft.columns, draft.target
    followed, known, rows = _followed(facts, table, columns, target, seen)
    generator = table_generators()[facts.kind].fit(
        followed.context, followed.target, training.units[known], facts.support
    )
    clusters, _ = facts.clusters[table.name]
    owner = facts.owners.get(table.name)
    model = TableModel(
        table.name,
        facts.support.counted(facts.source.profile.tables[table.name].rows),
        facts.source.paths[table.name].unit,
        columns,
        draft.keys,
        owner.name if owner else None,
        draft.counts,
        facts.references[table.name],
        clusters,
        generator,
        _histograms(facts, columns, target, training.units),
        followed.history if owner else None,
        dangling_shares(table, facts.source.profile, facts.support),
        draft.branching,
        draft.factors,
    )
    return model, _seen(facts, table, rows, model)


def _seen(facts: _Facts, table: Table, rows: Rows, model: TableModel) -> Seen:
    owner, clock = facts.owners.get(table.name), model.history and model.history.clock
    return Seen(
        facts.source.training[table.name].rows,
        rows,
        facts.links[owner.table, owner.name] if owner else np.empty(0, np.int64),
        owner.parent if owner else None,
        next((c for c in model.columns if clock and c.column.name == clock.column), None),
        {c.column.name: c for c in model.columns},
        _met(facts, table),
    )


def _met(facts: _Facts, table: Table) -> float:
    """Rows of one unit are read together; others are held out one by one."""
    if facts.source.paths[table.name].unit is not None:
        return 1.0
    rows = facts.source.profile.tables[table.name].rows
    return len(facts.source.training[table.name].rows) / max(1, rows)


def _followed(
    facts: _Facts,
    table: Table,
    columns: tuple[FittedColumn, ...],
    target: Matrix,
    seen: Mapping[TableName, Seen],
) -> tuple[Followed, Ints, Rows]:
    """What to learn the rows from, which rows these are, and the codes of all rows."""
    owner, training = facts.owners.get(table.name), facts.source.training[table.name]
    clusters, codes = facts.clusters[table.name]
    if owner is None:
        known = np.arange(len(target.codes))
        given = context(None, known, codes, clusters.count)
        bare = History(target.features, frozenset(), None, None, ())
        return Followed(bare, given, target), known, Rows(given, target)
    alike = _alike(facts, table, columns)
    young = Young(training.rows, training.units, columns, target, alike, (codes, clusters.count))
    link = facts.links[owner.table, owner.name]
    course, pulse, known = ordered(young, link, owner.parent, seen)
    timing = table_generators()[facts.kind]
    followed = follow(course, pulse, timing, facts.support)
    full = np.zeros((len(target.codes), len(course.base.features)), np.int32)
    full[known] = course.base.codes
    return followed, known, Rows(Matrix(course.base.features, full), target)


def _alike(facts: _Facts, table: Table, columns: tuple[FittedColumn, ...]) -> Mapping[str, Ints]:
    """What must be equal in a row and the sibling before for the row to repeat it, by feature."""
    training = facts.source.training[table.name]
    free = (r for r in facts.references[table.name] if r.mode is Mode.CLUSTER)
    links = {
        r.feature.name: facts.links[table.name, r.key.name]
        for r in free
        if not any(set(r.key.columns) & set(f.columns) for f in table.foreign_keys if f != r.key)
    }
    values = {c.column.name: value_ids(_values(training, c.column.name)) for c in columns}
    return links | values


def _divided(facts: _Facts, table: Table) -> tuple[list[Column], dict[str, KeyGenerator]]:
    """The columns to learn, and those that are keys; neither holds those of foreign keys."""
    foreign = {
        column
        for key in table.foreign_keys
        for column, parent in zip(key.columns, key.parent_columns, strict=True)
        if not is_own(facts.source.schema, key, column, parent)
    }
    free = [c for c in table.written if c.name not in foreign]
    own = [c for c in free if c.name not in table.typed_columns]
    keys = {c.name: key for c in own if (key := _key(facts, table, c)) is not None}
    return [c for c in free if c.name not in keys], keys


def _key(facts: _Facts, table: Table, column: Column) -> KeyGenerator | None:
    """The key generator of a column unique by itself, declared or found so inside a longer key."""
    uniques = [u for u in table.uniques if column.name in u.columns and _whole(u)]
    known = key_kinds.choose(column, _pattern(facts, table, column), _limits(facts, table, column))
    if not uniques or known is None or _is_invented(facts, table, column):
        return None
    if any(u.columns == (column.name,) for u in uniques):
        return _fit_key(facts, table, column)
    values = _values(facts.source.training[table.name], column.name)
    enough = len(values) >= facts.support.k and column.datatype.kind not in TIMES
    if not enough or int(pc.count_distinct(values, mode="all").as_py()) < len(values):
        return None
    key = _fit_key(facts, table, column)
    return key if key is not None and key.capacity >= _ROOMY else None


def _is_invented(facts: _Facts, table: Table, column: Column) -> bool:
    """Whether a personal generator already makes distinct values that the column may hold."""
    training = facts.source.training[table.name]
    fitted = fit_column(
        table.name, column, _values(training, column.name), training.units, facts.support
    )
    pattern = _pattern(facts, table, column)
    return fitted.generator.distinct and (pattern is None or _matches(fitted, pattern))


def _matches(fitted: FittedColumn, pattern: str) -> bool:
    """Whether some values that a generator invents are as a pattern asks."""
    rows = np.arange(_INVENTED)
    draw = Draw(stream(0, "invented"), rows, identities(0, "invented", rows))
    codes = np.full(_INVENTED, fitted.feature.size - 1, np.int32)
    values = pc.drop_null(fitted.decode(codes, draw)).to_pylist()
    return all(re.search(pattern, str(value)) for value in values)


def _fit_key(facts: _Facts, table: Table, column: Column) -> KeyGenerator | None:
    """The key generator whose values keep the checks of the column alone; None where none does."""
    training, left = facts.source.training[table.name], _limits(facts, table, column)
    values = _values(training, column.name)
    present = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    sample = Sample(pc.drop_null(values), training.units[present])
    for pattern in (_pattern(facts, table, column), *_FORMS):
        kind = key_kinds.choose(column, pattern, left)
        if kind is not None:
            key = kind.fit(column, sample, facts.support, pattern, left)
            if _keeps(facts, table, column, key):
                return key
    return None


def _keeps(facts: _Facts, table: Table, column: Column, key: KeyGenerator) -> bool:
    """Whether the first keys and the last one keep every check of the column alone."""
    computed = {c.name for c in table.columns if c.generated is not None}
    told = [c for c in table.checks if c.validated and computed & set(c.columns)]
    found = [compiled(c.sql, _scope(facts, table, c)) for c in (*_checks(table, column), *told)]
    alone = frozenset({column.name})
    checks = [one for one in found if isinstance(one, Expression) and set(one.columns) == alone]
    rows = np.arange(min(_INVENTED, key.capacity))
    values = key.at(np.append(rows, key.capacity - 1) if len(rows) else rows)
    return not failing(checks, pa.table({column.name: values})).any()


def _limits(facts: _Facts, table: Table, column: Column) -> Limits:
    """What the checks of a column, and its type, leave of its values."""
    listed = {Kind.BOOLEAN: (False, True), Kind.ENUM: column.datatype.labels or None}
    found = Limits(values=listed.get(column.datatype.kind))
    for check in _checks(table, column):
        limit = limits(check.sql, _scope(facts, table, check))
        found = found.within(limit.get(column.name, UNLIMITED))
    return found


def _checks(table: Table, column: Column) -> list[Check]:
    return [c for c in table.checks if c.columns == (column.name,) and c.validated]


def _pattern(facts: _Facts, table: Table, column: Column) -> str | None:
    """The regular expression that the only check over a column alone asks of it."""
    asked = {
        pattern
        for check in table.checks
        if check.columns == (column.name,)
        for pattern in patterns(check.sql, _scope(facts, table, check)).get(column.name, ())
    }
    return asked.pop() if len(asked) == 1 else None


def _scope(facts: _Facts, table: Table, check: Check) -> Scope:
    value = check.columns[0] if "VALUE" in check.sql else None
    return Scope(table, value, functions=facts.source.schema.functions)


def _whole(unique: Unique) -> bool:
    return unique.predicate is None and not unique.expressions


def _values(training: Training, column: str) -> pa.Array:
    return training.rows[column].combine_chunks()


def _counts(facts: _Facts, name: TableName) -> Mapping[TableName, FittedColumn]:
    """A generator of the number of children, for each table that this one owns."""
    return {
        child: _counter(facts, name, count_column(child), _children(facts, name, key))
        for child, key in sorted(facts.owners.items())
        if key.parent == name
    }


def _branching(facts: _Facts, name: TableName) -> Mapping[str, FittedColumn]:
    """A generator of the number of rows that refer to one, for each key of a table to itself."""
    return {
        r.key.name: _counter(facts, name, branching_column(r.key), _branches(facts, r.key))
        for r in facts.references[name]
        if r.mode is Mode.SELF
    }


def _counter(facts: _Facts, name: TableName, column: Column, counts: pa.Array) -> FittedColumn:
    sample = Sample(counts, facts.source.training[name].units)
    fitted = column_generators()["numeric"].fit(column, sample, facts.support)
    return FittedColumn(column, fitted, nullable=False)


def _branches(facts: _Facts, key: ForeignKey) -> pa.Array:
    return pa.array(facts.descents[key].branches.astype(np.int64))


def _children(facts: _Facts, name: TableName, key: ForeignKey) -> pa.Array:
    link = facts.links[key.table, key.name]
    rows = len(facts.source.training[name].rows)
    return pa.array(np.bincount(link[link >= 0], minlength=rows).astype(np.int64))


def _target(
    facts: _Facts,
    name: TableName,
    columns: tuple[FittedColumn, ...],
    more: tuple[Mapping[TableName, FittedColumn], Mapping[str, FittedColumn], Matrix],
) -> Matrix:
    """Codes of all that the table's generator models: counts, references, columns."""
    counts, branching, common = more
    training = facts.source.training[name]
    features: list[Feature] = []
    codes: list[Codes] = []
    for child, fitted in counts.items():
        features.append(fitted.feature)
        codes.append(fitted.encode(_children(facts, name, facts.owners[child])))
    for reference in facts.references[name]:
        features.append(reference.feature)
        codes.append(_reference_codes(facts, reference))
        if reference.key.name in branching:
            fitted = branching[reference.key.name]
            features.append(fitted.feature)
            codes.append(fitted.encode(_branches(facts, reference.key)))
    features.extend(common.features)
    codes.extend(common.codes.T)
    for fitted in columns:
        features.append(fitted.feature)
        codes.append(fitted.encode(_values(training, fitted.column.name)))
    matrix = np.empty((len(training.rows), len(features)), np.int32)
    for position, column in enumerate(codes):
        matrix[:, position] = column
    return Matrix(tuple(features), matrix)


def _reference_codes(facts: _Facts, reference: Reference) -> Codes:
    """Clusters of the referenced rows; a row whose parent was not read counts as the last one."""
    key = reference.key
    if reference.mode is Mode.SELF:
        return facts.descents[key].codes
    link = facts.links[key.table, key.name]
    _, clusters = facts.clusters[key.parent]
    if reference.mode is not Mode.CLUSTER or not len(clusters):
        inside = np.zeros(len(link), np.int32)
    else:
        inside = np.where(link < 0, reference.clusters - 1, clusters[link])
    null = _null_rows(facts.source.training[key.table], key) & reference.nullable
    return np.where(null, 0, inside + reference.nullable).astype(np.int32)


def _null_rows(training: Training, key: ForeignKey) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    masks = [_values(training, c).is_null().to_numpy(zero_copy_only=False) for c in key.columns]
    return np.asarray(np.any(masks, axis=0))


def _histograms(
    facts: _Facts, columns: tuple[FittedColumn, ...], target: Matrix, units: Ints
) -> dict[str, Released[Floats]]:
    return {
        c.column.name: facts.support.histogram(
            target.column(c.column.name).astype(np.int64), units, c.feature.size
        )
        for c in columns
    }
