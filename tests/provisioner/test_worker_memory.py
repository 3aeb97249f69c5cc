"""A worker keeps memory that it freed, so that the system need not clear it again."""

import subprocess
import sys

FILLING = """
import resource
import numpy as np
from provisioner.workers.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
def fill():
    return [np.ones(1 << 20) for _ in range(4)]
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, kept: bool) -> int:
    """How often the system had to find a page for arrays as large as those before them."""
    command = [sys.executable, "-c", FILLING.format(kept=kept)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


def test_arrays_as_large_as_freed_ones_cost_no_new_pages() -> None:
    """Twenty times four arrays of 2,048 pages each: without keeping, nearly all are new."""
    assert faults(kept=True) < faults(kept=False) / 10
