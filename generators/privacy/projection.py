"""Noisy tables of counts made into tables of shares that agree with what is known already."""

from collections.abc import Sequence

import numpy as np

from generators.privacy.support import Floats

_ROUNDS = 60


def simplex(noisy: Floats, total: float) -> Floats:
    """The nearest counts that are not negative and add up to `total` (Duchi et al. 2008)."""
    flat = np.sort(noisy.ravel())[::-1]
    surplus = (np.cumsum(flat) - total) / np.arange(1, len(flat) + 1)
    last = int(np.flatnonzero(flat > surplus).max(initial=0))
    return np.asarray(np.maximum(noisy - surplus[last], 0.0))


def shrunk(noisy: Floats, expected: Floats, variance: float) -> Floats:
    """Noisy counts moved towards expected ones as far as noise explains the difference.

    The positive-part James-Stein estimator around `expected`.
    """
    away = float(((noisy - expected) ** 2).sum())
    kept = max(0.0, 1.0 - variance * noisy.size / away) if away > 0 else 0.0
    return expected + kept * (noisy - expected)


def fitted(start: Floats, targets: Sequence[tuple[tuple[int, ...], Floats]]) -> Floats:
    """The table of shares nearest to `start` with given margins: iterative proportional fitting.

    It has the most entropy of all with these margins where `start` is even, so it is the
    graphical model with a factor for each of them.

    Args:
        start: shares, one axis per column.
        targets: the axes of each margin, ascending, and its shares.
    """
    table = start.astype(np.float64)
    for _ in range(_ROUNDS):
        before = table
        for axes, margin in targets:
            others = tuple(a for a in range(table.ndim) if a not in axes)
            now = table.sum(others, keepdims=True)
            shape = [table.shape[a] if a in axes else 1 for a in range(table.ndim)]
            wanted = margin.reshape(shape)
            table = table * np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
        if np.abs(table - before).sum() < 1e-6:
            break
    return table
