"""How many processors there are for workers, and that each worker takes one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


def processors() -> int:
    """Those that this process may use, where the system tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def alone_on_a_processor() -> Iterator[None]:
    """Has linear algebra use one thread meanwhile.

    Products of a few hundred rows are over before other threads have begun, and these wait for the
    next one by turning around on the processor that another worker needs.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
