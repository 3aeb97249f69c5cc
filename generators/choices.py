"""What a column may hold beside others, by the rows of another table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Term
from generators.determination import joint
from generators.distinct import dealt, patched
from generators.invariants import Drawing

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Numbers = tuple[Ints, Ints]
"""Numbers of the values of another table's rows, and of the rows' own."""


def listed(held: pa.Array, kind: pa.DataType) -> pa.Array:
    """Each value once, in the type of the rows' own; without those that it has no room for."""
    return fitting(held, kind).drop_null().unique()


def numbered(held: pa.Array, own: pa.Array) -> Numbers:
    """Values as places among what is listed; -1 for null and for what is not there."""
    known = listed(held, own.type)
    both = (fitting(held, own.type), own)
    places = (pc.index_in(v, value_set=known, skip_nulls=True) for v in both)
    there, here = (pc.fill_null(p, -1).to_numpy(zero_copy_only=False) for p in places)
    return there.astype(np.int64), here.astype(np.int64)


def fitting(held: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values in another type; null where it has no room for a number."""
    if pa.types.is_integer(kind) and held.type.bit_width > kind.bit_width:
        ends = np.iinfo(kind.to_pandas_dtype())
        fits = pc.and_(pc.greater_equal(held, ends.min), pc.less_equal(held, ends.max))
        held = pc.if_else(fits, held, None)
    return held.cast(kind)


def together(columns: Sequence[Numbers]) -> Bools:
    """Which rows' values stand together in a row of the other table, by numbers of each."""
    both = joint([np.concatenate(pair) for pair in columns])
    there, here = np.split(both, [len(columns[0][0])])
    return np.asarray((here >= 0) & np.isin(here, there))


@dataclass(frozen=True, slots=True)
class Choices:
    """What a column may hold beside others.

    Attributes:
        given: numbers of what the others hold, each as often as there is another value.
        held: numbers of the column's values beside these, ascending.
        asked: what the others hold in each row; -1 where one of it stands nowhere.
    """

    given: Ints
    held: Ints
    asked: Ints

    @classmethod
    def of(cls, columns: Sequence[Numbers], place: int) -> "Choices":
        """The choices of the column at a place."""
        held, own = columns[place]
        others = [np.concatenate(pair) for n, pair in enumerate(columns) if n != place]
        both = joint(others) if others else np.zeros(len(held) + len(own), np.int64)
        given, asked = np.split(both, [len(held)])
        known = np.array([given, held])[:, (given >= 0) & (held >= 0)]
        pairs = np.unique(known, axis=1)
        return cls(pairs[0], pairs[1], asked)

    def dealt(self, rows: Ints, told: Ints) -> Ints:
        """The number of a value for some rows, the same where they are told the same; else -1."""
        found = dealt(self.given, self.asked[rows], told)
        return np.where(found < 0, -1, self.held[found]) if len(self.held) else found


def taken(drawing: Drawing, held: pa.Array, parents: Ints) -> pa.Array:
    """The values, of which those that no child holds are the last child's; null without one."""
    drawn, rows = drawing.scene.values(Term(drawing.target)), drawing.scene.rows
    there, here = numbered(held, drawn)
    told, width = there >= 0, int(there.max(initial=0)) + 1
    known = parents[told] * width + there[told]
    spoken = drawn.is_valid().to_numpy(zero_copy_only=False)
    wrong = spoken & ~np.isin(np.where(here < 0, -1, np.arange(rows) * width + here), known)
    last = np.full(rows, -1)
    last[parents[told]] = np.flatnonzero(told)  # what is written last stays
    bare = wrong & (last < 0)
    if not drawing.scene.table.column(drawing.target).nullable:
        wrong, bare = wrong & ~bare, bare & False
    fresh = held.take(pa.array(np.where(last[wrong] < 0, 0, last[wrong]), mask=bare[wrong]))
    return patched(drawn, np.flatnonzero(wrong), fresh)
