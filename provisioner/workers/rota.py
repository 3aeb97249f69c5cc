"""Shares shards out to workers, and those of a dead worker once more to others."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from connectors.engines import Mark
from connectors.errors import LostConnection
from provisioner.errors import DeadWorker
from provisioner.plan import Plan
from provisioner.workers.shards import AHEAD, Done, Failed, place_of


class Crew(Protocol):
    """Workers of one kind, known by numbers."""

    def hire(self) -> int:
        """Takes one more worker."""
        ...

    def give(self, worker: int, mark: Mark) -> None:
        """Has a worker load a shard, besides those that it has already."""
        ...

    def begin(self) -> None:
        """Lets the workers write, now that the target is ready; until then they may only draw."""
        ...

    def heard(self) -> tuple[int, Done | Failed]:
        """Waits for what any worker says next."""
        ...

    def dismiss(self, worker: int) -> None:
        """Ends a worker at once, whatever it does; what it did not commit is lost."""
        ...

    def close(self) -> None:
        """Ends all workers likewise."""
        ...


class Rota:
    """The shards that `size` workers have, who begin to draw at once.

    No worker has more than `AHEAD` shards at a time, so those who are quick get more. The shards
    of a worker that died or lost its connection are loaded again, one by one, so that it is known
    which of them killed it.
    """

    def __init__(self, crew: Crew, size: int, plan: Plan, marks: Sequence[Mark]) -> None:
        self._crew, self._plan = crew, plan
        self._waiting = deque(marks)
        self._given: dict[int, list[Mark]] = {}
        self._deaths: Counter[Mark] = Counter()
        for _ in range(size):
            self._hire()

    def loaded(self) -> Iterator[Done]:
        """Has the workers load all shards, now that the target is ready; each once it holds it.

        Raises:
            DeadWorker: two workers died on the same shard.
            Exception: whatever else a worker met; the next one would meet it again, since a shard
                is a function of the plan.
        """
        self._crew.begin()
        while any(self._given.values()):
            worker, said = self._crew.heard()
            if isinstance(said, Done):
                self._given[worker].remove(said.mark)
                self._feed(worker)
                yield said
            else:
                self._lost(worker, said.error)

    def _hire(self) -> None:
        if self._waiting:
            worker = self._crew.hire()
            self._given[worker] = []
            self._feed(worker)

    def _lost(self, worker: int, error: Exception) -> None:
        marks = self._given.pop(worker)
        self._crew.dismiss(worker)
        if not isinstance(error, DeadWorker | LostConnection):
            raise error
        for mark in reversed(marks):
            self._check(mark, error)
            self._waiting.appendleft(mark)
        self._hire()
        for other in self._given:
            self._feed(other)

    def _check(self, mark: Mark, error: Exception) -> None:
        """Counts a death on a shard; one that has two was alone with its worker at the second."""
        self._deaths[mark] += 1
        if self._deaths[mark] < 2:
            return
        if isinstance(error, LostConnection):
            raise error
        raise DeadWorker(
            f"{place_of(self._plan, mark)}: two workers died on it, the last one {error}; shards "
            "already committed stay: run the same command to resume, with more memory or fewer "
            "workers"
        )

    def _feed(self, worker: int) -> None:
        has = self._given[worker]
        while self._waiting and len(has) < AHEAD and self._may_join(self._waiting[0], has):
            has.append(self._waiting.popleft())
            self._crew.give(worker, has[-1])

    def _may_join(self, mark: Mark, has: Sequence[Mark]) -> bool:
        """Whether a worker may have a shard beside others: nobody has died on any of them."""
        return not has or not any(m in self._deaths for m in (mark, *has))
