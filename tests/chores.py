"""Chores that other processes do: some give a word back, some raise, some never come back."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from generators.tables import Epoch


@dataclass(frozen=True, slots=True)
class Answer:
    """Tells of one epoch, and says a word and which process says it."""

    word: str
    seconds: float = 1.0

    def done(self, watch: Callable[[Epoch], None]) -> tuple[str, int]:
        """See `Chore`."""
        watch(Epoch(len(self.word), (0.5,), 1, 0.0, True, False))
        return self.word, os.getpid()


@dataclass(frozen=True, slots=True)
class Failure:
    """Raises an error."""

    error: Exception
    seconds: float = 1.0

    def done(self, watch: Callable[[Epoch], None]) -> None:
        """See `Chore`."""
        del watch
        raise self.error


@dataclass(frozen=True, slots=True)
class Death:
    """Ends its process."""

    seconds: float = 1.0

    def done(self, watch: Callable[[Epoch], None]) -> None:
        """See `Chore`."""
        del watch
        os._exit(7)
