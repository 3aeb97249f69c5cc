"""Workers that are processes of this machine."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any

from connectors.engines import Mark
from generators.forest import EFFORT
from provisioner.errors import DeadWorker
from provisioner.workers.memory import keep_freed_memory
from provisioner.workers.shards import AHEAD, Assignment, Done, Failed, Load, portable, shard_loader

_PATIENCE = 10.0
_DRIVERS = "connectors.engines."


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker that has started and awaits its assignment."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: "Connection[Any, Any]"
    ready: bool = False
    asked: list[Mark] = field(default_factory=list)


class Processes:
    """See `Crew`. A worker ends at once when its pipe does, so none survives the process of all.

    They are spawned, not forked, since the libraries below have threads. Everything reaches them
    through pipes: nothing is on a command line, and nothing in a file.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._context = get_context("spawn")
        self._numbers = count()
        self._workers: dict[int, _Worker] = {}
        self._waiting: list[_Worker] = []

    def prepare(self, size: int) -> None:
        """See `Crew`."""
        while len(self._waiting) < size:
            self._waiting.append(self._started())

    def hire(self) -> int:
        """See `Crew`."""
        number = next(self._numbers)
        self._workers[number] = self._waiting.pop() if self._waiting else self._started()
        return number

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        known = tuple(name for name in sys.modules if name.startswith(_DRIVERS))
        codes = self._assignment.codes
        process = self._context.Process(target=work, args=(theirs, known, codes), daemon=True)
        with _uninterrupted():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def give(self, worker: int, mark: Mark) -> None:
        """See `Crew`."""
        found = self._workers[worker]
        if not found.ready:
            found.asked.append(mark)
            return
        with suppress(OSError):  # a dead one is heard of next
            found.pipe.send(mark)

    def heard(self) -> tuple[int, Done | Failed]:
        """See `Crew`."""
        while True:
            numbers = {id(worker.pipe): number for number, worker in self._workers.items()}
            for pipe in wait([worker.pipe for worker in self._workers.values()]):
                number = numbers[id(pipe)]
                said = self._said(self._workers[number])
                if isinstance(said, Done | Failed):
                    return number, said

    def _said(self, worker: _Worker) -> object:
        try:
            said = worker.pipe.recv()
            if isinstance(said, Ready):
                worker.ready = True
                for message in (self._assignment, *worker.asked):
                    worker.pipe.send(message)
        except (EOFError, OSError):
            worker.process.join(_PATIENCE)
            return Failed(DeadWorker(_how(worker.process.exitcode)))
        return said

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        _end(self._workers.pop(worker))

    def close(self) -> None:
        """See `Crew`."""
        workers = [*self._workers.values(), *self._waiting]
        self._workers, self._waiting = {}, []
        for worker in workers:
            worker.pipe.close()
        for worker in workers:
            _end(worker)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    return f"with exit code {code}"


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join(_PATIENCE)
    if worker.process.exitcode is not None:
        worker.process.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes started within never see Ctrl-C, which a terminal sends to all; we tell them."""
    resource_tracker.ensure_running()  # or starting the first one would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(pipe: "Connection[Any, Any]", modules: Iterable[str], codes: int) -> None:
    """What a worker does: it says `Ready`, takes its assignment, then loads shard after shard.

    The modules by which the target was reached elsewhere are loaded before, and machine code where
    so many codes repay it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    keep_freed_memory()
    for name in modules:
        import_module(name)
    EFFORT.foresee(codes)
    talking = Lock()

    def tell(said: object) -> None:
        with talking, suppress(OSError):  # the other end is gone, and so are we next
            pipe.send(said)

    def answer(load: Load, mark: Mark) -> None:
        tell(load(mark))

    tell(Ready())
    messages = _messages(pipe)
    assignment: Assignment = next(messages)
    try:
        with shard_loader(assignment) as load, ThreadPoolExecutor(AHEAD) as pool:
            for mark in messages:
                pool.submit(answer, load, mark)
    except Exception as error:  # noqa: BLE001 - told by the process that people look at
        tell(Failed(portable(error)))


def _messages(pipe: "Connection[Any, Any]") -> Iterator[Any]:
    """What is said to a worker; the end of it is the end of the process."""
    while True:
        try:
            yield pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
