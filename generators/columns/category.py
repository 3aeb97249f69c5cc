"""Few values that many share: labels, codes of states, kinds, tenants."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column
from generators.columns import MOST_CODES, Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Floats, Ints, Support
from generators.words import texts, writing_style

_OWN_CODES = 200
"""Values with a code of their own where there are more values than codes."""
_MOST_VALUES = 50_000
_FEW = 0.05
"""Share of rows up to which withheld values count as released ones, and none is invented."""
_MOSTLY = 0.75
"""Share of rows with released values from which on these are most of what there is to know."""
_LEVELS = np.linspace(0, 1, 9)
_PLAIN_LENGTHS = np.linspace(3, 12, 9)
_PLACEHOLDERS = {Kind.INTEGER: "0", Kind.UUID: "0" * 32}
_TEXTS = frozenset({Kind.TEXT, Kind.JSON})
_KINDS = _TEXTS | {Kind.ENUM, Kind.INTEGER, Kind.UUID}


@dataclass(frozen=True, slots=True)
class Groups:
    """Released values and the code of each; values that share a code follow one another.

    Attributes:
        texts: the values as text.
        codes: ascending, one per value.
        reach: cumulative shares, with a 0 before the first.
        size: number of codes.
    """

    texts: pa.Array
    codes: npt.NDArray[np.int32]
    reach: Floats
    size: int

    def places(self, values: pa.Array) -> Ints:
        """The place of each text among the released ones, -1 where it is none of them."""
        found = pc.fill_null(pc.index_in(values, value_set=self.texts), -1)
        places: Ints = found.to_numpy(zero_copy_only=False).astype(np.int64)
        return places

    def hashed(self, values: pa.Array) -> Codes:
        """A code per text, as often as its share; the same for the same text."""
        unique = values.dictionary_encode()
        hashes = [crc32(text.encode()) / 2**32 for text in unique.dictionary.to_pylist()]
        found = np.searchsorted(self.reach[1:-1], np.array(hashes) * self.reach[-1], side="right")
        return np.asarray(self.codes[found][unique.indices.to_numpy()], dtype=np.int32)

    def draw(self, codes: Codes, rng: np.random.Generator) -> Ints:
        """The place of a value of each code, drawn by its share."""
        places, uniform = np.asarray(codes, np.int64), rng.random(len(codes))
        if np.array_equal(self.codes, np.arange(self.size)):  # no two values share one
            return places
        bounds = np.searchsorted(self.codes, np.arange(self.size + 1))
        low, high = self.reach[bounds[places]], self.reach[bounds[places + 1]]
        found = np.searchsorted(self.reach, low + uniform * (high - low), "right")
        return np.clip(found - 1, bounds[places], bounds[places + 1] - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """Codes are released values, the rarer of them in groups, and RARE for all withheld ones."""

    kind: ClassVar[str] = "category"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    groups: Groups
    rare: bool
    unheld: tuple[str, ...]
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Certain of declared labels; else the more, the more rows hold a supported value."""
        kind = traits.column.datatype.kind
        if kind not in _KINDS:
            return 0.0
        if kind is Kind.ENUM or traits.column.datatype.labels:
            return 0.95
        if kind is Kind.INTEGER:
            return 0.1
        if traits.supported >= 0.9:
            return 0.7
        if traits.supported >= _MOSTLY and kind is Kind.TEXT:
            return 0.65  # ahead of templates, which keep none of the values
        return 0.3 + 0.3 * traits.supported if traits.supported >= 0.3 and kind in _TEXTS else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns the values that at least k units share, and the lengths of the withheld."""
        values = _as_text(sample.values, column.datatype)
        shares = support.shares(values, sample.units).value
        kept, weights = _spelled_in_order(shares.values, shares.shares)
        withheld = pc.invert(pc.is_in(values, value_set=kept)).to_numpy(zero_copy_only=False)
        owners = sample.units[withheld]
        lengths = pc.utf8_length(values.filter(pa.array(withheld)))
        sizes = lengths.to_numpy(zero_copy_only=False).astype(np.float64)
        fields = {
            "values": support.declared(kept),
            "shares": support.declared(weights),
            "rare": support.declared(support.share(withheld, sample.units).value > _FEW),
            "lengths": support.quantiles(sizes, owners, _LEVELS),
        }
        return cls._assembled(column, {**fields, **writing_style(values, sample.units, support)})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        values, shares = state["values"].value, state["shares"].value
        unheld = tuple(_unheld(column.datatype, frozenset(values.to_pylist())))
        rare = bool(unheld) and (bool(state["rare"].value) or len(values) == 0)
        if not len(values) and not rare:
            unheld, rare = (_PLACEHOLDERS.get(column.datatype.kind, ""),), True
        return cls(column, _groups(values, shares, rare), rare, unheld, state)

    @property
    def size(self) -> int:
        """Released values or groups of them, and RARE where something was withheld."""
        return self.groups.size + self.rare

    @property
    def ordered(self) -> bool:
        """Categories have no order."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """The code of each value; for others RARE, or by their hash that of a released one."""
        if not len(self.groups.texts):
            return np.zeros(len(values), dtype=np.int32)
        texts = _as_text(values, self.column.datatype)
        places = self.groups.places(texts)
        codes = self.groups.codes[places].astype(np.int32)
        unknown = np.flatnonzero(places < 0)
        if self.rare or not len(unknown):
            return np.where(places < 0, self.groups.size, codes).astype(np.int32)
        codes[unknown] = self.groups.hashed(texts.take(pa.array(unknown)))
        return codes

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A released value of each code; for RARE a label or a text that was not released."""
        known = codes < self.groups.size
        drawn = self.groups.draw(codes[known], draw.rng)
        invented = self._invented(int((~known).sum()), draw.rng)
        pool = pa.concat_arrays([self.groups.texts, invented])
        places = np.empty(len(codes), dtype=np.int64)
        places[known] = drawn
        places[~known] = len(self.groups.texts) + np.arange(len(invented))
        return _from_text(pool.take(pa.array(places)), self.column.datatype)

    def _invented(self, count: int, rng: np.random.Generator) -> pa.Array:
        """Texts that are none of the released values."""
        fallback = pa.array(self.unheld, pa.string()).take(
            pa.array(rng.integers(max(1, len(self.unheld)), size=count))
        )
        if self.column.datatype.kind is not Kind.TEXT or self.column.datatype.labels:
            return fallback
        lengths = self._lengths(count, rng)
        words = texts(lengths, self.state["style"].value, self.state["spaced"].value, rng)
        taken = pc.is_in(words, value_set=self.groups.texts)
        return pc.if_else(taken, fallback, words)

    def _lengths(self, count: int, rng: np.random.Generator) -> Ints:
        learned = self.state["lengths"].value
        known = learned if len(learned) else _PLAIN_LENGTHS
        lengths = np.interp(rng.random(count), _LEVELS, known)
        most = self.column.datatype.length or 10_000
        return np.clip(np.rint(lengths), 1, most).astype(np.int64)

    def released(self) -> State:
        """Values with their shares, and the lengths and the style of what was withheld."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these values."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _as_text(values: pa.Array, datatype: DataType) -> pa.Array:
    if datatype.kind is Kind.UUID:
        return pa.array([value.hex() for value in values.to_pylist()], pa.string())
    if datatype.kind is Kind.INTEGER:
        return values.cast(pa.string())
    return pc.utf8_rtrim(values, " ") if datatype.padded else values


def _from_text(values: pa.Array, datatype: DataType) -> pa.Array:
    if datatype.kind is Kind.UUID:
        return pa.array([bytes.fromhex(value) for value in values.to_pylist()], pa.binary(16))
    return values.cast(arrow_type(datatype))


def _spelled_in_order(values: pa.Array, shares: Floats) -> tuple[pa.Array, Floats]:
    """The most frequent values first; the tail by its spelling, so that a group is a range."""
    values, shares = values[:_MOST_VALUES], shares[:_MOST_VALUES]
    if len(values) <= MOST_CODES - 1:
        return values, shares
    tail = pc.array_sort_indices(values[_OWN_CODES:]).to_numpy().astype(np.int64) + _OWN_CODES
    order = np.concatenate([np.arange(_OWN_CODES), tail])
    return values.take(pa.array(order)), shares[order]


def _groups(values: pa.Array, shares: Floats, rare: bool) -> Groups:
    """One code per value; where there are too many, the tail in groups of about equal share."""
    reach = np.concatenate([[0.0], np.cumsum(shares)])
    most = MOST_CODES - rare
    codes = np.arange(len(values), dtype=np.int32)
    if len(values) > MOST_CODES - 1:
        passed = reach[_OWN_CODES:-1] - reach[_OWN_CODES]
        group = passed / (reach[-1] - reach[_OWN_CODES]) * (most - _OWN_CODES)
        _, codes[_OWN_CODES:] = np.unique(np.floor(group), return_inverse=True)
        codes[_OWN_CODES:] += _OWN_CODES
    return Groups(values, codes, reach, int(codes[-1]) + 1 if len(codes) else 0)


def _unheld(datatype: DataType, released: frozenset[str]) -> Iterator[str]:
    """Values for RARE: declared labels, documents or short texts that were not released."""
    if datatype.labels:
        return (label for label in datatype.labels if label not in released)
    if datatype.kind is Kind.JSON:
        return (text for text in ("{}", "[]", "null") if text not in released)
    if datatype.kind is not Kind.TEXT:
        return iter(())
    letters = string.ascii_lowercase + string.ascii_uppercase + string.digits
    longest = min(datatype.length or 8, 8)
    candidates = chain.from_iterable((c * n for c in letters) for n in range(longest, 0, -1))
    return (text for text in candidates if text not in released)


generator: type[ColumnGenerator] = Category
