"""The learned entries of a dependency: which of them a drawn row takes after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType
from connectors.invariants import Term
from generators.counterparts import counterparts
from generators.determination import joint
from generators.distinct import groups, numbered
from generators.feistel import mixed
from generators.invariants import Drawing
from generators.magnitudes import magnitudes, scale_of
from generators.quoting import as_text, from_text

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_MOST = 0.8
"""Share of rows drawn with a combination from which on their value is the combination's own."""
_MEANT = 0.25
"""Part of the way from chance to all rows from which on learned keys are those of the same rows."""


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column of drawn rows."""

    drawing: Drawing
    term: Term

    @property
    def values(self) -> pa.Array:
        """Its values as they are so far."""
        return self.drawing.scene.values(self.term)

    @property
    def datatype(self) -> DataType:
        """Its type."""
        return self.drawing.scene.table.column(self.term.column).datatype

    @property
    def known(self) -> Bools:
        """Which of them are not null."""
        return np.asarray(self.values.is_valid().to_numpy(zero_copy_only=False))

    @property
    def keyed(self) -> bool:
        """Whether it is a foreign key, or a part of one."""
        keys = self.drawing.scene.table.foreign_keys
        return not self.term.keys and any(self.term.column in key.columns for key in keys)

    def read(self, texts: pa.Array) -> pa.Array:
        """Learned texts as values of the column."""
        return from_text(texts, self.datatype)

    def sure(self, learned: pa.Array, pool: pa.Array, drawn: pa.Array | None = None) -> pa.Array:
        """Learned values, those of a key that are none here each in another's place.

        Those of a key whose names mean nothing here are what is `drawn` there, or any of the pool.
        """
        parents = [
            (key.parent, key.parent_columns[key.columns.index(self.term.column)])
            for key in self.drawing.scene.table.foreign_keys
            if self.term.column in key.columns
        ]
        if not parents or not len(learned):
            return learned
        keys = self.drawing.keys(*parents[0]).cast(learned.type)
        there = pc.or_(pc.is_in(learned, value_set=keys), pc.is_null(learned))
        if not len(pool):
            return pc.if_else(there, learned, None)
        other = pool.take(pa.array(np.arange(len(learned)) % len(pool))).cast(learned.type)
        if drawn is not None:
            named = pc.coalesce(drawn.cast(learned.type), other)
            return pc.if_else(pc.is_null(learned), learned, named)
        return pc.if_else(there, learned, other)

    def nearest(self, anchors: Floats) -> Ints:
        """The place of the ascending number that each value is nearest to."""
        scale = scale_of(self.datatype)
        if scale is None:
            raise TypeError(f"{self.term}: steps were learned of a type without an order")
        numbers = np.asarray(magnitudes(self.values, scale).values, np.float64)
        return np.searchsorted((anchors[1:] + anchors[:-1]) / 2, numbers)


def entries_of(given: Sequence[DrawnColumn], state: Mapping[str, Any]) -> Ints:
    """The learned combination that each row has; -1 for none."""
    wanted, found = [], []
    for place, part in enumerate(given):
        listed = part.read(state[f"given_{place}"])
        values = listed.unique()
        wanted.append(_places(listed, values))
        found.append(_places(part.values, values))
    rows = len(found[0])
    if not len(wanted[0]):
        return np.full(rows, -1)
    codes = joint([np.concatenate(pair) for pair in zip(wanted, found, strict=True)])
    order = np.argsort(codes[: -rows or None], kind="stable")
    ordered = codes[: -rows or None][order]
    places = np.minimum(np.searchsorted(ordered, codes[len(order) :]), len(order) - 1)
    same = (ordered[places] == codes[len(order) :]) & (codes[len(order) :] >= 0)
    return np.where(same, order[places], -1)


def near_entries(given: Sequence[DrawnColumn], state: Mapping[str, Any], chosen: Words) -> Ints:
    """A learned combination with a row's values in all but keys, by a word; -1 for none."""
    plain = [n for n, part in enumerate(given) if not part.keyed]
    none = np.full(len(chosen), -1)
    if not plain or len(plain) == len(given) or not len(state["given_0"]):
        return none
    listed = [given[n].read(state[f"given_{n}"]) for n in plain]
    entries, rows = numbered(listed, [given[n].values for n in plain])
    order = np.argsort(entries, kind="stable")
    low, high = (np.searchsorted(entries[order], rows, side) for side in ("left", "right"))
    there = (rows >= 0) & (low < high)
    place = low + (chosen % np.maximum(high - low, 1).astype(np.uint64)).astype(np.int64)
    return np.where(there, order[np.minimum(place, len(order) - 1)], none)


def voted(given: Sequence[DrawnColumn], last: DrawnColumn, state: Mapping[str, Any]) -> Ints:
    """The learned combination that a row's own stands for, or else is most often drawn with.

    That is the one of the learned key that a row's key stands for; else that which is, in all but
    keys and in what it tells, drawn most often with a row's values in all that determines. -1 where
    there is none.
    """
    none = np.full(len(given[0].values), -1)
    drawing, parts = last.drawing, (*given, last)
    drawn = () if drawing.jointly is None else drawing.jointly(tuple(p.term.column for p in parts))
    if not drawn or any(part.term.keys for part in parts):
        return none
    plain = [n for n, part in enumerate(given) if not part.keyed]
    listed = [given[n].read(state[f"given_{n}"]) for n in plain] + [last.read(state["held"])]
    entries, told = numbered(listed, [drawn[n] for n in plain] + [drawn[-1]])
    first = np.full(int(max(entries.max(initial=-1), told.max(initial=-1))) + 2, -1)
    first[entries[::-1]] = np.arange(len(entries))[::-1]
    first[-1] = -1  # of nulls
    asked, rows = numbered(list(drawn[:-1]), [part.values for part in given])
    entry = first[told]
    spoken = np.flatnonzero((entry >= 0) & (asked >= 0))
    if not len(spoken):
        return none
    pairs, votes = np.unique(np.stack([asked[spoken], entry[spoken]]), axis=1, return_counts=True)
    best = np.full(int(max(asked.max(), rows.max(initial=-1))) + 2, -1)
    order = np.argsort(votes, kind="stable")
    best[pairs[0][order]] = pairs[1][order]
    meant = _meant(given, state, drawn, (told, entries))
    return np.where(meant >= 0, meant, best[rows])


def _meant(
    given: Sequence[DrawnColumn],
    state: Mapping[str, Any],
    drawn: Sequence[pa.Array],
    situations: tuple[Ints, Ints],
) -> Ints:
    """The learned combination of the key that a row's stands for; -1 where there is none.

    Args:
        given: what determines.
        state: the learned combinations.
        drawn: rows that were drawn jointly.
        situations: what the keys of those, and of learned combinations, go with.
    """
    keyed = [n for n, part in enumerate(given) if part.keyed]
    plain = [n for n, part in enumerate(given) if not part.keyed]
    listed = [part.read(state[f"given_{n}"]) for n, part in enumerate(given)]
    keys, rows = numbered([drawn[n] for n in keyed], [given[n].values for n in keyed])
    known = groups([listed[n] for n in keyed])
    told, asked = numbered([listed[n] for n in plain], [given[n].values for n in plain])
    stands = np.append(counterparts((keys, situations[0]), (known, situations[1])), -1)
    stood = np.where(rows < len(stands), stands[np.minimum(rows, len(stands) - 1)], -1)
    size = int(max(told.max(initial=-1), asked.max(initial=-1))) + 1
    wanted = np.where((stood < 0) | (asked < 0), -1, stood * size + asked)
    there = np.where((known < 0) | (told < 0), -2, known * size + told)
    order = np.argsort(there, kind="stable")
    place = np.minimum(np.searchsorted(there[order], wanted), len(order) - 1)
    return np.where(there[order[place]] == wanted, order[place], -1)


def with_entries(
    given: Sequence[DrawnColumn], last: DrawnColumn, state: Mapping[str, Any]
) -> pa.Array | None:
    """Per learned combination the key that it is drawn with; None where learned ones mean that.

    Keys are invented, and the name of one may be that of another one here. It is the key of most
    rows that are drawn with the combination, else that of a row by chance: of combinations that
    share a code, which are drawn alike, each key then has as many as it has rows. Null for those
    that were not drawn.
    """
    drawing, parts = last.drawing, (*given, last)
    if not last.keyed or drawing.jointly is None or any(part.term.keys for part in parts):
        return None
    drawn = drawing.jointly(tuple(part.term.column for part in parts))
    if not drawn or not len(state["held"]):
        return None
    listed = [part.read(state[f"given_{n}"]) for n, part in enumerate(given)]
    asked, entries = numbered(list(drawn[:-1]), listed)
    size = int(max(asked.max(initial=-1), entries.max(initial=-1))) + 2
    told, keys = numbered([last.read(state["held"])], [drawn[-1]])
    if _is_meant(_spread_out(entries, told, size)[asked], keys):
        return None
    chosen = _spread_out(asked[::-1], np.arange(len(asked))[::-1], size)
    _, pairs, votes = np.unique(
        np.stack([asked, keys]), axis=1, return_index=True, return_counts=True
    )
    most = pairs[votes > _MOST * np.bincount(asked + 1)[asked[pairs] + 1]]
    chosen[asked[most]] = most
    chosen[-1] = -1  # of nulls
    places = chosen[entries]
    return drawn[-1].take(pa.array(places, mask=places < 0))


def _spread_out(places: Ints, values: Ints, size: int) -> Ints:
    """Each value at its place, the last of several; -1 elsewhere, and for no place."""
    found = np.full(size, -1)
    found[places] = values
    found[-1] = -1
    return found


def _is_meant(told: Ints, keys: Ints) -> bool:
    """Whether rows are drawn with the keys that were learned, far more often than by chance."""
    spoken = (told >= 0) & (keys >= 0)
    if not spoken.any():
        return False
    size = int(max(told.max(), keys.max())) + 1
    shares = [np.bincount(v[spoken], minlength=size) / spoken.sum() for v in (told, keys)]
    chance = float(shares[0] @ shares[1])
    return float((told == keys)[spoken].mean()) > chance + _MEANT * (1 - chance)


def _places(values: pa.Array, among: pa.Array) -> Ints:
    """Where each value stands among others; -1 for null and for what is not there."""
    found = pc.fill_null(pc.index_in(values, value_set=among, skip_nulls=True), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def hashed(given: Sequence[DrawnColumn], salt: int) -> Words:
    """A word per row that depends on the values alone."""
    words = np.zeros(len(given[0].values), np.uint64)
    for part in given:
        encoded = as_text(part.values).fill_null("").dictionary_encode()
        unique = _words(encoded.dictionary, salt)
        words = mixed(words, salt) + unique[encoded.indices.to_numpy(zero_copy_only=False)]
    return mixed(words, salt)


def _words(texts: pa.Array, salt: int) -> Words:
    """A word per text: the sum of a hash of each byte with its place."""
    plain = texts.cast(pa.large_binary())
    ends = np.frombuffer(plain.buffers()[1], np.int64)[plain.offset :][: len(plain) + 1]
    data = np.frombuffer(plain.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    sizes = np.diff(ends)
    places = np.arange(len(data)) - np.repeat(ends[:-1] - ends[0], sizes)
    hashed = mixed((places.astype(np.uint64) << np.uint64(8)) | data, salt)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashed, dtype=np.uint64)])
    bounds = ends - ends[0]
    return np.asarray(mixed(sums[bounds[1:]] - sums[bounds[:-1]], salt))
