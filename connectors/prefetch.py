"""Makes the next items in a thread of their own while earlier ones are used."""

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], most: int) -> Iterator[T]:
    """The same items in the same order, with at most `most` of them made in advance.

    An error in the making is raised where its item would have come. When the consumer stops
    early, so does the thread.
    """
    maker = _Maker(items, most)
    maker.thread.start()
    try:
        yield from maker.made()
    finally:
        maker.stopped.set()
        maker.thread.join()


class _Maker(Generic[T]):
    def __init__(self, items: Iterator[T], most: int) -> None:
        self.items = items
        self.ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(most)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.make, daemon=True)

    def make(self) -> None:
        try:
            for item in self.items:
                self.offer((item,))
                if self.stopped.is_set():
                    return
            self.offer(None)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that consumes
            self.offer(error)

    def offer(self, made: tuple[T] | BaseException | None) -> None:
        while not self.stopped.is_set():
            try:
                self.ready.put(made, timeout=0.1)
            except queue.Full:
                continue
            return

    def made(self) -> Iterator[T]:
        while (item := self.ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
