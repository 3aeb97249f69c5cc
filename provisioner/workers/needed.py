"""What workers need, loaded by the process that they are forked from, and what ends it at once."""

import atexit
import os

import provisioner.workers.processes  # noqa: F401 - what a worker does
from generators.warmed import warm

warm()
atexit.register(os._exit, 0)  # it holds nothing that is worth tidying up
