"""Chooses who loads the shards of a plan: nobody else, processes, or a Ray cluster."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from connectors.engines import Mark
from provisioner.plan import Plan
from provisioner.workers.cluster import Cluster
from provisioner.workers.processes import Processes
from provisioner.workers.processors import processors
from provisioner.workers.rota import Crew
from provisioner.workers.shards import Assignment, codes_of

_WORTH_A_START = 500_000
"""Rows that are worth another start: it takes about as long as drawing half as many."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who shall load the shards of a plan.

    Attributes:
        url: the target's, which each of them connects to.
        count: how many; None for as many as there is room and work for.
        ray: address of a Ray cluster, or `local` for one that is gone at the end; None for
            processes of this machine.
        rate: rows per second that all of them together may write; None for as many as they can.
        connections: to the target that a load may hold at a time; None for one per worker and one
            more.
    """

    url: str = field(repr=False)
    count: int | None = None
    ray: str | None = None
    rate: float | None = None
    connections: int | None = None


def is_alone(workers: Workers, plan: Plan, marks: Sequence[Mark]) -> bool:
    """Whether the process that asks may as well load all itself."""
    return not marks or (workers.ray is None and headcount(workers, plan, marks) == 1)


def headcount(workers: Workers, plan: Plan, marks: Sequence[Mark], most: int | None = None) -> int:
    """How many workers load these shards, `most` at most.

    The connections that they are left must do. Without a wish it is one for each processor here
    but one, since a worker draws and writes at a time, and the server may be here too. Triggers
    that fire see rows in order, so one loads all.
    """
    if plan.fire:
        return 1
    count = workers.count
    if count is None:
        rows = sum(plan.written(mark.tree, mark.shard) for mark in marks)
        count = min(most or processors() - 1, rows // _WORTH_A_START)
    if workers.connections is not None:
        count = min(count, workers.connections - 1)
    return max(1, min(count, most or count, len(marks)))


@contextmanager
def crew_of(
    workers: Workers, assignment: Assignment, marks: Sequence[Mark]
) -> Iterator[tuple[Crew, int]]:
    """A crew that has hired nobody yet, and how many it shall hire; they are gone at the end.

    Raises:
        MissingRay: a cluster is asked for that is not there.
    """
    size = headcount(workers, assignment.plan, marks)
    part = _part(workers, assignment, marks, size)
    if workers.ray is None:
        with closing(Processes(part)) as processes:
            yield processes, size
        return
    with closing(Cluster(part, workers.ray)) as cluster:
        yield cluster, headcount(workers, assignment.plan, marks, cluster.processors)


def _part(workers: Workers, assignment: Assignment, marks: Sequence[Mark], size: int) -> Assignment:
    """The assignment of each of some workers, with its part of the rate and of what is drawn."""
    rate = None if workers.rate is None else workers.rate / size
    codes = codes_of(assignment.model, assignment.plan, marks) // size
    return replace(assignment, rate=rate, codes=codes)
