"""Keeps what a worker freed: it fills arrays of the same sizes shard after shard."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of parameters; see mallopt(3)."""
_KEPT = 1 << 26
_LARGEST = 1 << 25
"""The most that glibc takes for a block that is not a mapping of its own."""


def keep_freed_memory() -> None:
    """Has malloc give nothing back to the system that is needed again at once.

    The system would clear each page anew, and the processor stop at each. This is glibc's;
    elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return
    adjusted = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjusted is not None:
        adjusted(_TRIM_THRESHOLD, _KEPT)
        adjusted(_MMAP_THRESHOLD, _LARGEST)
