"""Learns the traits of a database: what depends on what, and how many rows have one parent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pyarrow as pa

from connectors.profile import UnitPath
from connectors.schema import ForeignKey, Table, TableName
from generators.facts import Training
from generators.model import DatabaseModel
from generators.privacy.support import Support
from generators.relations.links import parent_rows
from generators.traits import (
    SHAPES,
    Binning,
    Family,
    Floats,
    Ints,
    Sort,
    Trait,
    along,
    association,
    binnings,
    counted,
    gaps,
)

_SAMPLE = 50_000
_WEAKEST = 0.15
"""Association below which a dependence is not kept."""
_DOUBT = 4.5
"""Standard deviations beyond chance: one of 300,000 pairs of independent columns goes so far."""
_INFLATED = 1.25
"""Part by which the association of what is released may exceed that of all rows."""
_MOST = {Sort.PAIR: 12, Sort.PARENT: 6, Sort.SIBLINGS: 6}

Measured = tuple[tuple[str, ...], tuple[int, ...], Ints, Ints]
"""Columns, bins of each, the bin of each row, and the rows' units."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """What traits are learned from.

    Attributes:
        model: the database's, whose codes the bins are made of.
        training: rows with their units.
        paths: each table's way to its unit.
        support: the rule of release.
    """

    model: DatabaseModel
    training: Mapping[TableName, Training]
    paths: Mapping[TableName, UnitPath]
    support: Support


def portrayed(sitting: Sitting) -> tuple[Trait, ...]:
    """The strongest dependences of each table and key, and the sizes of families."""
    return tuple(t for table in sitting.model.schema.tables for t in _of_table(sitting, table))


def _of_table(sitting: Sitting, table: Table) -> Iterator[Trait]:
    part, bins = sitting.training[table.name], _bins(sitting, table.name)
    some = _some(len(part.rows))
    rows, units = part.rows.take(pa.array(some)), part.units[some]
    codes = _coded(bins, rows)
    pairs = (
        ((a, b), (bins[a].size, bins[b].size), codes[a] * bins[b].size + codes[b], units)
        for a, b in combinations(bins, 2)
    )
    yield from _strongest(sitting, Sort.PAIR, table.name, "", pairs)
    for key in table.foreign_keys:
        yield from _of_key(sitting, key)


def _bins(sitting: Sitting, name: TableName) -> Mapping[str, Binning]:
    model = sitting.model.tables[name]
    return binnings(model.columns, model.histograms)


def _coded(bins: Mapping[str, Binning], rows: pa.Table) -> Mapping[str, Ints]:
    """The bins of each column, once: of many columns most stand in many pairs."""
    return {name: one(rows) for name, one in bins.items()}


def _some(rows: int) -> Ints:
    if rows <= _SAMPLE:
        return np.arange(rows)
    return np.sort(np.random.default_rng(rows).choice(rows, _SAMPLE, replace=False))


def _of_key(sitting: Sitting, key: ForeignKey) -> Iterator[Trait]:
    child, parent = sitting.training[key.table], sitting.training[key.parent]
    link = parent_rows(child.rows, parent.rows, key)
    yield from _counts(sitting, key, link)
    chosen = _families(link, len(parent.rows))
    if not len(chosen):
        return
    owners = link[chosen]
    family = Family(child.rows.take(pa.array(chosen)), parent.rows.take(pa.array(owners)), owners)
    units = child.units[chosen]
    bins, above = _bins(sitting, key.table), _bins(sitting, key.parent)
    own, over = _coded(bins, family.rows), _coded(above, family.above)

    def parents() -> Iterator[Measured]:
        for name, other in product(bins, above):
            shape = bins[name].size, above[other].size
            yield (name, other), shape, own[name] * shape[1] + over[other], units

    yield from _strongest(sitting, Sort.PARENT, key.table, key.name, parents())
    model = sitting.model.tables[key.table]
    clock = model.history.clock if model.owner == key.name and model.history else None
    if clock is not None:
        yield from _siblings(sitting, key, own, family, units, clock.column)


def _families(link: Ints, parents: int) -> Ints:
    """Positions of the rows of some parents, all of each; about as many as a sample has."""
    there = np.flatnonzero(link >= 0)
    share = _SAMPLE / max(1, len(there))
    if share >= 1:
        return there
    chosen = np.random.default_rng(parents).random(parents) < share
    return there[chosen[link[there]]]


def _siblings(
    sitting: Sitting,
    key: ForeignKey,
    codes: Mapping[str, Ints],
    family: Family,
    units: Ints,
    clock: str,
) -> Iterator[Trait]:
    bins = _bins(sitting, key.table)
    later, before = along(family, clock)

    def repeated() -> Iterator[Measured]:
        for name, one in bins.items():
            both = codes[name][before] * one.size + codes[name][later]
            yield (name,), (one.size, one.size), both, units[later]

    yield from _strongest(sitting, Sort.SIBLINGS, key.table, key.name, repeated())
    between, places = gaps(family, clock)
    shape = SHAPES[Sort.GAP]
    shares = sitting.support.histogram(between, units[places], shape[0])
    if shares.value.sum() > 0:
        yield Trait(Sort.GAP, key.table, key.name, (clock,), shape, shares)


def _counts(sitting: Sitting, key: ForeignKey, link: Ints) -> Iterator[Trait]:
    """How many children parents have; where units differ, only some children were there."""
    parent = sitting.training[key.parent]
    children = np.bincount(link[link >= 0], minlength=len(parent.rows)).astype(np.int64)
    shape = SHAPES[Sort.COUNT]
    shares = sitting.support.histogram(counted(children), parent.units, shape[0])
    units = sitting.paths[key.table].unit, sitting.paths[key.parent].unit
    rows = sitting.model.tables[key.table].rows.value
    kept = 1.0 if units[0] == units[1] is not None else len(link) / max(1, rows)
    if shares.value.sum() > 0:
        yield Trait(Sort.COUNT, key.table, key.name, (), shape, shares, min(1.0, kept))


def _strongest(
    sitting: Sitting, sort: Sort, table: TableName, key: str, measured: Iterator[Measured]
) -> Iterator[Trait]:
    """Of many dependences the strongest, each released in the bins that k units share."""
    found = []
    for columns, shape, codes, units in measured:
        joint = np.bincount(codes, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
        strength = association(joint)
        if strength >= max(_WEAKEST, _by_chance(joint)):
            found.append((strength, columns, shape, codes, units))
    found.sort(key=lambda one: -one[0])
    for strength, columns, shape, codes, units in found[: _MOST[sort]]:
        shares = sitting.support.histogram(codes, units, int(np.prod(shape)))
        one = Trait(sort, table, key, columns, shape, shares)
        if _WEAKEST <= one.association <= _INFLATED * strength:
            yield one


def _by_chance(joint: Floats) -> float:
    """The association up to which columns may go that say nothing of each other.

    n V^2 (min(r, c) - 1) is then a chi-square variable with (r - 1) (c - 1) degrees of freedom,
    whose cube root is nearly normal (Wilson and Hilferty 1931). Bins that fewer than k units share
    are not released, and what is left of a few rows may depend on each other for that alone.
    """
    sides = np.count_nonzero(joint.sum(1)), np.count_nonzero(joint.sum(0))
    if min(sides) < 2:
        return 1.0
    degrees = (sides[0] - 1) * (sides[1] - 1)
    spread = 2 / (9 * degrees)
    most = degrees * (1 - spread + _DOUBT * spread**0.5) ** 3
    return float((most / (joint.sum() * (min(sides) - 1))) ** 0.5)
