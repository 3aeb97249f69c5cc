"""Attacks a model: draws from it, and holds what it drew against units learned and held out."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from connectors.engines import Source
from connectors.profile import Split, UnitPath
from connectors.schema import TableName
from generators.errors import Unmeetable
from generators.facts import Training
from generators.model import DatabaseModel, TableModel
from generators.privacy.attacked import Attacked, Limits
from generators.privacy.attacks.battery import (
    MOST_ENTITIES,
    Attempt,
    Likelihood,
    Sides,
    attack,
    judged,
)
from generators.privacy.attacks.populations import Population, by_keys, by_units
from generators.privacy.attacks.space import Floats
from generators.randomness import number
from provisioner.errors import WrongRequest
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, silent
from provisioner.job import features
from provisioner.plan import Plan, plan
from provisioner.reading import read_rows
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

_MOST_DRAWN = 300_000
"""Rows of all tables of a unit that are drawn."""

Paths = Mapping[TableName, UnitPath]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model was learned from, and how what it was not learned from is found.

    Attributes:
        training: the rows of learned units.
        limits: what attacks may achieve.
        seed: chooses which entities are looked at.
        drawn: rows to attack in the place of those that the model draws.
    """

    source: Source
    split: Split
    training: Mapping[TableName, Training]
    limits: Limits
    seed: int
    drawn: Mapping[TableName, pa.Table] | None = None


def attacked(model: DatabaseModel, evidence: Evidence, listen: Listener = silent) -> Attacked:
    """Attacks the units of every table that has some; `why` says where nothing could be drawn."""
    groups = _groups(model, evidence.split)
    began = time.monotonic()
    listen(StageStarted("attack", len(groups), "tables of units"))
    found: list[Attempt] = []
    try:
        for unit, paths in groups.items():
            found.append(_attacked(model, evidence, unit, paths))
            listen(Advanced("attack", 1, str(unit)))
    except (Unmeetable, WrongRequest):
        return Attacked(why="no rows can be drawn, since a constraint cannot be met")
    listen(StageFinished("attack", len(found), time.monotonic() - began))
    return Attacked(judged(found), "" if found else "no table is split by units")


def _groups(model: DatabaseModel, split: Split) -> Mapping[TableName, Paths]:
    """The tables of each unit, by the units' own table; a row that stands for itself is a unit.

    Tables whose rows travel as they are, and those that hang on them, are no part of it.
    """
    found: dict[TableName, dict[TableName, UnitPath]] = {}
    for name, path in split.paths.items():
        unit = path.unit or name
        way = {name, unit, *(key.parent for key in path.keys)}
        if path.splits and not way & model.carried.keys() and model.tables[unit].rows.value:
            found.setdefault(unit, {})[name] = path
    return {unit: found[unit] for unit in sorted(found)}


def _attacked(model: DatabaseModel, evidence: Evidence, unit: TableName, paths: Paths) -> Attempt:
    """Draws only where enough units are held out for a verdict."""
    learned = _learned(evidence, unit, paths)
    held_out = _held_out(model, evidence, unit, paths)
    fewest = min(learned.size, held_out.size)
    if fewest < evidence.limits.fewest:
        return Attempt(str(unit), (learned.size, held_out.size, 0))
    columns = {name: _telling(model.tables[name]) for name in paths}
    drawn = _held_against(model, evidence, unit, paths)
    sides = Sides(
        unit,
        learned.selected(columns),
        held_out.selected(columns),
        drawn.selected(columns),
        _likelihood(model.tables[unit]),
    )
    rng = np.random.default_rng(number(evidence.seed, f"attack {unit}"))
    return attack(sides, evidence.limits, rng)


def _held_against(
    model: DatabaseModel, evidence: Evidence, unit: TableName, paths: Paths
) -> Population:
    """Synthetic entities; rows that are given instead are all there, as whoever has them sees."""
    if evidence.drawn is not None:
        return by_keys(unit, paths, evidence.drawn)
    drawn = by_keys(unit, paths, _drawn(model, evidence.seed, unit, paths))
    return drawn.of(np.arange(min(drawn.size, MOST_ENTITIES)))


def _telling(table: TableModel) -> list[str]:
    """Columns whose values follow what was learned; keys are new, and so is what names people."""
    return [f.column.name for f in table.columns if not f.generator.personal]


def _learned(evidence: Evidence, unit: TableName, paths: Paths) -> Population:
    tables = {name: evidence.training[name].rows for name in paths}
    return by_units(unit, tables, {name: evidence.training[name].units for name in paths})


def _held_out(
    model: DatabaseModel, evidence: Evidence, unit: TableName, paths: Paths
) -> Population:
    """The rows that were left out when the model was learned, of the same snapshot."""
    found = {}
    for name in paths:
        table = model.schema.table(name)
        found[name] = read_rows(evidence.source.held_out(table, evidence.split), table)
    return by_units(
        unit, {n: one.rows for n, one in found.items()}, {n: one.units for n, one in found.items()}
    )


def _drawn(
    model: DatabaseModel, seed: int, unit: TableName, paths: Paths
) -> Mapping[TableName, pa.Table]:
    """Synthetic rows of some tables: as many as the source holds, or as attacks look at."""
    rows = sum(model.tables[name].rows.value for name in paths)
    scale = min(1.0, MOST_ENTITIES / model.tables[unit].rows.value, _MOST_DRAWN / rows)
    request = Request(scale, number(seed, "attack"))
    first = plan(model, "", request)
    stopping = frozenset(finding.hash for finding in first.findings if finding.stops)
    planned = plan(model, "", replace(request, acknowledged=stopping))
    return dict(_batches(model, planned, paths))


def _batches(
    model: DatabaseModel, planned: Plan, paths: Paths
) -> Iterator[tuple[TableName, pa.Table]]:
    """The wanted tables, each whole."""
    synthesizer = Synthesizer(model, planned)
    found: dict[TableName, list[pa.RecordBatch]] = {name: [] for name in paths}
    for place, tree in enumerate(planned.trees):
        for shard in range(tree.shards) if paths.keys() & set(tree.tables) else ():
            for batch in synthesizer.shard(place, shard):
                if batch.table in found:
                    found[batch.table].append(batch.rows)
    for name, batches in found.items():
        empty = read_rows(iter(()), model.schema.table(name)).rows
        parts = [pa.Table.from_batches([batch]).select(empty.column_names) for batch in batches]
        yield name, pa.concat_tables([empty, *parts])


def _likelihood(table: TableModel) -> Likelihood | None:
    """How likely the model makes a row of its own columns; None where rows hang on others."""
    own = tuple(f.feature for f in table.columns)
    if table.owner is not None or features(table) != own or table.clusters.count > 1:
        return None

    def found(rows: pa.Table) -> Floats:
        codes = [f.encode(rows[f.column.name].combine_chunks()) for f in table.columns]
        target = np.stack(codes, axis=1).astype(np.int32)
        return table.generator.log_prob(np.empty((len(rows), 0), np.int32), target)

    return found
