"""How much memory a process and all below it hold, as the kernel counts it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")


@dataclass(slots=True)
class Peak:
    """The most memory that was seen, in bytes."""

    bytes: int = 0


@contextmanager
def watched(root: int, seconds: float = 0.25) -> Iterator[Peak]:
    """Looks at a process and all below it at intervals.

    Memory is the proportional set size (proc(5), smaps_rollup): pages that processes share count
    once in all, so that the sum over processes is what they really hold.
    """
    peak, enough = Peak(), threading.Event()

    def look() -> None:
        while not enough.wait(seconds):
            peak.bytes = max(peak.bytes, sum(map(_held, _tree(root))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        enough.set()
        thread.join()


def _tree(root: int) -> set[int]:
    """A process and its descendants."""
    parents = {int(f.name): _parent(f) for f in _PROCESSES.glob("[0-9]*")}
    found = {root}
    while more := {n for n, above in parents.items() if above in found and n not in found}:
        found |= more
    return found


def _parent(folder: Path) -> int:
    """The fourth field of stat(5); the second may hold any sign, but ends with the last bracket."""
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _held(process: int) -> int:
    try:
        lines = (_PROCESSES / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
