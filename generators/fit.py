"""Learns a database: columns, rows and foreign keys, from the rows of training units."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from connectors.schema import Table, TableName
from generators.contexts import Rows, context
from generators.drafts import Draft, draft
from generators.encoding import FittedColumn
from generators.facts import Facts, Reading, gathered, stored
from generators.model import DatabaseModel, TableModel
from generators.privacy.support import Floats, Ints, Released, Support
from generators.refinement import refined
from generators.relations.courses import Course, Followed, Pulse, follow, rest_of, with_chooser
from generators.relations.dangling import dangling_shares
from generators.relations.histories import History
from generators.relations.owners import trees
from generators.relations.references import (
    Mode,
)
from generators.siblings import Seen, Young, ordered, value_ids
from generators.tables import Matrix, table_generators


def fit_database(
    source: Reading, support: Support, kind: str = "trees", *, refine: bool = False
) -> Iterator[TableModel | DatabaseModel]:
    """Yields each table's model as it is done, and the database's last.

    Args:
        source: what to learn from.
        support: the rule of release.
        kind: which table generator models the rows.
        refine: whether histories are held against learned ones, and chosen among several drawn.
    """
    facts = replace(gathered(source, support, kind), refine=refine)
    fitted: dict[TableName, TableModel] = {}
    rows = {name: profile.rows for name, profile in source.profile.tables.items()}
    for tree in trees(source.schema, facts.owners, rows):
        seen: dict[TableName, Seen] = {}
        drafts: dict[TableName, Draft] = {}
        for name in reversed(tree):
            drafts[name] = draft(facts, source.schema.table(name), drafts)
        for name in tree:
            table = source.schema.table(name)
            fitted[name], seen[name] = _fit_table(facts, table, drafts[name], seen)
            yield fitted[name]
    yield DatabaseModel(source.schema, source.ddl, fitted, source.identity, support.k)


def _fit_table(
    facts: Facts, table: Table, draft: Draft, seen: Mapping[TableName, Seen]
) -> tuple[TableModel, Seen]:
    """Fits one table whose owners are in `seen`, and gives what its children need of it."""
    training, columns, target = facts.source.training[table.name], draft.columns, draft.target
    followed, known, rows, led = _followed(facts, table, columns, target, seen)
    kind, units = table_generators()[facts.kind], training.units[known]
    if led is not None:
        followed = with_chooser(followed, led[0].target, units, kind, facts.support)
    context, drawn = rest_of(followed, None if led is None else led[0].target)
    generator = kind.fit(context, drawn, units, facts.support)
    if facts.refine and led is not None:
        judge = refined(followed, *led, (generator, columns), seen, facts.support)
        followed = replace(followed, history=replace(followed.history, referee=judge))
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
        draft.beside,
    )
    return model, _seen(facts, table, rows, model)


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
    facts: Facts,
    table: Table,
    columns: tuple[FittedColumn, ...],
    target: Matrix,
    seen: Mapping[TableName, Seen],
) -> tuple[Followed, Ints, Rows, tuple[Course, Pulse | None] | None]:
    """What to learn the rows from, which rows these are, the codes of all rows, and their order."""
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
    course, pulse, known = ordered(young, link, owner.parent, seen)
    timing = table_generators()[facts.kind]
    followed = follow(course, pulse, timing, facts.support)
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
