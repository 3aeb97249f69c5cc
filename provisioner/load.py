"""Fills a target with the rows of a plan; killed anywhere, the same call completes it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.batch import Batch
from connectors.ddl import Section
from connectors.engines import Mark, Target
from connectors.prefetch import ahead
from generators.model import DatabaseModel
from provisioner.errors import SameDatabase
from provisioner.events import (
    Advanced,
    Listener,
    StageFinished,
    StageStarted,
    Stated,
    silent,
)
from provisioner.ledger import remaining_shards, remaining_steps, same_plan
from provisioner.plan import Plan
from provisioner.synthesize import Synthesizer

_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much a run wrote, and how long that took."""

    rows: int
    seconds: float


def load(model: DatabaseModel, plan: Plan, target: Target, listen: Listener = silent) -> Loaded:
    """Creates the schema, loads all shards, then indexes, keys, sequences and statistics.

    A transaction holds one shard with its mark, or one step with its mark, so a run that was
    stopped anywhere is resumed by the next one with the same plan.

    Raises:
        SameDatabase: the target is the database that the model was learned from.
        NotEmptyTarget: the target holds tables that no load of ours created.
        ForeignLoad: the target holds a load of another plan.
    """
    began = time.monotonic()
    if target.identity == model.identity:
        raise SameDatabase(
            "the target is the database that the model was learned from; name a test database"
        )
    ledger = target.ledger()
    if ledger is None:
        items = [i for i in model.ddl if i.section is Section.PRE_DATA]
        target.begin(plan.fingerprint, plan.as_json(), items)
    else:
        same_plan(plan, ledger)
        done = "the target holds this load already, finished; nothing is written again"
        listen(Stated(done if ledger.finished else "resuming a load of the same plan"))
    marks = list(remaining_shards(plan, ledger))
    rows = _rows(model, plan, target, marks, listen)
    _steps(model, target, listen)
    return Loaded(rows, time.monotonic() - began)


def _rows(
    model: DatabaseModel, plan: Plan, target: Target, marks: list[Mark], listen: Listener
) -> int:
    began = time.monotonic()
    total = sum(sum(lay.rows[m.shard] for lay in plan.trees[m.tree].layouts) for m in marks)
    listen(StageStarted("load", total, "rows"))
    written = 0
    synthesizer = Synthesizer(model, plan)
    drawn = ((mark, list(synthesizer.shard(mark.tree, mark.shard))) for mark in marks)
    for mark, batches in ahead(drawn, _AHEAD):
        written += target.write(_told(batches, listen), model.schema, mark)
    listen(StageFinished("load", written, time.monotonic() - began))
    return written


def _told(batches: list[Batch], listen: Listener) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        listen(Advanced("load", batch.rows.num_rows, str(batch.table)))


def _steps(model: DatabaseModel, target: Target, listen: Listener) -> None:
    began = time.monotonic()
    ledger = target.ledger()
    steps = list(remaining_steps(model, ledger))
    listen(StageStarted("finish", len(steps) + 1, "steps"))
    for item in steps:
        target.finish_step(item)
        listen(Advanced("finish", 1, f"{item.kind.lower()} {item.name}"))
    if ledger is None or not ledger.finished:
        stale = target.settle(model.schema)
        if stale:
            listen(
                Stated(f"left empty, since the rows break an index of theirs: {', '.join(stale)}")
            )
    listen(Advanced("finish", 1, "sequences and statistics"))
    listen(StageFinished("finish", len(steps) + 1, time.monotonic() - began))
