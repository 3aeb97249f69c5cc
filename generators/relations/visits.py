"""Parts of a table's rows by which of the keys that lead there lead to them at all."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_BEYOND = 0.1
"""Share of rows that a key passes over beyond what chance makes of their clusters."""


def most_uneven(codes: npt.NDArray[np.int32], links: Sequence[Ints]) -> Ints | None:
    """The key that passes over most rows beyond chance, as the rows that it leads to.

    Rows of a cluster are drawn as often as each other. So those of a key that leads to few rows,
    and to these often, scatter over all that others refer to as much.

    Args:
        codes: the cluster of each row.
        links: of each key, the position of the row that each of its rows refers to; -1 for none.
    """
    if len(links) < 2 or not len(codes):
        return None
    counts = [np.bincount(link[link >= 0], minlength=len(codes)) for link in links]
    passed = [_passed(codes, one) for one in counts]
    worst = int(np.argmax(passed))
    return counts[worst] if passed[worst] > _BEYOND else None


def refined(parts: Ints | None, visits: Ints) -> Ints:
    """Parts of rows, those that a key leads to apart from those that it does not lead to."""
    return (0 if parts is None else parts) * 2 + (visits > 0)


def _passed(codes: npt.NDArray[np.int32], visits: Ints) -> float:
    """The share of rows that nothing leads to, less that of as many visits dealt out by chance.

    Visits of a cluster's n rows by m others leave n exp(-m / n) of them out (Poisson).
    """
    rows = np.bincount(codes).astype(np.float64)
    there = rows > 0
    number = np.bincount(codes, visits)[there]
    missed = rows[there] * np.exp(-number / rows[there])
    return float(((visits == 0).sum() - missed.sum()) / len(codes))
