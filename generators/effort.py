"""How much the training of networks takes, told before it begins: rows, epochs and seconds."""

from dataclasses import dataclass

import numpy as np

WIDTH = 8
"""Numbers that stand for a code."""
UNITS = 64
LAYERS = 2
_MOST_EPOCHS = (25, 16)
"""Where rows are many for what is to be learned, and where they are few."""
_CROWDED = 2.5
"""Weights per row in the first layer of a target from which on rows are few."""
_FEWEST_EPOCHS = 6
_FEWEST_ROWS = 1000
_MOST_WORK = 4e11
"""Multiplications of forward passes in training: under three minutes of one core."""
_BATCHES = 64
"""Batches per epoch that are aimed at; a batch is a power of two of 128 to 1024 rows."""
_SECONDS = (4e-10, 5e-3)
"""Of one core, per multiplication of a forward pass and per batch, backward passes included."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What training takes.

    Attributes:
        rows: how many are trained on.
        epochs: passes over them, unless training ends early.
        batch: rows at a time.
        crowding: from 0 to 1, how few rows there are for what is to be learned.
        seconds: of one core, to the last epoch.
    """

    rows: int
    epochs: int
    batch: int
    crowding: float
    seconds: float

    def between(self, ends: tuple[float, float]) -> float:
        """A value between two ends, by how crowded it is."""
        return _between(ends, self.crowding)


def effort(rows: int, shape: tuple[int, int, int]) -> Effort:
    """What is affordable with so many rows.

    Args:
        rows: how many there are to train on.
        shape: how many targets there are, how many columns each asks, and the most codes of one.
    """
    targets, asked, codes = shape
    work = float(targets * UNITS * (asked * WIDTH + LAYERS * UNITS + codes))
    visits = int(_MOST_WORK / work)
    used = min(rows, max(_FEWEST_ROWS, visits // _FEWEST_EPOCHS))
    crowding = min(1.0, asked * WIDTH * UNITS / max(1, used) / _CROWDED)
    most = round(_between(_MOST_EPOCHS, crowding))
    epochs = int(np.clip(visits // max(1, used), _FEWEST_EPOCHS, most))
    batch = 1 << int(np.clip(np.rint(np.log2(max(1, used) / _BATCHES)), 7, 10))
    each = used * work * _SECONDS[0] + -(-used // batch) * _SECONDS[1]
    return Effort(used, epochs, batch, crowding, epochs * each)


def _between(ends: tuple[float, float], crowding: float) -> float:
    return ends[0] + crowding * (ends[1] - ends[0])
