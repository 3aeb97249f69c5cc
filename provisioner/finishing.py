"""What follows the rows: rules on all of them, then indexes, keys, statistics and sequences."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

from connectors.ddl import DdlItem
from connectors.engines import Target, Writer, open_writer
from connectors.errors import CutShort, Deadlock, RefusedRow, RefusedStatement
from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, Stated
from provisioner.ledger import remaining_steps
from provisioner.migrated import settled
from provisioner.plan import Plan
from provisioner.postponing import given_up, remaining_rules
from provisioner.workers.crews import Workers

_WORTH_A_SESSION = 100_000
"""Rows whose indexes are worth opening a second session for."""
_TOGETHER = (frozenset({"CONSTRAINT", "INDEX"}), frozenset({"FK CONSTRAINT"}))
"""Kinds of steps that can run beside others of the same set; the server sorts out their locks."""

_NOTHING = "SELECT;"
"""The statement of a step that is given up, so that its mark is written."""

Work = TypeVar("Work")


def finish(
    model: DatabaseModel,
    plan: Plan,
    target: Target,
    listen: Listener,
    workers: Workers | None = None,
) -> None:
    """Runs the steps after the rows that the ledger does not hold yet, and marks the end.

    Every step is one transaction with its mark, in whichever session it runs, so a run that was
    stopped goes on with those that are left.
    """
    began = time.monotonic()
    ledger = target.ledger()
    rules = list(remaining_rules(model, plan, ledger))
    steps = [*rules, *remaining_steps(model, plan, ledger)]
    listen(StageStarted("finish", len(steps) + 1, "steps"))
    if ledger is None or not ledger.finished:
        with _sessions(plan, target, workers) as sessions:
            _keep(target, rules, listen)
            _build(sessions, steps[len(rules) :], listen)
            collected = _collect(sessions, plan)
        own = ledger is not None and ledger.dropped is not None
        schema = settled(plan, model, target.schema()) if own else model.schema
        stale = target.settle(schema, collected)
        if stale:
            text = f"left empty, since the rows break an index of theirs: {', '.join(stale)}"
            listen(Stated(text))
    listen(Advanced("finish", 1, "sequences and statistics"))
    listen(StageFinished("finish", len(steps) + 1, time.monotonic() - began))


def sessions_of(plan: Plan, workers: Workers | None) -> int:
    """How many sessions build at a time: as many as workers are asked for, else one or two.

    The target's own session is one of them, so that no limit on connections is passed.
    """
    if workers is None:
        return 1
    wanted = workers.count or (1 if plan.rows < _WORTH_A_SESSION else 2)
    return wanted if workers.connections is None else min(wanted, workers.connections)


@contextmanager
def _sessions(plan: Plan, target: Target, workers: Workers | None) -> Iterator["_Sessions"]:
    with ExitStack() as stack:
        url = "" if workers is None else workers.url

        def another() -> Writer:
            return stack.enter_context(open_writer(url, plan.fingerprint))

        yield _Sessions(target, sessions_of(plan, workers), another)


def groups(steps: Sequence[DdlItem]) -> Iterator[list[DdlItem]]:
    """Steps in their order, those together that may run side by side.

    A group holds steps of kinds that go together, none of which depends on another one in it.
    """
    group: list[DdlItem] = []
    for step in steps:
        numbers = {item.number for item in group}
        if group and not (_go_together(group[0], step) and numbers.isdisjoint(step.depends_on)):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _go_together(one: DdlItem, other: DdlItem) -> bool:
    return any({one.kind, other.kind} <= kinds for kinds in _TOGETHER)


class _Sessions:
    """The target's session, and others beside it, which are opened when they are first needed."""

    def __init__(self, target: Target, most: int, another: Callable[[], Writer]) -> None:
        self._writers: list[Writer] = [target]
        self._most, self._another = most, another

    def share(self, works: Sequence[Work], run: Callable[[Writer, Work], None]) -> Iterator[Work]:
        """Runs all works, each in some session; yields those that are done.

        Where one fails, those that run are cancelled, and no other is begun.
        """
        writers = self._at_most(len(works))
        if len(writers) == 1:
            for work in works:
                run(writers[0], work)
                yield work
            return
        with ThreadPoolExecutor(len(writers)) as pool:
            free = _queue(writers)
            futures = {pool.submit(_in_turn, free, run, work): work for work in works}
            try:
                for future in as_completed(futures):
                    future.result()
                    yield futures[future]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for writer in writers:
                    writer.cancel()
                raise

    def _at_most(self, works: int) -> list[Writer]:
        size = max(1, min(self._most, works))
        while len(self._writers) < size:
            self._writers.append(self._another())
        return self._writers[:size]


def _queue(writers: Sequence[Writer]) -> SimpleQueue[Writer]:
    free = SimpleQueue[Writer]()
    for writer in writers:
        free.put(writer)
    return free


def _in_turn(free: SimpleQueue[Writer], run: Callable[[Writer, Work], None], work: Work) -> None:
    writer = free.get()
    try:
        run(writer, work)
    finally:
        free.put(writer)


def _keep(target: Target, rules: Sequence[DdlItem], listen: Listener) -> None:
    """Has rules kept that speak of all rows; what the target's own constraints forbid is left."""
    for item in rules:
        try:
            target.finish_step(item)
        except (RefusedRow, RefusedStatement) as problem:
            if isinstance(problem, Deadlock | CutShort):
                raise
            text = f"{item.name} is left as it was drawn, since the target refuses other values"
            listen(Stated(text))
            number = given_up(item.number)
            target.finish_step(replace(item, number=number, statement=_NOTHING))
        listen(Advanced("finish", 1, f"rule on {item.name}"))


def _build(sessions: _Sessions, steps: Sequence[DdlItem], listen: Listener) -> None:
    for group in groups(steps):
        for item in sessions.share(group, _built):
            listen(Advanced("finish", 1, f"{item.kind.lower()} {item.name}"))


def _built(writer: Writer, item: DdlItem) -> None:
    writer.finish_step(item)


def _collect(sessions: _Sessions, plan: Plan) -> list[TableName]:
    """Makes statistics of the tables that the plan fills, the largest first; these tables."""
    rows = {
        name: layout.total
        for tree in plan.trees
        for name, layout in zip(tree.tables, tree.layouts, strict=True)
        if name not in plan.keeps
    }
    tables = sorted(rows, key=lambda name: (-rows[name], name))
    return list(sessions.share(tables, _collected))


def _collected(writer: Writer, table: TableName) -> None:
    writer.collect(table)
