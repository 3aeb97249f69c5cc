"""Learns a database: columns, rows and foreign keys, from the rows of training units."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from connectors.schema import TableName
from generators.abreast import Hire, Question, Watch, abreast, alone, asking
from generators.carried import Carried
from generators.drafts import Draft, draft
from generators.facts import Facts, Reading, gathered, popularity
from generators.layout import scatter
from generators.model import DatabaseModel, TableModel
from generators.privacy.support import Released, Support
from generators.refinement import (
    Compared,
    Refiner,
    refined,
    refining_seconds,
    unrefined,
)
from generators.relations.owners import trees
from generators.relations.referee import Referee
from generators.schedule import Estimate, Lesson, Schedule, improving, noting, schedule
from generators.siblings import Seen
from generators.study import Study, fit_table
from generators.tables import Fitter, Terms, table_generators


@dataclass(frozen=True, slots=True)
class Overrun:
    """Time was up before all that was planned was done.

    Attributes:
        tables: those whose networks were not trained, or perhaps not to the end.
    """

    tables: tuple[TableName, ...]


Fitted = TableModel | Schedule | Overrun | DatabaseModel


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a database is fitted.

    Attributes:
        kind: which table generator models the rows.
        refine: whether histories are held against learned ones, and chosen among several drawn.
        budget: seconds for networks, and for refining, of kind "auto"; None to choose by size.
        watch: told of each epoch of training, and of which table.
        hire: finds those who learn networks side by side.
    """

    kind: str = "trees"
    refine: bool = False
    budget: float | None = None
    watch: Watch = lambda _, __: None
    hire: Hire = alone


def fit_database(
    source: Reading, support: Support, fitting: Fitting | None = None
) -> Iterator[Fitted]:
    """Yields each table's model as it is done, and then the database's.

    Of kind "auto", that is one of trees alone. What is planned follows, the tables that get
    networks, those that time was up for, if any, and the database's model with all of them.
    """
    facts, how = gathered(source, support), fitting or Fitting()
    if how.kind == "auto":
        yield from _within(facts, how)
    elif how.kind == "network":
        yield from _abreast(facts, how)
    else:
        fit, models = table_generators()[how.kind].fit, {}
        for _, model in _each(facts, lambda _: fit, refined if how.refine else unrefined):
            models[model.name] = model
            yield model
        yield _database(facts, models)


def _abreast(facts: Facts, how: Fitting) -> Iterator[TableModel | DatabaseModel]:
    """All tables, none of which waits for another."""
    questions, models = defaultdict[TableName, list[Question]](list), dict[TableName, TableModel]()
    order = list[TableName]()

    def asked() -> Iterator[tuple[Study, Sequence[Question]]]:
        for study, _ in _each(facts, lambda name: asking(how.kind, questions[name]), unrefined):
            order.append(study.table.name)
            yield study, questions.pop(study.table.name)

    for model in abreast(facts, asked(), how.watch, how.hire, refine=how.refine):
        models[model.name] = model
        yield model
    yield _database(facts, {name: models[name] for name in order})


def _within(facts: Facts, how: Fitting) -> Iterator[Fitted]:
    """Trees for all tables, then networks for those that the budget allows."""
    lessons: dict[TableName, list[Lesson]] = defaultdict(list)
    models, studies = {}, {}
    for study, model in _each(facts, lambda name: noting(lessons[name]), unrefined):
        models[model.name], studies[model.name] = model, study
        yield model
    yield _database(facts, models)
    estimates = {n: _estimate(facts, s, lessons[n], refine=how.refine) for n, s in studies.items()}
    planned = schedule({n: e for n, e in estimates.items() if e.seconds}, how.budget)
    yield planned
    late = _deadline(planned.limit)
    overrun = []

    def judge(of: Compared) -> Referee | None:
        return refined(of) if how.refine and not late() else None

    for name in planned.tables:
        if not late():
            fit = improving(iter(lessons[name]), Terms(partial(how.watch, name), late))
            models[name], _ = fit_table(facts, studies[name], fit, judge)
            yield models[name]
        if late():
            overrun.append(name)
    if overrun:
        yield Overrun(tuple(overrun))
    yield _database(facts, models)


def _deadline(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have passed since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _each(
    facts: Facts, fitter: Callable[[TableName], Fitter], refine: Refiner
) -> Iterator[tuple[Study, TableModel]]:
    """Fits every table after those that own it."""
    source = facts.source
    rows = {name: profile.rows for name, profile in source.profile.tables.items()}
    for tree in trees(source.schema, facts.owners, rows):
        seen: dict[TableName, Seen] = {}
        drafts: dict[TableName, Draft] = {}
        for name in reversed(tree):
            drafts[name] = draft(facts, source.schema.table(name), drafts)
        for name in tree:
            study = Study(source.schema.table(name), drafts[name], {**seen})
            model, seen[name] = fit_table(facts, study, fitter(name), refine)
            yield study, model


def _estimate(facts: Facts, study: Study, lessons: list[Lesson], *, refine: bool) -> Estimate:
    """What networks and refining take; the gain counts for rows that were not read, too."""
    name = study.table.name
    rows = len(facts.source.training[name].rows)
    seconds = sum(one.seconds for one in lessons)
    if refine and (name in facts.owners or study.draft.counts):
        seconds += refining_seconds(rows, len(study.draft.target.features))
    share = rows / max(1, facts.source.profile.tables[name].rows)
    return Estimate(seconds, sum(one.gain for one in lessons) / (share or 1.0))


def _database(facts: Facts, models: Mapping[TableName, TableModel]) -> DatabaseModel:
    source = facts.source
    return DatabaseModel(
        source.schema,
        source.ddl,
        {**models},
        source.identity,
        facts.support.k,
        carried={name: Carried(_placed(facts, name)) for name in sorted(source.copied)},
    )


def _placed(facts: Facts, name: TableName) -> Released[pa.Table]:
    """The rows of a copied table, each at an index that its clusters make as popular as it is."""
    rows = facts.source.training[name].rows
    order = np.argsort(popularity(facts, name), kind="stable")
    places = scatter(np.arange(len(order)), len(order))
    return facts.support.carried(rows.take(pa.array(order[np.argsort(places)])).combine_chunks())
