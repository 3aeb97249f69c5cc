"""A process that has loaded what workers need; they are forked from it, and start at once.

Loading takes as long as drawing some hundred thousand rows, which each worker would do for itself.
This process has no session, no rows and no threads of its own, so that a fork of it lacks nothing,
unlike one of a process that loads. It ends with the last process that may ask it for workers.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext

from connectors.products import product_of, products

_NEEDED = "provisioner.workers.needed"


def begun(url: str) -> None:
    """Has the process load what workers need that write to the database of a URL.

    Nothing waits for it. Systems that do not fork well have none; their workers load by themselves.
    """
    if sys.platform == "linux":
        engines = [f"connectors.engines.{p}.engine" for p in products() if p == product_of(url)]
        with uninterrupted():
            forkserver.set_forkserver_preload([_NEEDED, *engines])
            forkserver.ensure_running()


def context() -> ForkServerContext | SpawnContext:
    """How workers start."""
    if sys.platform == "linux":
        return get_context("forkserver")
    return get_context("spawn")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Processes started within never see Ctrl-C, which a terminal sends to all; we tell them."""
    resource_tracker.ensure_running()  # or starting the first one would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
