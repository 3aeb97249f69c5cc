"""Learns one table: its rows as they follow from its owner's and from one another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from connectors.schema import Table, TableName
from generators.contexts import Rows, context
from generators.drafts import Draft
from generators.encoding import FittedColumn
from generators.facts import Facts, stored
from generators.model import TableModel
from generators.privacy.support import Floats, Ints, Released
from generators.refinement import Refiner, Refining, Sifting
from generators.relations.courses import Course, Followed, Pulse, follow, rest_of, with_chooser
from generators.relations.dangling import dangling_shares
from generators.relations.histories import History
from generators.relations.references import Mode
from generators.relations.witnesses import Witnesses, witnesses
from generators.siblings import Seen, Young, ordered, value_ids
from generators.tables import Fitter, Matrix


@dataclass(frozen=True, slots=True)
class Study:
    """What a table is fitted from; `seen` are the tables of its tree that were fitted before."""

    table: Table
    draft: Draft
    seen: Mapping[TableName, Seen]


def fit_table(facts: Facts, study: Study, fit: Fitter, refine: Refiner) -> tuple[TableModel, Seen]:
    """Fits one table whose owners were fitted before, and gives what its children need of it.

    Args:
        facts: the source, with what is known of its keys.
        study: the table.
        fit: learns its joint models; asked for the same ones in the same order each time.
        refine: holds drawn histories against learned ones, or leaves it.
    """
    table, draft, seen = study.table, study.draft, study.seen
    training, columns, target = facts.source.training[table.name], draft.columns, draft.target
    followed, known, rows, led = _followed(facts, study, fit)
    units = training.units[known]
    if led is not None:
        followed = with_chooser(followed, led[0].target, units, fit, facts.support)
    context, drawn = rest_of(followed, None if led is None else led[0].target)
    generator = fit(context, drawn, units, facts.support)
    histograms = _histograms(facts, columns, target, training.units)
    if led is not None:
        course, pulse = led
        beat = None if pulse is None else seen[pulse.table]
        known_of = followed, course, pulse, generator, columns, beat
        referee = refine(Refining(*known_of, histograms, facts.support))
        followed = replace(followed, history=replace(followed.history, referee=referee))
    sifted = None
    if led is None and draft.counts:
        sifted = refine(Sifting(context, drawn, units, generator, histograms, facts.support))
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
        histograms,
        followed.history if owner else None,
        dangling_shares(table, facts.source.profile, facts.support),
        draft.branching,
        draft.factors,
        draft.beside,
    )
    model = replace(model, witnesses=_witnesses(facts, table, model), referee=sifted)
    return model, _seen(facts, table, rows, model)


def _witnesses(facts: Facts, table: Table, model: TableModel) -> Mapping[str, Witnesses]:
    """What the rows tell of tables that belong to nobody, by the natural key that leads there."""
    training, paths = facts.source.training[table.name], facts.source.paths
    rows = training.rows, training.units
    plain = (f for f in model.columns if not f.generator.personal and f.generator.kind != "text")
    nameable = {f.column.name for f in plain}
    found = {
        r.key.name: witnesses(table, r.key, rows, nameable, facts.support)
        for r in model.natural
        if paths[r.key.parent].unit is None
    }
    return {name: told for name, told in found.items() if told is not None}


def _seen(facts: Facts, table: Table, rows: Rows, model: TableModel) -> Seen:
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


def _met(facts: Facts, table: Table) -> float:
    """Rows of one unit are read together; others are held out one by one."""
    if facts.source.paths[table.name].unit is not None:
        return 1.0
    rows = facts.source.profile.tables[table.name].rows
    return len(facts.source.training[table.name].rows) / max(1, rows)


def _followed(
    facts: Facts, study: Study, fit: Fitter
) -> tuple[Followed, Ints, Rows, tuple[Course, Pulse | None] | None]:
    """What to learn the rows from, which rows these are, the codes of all rows, and their order."""
    table, columns, target = study.table, study.draft.columns, study.draft.target
    owner, training = facts.owners.get(table.name), facts.source.training[table.name]
    clusters, codes = facts.clusters[table.name]
    if owner is None:
        known = np.arange(len(target.codes))
        given = context(None, known, codes, clusters.count)
        bare = History(target.features, frozenset(), None, None, ())
        return Followed(bare, given, target), known, Rows(given, target), None
    alike = _alike(facts, table, columns)
    young = Young(training.rows, training.units, columns, target, alike, (codes, clusters.count))
    link = facts.links[owner.table, owner.name]
    course, pulse, known = ordered(young, link, owner.parent, study.seen)
    followed = follow(course, pulse, fit, facts.support)
    full = np.zeros((len(target.codes), len(course.base.features)), np.int32)
    full[known] = course.base.codes
    rows = Rows(Matrix(course.base.features, full), target)
    return followed, known, rows, (course, pulse)


def _alike(facts: Facts, table: Table, columns: tuple[FittedColumn, ...]) -> Mapping[str, Ints]:
    """What must be equal in a row and the sibling before for the row to repeat it, by feature."""
    training = facts.source.training[table.name]
    free = (r for r in facts.references[table.name] if r.mode is Mode.CLUSTER)
    links = {
        r.feature.name: facts.links[table.name, r.key.name]
        for r in free
        if not any(set(r.key.columns) & set(f.columns) for f in table.foreign_keys if f != r.key)
    }
    values = {c.column.name: value_ids(stored(training, c.column.name)) for c in columns}
    return links | values


def _histograms(
    facts: Facts, columns: tuple[FittedColumn, ...], target: Matrix, units: Ints
) -> dict[str, Released[Floats]]:
    return {
        c.column.name: facts.support.histogram(
            target.column(c.column.name).astype(np.int64), units, c.feature.size
        )
        for c in columns
    }
