"""What workers need, loaded by the process that they are forked from, and what ends it at once."""

import atexit
import os

import numpy as np

import provisioner.workers.processes  # noqa: F401 - what a worker does
from connectors.unaided import without_pandas
from generators.columns import column_generators
from generators.identities import first_name, last_name
from generators.invariants import invariant_kinds
from generators.keys import key_generators
from generators.tables import table_generators
from generators.warmed import warm

without_pandas()
for _load in (column_generators, invariant_kinds, key_generators, table_generators, warm):
    _load()
for _names in (first_name, last_name):
    _names(np.zeros(1, np.uint64))
atexit.register(os._exit, 0)  # it holds nothing that is worth tidying up
