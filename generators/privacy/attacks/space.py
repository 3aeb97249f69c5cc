"""Rows as points, so that near ones are alike; the axes are told by synthetic rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.distinct import hashable

Points = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_LABELS = 20
_MOST_AXES = 256
_HALF = np.float32(np.sqrt(0.5))
"""The weight of a label's axis, so that two rows with other labels are one apart."""


@dataclass(frozen=True, slots=True)
class NumberAxis:
    """A column of numbers: the rank among synthetic ones, 0 to 1, and whether it is null."""

    name: str
    ranked: Floats

    def points(self, values: pa.Array) -> Points:
        """Of shape (rows, 2)."""
        known = numbers(values)
        missing = np.isnan(known)
        low, high = (np.searchsorted(self.ranked, known, side) for side in ("left", "right"))
        middle = (low + high) / (2 * max(1, len(self.ranked)))
        return np.stack([np.where(missing, 0.5, middle), missing], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LabelAxis:
    """A column of anything else: the most frequent synthetic values, null and the rest."""

    name: str
    labels: pa.Array

    def points(self, values: pa.Array) -> Points:
        """Of shape (rows, labels + 1)."""
        codes = self.codes(values)
        found = np.zeros((len(codes), len(self.labels) + 1), np.float32)
        present = np.flatnonzero(codes >= 0)
        found[present, codes[present]] = _HALF
        return found

    def codes(self, values: pa.Array) -> Ints:
        """A number per value, that of null the last; -1 for one that is not frequent."""
        texts = as_text(values)
        found = pc.fill_null(pc.index_in(texts, value_set=self.labels, skip_nulls=True), -1)
        codes = np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
        return np.where(nulls(texts), len(self.labels), codes)


Axis = NumberAxis | LabelAxis


def axes(rows: pa.Table) -> tuple[Axis, ...]:
    """An axis for each column of synthetic rows that says something."""
    found = (_axis(name, flat(rows, name)) for name in rows.column_names)
    return tuple(axis for axis in found if axis is not None)


def points(chosen: Sequence[Axis], rows: pa.Table) -> Points:
    """A point per row, of shape (rows, dimensions)."""
    parts = [axis.points(flat(rows, axis.name)) for axis in chosen]
    return np.concatenate([np.empty((len(rows), 0), np.float32), *parts], axis=1)


def narrowed(found: Points) -> Points:
    """Points of few enough dimensions to search: random directions keep distances.

    Johnson and Lindenstrauss 1984; equal points stay equal.
    """
    if found.shape[1] <= _MOST_AXES:
        return found
    rng = np.random.default_rng(found.shape[1])
    directions = rng.normal(size=(found.shape[1], _MOST_AXES)) / np.sqrt(_MOST_AXES)
    return np.asarray(found @ directions.astype(np.float32))


def numbers(values: pa.Array) -> Floats:
    """Numbers, days or microseconds; NaN for null."""
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.view(pa.int32())
    elif pa.types.is_temporal(kind):
        values = values.view(pa.int64() if kind.bit_width == 64 else pa.int32())
    plain = pc.cast(values, pa.float64(), safe=False)
    return np.asarray(plain.to_numpy(zero_copy_only=False), np.float64)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type have an order and distances."""
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_temporal(kind)
    )


def as_text(values: pa.Array) -> pa.Array:
    """Values as texts that are equal where they are."""
    plain = hashable(values)
    if pa.types.is_fixed_size_binary(plain.type) or pa.types.is_binary(plain.type):
        return pa.array([None if v is None else v.hex() for v in plain.to_pylist()], pa.string())
    return pc.cast(plain, pa.string())


def flat(rows: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    return rows[name].combine_chunks()


def nulls(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Which values are null."""
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))


def _axis(name: str, values: pa.Array) -> Axis | None:
    if is_number(values.type):
        known = numbers(values)
        ranked = np.sort(known[~np.isnan(known)])
        told = len(ranked) > 0 and (ranked[0] != ranked[-1] or len(ranked) < len(known))
        return NumberAxis(name, ranked) if told else None
    texts = as_text(values)
    counted = texts.value_counts()
    shares = counted.field("counts").to_numpy(zero_copy_only=False)
    order = np.argsort(-shares, kind="stable")[:_MOST_LABELS]
    frequent = order[shares[order] > 1]
    labels = pc.drop_null(counted.field("values").take(pa.array(frequent)))
    return LabelAxis(name, labels) if len(frequent) > 1 else None
