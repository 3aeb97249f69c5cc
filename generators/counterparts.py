"""Which learned key each invented one stands for, told by what rows of both go with."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_KEYS = 1_000
"""Keys of either kind beyond which none is said to stand for another."""
_MOST_MATCHES = 4_000_000


def counterparts(drawn: tuple[Ints, Ints], learned: tuple[Ints, Ints]) -> Ints:
    """Per drawn key the learned one whose rows go with the same things, one to one; -1 for none.

    What many learned keys go with says little of each of them: a row's vote is shared among these.
    Those that have most votes beyond what chance would give them are matched first.

    Args:
        drawn: the key of each drawn row and what it goes with, as numbers; -1 for none.
        learned: the same of each learned combination; the second numbers mean the same in both.
    """
    rows = (drawn[0] >= 0) & (drawn[1] >= 0)
    there = (learned[0] >= 0) & (learned[1] >= 0)
    size = int(drawn[0].max(initial=-1)) + 1, int(learned[0].max(initial=-1)) + 1
    if not rows.any() or not there.any() or max(size) > _MOST_KEYS:
        return np.full(size[0], -1)
    votes = _votes((drawn[0][rows], drawn[1][rows]), (learned[0][there], learned[1][there]), size)
    chance = np.outer(votes.sum(axis=1), votes.sum(axis=0)) / max(1.0, float(votes.sum()))
    return _matched(votes - chance)


def _votes(drawn: tuple[Ints, Ints], learned: tuple[Ints, Ints], size: tuple[int, int]) -> Floats:
    """How many drawn rows speak for each pair of a drawn and a learned key."""
    pairs, counts = np.unique(np.stack(drawn), axis=1, return_counts=True)
    order = np.argsort(learned[1], kind="stable")
    low, high = (np.searchsorted(learned[1][order], pairs[1], s) for s in ("left", "right"))
    many = high - low
    found = np.zeros(size)
    if not 0 < many.sum() <= _MOST_MATCHES:
        return found
    mine = np.repeat(np.arange(len(many)), many)
    place = np.arange(len(mine)) - np.repeat(np.cumsum(many) - many, many) + low[mine]
    np.add.at(found, (pairs[0][mine], learned[0][order[place]]), counts[mine] / many[mine])
    return found


def _matched(excess: Floats) -> Ints:
    """Per row the column that is its, those of most first, as long as there is any excess."""
    found, left = np.full(len(excess), -1), excess.copy()
    for _ in range(min(left.shape)):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        if left[row, column] <= 0:
            break
        found[row] = column
        left[row], left[:, column] = -np.inf, -np.inf
    return found
