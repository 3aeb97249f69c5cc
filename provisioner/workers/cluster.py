"""Workers on a Ray cluster."""

import logging
import os
from contextlib import ExitStack
from itertools import count
from threading import Lock
from typing import Any

from connectors.engines import Mark
from provisioner.errors import DeadWorker, MissingRay
from provisioner.workers.shards import AHEAD, Assignment, Done, Failed, Load, portable, shard_loader

LOCAL = "local"


class Cluster:
    """See `Crew`. Workers are actors with one processor each; the assignment is sent once.

    The target's URL travels to them inside the cluster, so that whoever may read the memory of its
    machines may read it.

    Attributes:
        processors: how many the cluster has; more workers than these would wait for ever.

    Raises:
        MissingRay: the library is not installed, or the cluster does not answer.
    """

    def __init__(self, assignment: Assignment, address: str) -> None:
        self._ray = _joined(address)
        self.processors = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._assignment = self._ray.put(assignment)
        self._actor = self._ray.remote(Actor).options(num_cpus=1, max_concurrency=AHEAD)
        self._numbers = count()
        self._workers: dict[int, Any] = {}
        self._asked: dict[Any, int] = {}
        self._waiting: list[tuple[int, Mark]] | None = []

    def hire(self) -> int:
        """See `Crew`."""
        number = next(self._numbers)
        self._workers[number] = self._actor.remote(self._assignment)
        return number

    def give(self, worker: int, mark: Mark) -> None:
        """See `Crew`; none is drawn before it may be written."""
        if self._waiting is not None:
            self._waiting.append((worker, mark))
        else:
            self._asked[self._workers[worker].load.remote(mark)] = worker

    def begin(self) -> None:
        """See `Crew`."""
        waiting, self._waiting = self._waiting or [], None
        for worker, mark in waiting:
            self.give(worker, mark)

    def heard(self) -> tuple[int, Done | Failed]:
        """See `Crew`."""
        [answer], _ = self._ray.wait(list(self._asked), num_returns=1)
        worker = self._asked.pop(answer)
        try:
            said: Done | Failed = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            return worker, Failed(DeadWorker(f"on its node ({type(error).__name__})"))
        return worker, said

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        self._ray.kill(self._workers.pop(worker))
        self._asked = {answer: other for answer, other in self._asked.items() if other != worker}

    def close(self) -> None:
        """See `Crew`."""
        self._ray.shutdown()


class Actor:
    """A worker; Ray calls it from `AHEAD` threads."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._opening = Lock()
        self._open = ExitStack()
        self._load: Load | None = None

    def load(self, mark: Mark) -> Done | Failed:
        """Loads a shard; the session to the target opens with the first one."""
        try:
            with self._opening:
                if self._load is None:
                    self._load = self._open.enter_context(shard_loader(self._assignment))
        except Exception as error:  # noqa: BLE001 - told by the process that people look at
            return Failed(portable(error))
        return self._load(mark)


def _joined(address: str) -> Any:
    """The library, connected to a cluster, or to one that starts here and ends with this process.

    Neither talks nor reports.

    Raises:
        MissingRay: the library is not there, or no cluster answers.
    """
    try:
        import ray  # noqa: PLC0415 - it takes longer to load than all that a load without it needs
    except ImportError:
        raise MissingRay(
            "Ray is not installed; expected it for --ray: pip install 'dbprovisioner[ray]'"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    more = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **more)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise MissingRay(
            f"no Ray cluster could be joined ({type(error).__name__}); expected --ray {LOCAL}, or "
            "the address of one whose Python and Ray have the versions of this machine's, and "
            "whose token Ray finds here if it asks for one (RAY_AUTH_MODE=token)"
        ) from None
    return ray
