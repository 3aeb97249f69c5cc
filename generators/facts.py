"""What fitting is told, and what of foreign keys follows from it: owners, links, references."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from connectors.ddl import DdlItem
from connectors.profile import Profile, UnitPath
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.classes import Classes
from generators.columns import Codes
from generators.privacy.support import Ints, Support
from generators.relations.beats import ticks
from generators.relations.cells import Referring, by_frequency, cells, parted, repeated
from generators.relations.levels import Descent, descent
from generators.relations.links import parent_rows
from generators.relations.owners import Owners, ancestors, choose_owners
from generators.relations.references import (
    Clusters,
    Mode,
    Reference,
    fit_clusters,
    unclustered,
)
from generators.relations.twins import twinned
from generators.sorting import ordered

_SAME = 0.99
"""Share of rows in which two paths must lead to one row to count as the same."""

_PARTED = 2
"""Times k: the fewest copied rows of a part."""


@dataclass(frozen=True, slots=True)
class Training:
    """The training rows of a table with their unit ids."""

    rows: pa.Table
    units: Ints


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read of a source for fitting.

    Attributes:
        paths: each table's way to its privacy unit.
        training: each table's training rows.
        copied: tables whose rows travel as they are; the training rows are all of them.
        masked: tables whose rows travel masked.
        classes: what columns say of people, as far as it was looked at.
    """

    schema: Schema
    ddl: tuple[DdlItem, ...]
    identity: str
    profile: Profile
    paths: Mapping[TableName, UnitPath]
    training: Mapping[TableName, Training]
    copied: frozenset[TableName] = frozenset()
    masked: frozenset[TableName] = frozenset()
    classes: Classes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """The source with its owners, links, references, clusters and descents.

    Attributes:
        links: per foreign key, the position of each training row's parent; -1 for none.
        references: per table, its keys that are not its owner.
        clusters: per table, how often its rows are referenced, and the cluster of each.
        descents: per key of a table to itself, how rows lie below each other.
    """

    source: Reading
    support: Support
    owners: Owners
    links: Mapping[tuple[TableName, str], Ints]
    references: Mapping[TableName, tuple[Reference, ...]] = field(default_factory=dict)
    clusters: Mapping[TableName, tuple[Clusters, Codes]] = field(default_factory=dict)
    descents: Mapping[ForeignKey, Descent] = field(default_factory=dict)


def gathered(source: Reading, support: Support) -> Facts:
    """All that is known of foreign keys before any table is fitted."""
    carried = source.copied, source.masked
    owners = choose_owners(source.schema, source.profile, source.paths, support.k, carried)
    links = {
        (f.table, f.name): parent_rows(
            source.training[f.table].rows, source.training[f.parent].rows, f
        )
        for f in source.schema.foreign_keys
    }
    facts = Facts(source, support, owners, links)
    modes = {t.name: _modes(facts, t) for t in source.schema.tables}
    clusters = {t.name: _clusters(facts, t.name, modes) for t in source.schema.tables}
    selves = (f for found in modes.values() for f, mode in found.items() if mode is Mode.SELF)
    descents = {f: _descent(facts, f) for f in selves}
    facts = replace(facts, clusters=clusters, descents=descents)
    references = {
        name: twinned(
            tuple(_reference(facts, f, mode) for f, mode in found.items()),
            owners.get(name),
            (source.training[name].rows, source.training[name].units),
            support,
        )
        for name, found in modes.items()
    }
    return replace(facts, references=references)


def _modes(facts: Facts, table: Table) -> Mapping[ForeignKey, Mode]:
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


def _mode(facts: Facts, table: Table, key: ForeignKey) -> Mode:
    if key.self_reference:
        return Mode.SELF
    if any(u.whole and set(u.columns) <= set(key.columns) for u in table.uniques):
        return Mode.UNIQUE
    above = key.parent in ancestors(table.name, facts.owners)[1:]
    parent = facts.source.schema.table(key.parent)
    whole = not any(parent.column(c).nullable for c in key.parent_columns)
    if above and whole and _is_ancestor(facts, table, key):
        return Mode.ANCESTOR
    return Mode.CLUSTER


def _is_ancestor(facts: Facts, table: Table, key: ForeignKey) -> bool:
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
    facts: Facts, name: TableName, modes: Mapping[TableName, Mapping[ForeignKey, Mode]]
) -> tuple[Clusters, Codes]:
    incoming = [
        f
        for found in modes.values()
        for f, m in found.items()
        if f.parent == name and m is Mode.CLUSTER
    ]
    training = facts.source.training[name]
    if not incoming:
        return unclustered(facts.support), np.zeros(len(training.rows), np.int32)
    public = facts.source.paths[name].unit is None
    referring = [_referring(facts, f) for f in incoming]
    parts = None if name in facts.source.masked else _cells(facts, incoming)
    return fit_clusters(training.units, referring, public, facts.support, parts)


def _cells(facts: Facts, incoming: list[ForeignKey]) -> Ints | None:
    """Parts of the rows that some keys lead to, by what says most of the rows that they come from.

    Rows that travel as they are may be parted by what they refer to as well, and have no say; each
    part of theirs leaves room for rows that are referred to more often and less.
    """
    schema, training, name = facts.source.schema, facts.source.training, incoming[0].parent
    incoming = [f for f in incoming if f.table not in facts.source.copied | facts.source.masked]
    below = [
        Referring(
            facts.links[f.table, f.name],
            [*parted(schema.table(f.table), training[f.table].rows).values()],
        )
        for f in incoming
    ]
    own = parted(schema.table(name), training[name].rows)
    if name in facts.source.copied and incoming:
        known, fewest = _repeated(facts, incoming), _PARTED * facts.support.k
        own = {**own, **_by_references(facts, incoming)}
        wide = (n for n, c in own.items() if np.unique(c, return_counts=True)[1].min() >= fewest)
        own = {n: own[n] for n in wide if n not in known}
    return cells(own, below)


def _repeated(facts: Facts, incoming: list[ForeignKey]) -> frozenset[str]:
    """Columns of copied rows whose values those that lead there have: rows are found by them."""
    training = facts.source.training
    above, found = training[incoming[0].parent].rows, frozenset[str]()
    for key in incoming:
        link = facts.links[key.table, key.name]
        found |= repeated(above, training[key.table].rows, link)
    return found


def _by_references(facts: Facts, incoming: list[ForeignKey]) -> Mapping[str, Ints]:
    """The part that each row lies in by the row that it refers to, for each key of its table.

    Those that are told apart are those that enough units are led to.
    """
    pairs = zip(*(_referring(facts, f) for f in incoming), strict=True)
    links, units = (np.concatenate(parts) for parts in pairs)
    found = {}
    for key in facts.source.schema.table(incoming[0].parent).foreign_keys:
        above = facts.links[key.table, key.name]
        size, led = int(above.max(initial=-1)) + 1, above[links]
        told, known = led[led >= 0], facts.support.supported(led[led >= 0], units[led >= 0], size)
        found[key.name] = by_frequency(above, np.bincount(told, minlength=size) * known)
    return {name: codes for name, codes in found.items() if np.ptp(codes)}


def popularity(facts: Facts, name: TableName) -> Codes:
    """The cluster of each row of a table that belongs to nobody, for those who may see its rows.

    Rows that fewer than k units refer to take the clusters of their part in the order in which
    they stand, so that nobody learns which of them are referred to.
    """
    found = facts.clusters[name][1].copy()
    incoming = [
        r.key
        for references in facts.references.values()
        for r in references
        if r.key.parent == name and r.mode is Mode.CLUSTER
    ]
    if incoming:
        links, units = zip(*(_referring(facts, f) for f in incoming), strict=True)
        together = np.concatenate(links), np.concatenate(units)
        rare = np.flatnonzero(~facts.support.supported(*together, len(found)))
        parts = _cells(facts, incoming)
        part = np.zeros(len(rare), np.int64) if parts is None else parts[rare]
        found[rare[ordered(part)]] = found[rare[ordered(part, found[rare])]]
    return found


def _referring(facts: Facts, key: ForeignKey) -> tuple[Ints, Ints]:
    """For each row that a key leads from: the place that it leads to, and its unit."""
    links, units = facts.links[key.table, key.name], facts.source.training[key.table].units
    known = links >= 0
    return links[known], units[known]


def _descent(facts: Facts, key: ForeignKey) -> Descent:
    training, owner = facts.source.training[key.table], facts.owners.get(key.table)
    above = None if owner is None else facts.links[owner.table, owner.name]
    null, values = null_rows(training, key), stored(training, key.parent_columns[-1])
    keys = ticks(values) if pa.types.is_integer(values.type) else None
    return descent(
        facts.links[key.table, key.name], null, (above, keys), training.units, facts.support
    )


def _reference(facts: Facts, key: ForeignKey, mode: Mode) -> Reference:
    if mode is Mode.SELF:
        found = facts.descents[key]
        return Reference(key, mode, found.levels, found.rooted, found.within, found.older)
    nulls = facts.source.profile.tables[key.table].columns
    nullable = any(nulls[c].null_frac > 0 for c in key.columns)
    count = facts.clusters[key.parent][0].count if mode is Mode.CLUSTER else 1
    return Reference(key, mode, count, nullable)


def stored(training: Training, column: str) -> pa.Array:
    """A column's training values."""
    return training.rows[column].combine_chunks()


def null_rows(training: Training, key: ForeignKey) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows have a null in a key."""
    masks = [stored(training, c).is_null().to_numpy(zero_copy_only=False) for c in key.columns]
    return np.asarray(np.any(masks, axis=0))
