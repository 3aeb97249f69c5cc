"""Lets out of production only what at least k privacy units share.

`Released` is the one type that the model archive accepts, and only `Support` makes it. Every
method takes the unit id of each value, so that a person with a thousand rows still counts once.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

T = TypeVar("T")
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SEAL = object()
_WORD = (1 << 32) - 1


class Released(Generic[T]):
    """A value that may leave the production side."""

    __slots__ = ("value",)

    def __init__(self, value: T, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only generators.privacy.support releases values")
        self.value = value


@dataclass(frozen=True, slots=True)
class Shares:
    """Values with enough support, the share of rows that hold each, most frequent first.

    `rest` is the share of rows whose value is withheld; shares and rest add up to 1.
    """

    values: pa.Array
    shares: Floats
    rest: float


@dataclass(frozen=True, slots=True)
class Support:
    """The rule: fewer than k distinct units behind a value, and it is withheld."""

    k: int = 11

    def declared(self, value: T) -> Released[T]:
        """Releases what comes from the schema, the configuration or a constant, never from rows."""
        return Released(value, _SEAL)

    def carried(self, rows: pa.Table) -> Released[pa.Table]:
        """Releases rows that a person declared public, or whose values are masked."""
        return Released(rows, _SEAL)

    def counted(self, value: int) -> Released[int]:
        """Releases how many rows a table holds; sizes are not withheld."""
        return Released(value, _SEAL)

    def shares(self, values: pa.Array, units: Ints) -> Released[Shares]:
        """Releases the distinct values held by at least k units; `values` holds no nulls."""
        encoded = values.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        rows = np.bincount(codes, minlength=len(encoded.dictionary))
        kept = np.flatnonzero(unit_counts(codes, units, len(rows)) >= self.k)
        kept = kept[np.lexsort((_text_order(encoded.dictionary.take(pa.array(kept))), -rows[kept]))]
        share = rows[kept] / max(1, len(codes))
        found = Shares(encoded.dictionary.take(pa.array(kept)), share, float(1 - share.sum()))
        return Released(found, _SEAL)

    def histogram(self, codes: Ints, units: Ints, size: int) -> Released[Floats]:
        """Releases the share of rows per code 0..size-1; codes with too few units get 0.

        What is left adds up to 1, or is all 0 where no code has support.
        """
        rows = np.bincount(codes, minlength=size).astype(np.float64)
        rows[unit_counts(codes, units, size) < self.k] = 0
        return Released(rows / max(1.0, rows.sum()), _SEAL)

    def quantiles(self, values: Floats, units: Ints, probabilities: Floats) -> Released[Floats]:
        """Releases smoothed quantiles, ascending: each is a mean over at least k units.

        The lowest and highest are means over the k outermost units, so that no extreme of a
        single unit shows. Returns an empty array where fewer than k units hold a value.
        """
        order = np.argsort(values, kind="stable")
        ordered, owners = values[order], units[order]
        if distinct(units) < self.k:
            return Released(np.empty(0), _SEAL)
        centres = np.rint(probabilities * (len(ordered) - 1)).astype(np.int64)
        found = np.array([self._window_mean(ordered, owners, int(c)) for c in centres])
        return Released(np.maximum.accumulate(found), _SEAL)

    def share(self, holds: npt.NDArray[np.bool_], units: Ints) -> Released[float]:
        """Releases the share of rows with a property; 0 or 1 where either side lacks support."""
        sides = [distinct(units[holds == side]) for side in (True, False)]
        if sides[0] < self.k:
            return Released(0.0, _SEAL)
        return Released(1.0 if sides[1] < self.k else float(holds.mean()), _SEAL)

    def supported(self, codes: Ints, units: Ints, size: int) -> npt.NDArray[np.bool_]:
        """Which codes 0..size-1 are held by at least k units; for fitters, not released."""
        return np.asarray(unit_counts(codes, units, size) >= self.k)

    def seal(self, value: T, units_behind: int) -> Released[T] | None:
        """Releases an aggregate that a fitter computed over `units_behind` units; None below k."""
        return Released(value, _SEAL) if units_behind >= self.k else None

    def _window_mean(self, ordered: Floats, owners: Ints, centre: int) -> float:
        reach = self.k // 2
        while True:
            low, high = max(0, centre - reach), min(len(ordered), centre + reach + 1)
            if distinct(owners[low:high]) >= self.k:
                return float(ordered[low:high].mean())
            reach *= 2


def unit_counts(codes: Ints, units: Ints, size: int) -> Ints:
    """How many distinct units stand behind each code 0..size-1.

    Fast where units are small numbers, as `dense` makes them.
    """
    if len(units) and not 0 <= int(units.min()) <= int(units.max()) <= _WORD:
        (units,) = dense([units])
    pairs = np.sort((codes.astype(np.int64) << 32) | units)
    firsts = np.concatenate([pairs[:1], pairs[1:][pairs[1:] != pairs[:-1]]])
    return np.bincount(firsts >> 32, minlength=size).astype(np.int64)


def distinct(units: Ints) -> int:
    """How many distinct units there are; a sort is much faster here than numpy's hashing."""
    ordered = np.sort(units)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(1, len(ordered))


def dense(units: list[Ints]) -> list[Ints]:
    """Unit ids of several tables as numbers from 0, the same unit the same number everywhere."""
    _, numbers = np.unique(np.concatenate([np.empty(0, np.int64), *units]), return_inverse=True)
    return np.split(numbers.astype(np.int64), np.cumsum([len(u) for u in units])[:-1])


def _text_order(values: pa.Array) -> Any:
    """Ranks by text, so that ties in frequency are broken alike in every run."""
    texts = pc.cast(values, pa.string()) if not pa.types.is_nested(values.type) else values
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(np.array([str(t) for t in texts.to_pylist()]), kind="stable")] = np.arange(
        len(values)
    )
    return ranks
