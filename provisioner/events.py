"""What happened, for whoever shows progress."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stated:
    """Something worth a line: a cost before it is paid, a choice that was made."""

    text: str


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage with a known amount of work began; `unit` names what is counted."""

    stage: str
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """A stage went on by some amount, at a place such as a table's name."""

    stage: str
    amount: int
    place: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended."""

    stage: str
    amount: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """A network saw all its rows once more.

    Attributes:
        place: its table.
        columns: how many features it draws.
        curve: nats per row held out after each epoch; the weights of the lowest are kept.
        most: epochs that there will be unless training ends early.
        seconds: about how long these will take from here on.
        last: whether training has ended.
        late: whether it ended because the budget was spent.
    """

    place: str
    columns: int
    curve: tuple[float, ...]
    most: int
    seconds: float
    last: bool
    late: bool


Event = Stated | StageStarted | Advanced | StageFinished | EpochFinished
Listener = Callable[[Event], None]


def silent(_: Event) -> None:
    """A listener that shows nothing."""
