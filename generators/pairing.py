"""Deals out what rows hold to rows of the same group that ask for it, each to one of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generators.determination import joint
from generators.sorting import ordered, ranks

Ints = npt.NDArray[np.int64]

_MOST = 1 << 31
"""Numbers from which on none can be told together with how many equal ones stand before."""


def paired(group: Ints, wanted: Sequence[Ints], held: Sequence[Ints]) -> Ints:
    """Per row the one of its group whose holding it is to have: a permutation.

    A row that holds what it wants keeps it. The others have one that is all that they want, else
    one that is what they want in what differs most inside groups, else one that is near in that.

    Args:
        group: a number per row, not below 0.
        wanted: for each thing a number per row, not below 0, of what it should be.
        held: the same of what it is.
    """
    found = np.full(len(group), -1)
    kinds = [len(np.unique(joint([group, column]))) for column in held]
    most = int(np.argmax(kinds))
    firm = np.flatnonzero(np.all([w == h for w, h in zip(wanted, held, strict=True)], axis=0))
    found[firm] = firm
    for chosen in (range(len(held)), (most,)):
        asked, there = [group, *(wanted[n] for n in chosen)], [group, *(held[n] for n in chosen)]
        _deal(found, asked, there)
    rows, free = _left(found)
    asking = rows[ordered(group[rows], wanted[most][rows])]
    found[asking] = free[ordered(group[free], held[most][free])]
    return found


def _deal(found: Ints, asked: Sequence[Ints], there: Sequence[Ints]) -> None:
    """Gives rows that have nothing yet what equals all that they ask for, in place."""
    rows, free = _left(found)
    pairs = zip(asked, there, strict=True)
    both = joint([np.concatenate([a[rows], t[free]]) for a, t in pairs])
    mine, its = matched(both[: len(rows)], both[len(rows) :])
    found[rows[mine]] = free[its]


def matched(asked: Ints, there: Ints) -> tuple[Ints, Ints]:
    """Where the first of each number stands in both, the second, and so on; none is below 0."""
    if max(part.max(initial=0) for part in (asked, there)) >= _MOST:
        both = ranks(np.concatenate([asked, there]))
        asked, there = both[: len(asked)], both[len(asked) :]
    wants, holds = _counted(asked), _counted(there)
    _, mine, its = np.intersect1d(wants, holds, assume_unique=True, return_indices=True)
    return mine, its


def _left(found: Ints) -> tuple[Ints, Ints]:
    """The rows that have nothing yet, and those that nobody has."""
    taken = np.zeros(len(found), np.bool_)
    taken[found[found >= 0]] = True
    return np.flatnonzero(found < 0), np.flatnonzero(~taken)


def _counted(numbers: Ints) -> Ints:
    """Numbers with how many equal ones stand before each: all differ."""
    order = ordered(numbers)
    heads = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    places = np.empty(len(numbers), np.int64)
    sizes = np.diff(np.append(heads, len(numbers)))
    places[order] = np.arange(len(numbers)) - np.repeat(heads, sizes)
    return numbers << 32 | places
