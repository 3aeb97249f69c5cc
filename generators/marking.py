"""Owners that have one marked row among theirs: an open period, a main address."""

import numpy as np
import numpy.typing as npt

from generators.evidence import as_chance, holds, shuffled, ways
from generators.succession import Succession

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def marking(owners: Ints, marked: Bools, units: Ints, k: int) -> str | None:
    """Whether owners have "exactly one" or "at most one" marked row; None where by chance."""
    rows = np.flatnonzero(owners >= 0)
    if not len(rows):
        return None
    size = int(owners.max()) + 1
    behind = np.zeros(size, np.int64)
    behind[owners[rows]] = units[rows]
    sizes = np.bincount(owners[rows], minlength=size)
    counts = np.bincount(owners[rows], marked[rows], size)
    dealt = as_chance(_dealt(sizes[sizes > 0]), int((sizes > 0).sum()))
    if (counts == 1)[sizes > 0].all() and holds(counts != 1, sizes > 0, behind, dealt, k):
        return "exactly one"
    chance = np.bincount(owners[rows], marked[rows][shuffled(len(rows))], size)[sizes > 0]
    several = min(float((chance > 1).mean()), _again(counts, sizes) / (sizes > 0).sum())
    if not holds(counts > 1, sizes > 0, behind, several, k):
        return None
    exactly = holds(counts != 1, sizes > 0, behind, float((chance == 0).mean()), k)
    return "exactly one" if exactly else "at most one"


def corrected(along: Succession, marked: Bools) -> tuple[Ints, Ints]:
    """Marked rows beside each owner's last marked one, and last rows of owners without any."""
    places = np.where(marked[along.rows], np.arange(len(along.rows)), -1)
    kept = np.full(int(along.first.sum()), -1)
    np.maximum.at(kept, along.number, places)
    surplus = along.rows[(places >= 0) & (places != kept[along.number])]
    return np.sort(surplus), along.rows[along.last][kept < 0]


def _dealt(sizes: Ints) -> float:
    """How unlikely it is that marks dealt out to rows fall on one of each owner's (see `holds`).

    Of all ways to mark so many rows, those that take one of each owner's are the product of their
    numbers; so a few owners with several rows tell as much as many.
    """
    rows, owners = int(sizes.sum()), len(sizes)
    return max(0.0, ways(owners, rows - owners) - float(np.log(sizes).sum()))


def _again(counts: Floats | Ints, sizes: Ints) -> float:
    """Owners with a marked row that would have another, were theirs dealt out by chance."""
    among = (counts > 0) & (sizes > 1)
    share = counts[among].sum() / max(1, sizes[among].sum())
    return float((1 - (1 - share) ** (sizes[among] - 1)).sum())
