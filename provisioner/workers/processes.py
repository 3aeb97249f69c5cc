"""Workers that are processes of this machine."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from threading import Event, Lock, Thread
from typing import Any

from connectors.engines import Mark
from provisioner.errors import DeadWorker
from provisioner.workers import nursery
from provisioner.workers.memory import keep_freed_memory
from provisioner.workers.shards import AHEAD, Assignment, Done, Failed, Load, portable, shard_loader

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Begun:
    """The target is ready: shards may be written."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process, the pipe to it, and the thread that hands it its assignment, which is long."""

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    briefing: Thread


class Processes:
    """See `Crew`. A worker ends at once when its pipe does, so none survives the process of all.

    Everything reaches them through pipes: nothing is on a command line, and nothing in a file.
    """

    def __init__(self, assignment: Assignment) -> None:
        nursery.begun(assignment.url)
        self._assignment = ForkingPickler.dumps(assignment)
        self._context = nursery.context()
        self._numbers = count()
        self._workers: dict[int, _Worker] = {}
        self._begun = False

    def hire(self) -> int:
        """See `Crew`."""
        number = next(self._numbers)
        self._workers[number] = self._started()
        if self._begun:
            self._tell(number, Begun())
        return number

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs,), daemon=True)
        with nursery.uninterrupted():
            process.start()
        theirs.close()
        briefing = Thread(target=_brief, args=(ours, self._assignment), daemon=True)
        briefing.start()
        return _Worker(process, ours, briefing)

    def give(self, worker: int, mark: Mark) -> None:
        """See `Crew`."""
        self._tell(worker, mark)

    def begin(self) -> None:
        """See `Crew`."""
        self._begun = True
        for worker in self._workers:
            self._tell(worker, Begun())

    def _tell(self, worker: int, said: Mark | Begun) -> None:
        found = self._workers[worker]
        found.briefing.join()
        with suppress(OSError):  # a dead one is heard of next
            found.pipe.send(said)

    def heard(self) -> tuple[int, Done | Failed]:
        """See `Crew`."""
        numbers = {id(worker.pipe): number for number, worker in self._workers.items()}
        [pipe, *_] = wait([worker.pipe for worker in self._workers.values()])
        number = numbers[id(pipe)]
        return number, self._said(self._workers[number])

    def _said(self, worker: _Worker) -> Done | Failed:
        try:
            said: Done | Failed = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_PATIENCE)
            return Failed(DeadWorker(_how(worker.process.exitcode)))
        return said

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        _end(self._workers.pop(worker))

    def close(self) -> None:
        """See `Crew`."""
        workers, self._workers = [*self._workers.values()], {}
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            _end(worker)


def _brief(pipe: "Connection[Any, Any]", assignment: memoryview) -> None:
    with suppress(OSError):  # it is dead, which is heard of next
        pipe.send_bytes(assignment)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    return f"with exit code {code}"


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.briefing.join(_PATIENCE)
    worker.pipe.close()
    worker.process.join(_PATIENCE)
    if worker.process.exitcode is not None:
        worker.process.close()


def work(pipe: "Connection[Any, Any]") -> None:
    """What a worker does: it takes its assignment, then loads shard after shard.

    It draws the first ones before it hears that the target is ready, and writes none.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    keep_freed_memory()
    talking, begun = Lock(), Event()

    def tell(said: object) -> None:
        with talking, suppress(OSError):  # the other end is gone, and so are we next
            pipe.send(said)

    def answer(load: Load, mark: Mark) -> None:
        tell(load(mark))

    messages = _messages(pipe)
    assignment: Assignment = next(messages)
    try:
        with shard_loader(assignment, begun) as load, ThreadPoolExecutor(AHEAD) as pool:
            for said in messages:
                if isinstance(said, Begun):
                    begun.set()
                else:
                    pool.submit(answer, load, said)
    except Exception as error:  # noqa: BLE001 - told by the process that people look at
        tell(Failed(portable(error)))


def _messages(pipe: "Connection[Any, Any]") -> Iterator[Any]:
    """What is said to a worker; the end of it is the end of the process."""
    while True:
        try:
            yield pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
