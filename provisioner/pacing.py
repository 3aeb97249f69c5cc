"""Writes no more rows per second than a server shall take."""

import time
from collections.abc import Callable, Iterable, Iterator

from connectors.batch import Batch

_SLICES = 4
"""Slices in a second: a row waits for those before it, never for long in one go."""


class Pace:
    """Lets rows through at a rate; what was not used earlier is not caught up with later.

    Args:
        rate: rows per second; None for as many as come.
        clock: seconds since any moment.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._due = clock()

    def paced(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same rows in the same order, in smaller batches where there is a rate."""
        for batch in batches:
            if self._rate is None:
                yield batch
            else:
                yield from self._slices(batch, self._rate)

    def _slices(self, batch: Batch, rate: float) -> Iterator[Batch]:
        step = max(1, int(rate / _SLICES))
        for start in range(0, batch.rows.num_rows, step):
            rows = batch.rows.slice(start, step)
            now = self._clock()
            if self._due > now:
                self._sleep(self._due - now)
            self._due = max(self._due, now) + rows.num_rows / rate
            yield Batch(batch.table, rows)
