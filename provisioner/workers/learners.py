"""Processes of this machine that learn side by side.

They are no forks, which threads of torch do not survive, and they do not load the program that asks
for them, as those of multiprocessing do: a script that learns would learn once more in each.
"""

import heapq
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import Any

from generators.abreast import Alone, Chore, Crew
from generators.tables import Epoch
from provisioner.errors import DeadWorker
from provisioner.workers.memory import keep_freed_memory
from provisioner.workers.processors import alone_on_a_processor, processors

_LEARN = "from provisioner.workers.learners import learner; learner()"
_MOST = 3
"""Processes at most: each takes some .8 GB, half of it for torch, and learning shall do with 4."""
_WORTH_A_START = 15.0
"""Seconds that processes have to save: they take a few to load, and estimates are generous."""
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class _Done:
    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


@dataclass(frozen=True, slots=True)
class _Learner:
    """A process, and the pipe to it."""

    process: "subprocess.Popen[bytes]"
    pipe: "Connection[Any, Any]"


@contextmanager
def hired(count: int | None, chores: Sequence[Chore]) -> Iterator[Crew]:
    """A crew for some chores: so many processes, or as many as are worth it; gone at the end."""
    size = headcount(count, [chore.seconds for chore in chores])
    if size == 1:
        yield Alone()
        return
    with closing(Learners(size)) as learners:
        yield learners


def headcount(count: int | None, seconds: Sequence[float]) -> int:
    """How many processes do chores that take so many seconds, if they are not to be `count`."""
    if count is not None:
        return max(1, min(count, len(seconds)))
    most = max(1, min(processors(), _MOST, len(seconds)))
    together = max(sum(seconds) / most, max(seconds, default=0.0))
    return most if sum(seconds) - together >= _WORTH_A_START else 1


class Learners:
    """See `Crew`. The longest chore that waits comes first.

    A process ends at once when its pipe does, so that none survives the one that asks.
    """

    def __init__(self, size: int) -> None:
        self._given = 0
        self._waiting: list[tuple[float, int, Chore]] = []
        self._busy: dict[int, int] = {}
        self._learners = [_started() for _ in range(size)]

    def give(self, chore: Chore) -> int:
        """See `Crew`."""
        self._given += 1
        heapq.heappush(self._waiting, (-chore.seconds, self._given, chore))
        return self._given

    def heard(self, watch: Callable[[int, Epoch], None]) -> tuple[int, Any]:
        """See `Crew`.

        Raises:
            DeadWorker: a process ended without a word.
        """
        while True:
            self._assign()
            pipes = {id(self._learners[place].pipe): place for place in self._busy}
            [pipe, *_] = wait([self._learners[place].pipe for place in self._busy])
            place = pipes[id(pipe)]
            match _said(self._learners[place]):
                case Epoch() as epoch:
                    watch(self._busy[place], epoch)
                case _Failed(error):
                    raise error
                case _Done(result):
                    number = self._busy.pop(place)
                    self._assign()
                    return number, result

    def _assign(self) -> None:
        """Gives what waits to those who have nothing to do."""
        for place, learner in enumerate(self._learners):
            if place not in self._busy and self._waiting:
                _, self._busy[place], chore = heapq.heappop(self._waiting)
                with suppress(OSError):  # a dead one is heard of next
                    learner.pipe.send(chore)

    def close(self) -> None:
        """Ends all processes, whatever they are doing."""
        for learner in self._learners:
            learner.process.kill()
        for learner in self._learners:
            learner.pipe.close()
            learner.process.wait(_PATIENCE)


def _started() -> _Learner:
    """A process that waits for chores; the Ctrl-C of a terminal does not reach it."""
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-c", _LEARN, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Learner(process, ours)


def _said(learner: _Learner) -> Epoch | _Done | _Failed:
    try:
        said: Epoch | _Done | _Failed = learner.pipe.recv()
    except (EOFError, OSError):
        code = learner.process.wait(_PATIENCE)
        return _Failed(DeadWorker(f"a process that learned a table ended with exit code {code}"))
    return said


def learner() -> None:
    """What such a process does: one chore after another, until nobody is there to ask."""
    keep_freed_memory()
    pipe: Connection[Any, Any] = Connection(int(sys.argv[1]))
    talking = Lock()

    def tell(said: object) -> None:
        with talking, suppress(OSError):  # the other end is gone, and so are we next
            pipe.send(said)

    with alone_on_a_processor(), ThreadPoolExecutor(1) as pool:
        while True:
            try:
                pool.submit(partial(_answer, pipe.recv(), tell))
            except (EOFError, OSError):
                os._exit(0)


def _answer(chore: Chore, tell: Callable[[object], None]) -> None:
    try:
        tell(_Done(chore.done(tell)))
    except Exception as error:  # noqa: BLE001 - told by the process that people look at
        from provisioner.workers.shards import portable  # noqa: PLC0415 - few need it

        tell(_Failed(portable(error)))
