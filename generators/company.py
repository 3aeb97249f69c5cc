"""The rows of earlier tables that rows stand beside, and how many owners may have for that."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.companions import Companion
from generators.distinct import groups, numbered
from generators.relations.beats import ticks

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Known = Sequence[tuple[Companion, "Asking"]]
"""What earlier tables say of a table, with their rows; that of most columns first."""
Spans = Mapping[str, tuple[Ints, Ints]]
"""The first and the last year that each owner leaves for columns."""

Apart = Mapping[frozenset[str], int | None]

_NONE: Spans = MappingProxyType({})
_FREE: Apart = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Rows of an earlier table beside which rows of a later one stand, or that ask for some.

    Attributes:
        parents: position of each row's owner.
        columns: their keys, by the later table's columns.
    """

    parents: Ints
    columns: Mapping[str, pa.Array]

    @classmethod
    def of(cls, one: Companion, parents: Ints, values: Mapping[str, pa.Array]) -> "Asking":
        """The rows of the other table, by their owners and columns."""
        return cls(parents, {own: values[there] for own, there in one.pairs})

    def different(self, owners: int, columns: Collection[str] | None = None) -> Ints:
        """How many different keys each of so many owners has; one where none is named.

        By some of the columns, or all.
        """
        held = [v for c, v in self.columns.items() if columns is None or c in columns]
        return _different(self.parents, held, owners)

    def beyond(self, other: "Asking", owners: int) -> Ints:
        """As `different`, of keys that no row holds which others have asked for."""
        rows = np.flatnonzero(~self.among(other, self.columns))
        return self.taken(rows).different(owners)

    def among(self, other: "Asking", columns: Iterable[str]) -> Bools:
        """Whether some row of another table has the same owner and the same in some columns.

        Where one is null, as if there were.
        """
        there, here = (
            [pa.array(one.parents), *(one.columns[c] for c in columns)] for one in (other, self)
        )
        known, asked = numbered(there, here)
        return np.asarray((asked < 0) | np.isin(asked, known))

    def taken(self, rows: Ints) -> "Asking":
        """Some of the rows."""
        some = pa.array(rows)
        return Asking(self.parents[rows], {c: v.take(some) for c, v in self.columns.items()})


def choice(known: Known, spans: Spans) -> tuple[Companion, Ints] | None:
    """The rule of most columns by which rows choose, and the rows among which all let them.

    As far as these tell the columns of the others, and in the years that owners leave for them.
    None where rows choose by no rule.
    """
    choosing = [(one, other) for one, other in known if not one.asks and one.pairs]
    if not choosing:
        return None
    (first, there), *more = choosing
    open_ = np.ones(len(there.parents), np.bool_)
    for one, other in more:
        open_ &= there.among(other, [c for c in one.columns if c in there.columns])
    for other in (o for one, o in known if not one.asks and not one.pairs):
        open_ &= there.among(other, ())
    for column in spans.keys() & there.columns.keys():
        least, most = (end[there.parents] for end in spans[column])
        years = ticks(there.columns[column])
        open_ &= (least <= years) & (years <= most)
    return first, np.flatnonzero(open_)


def standing(
    known: Known, kept: Bools, apart: Apart = _FREE, spans: Spans = _NONE
) -> tuple[Bools, Ints, Ints | None]:
    """Which owners may have rows, how many at least, and how many at most for all to have a place.

    At least as many as others ask for. Where none of those that may has a row to stand beside, it
    is as if no rule said so.

    Args:
        known: what earlier tables say of a table, with their rows.
        kept: the owners that may have rows for all else.
        apart: columns in all of which no two rows of an owner are equal, and in how many ways they
            differ in those that no other row tells; None for any.
        spans: the first and the last year that each owner leaves for columns.
    """
    for _, other in (one for one in known if not one[0].asks):
        there = other.different(len(kept)) > 0
        kept = kept & there if (kept & there).any() else kept
    asking = [other for one, other in known if one.asks]
    return (
        kept,
        np.where(kept, _fewest(asking, len(kept)), 0),
        _most((known, spans), len(kept), apart),
    )


def _most(of: tuple[Known, Spans], owners: int, apart: Apart) -> Ints | None:
    """How many rows each of so many owners has a place for; None for any number."""
    known, chosen = of[0], choice(*of)
    if chosen is None:
        return None
    first, rows = chosen
    there = next(other for one, other in known if one is first).taken(rows)
    firm = [n * there.different(owners, a) for a, n in apart.items() if n is not None]
    if not firm:
        return np.where(there.different(owners) > 0, np.iinfo(np.int32).max, 0)
    return np.asarray(np.min(firm, axis=0), np.int64)


def eased(least: Ints, most: int) -> Ints:
    """How many rows owners have at least, together no more than some; who has most gives up one."""
    found = least.copy()
    while (excess := int(found.sum()) - most) > 0:
        some = np.argsort(-found, kind="stable")[:excess]
        found[some[found[some] > 0]] -= 1
    return found


def _fewest(asking: Sequence[Asking], owners: int) -> Ints:
    """How many rows each of so many owners has at least, if no row is asked for in vain."""
    found = np.zeros(owners, np.int64)
    for one in asking:
        found = np.maximum(found, one.different(owners))
        for other in asking:
            if one.columns and one.columns.keys() < other.columns.keys():
                found = np.maximum(found, other.different(owners) + one.beyond(other, owners))
    return found


def _different(parents: Ints, columns: Sequence[pa.Array], owners: int) -> Ints:
    found = groups([pa.array(parents), *columns])
    known, first = np.unique(found, return_index=True)
    return np.bincount(parents[first[known >= 0]], minlength=owners)
