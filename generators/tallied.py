"""What the rows below each parent come to: how many, their sum, the least, greatest and latest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Broods:
    """Child rows, parent by parent.

    Attributes:
        rows: positions of the children that have a parent here.
        parents: the position of the parent of each, ascending.
        size: how many parents there are.
    """

    rows: Ints
    parents: Ints
    size: int

    @property
    def counts(self) -> Ints:
        """How many children each parent has."""
        return np.bincount(self.parents, minlength=self.size).astype(np.int64)

    def among(self, parents: Ints) -> "Broods":
        """The children of some parents, who are numbered anew, in their order."""
        number = np.full(self.size, -1)
        number[parents] = np.arange(len(parents))
        kept = number[self.parents] >= 0
        return broods(number[self.parents[kept]], len(parents), self.rows[kept])

    def known(self, known: Bools) -> "Broods":
        """Those children for which something is known."""
        kept = known[self.rows]
        return Broods(self.rows[kept], self.parents[kept], self.size)

    def reduced(self, form: str, values: Floats | Ints) -> tuple[Floats | Ints, Bools]:
        """The sum, min, max or average of the children's values per parent, and who has any.

        `values` stand at the positions of all child rows.
        """
        found = np.zeros(self.size, values.dtype if form != "average" else np.float64)
        starts = np.flatnonzero(np.diff(self.parents, prepend=-1))
        there = self.counts > 0
        if len(starts):
            least = {"min": np.minimum, "max": np.maximum}.get(form, np.add)
            found[there] = least.reduceat(values[self.rows], starts)
        if form == "average":
            found[there] = found[there] / self.counts[there]
        return found, there

    def latest(self, order: Floats | Ints) -> Ints:
        """Per parent, the position of the child that comes last in an order; -1 for none."""
        found = np.full(self.size, -1)
        arranged = np.lexsort((order[self.rows], self.parents))
        found[self.parents[arranged]] = self.rows[arranged]
        return found


def broods(parents: Ints, size: int, rows: Ints | None = None) -> Broods:
    """The children by the position of each one's parent; -1 for none."""
    where = np.arange(len(parents)) if rows is None else rows
    kept = np.flatnonzero(parents >= 0)
    order = kept[np.argsort(parents[kept], kind="stable")]
    return Broods(where[order], parents[order], size)
