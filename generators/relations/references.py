"""Which row a key points to that is not its row's owner, as a cluster and a place inside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from connectors.schema import ForeignKey
from generators.layout import gather, scatter, spread
from generators.privacy.support import Floats, Ints, Released, Support, unit_counts
from generators.relations.degrees import grouped
from generators.sorting import ordered
from generators.tables import Feature

_MOST_INDIVIDUALS = 200
_BINS = 24
_FEWEST_BINS = 6
"""Bins by degree of each part of the rows."""
_MOST_BINS = 54
"""Bins of all parts together: a code has room for these beside rows that are known one by one."""
_MOSTLY = 0.9
"""Share of the references to a row that lies with keys by which enough units lead there."""


class Mode(StrEnum):
    """How the referenced row is found."""

    CLUSTER = "cluster"
    """A learned cluster of the parent's rows, and a row drawn inside it."""
    ANCESTOR = "ancestor"
    """The row above its owner in the same table: both paths lead to one row."""
    UNIQUE = "unique"
    """Another row each time, since the key is unique."""
    SELF = "self"
    """A row of the same table one level above, so that no cycle arises."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key that is not its table's owner.

    Attributes:
        clusters: number of clusters of the parent's rows; in mode SELF, how many levels below the
            roots are told apart; 1 for all other modes.
        nullable: whether code 0 stands for null, or in mode SELF for a row that refers to itself.
        within: whether, in mode SELF, both rows have one owner.
        older: whether, in mode SELF, the row referred to comes first.
        twin: name of a key of the same table that often leads to the same row, as the address that
            an order is billed to is the one that it is sent to; the last code stands for that.
    """

    key: ForeignKey
    mode: Mode
    clusters: int
    nullable: bool
    within: bool = False
    older: bool = False
    twin: str = ""

    @property
    def feature(self) -> Feature:
        """The column of the child's matrix that holds its codes."""
        size, deep = self.clusters + self.nullable + bool(self.twin), self.mode is Mode.SELF
        return Feature(f"->{self.key.name}", size, ordered=deep and size > 2)

    def inside(self, codes: npt.NDArray[np.int32]) -> Ints:
        """The cluster of each code; of null any, and of a twin's that of another row."""
        found = np.maximum(codes.astype(np.int64) - self.nullable, 0)
        return np.asarray(
            np.where(found < self.clusters, found, np.arange(len(found)) % self.clusters)
        )

    def twins(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Which codes stand for the row that the twin leads to."""
        return np.asarray((codes == self.clusters + self.nullable) & bool(self.twin))


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of a table's rows by how often they are referenced.

    `shares` are the groups' shares of the table's rows; a row's cluster is a function of its
    index and the number of rows alone, so whoever references it can find it without its shard.
    """

    shares: Released[Floats]

    @property
    def count(self) -> int:
        """Number of clusters, at least 1."""
        return len(self.shares.value)

    def of(self, indexes: Ints, rows: int) -> npt.NDArray[np.int32]:
        """The cluster of each row index, when the table has so many rows."""
        places = gather(indexes, rows)
        return np.searchsorted(self._bounds(rows), places, side="right").astype(np.int32)

    def draw(self, codes: Ints, rows: int, rng: np.random.Generator) -> Ints:
        """A row index inside each cluster; any row where the cluster is empty.

        Rows of one of several clusters are drawn as often as each other, give or take one: they
        were as often referenced, which draws on their own would not be.
        """
        ends = self._bounds(rows)
        starts = np.concatenate([[0], ends[:-1]])
        empty = starts[codes] == ends[codes]
        low, high = np.where(empty, 0, starts[codes]), np.where(empty, rows, ends[codes])
        places = rng.random(len(codes)) if self.count == 1 else _evenly(codes, rng)
        return scatter(low + (places * (high - low)).astype(np.int64), rows)

    def _bounds(self, rows: int) -> Ints:
        """Where each cluster ends; one with a share keeps a row where there are enough."""
        sizes = spread(rows, self.shares.value)
        for small in np.flatnonzero((sizes == 0) & (self.shares.value > 0)):
            if sizes.max() > 1:
                sizes[small], sizes[sizes.argmax()] = 1, sizes.max() - 1
        return np.cumsum(sizes)


def _evenly(codes: Ints, rng: np.random.Generator) -> Floats:
    """Numbers between 0 and 1, those of one code evenly far apart and in no order."""
    order = ordered(codes, rng.random(len(codes)))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(codes)))
    ranks = np.arange(len(codes)) - np.repeat(starts, sizes)
    found = np.empty(len(codes))
    found[order] = (ranks + np.repeat(rng.random(len(sizes)), sizes)) / np.repeat(sizes, sizes)
    return found


def fit_clusters(
    parents: Ints,
    incoming: Sequence[tuple[Ints, Ints]],
    public: bool,
    support: Support,
    cells: Ints | None = None,
) -> tuple[Clusters, npt.NDArray[np.int32]]:
    """Groups a table's rows by degree, and tells the cluster of each.

    Where the table belongs to no privacy unit, a row that enough units reference is a cluster
    of its own; all else is binned so that each bin holds at least k of the table's units. How
    many rows a table that belongs to nobody has in each group is not withheld.

    Args:
        parents: unit ids of the table's rows, of shape (rows,).
        incoming: per key, for each referencing row the position of the row it references, and
            the unit ids of the referencing rows.
        public: whether the table's rows belong to no privacy unit.
        support: the rule of release.
        cells: parts of the rows that are grouped apart; None for one.
    """
    degrees = np.stack([np.bincount(links, minlength=len(parents)) for links, _ in incoming])
    alone = _individuals(degrees, incoming, support) if public else np.empty(0, int)
    codes = np.full(len(parents), -1, np.int32)
    codes[alone] = np.arange(len(alone))
    rest = np.flatnonzero(codes < 0)
    parts = np.zeros(len(parents), np.int64) if cells is None else cells
    codes[rest] = _bins(degrees[:, rest], parts[rest], parents[rest], support) + len(alone)
    codes = _by_part(codes, parts)
    sizes = np.bincount(codes, minlength=1)
    behind = (
        support.k if public else int(unit_counts(codes.astype(np.int64), parents, len(sizes)).min())
    )
    released = support.seal(sizes / max(1, sizes.sum()), behind)
    if released is None or len(sizes) == 1:
        return unclustered(support), np.zeros(len(parents), np.int32)
    return Clusters(released), codes


def unclustered(support: Support) -> Clusters:
    """One cluster for all rows."""
    return Clusters(support.declared(np.ones(1)))


def _individuals(
    degrees: Ints, incoming: Sequence[tuple[Ints, Ints]], support: Support
) -> npt.NDArray[np.int64]:
    """Rows that are known one by one to nearly all that refer to them.

    The table of each key releases what k units say in it alone.
    """
    known = np.stack([support.supported(*one, degrees.shape[1]) for one in incoming])
    total = degrees.sum(0)
    mostly = (degrees * known).sum(0) >= _MOSTLY * np.maximum(1, total)
    order = np.argsort(-total, kind="stable")
    found: Ints = order[mostly[order]][:_MOST_INDIVIDUALS]
    return found


def _by_part(codes: npt.NDArray[np.int32], cells: Ints) -> npt.NDArray[np.int32]:
    """The clusters of one part side by side: what they have in common is learned of all of them."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(cells[first], kind="stable")
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    return places[inverse]


def _bins(degrees: Ints, cells: Ints, units: Ints, support: Support) -> npt.NDArray[np.int32]:
    """Bins of rows of each cell that are led to about equally often; too small ones join the next.

    Args:
        degrees: how often each key leads to each row, of shape (keys, rows).
        cells: rows that are binned apart.
        units: unit ids of the rows.
        support: the rule of release.
    """
    parts = len(np.unique(cells))
    if len(degrees) > 1:
        most = min(max(_FEWEST_BINS * parts, _BINS), _MOST_BINS)
        raw = grouped(degrees, cells, most, support.k)
    else:
        raw = _even_bins(degrees[0], cells, max(1, parts))
    return _merged(raw, units, support.k)


def _even_bins(degrees: Ints, cells: Ints, parts: int) -> Ints:
    """Bins of each cell by falling degree, even in rows and children alike."""
    order = np.lexsort((-degrees, cells))
    weights = 1 / max(1, len(degrees)) + degrees[order] / max(1, degrees.sum())
    sums, own = np.cumsum(weights) / 2, cells[order]
    starts = np.flatnonzero(np.diff(own, prepend=-1))
    number = np.cumsum(np.isin(np.arange(len(own)), starts)) - 1
    begins = np.concatenate([[0.0], sums])[starts][number]
    ends = sums[np.append(starts[1:], len(own)) - 1][number] if len(own) else sums
    shares = (sums - begins) / np.maximum(ends - begins, 1e-12)
    bins = max(1, min(max(_FEWEST_BINS, _BINS // parts), _MOST_BINS // parts))
    raw = np.minimum((shares * bins).astype(np.int64), bins - 1)
    codes = np.empty(len(degrees), np.int64)
    codes[order] = np.unique(number * bins + raw, return_inverse=True)[1]
    return codes


def _merged(raw: Ints, units: Ints, k: int) -> npt.NDArray[np.int32]:
    counts = unit_counts(raw, units, int(raw.max(initial=-1)) + 1)
    target, current, behind = np.zeros(len(counts), np.int32), 0, 0
    for number, count in enumerate(counts):
        target[number] = current
        behind += count
        if behind >= k:
            current, behind = current + 1, 0
    if behind and current:
        target[target == current] = current - 1
    return np.asarray(target[raw], dtype=np.int32) if len(raw) else np.empty(0, np.int32)
