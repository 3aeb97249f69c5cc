"""Fills a target with the rows of a plan; killed anywhere, the same call completes it."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.batch import Batch
from connectors.ddl import Section
from connectors.engines import Ledger, Mark, Target
from connectors.prefetch import ahead
from connectors.schema import TableName
from generators.forest import EFFORT
from generators.model import DatabaseModel
from provisioner.admission import admit
from provisioner.events import (
    Advanced,
    Listener,
    StageFinished,
    StageStarted,
    Stated,
    silent,
)
from provisioner.finishing import finish
from provisioner.given import Given
from provisioner.kept import Keys, planned_keys
from provisioner.ledger import before_rows, remaining_shards, same_plan
from provisioner.migrated import adopt, fitting, is_migrated, refuse_source
from provisioner.pacing import Pace
from provisioner.pilot import pilot
from provisioner.plan import Plan
from provisioner.report import Finding, unmatched
from provisioner.synthesize import Synthesizer
from provisioner.workers.crews import Workers, crew_of, is_alone
from provisioner.workers.processors import alone_on_a_processor
from provisioner.workers.rota import Rota
from provisioner.workers.shards import AHEAD, Assignment, at_shard, codes_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run did.

    Attributes:
        rows: how many it wrote.
        seconds: how long that took.
        findings: what plan and pilot found and somebody acknowledged, and what is worth a warning.
    """

    rows: int
    seconds: float
    findings: tuple[Finding, ...] = ()


def load(
    model: DatabaseModel,
    plan: Plan,
    target: Target,
    listen: Listener = silent,
    given: Mapping[TableName, Given] | None = None,
    workers: Workers | None = None,
) -> Loaded:
    """Creates the schema, loads all shards, then indexes, keys, sequences and statistics.

    Before the first row is written, a pilot has the target judge some rows of each table; where a
    constraint turns out not to be met, the target is left as it was. A schema that is already there
    is used, and ends as it was. A transaction holds one shard with its mark, or one step with its
    mark, so a run that was stopped anywhere is resumed by the next one with the same plan. Without
    `workers`, shards are loaded one after the other in this process; the rows are the same.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        NotEmptyTarget: the target holds tables that the model does not know, or rows in tables
            that are not kept.
        DifferentSchema: the target has a schema that the rows do not fit.
        Drifted: it has tables, columns or keys that the model does not know, or lacks keys, and
            the plan does not acknowledge that.
        ForeignLoad: the target holds a load of another plan.
        WrongConfig: `given`, the hand-made rows, do not fit, or are not those of the plan.
        Infeasible: the pilot found an error that the plan does not acknowledge.
        DeadWorker: two workers died on the same shard.
    """
    began = time.monotonic()
    refuse_source(model, target)
    ledger = target.ledger()
    kept = planned_keys(model, target, plan) if ledger is None or not ledger.finished else {}
    made = given or {}
    synthesizer = Synthesizer(model, plan, kept, made)
    if ledger is None or not ledger.finished:
        admit(model, plan, synthesizer.placing, made)
    if ledger is not None:
        same_plan(plan, ledger)
    marks = list(remaining_shards(plan, ledger))
    with _crew(workers, synthesizer, (kept, made), marks) as hired, alone_on_a_processor():
        findings = _ready(synthesizer, target, ledger, listen)
        if hired is None:
            loaded = _here(synthesizer, target, marks, _pace(workers), listen)
        else:
            loaded = _shared(hired, marks, listen)
        rows = _counted(loaded, plan, marks, listen)
    finish(model, plan, target, listen, workers)
    return Loaded(rows, time.monotonic() - began, tuple(findings))


def _acknowledged(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.acknowledged]


def _ready(
    synthesizer: Synthesizer, target: Target, ledger: Ledger | None, listen: Listener
) -> list[Finding]:
    """Begins a load, or resumes one; what was found and acknowledged."""
    if ledger is None:
        return _begin(synthesizer, target, listen)
    return _resume(synthesizer.plan, ledger, listen)


def _begin(synthesizer: Synthesizer, target: Target, listen: Listener) -> list[Finding]:
    """Creates schema and ledger, or uses the schema there; what was found and acknowledged."""
    model, plan = synthesizer.model, synthesizer.plan
    findings = _acknowledged(plan)

    def judge() -> None:
        findings.extend(pilot(model, plan, synthesizer, target, listen))
        findings.extend(unmatched((*plan.findings, *findings), plan.acknowledged, "drop it"))

    found = target.schema()
    if is_migrated(model.schema, found):
        findings.extend(fitting(model, plan, found))
        adopt(model, plan, target, found, judge, listen)
        return findings
    first = [i for i in model.ddl if i.section is Section.PRE_DATA]
    target.begin(plan.fingerprint, plan.as_json(), [*first, *before_rows(model, plan)], judge)
    return findings


def _resume(plan: Plan, ledger: Ledger, listen: Listener) -> list[Finding]:
    done = "the target holds this load already, finished; nothing is written again"
    listen(Stated(done if ledger.finished else "resuming a load of the same plan"))
    return _acknowledged(plan)


def _counted(loaded: Iterator[int], plan: Plan, marks: Sequence[Mark], listen: Listener) -> int:
    """Loads shards, each of which yields its number of rows, and tells of the beginning and end."""
    began = time.monotonic()
    total = sum(plan.written(m.tree, m.shard) for m in marks)
    listen(StageStarted("load", total, "rows"))
    written = sum(loaded)
    listen(StageFinished("load", written, time.monotonic() - began))
    return written


def _here(
    synthesizer: Synthesizer,
    target: Target,
    marks: Sequence[Mark],
    pace: Pace,
    listen: Listener,
) -> Iterator[int]:
    """Loads shards in this process; the next ones are drawn while one is written."""
    model, plan = synthesizer.model, synthesizer.plan
    EFFORT.foresee(codes_of(model, plan, marks))
    for mark, batches in ahead(_drawn(synthesizer, marks), AHEAD):
        with at_shard(plan, mark):
            yield target.write(_told(pace.paced(batches), listen), model.schema, mark)


def _drawn(synthesizer: Synthesizer, marks: Sequence[Mark]) -> Iterator[tuple[Mark, list[Batch]]]:
    for mark in marks:
        with at_shard(synthesizer.plan, mark):
            batches = list(synthesizer.shard(mark.tree, mark.shard))
        yield mark, batches


@contextmanager
def _crew(
    workers: Workers | None,
    synthesizer: Synthesizer,
    rows: tuple[Keys, Mapping[TableName, Given]],
    marks: Sequence[Mark],
) -> Iterator[tuple[Future[Rota], int] | None]:
    """Workers that draw while the target is made ready; None where this process loads alone."""
    model, plan = synthesizer.model, synthesizer.plan
    if workers is None or is_alone(workers, plan, marks):
        yield None
        return
    assignment = Assignment(workers.url, model, plan, *rows)
    with crew_of(workers, assignment, marks) as (crew, size), ThreadPoolExecutor(1) as pool:
        # What they are forked from may still be loading, for which nothing else shall wait.
        yield pool.submit(Rota, crew, size, plan, marks), size


def _pace(workers: Workers | None) -> Pace:
    return Pace(None if workers is None else workers.rate)


def _shared(
    hired: tuple[Future[Rota], int], marks: Sequence[Mark], listen: Listener
) -> Iterator[int]:
    """Has workers load shards; told of by table once the target holds a shard."""
    rota, size = hired
    listen(Stated(f"shards to load: {len(marks)}; workers: {size}"))
    for done in rota.result().loaded():
        for table, rows in done.rows:
            listen(Advanced("load", rows, str(table)))
        yield sum(rows for _, rows in done.rows)


def _told(batches: Iterable[Batch], listen: Listener) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        listen(Advanced("load", batch.rows.num_rows, str(batch.table)))
