"""Shows events: bars on a terminal, a line per stage and table everywhere else."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from provisioner.events import (
    Advanced,
    EpochFinished,
    Event,
    Listener,
    StageFinished,
    StageStarted,
    Stated,
)

Emit = Callable[[str], None]

_WORTH_A_LINE = 1.0
_OF_ROWS = frozenset({"read", "load"})
_SHORTEST = 0.01
"""Seconds below which a speed says nothing."""


class Lines:
    """A listener that writes lines: one per stage, and one per table that has rows or took long.

    Args:
        emit: takes one line without its end.
        totals: rows to load by table; a table gets its line when it has all of them.
    """

    def __init__(self, emit: Emit, totals: Mapping[str, int] | None = None) -> None:
        self._emit = emit
        self._totals = totals or {}
        self._unit = ""
        self._last = time.monotonic()
        self._amounts: dict[str, int] = defaultdict(int)
        self._seconds: dict[str, float] = defaultdict(float)

    def __call__(self, event: Event) -> None:
        """Writes what the event is worth."""
        if isinstance(event, Stated):
            self._emit(event.text)
        elif isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, Advanced):
            self._advance(event)
        elif isinstance(event, StageFinished):
            self._finish(event)
        else:
            self._train(event)

    def _start(self, event: StageStarted) -> None:
        self._unit = event.unit
        self._last = time.monotonic()
        self._amounts.clear()
        self._seconds.clear()

    def _advance(self, event: Advanced) -> None:
        now = time.monotonic()
        self._amounts[event.place] += event.amount
        self._seconds[event.place] += now - self._last
        self._last = now
        if self._unit != "rows":
            if self._seconds[event.place] >= _WORTH_A_LINE:
                self._emit(f"{event.stage}: {event.place} {self._seconds[event.place]:.1f} s")
        elif self._amounts[event.place] == self._totals.get(event.place):
            self._table(event.stage, event.place)

    def _finish(self, event: StageFinished) -> None:
        if self._unit == "rows":
            for place in list(self._amounts):
                self._table(event.stage, place)
        unit = "rows" if event.stage in _OF_ROWS else self._unit
        self._emit(f"{event.stage}: {amount_of(event.amount, unit, event.seconds)}")

    def _train(self, event: EpochFinished) -> None:
        """What to expect of a long training, and its curve at the end."""
        if event.last:
            curve = " ".join(f"{nats:.2f}" for nats in event.curve)
            ended = "cut short after" if event.late else "in"
            epochs = f"{ended} {len(event.curve)} epochs"
            self._emit(f"{_network(event)} {epochs}, nats per row held out: {curve}")
        elif len(event.curve) == 1 and event.seconds >= _WORTH_A_LINE:
            self._emit(f"{_network(event)}, at most {event.seconds:.0f} s")

    def _table(self, stage: str, place: str) -> None:
        amount, seconds = self._amounts.pop(place), self._seconds.pop(place)
        self._emit(f"{stage}: {place} {amount_of(amount, 'rows', seconds)}")


def _network(event: EpochFinished) -> str:
    return f"network: {event.place}, {event.columns} columns"


def amount_of(amount: int, unit: str, seconds: float) -> str:
    """An amount with the time it took, and its speed where it is counted in rows."""
    timed = unit == "rows" and seconds >= _SHORTEST
    speed = f", {amount / seconds:,.0f} rows/s" if timed else ""
    return f"{amount:,} {unit} in {seconds:.1f} s{speed}"


class Bars:
    """A listener that moves one bar per stage, with the lines of `Lines` above it."""

    def __init__(self, progress: Progress, totals: Mapping[str, int] | None = None) -> None:
        self._progress = progress
        self._lines = Lines(progress.console.print, totals)
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Moves the bar."""
        if isinstance(event, StageStarted):
            self._task = self._progress.add_task(
                event.stage, total=event.total, unit=event.unit, place=""
            )
        elif isinstance(event, Advanced) and self._task is not None:
            self._progress.update(self._task, advance=event.amount, place=event.place)
        elif isinstance(event, EpochFinished) and self._task is not None:
            left = f"epoch {len(event.curve)} of {event.most}, {event.curve[-1]:.2f} nats"
            place = f"{event.place} {left}, {event.seconds:.0f} s left"
            self._progress.update(self._task, place=place)
        elif isinstance(event, StageFinished) and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self._lines(event)


@contextmanager
def bars(console: Console, totals: Mapping[str, int] | None = None) -> Iterator[Listener]:
    """A listener that draws on a terminal until the context ends."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Amount(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(),
        TextColumn("{task.fields[place]}", markup=False),
        console=console,
        transient=True,
    ) as progress:
        yield Bars(progress, totals)


class _Amount(ProgressColumn):
    """Done and to do, and the speed where rows are counted."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        timed = unit == "rows" and (task.elapsed or 0) >= _SHORTEST
        # Several workers report at one moment, between which Rich would take the speed.
        speed = f" {task.completed / (task.elapsed or 1):,.0f} rows/s" if timed else ""
        return Text(f"{task.completed:,.0f}/{task.total or 0:,.0f} {unit}{speed}")
