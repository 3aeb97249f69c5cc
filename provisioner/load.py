"""Fills a target with the rows of a plan; killed anywhere, the same call completes it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from connectors.batch import Batch
from connectors.ddl import Section
from connectors.engines import Mark, Target
from connectors.prefetch import ahead
from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.admission import admit
from provisioner.errors import SameDatabase
from provisioner.events import (
    Advanced,
    Listener,
    StageFinished,
    StageStarted,
    Stated,
    silent,
)
from provisioner.given import Given
from provisioner.kept import planned_keys
from provisioner.ledger import before_rows, remaining_shards, remaining_steps, same_plan
from provisioner.migrated import adopt, is_migrated, settled
from provisioner.pilot import pilot
from provisioner.plan import Plan
from provisioner.report import Finding, unmatched
from provisioner.synthesize import Synthesizer

_AHEAD = 2


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
) -> Loaded:
    """Creates the schema, loads all shards, then indexes, keys, sequences and statistics.

    Before the first row is written, a pilot has the target judge some rows of each table; where a
    constraint turns out not to be met, the target is left as it was. A schema that is already there
    is used, and ends as it was. A transaction holds one shard with its mark, or one step with its
    mark, so a run that was stopped anywhere is resumed by the next one with the same plan.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        NotEmptyTarget: the target holds tables that the model does not know, or rows in tables
            that are not kept.
        DifferentSchema: the target has a schema that the rows do not fit.
        ForeignLoad: the target holds a load of another plan.
        WrongConfig: `given`, the hand-made rows, do not fit, or are not those of the plan.
        Infeasible: the pilot found an error that the plan does not acknowledge.
    """
    began = time.monotonic()
    if target.identity == model.identity:
        raise SameDatabase(
            "the target is the database that the model was learned from; name a test database"
        )
    ledger = target.ledger()
    kept = planned_keys(model, target, plan) if ledger is None or not ledger.finished else {}
    synthesizer = Synthesizer(model, plan, kept, given)
    if ledger is None or not ledger.finished:
        admit(model, plan, synthesizer.placing, given or {})
    findings = [f for f in plan.findings if f.acknowledged]
    if ledger is None:

        def judge() -> None:
            findings.extend(pilot(model, plan, synthesizer, target, listen))
            findings.extend(unmatched((*plan.findings, *findings), plan.acknowledged, "drop it"))

        _begin(model, plan, target, judge, listen)
    else:
        same_plan(plan, ledger)
        done = "the target holds this load already, finished; nothing is written again"
        listen(Stated(done if ledger.finished else "resuming a load of the same plan"))
    marks = list(remaining_shards(plan, ledger))
    rows = _rows(synthesizer, target, marks, listen)
    _steps(model, plan, target, listen)
    return Loaded(rows, time.monotonic() - began, tuple(findings))


def _begin(
    model: DatabaseModel, plan: Plan, target: Target, judge: Callable[[], None], listen: Listener
) -> None:
    found = target.schema()
    if is_migrated(model.schema, found):
        adopt(model, plan, target, found, judge, listen)
        return
    first = [i for i in model.ddl if i.section is Section.PRE_DATA]
    target.begin(plan.fingerprint, plan.as_json(), [*first, *before_rows(model, plan)], judge)


def _rows(synthesizer: Synthesizer, target: Target, marks: list[Mark], listen: Listener) -> int:
    began = time.monotonic()
    total = sum(synthesizer.plan.written(m.tree, m.shard) for m in marks)
    listen(StageStarted("load", total, "rows"))
    written = 0
    schema = synthesizer.model.schema
    drawn = ((mark, list(synthesizer.shard(mark.tree, mark.shard))) for mark in marks)
    for mark, batches in ahead(drawn, _AHEAD):
        written += target.write(_told(batches, listen), schema, mark)
    listen(StageFinished("load", written, time.monotonic() - began))
    return written


def _told(batches: list[Batch], listen: Listener) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        listen(Advanced("load", batch.rows.num_rows, str(batch.table)))


def _steps(model: DatabaseModel, plan: Plan, target: Target, listen: Listener) -> None:
    began = time.monotonic()
    ledger = target.ledger()
    steps = list(remaining_steps(model, plan, ledger))
    listen(StageStarted("finish", len(steps) + 1, "steps"))
    for item in steps:
        target.finish_step(item)
        listen(Advanced("finish", 1, f"{item.kind.lower()} {item.name}"))
    if ledger is None or not ledger.finished:
        own = ledger is not None and ledger.dropped is not None
        stale = target.settle(settled(plan, model, target.schema()) if own else model.schema)
        if stale:
            listen(
                Stated(f"left empty, since the rows break an index of theirs: {', '.join(stale)}")
            )
    listen(Advanced("finish", 1, "sequences and statistics"))
    listen(StageFinished("finish", len(steps) + 1, time.monotonic() - began))
