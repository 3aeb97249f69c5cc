"""Draws and loads one shard after the other in a session of one's own."""

import os
import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock

from connectors.engines import Mark, Writer, open_writer
from connectors.errors import ConnectorError
from connectors.schema import TableName
from generators.errors import GeneratorError
from generators.forest import EFFORT
from generators.model import DatabaseModel
from provisioner.complaints import DEBUG, bug
from provisioner.errors import BrokenWorker, ProvisionerError
from provisioner.given import Given
from provisioner.job import features
from provisioner.kept import Keys
from provisioner.pacing import Pace
from provisioner.plan import Plan
from provisioner.synthesize import Synthesizer
from provisioner.workers.processors import alone_on_a_processor

AHEAD = 2
"""Shards that a worker has at a time: one that is written, and one that is drawn meanwhile."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that a worker must know, but for the numbers of its shards.

    Attributes:
        url: the target's; it travels through pipes alone.
        kept: the key values of the tables whose rows stay.
        given: the rows made by hand.
        rate: rows per second that the worker may write; None for as many as it can.
        codes: about as many as it will draw.
    """

    url: str = field(repr=False)
    model: DatabaseModel
    plan: Plan
    kept: Keys
    given: Mapping[TableName, Given]
    rate: float | None = None
    codes: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that the target holds now, with its rows by table."""

    mark: Mark
    rows: tuple[tuple[TableName, int], ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker that met an error, or is gone."""

    error: Exception


Load = Callable[[Mark], Done | Failed]


@contextmanager
def shard_loader(assignment: Assignment, begun: Event | None = None) -> Iterator[Load]:
    """A function that loads a shard; called from `AHEAD` threads, one draws while another writes.

    The session to the target opens with the first shard, once `begun` is set.
    """
    plan = assignment.plan
    EFFORT.foresee(assignment.codes)
    synthesizer = Synthesizer(assignment.model, plan, assignment.kept, assignment.given)
    drawing, writing, pace = Lock(), Lock(), Pace(assignment.rate)
    writers: list[Writer] = []
    with ExitStack() as sessions, alone_on_a_processor():

        def writer() -> Writer:
            if begun is not None:
                begun.wait()
            if not writers:
                opened = open_writer(assignment.url, plan.fingerprint)
                writers.append(sessions.enter_context(opened))
            return writers[0]

        def load(mark: Mark) -> Done:
            with drawing:
                batches = list(synthesizer.shard(mark.tree, mark.shard))
            with writing:
                writer().write(pace.paced(batches), synthesizer.schema, mark)
            return Done(mark, tuple((b.table, b.rows.num_rows) for b in batches))

        def tried(mark: Mark) -> Done | Failed:
            try:
                with at_shard(plan, mark):
                    return load(mark)
            except Exception as error:  # noqa: BLE001 - told by the process that people look at
                return Failed(portable(error))

        yield tried


def codes_of(model: DatabaseModel, plan: Plan, marks: Iterable[Mark]) -> int:
    """How many codes are drawn for some shards."""
    widths = {name: len(features(table)) for name, table in model.tables.items()}
    return sum(
        layout.rows[mark.shard] * widths[name]
        for mark in marks
        for name, layout in zip(
            plan.trees[mark.tree].tables, plan.trees[mark.tree].layouts, strict=True
        )
    )


@contextmanager
def at_shard(plan: Plan, mark: Mark) -> Iterator[None]:
    """Has our own errors name the shard at which they arose."""
    try:
        yield
    except (ConnectorError, GeneratorError, ProvisionerError) as error:
        error.args = (f"{place_of(plan, mark)}: {error}",)
        raise


def place_of(plan: Plan, mark: Mark) -> str:
    """A shard by its numbers in the ledger, and by the table of its roots."""
    return f"shard {mark.shard} of tree {mark.tree} ({plan.trees[mark.tree].tables[0]})"


def portable(error: Exception) -> Exception:
    """An error that another process can be told: one of ours, or the place of a bug."""
    if isinstance(error, ConnectorError | GeneratorError | ProvisionerError) and _travels(error):
        return error
    found = BrokenWorker(bug(error))
    if os.environ.get(DEBUG):
        found.add_note("".join(traceback.format_exception(error)))
    return found


def _travels(error: Exception) -> bool:
    """Whether an error comes out of a pipe as it went in; one that does not would be lost."""
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever its class does
        return False
