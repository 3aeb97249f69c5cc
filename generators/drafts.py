"""A table's rows as codes, before they are held against those of its owner."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from connectors.invariants import key_named
from connectors.schema import Column, ForeignKey, Table, TableName
from generators.columns import Codes, Sample, column_generators
from generators.contexts import joined
from generators.encoding import FittedColumn
from generators.facts import Facts, null_rows, stored
from generators.keyed import divided
from generators.keys import KeyGenerator
from generators.namesakes import learned_column
from generators.privacy.support import Ints
from generators.relations.counts import SIMPLER, count_column, differing, more_than
from generators.relations.factors import factors
from generators.relations.levels import branching_column
from generators.relations.lifetimes import Kin, Measure, measures
from generators.relations.references import (
    Mode,
    Reference,
)
from generators.relations.twins import led_alike
from generators.siblings import value_ids
from generators.standins import with_stand_ins
from generators.tables import Feature, Matrix


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a table before its rows are held against those of its owner."""

    columns: tuple[FittedColumn, ...]
    keys: dict[str, KeyGenerator]
    counts: Mapping[TableName, FittedColumn]
    branching: Mapping[str, FittedColumn]
    factors: tuple[Feature, ...]
    target: Matrix
    beside: Mapping[TableName, Measure]


def draft(facts: Facts, table: Table, below: Mapping[TableName, Draft]) -> Draft:
    """What is known of a table's rows without those of its owner; its children are in `below`."""
    training = facts.source.training[table.name]
    learned, keys = divided(facts, table)
    columns = tuple(learned_column(facts, table, c) for c in learned)
    beside = _beside(facts, table.name)
    counts, branching = _counts(facts, table.name, beside), _branching(facts, table.name)
    common = joined(
        [
            factors(
                child,
                _timeless(facts, child, below[child]),
                facts.links[key.table, key.name],
                training.units,
                facts.support,
            )
            for child, key in sorted(facts.owners.items())
            if key.parent == table.name
        ],
        len(training.rows),
    )
    target = _target(facts, table.name, columns, (counts, branching, common), beside)
    return Draft(columns, keys, counts, branching, common.features, target, beside)


def _timeless(facts: Facts, child: TableName, drafted: Draft) -> Matrix:
    """The codes of a child table's rows, but for those of times if rows follow one another by one.

    When such rows come is drawn after the owner, and all else of them given that: told twice, it
    would not be the same.
    """
    kin = _kin(facts, child, tuple(f.column for f in drafted.columns))
    if kin.clock is None:
        return drafted.target
    times = {column.name for column in kin.times}
    kept = [i for i, f in enumerate(drafted.target.features) if f.name not in times]
    features = tuple(drafted.target.features[i] for i in kept)
    return Matrix(features, drafted.target.codes[:, kept])


def _counts(
    facts: Facts, name: TableName, beside: Mapping[TableName, Measure]
) -> Mapping[TableName, FittedColumn]:
    """A generator of the number of children, for each table that this one owns.

    Of one that is told beside another, how many more it has than that, or null for none.
    """
    return {
        child: replace(
            _counter(facts, name, count_column(child), _counted(facts, name, child, beside)),
            nullable=child in beside,
        )
        for child, key in sorted(facts.owners.items())
        if key.parent == name
    }


def _beside(facts: Facts, name: TableName) -> Mapping[TableName, Measure]:
    """For children that are best counted by the difference to another child table's: what of it.

    Only to one that is drawn before, as `owners.trees` has it; to its number of rows only where
    that is told by itself.
    """
    rows = {n: profile.rows for n, profile in facts.source.profile.tables.items()}
    ranked = sorted((rows[c], c) for c, key in facts.owners.items() if key.parent == name)
    found: dict[TableName, Measure] = {}
    for place, (_, child) in enumerate(ranked):
        counts = _children(facts, name, facts.owners[child]).to_numpy()
        before = (_plain(facts, other) for _, other in ranked[:place])
        told = [
            (differing(counts, _measured(facts, name, measure)), number, measure)
            for number, measure in enumerate(measures(_plain(facts, child), before, facts.support))
            if measure.pace is not None or measure.table not in found
        ]
        best = min(told, key=lambda t: t[:2], default=None)
        if best is not None and best[0] <= SIMPLER:
            found[child] = best[2]
    return found


def _kin(facts: Facts, child: TableName, columns: tuple[Column, ...]) -> Kin:
    training, key = facts.source.training[child], facts.owners[child]
    return Kin(child, training.rows, training.units, facts.links[child, key.name], columns)


def _plain(facts: Facts, child: TableName) -> Kin:
    """A child table's rows by the columns that refer to nothing."""
    table = facts.source.schema.table(child)
    referring = {c for f in table.foreign_keys for c in f.columns}
    return _kin(facts, child, tuple(c for c in table.written if c.name not in referring))


def _measured(facts: Facts, name: TableName, measure: Measure) -> Ints:
    """What a measure is for each row of the owner."""
    kin = _plain(facts, measure.table)
    columns = [c for c in (measure.begin, measure.end) if c]
    return measure.of(kin.values(*columns), kin.owned, len(facts.source.training[name].rows))


def _counted(
    facts: Facts, name: TableName, child: TableName, beside: Mapping[TableName, Measure]
) -> pa.Array:
    """What the generator of a child's number learns, per row."""
    counts = _children(facts, name, facts.owners[child])
    if child not in beside:
        return counts
    return more_than(counts, pa.array(_measured(facts, name, beside[child])))


def _branching(facts: Facts, name: TableName) -> Mapping[str, FittedColumn]:
    """A generator of the number of rows that refer to one, for each key of a table to itself."""
    return {
        r.key.name: _counter(facts, name, branching_column(r.key), _branches(facts, r.key))
        for r in facts.references[name]
        if r.mode is Mode.SELF
    }


def _counter(facts: Facts, name: TableName, column: Column, counts: pa.Array) -> FittedColumn:
    there = counts.is_valid()
    units = facts.source.training[name].units[there.to_numpy(zero_copy_only=False)]
    sample = Sample(counts.filter(there), units)
    fitted = column_generators()["numeric"].fit(column, sample, facts.support)
    return FittedColumn(column, fitted, nullable=False)


def _branches(facts: Facts, key: ForeignKey) -> pa.Array:
    return pa.array(facts.descents[key].branches.astype(np.int64))


def _children(facts: Facts, name: TableName, key: ForeignKey) -> pa.Array:
    link = facts.links[key.table, key.name]
    rows = len(facts.source.training[name].rows)
    return pa.array(np.bincount(link[link >= 0], minlength=rows).astype(np.int64))


def _target(
    facts: Facts,
    name: TableName,
    columns: tuple[FittedColumn, ...],
    more: tuple[Mapping[TableName, FittedColumn], Mapping[str, FittedColumn], Matrix],
    beside: Mapping[TableName, Measure],
) -> Matrix:
    """Codes of all that the table's generator models: counts, references, columns."""
    counts, branching, common = more
    training = facts.source.training[name]
    features: list[Feature] = []
    codes: list[Codes] = []
    for child, fitted in counts.items():
        features.append(fitted.feature)
        codes.append(fitted.encode(_counted(facts, name, child, beside)))
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
        codes.append(fitted.encode(stored(training, fitted.column.name)))
    matrix = np.empty((len(training.rows), len(features)), np.int32)
    for position, column in enumerate(codes):
        matrix[:, position] = column
    values = {
        f.column.name: value_ids(stored(training, f.column.name))
        for f in columns
        if f.generator.kind == "category"
    }
    return with_stand_ins(Matrix(tuple(features), matrix), values, training.units, facts.support)


def _clusters_of(link: Ints, clusters: Codes) -> Codes:
    """The cluster of each row's parent; of a parent that was not read, that of any other row's.

    One cluster for all of these would have many more rows refer to it than to any other.
    """
    found, unread = clusters[link], np.flatnonzero(link < 0)
    if len(unread) < len(link):
        found[unread] = np.random.default_rng(0).choice(clusters[link[link >= 0]], len(unread))
    return found


def _reference_codes(facts: Facts, reference: Reference) -> Codes:
    """Clusters of the referenced rows."""
    key = reference.key
    if reference.mode is Mode.SELF:
        return facts.descents[key].codes
    link = facts.links[key.table, key.name]
    _, clusters = facts.clusters[key.parent]
    if reference.mode is not Mode.CLUSTER or not len(clusters):
        inside = np.zeros(len(link), np.int32)
    else:
        inside = _clusters_of(link, clusters)
    training = facts.source.training[key.table]
    null = null_rows(training, key) & reference.nullable
    codes = np.where(null, 0, inside + reference.nullable).astype(np.int32)
    if reference.twin:
        twin = key_named(facts.source.schema.table(key.table), reference.twin)
        codes[led_alike(training.rows, twin, key)] = reference.feature.size - 1
    return codes
