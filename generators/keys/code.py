"""Natural keys in text: made to the template that the keys of a column share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from math import prod
from operator import mul
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.ascent import Ascent
from generators.columns import Sample, State
from generators.feistel import LARGEST, Rows, mixed, permute, salt_of
from generators.keys import OrderedKey, require_capacity
from generators.privacy.support import Released, Support
from generators.shapes import ALPHABETS, Characters, filled, shapes_of, slots, written

_PLAIN = "w"
_USUAL = 8
_LONGEST = 128
_SIZES = ("shortest", "longest")
_PREVAILS = 0.5
"""Share of keys whose shapes must have support for their classes to be believed."""
_FREQUENT = 0.05
_CLASSES = {"h": "0-9a-f", "H": "0-9A-F", "w": "0-9a-z", "W": "0-9A-Z", "x": "0-9A-Za-z"}


@dataclass(frozen=True, slots=True)
class Code:
    """A literal prefix and a shape, filled by the row's index, permuted or in order.

    When the shape is used up, shapes with one, two, ... more characters of its last class follow,
    as far as the column is wide; they differ from the first in length.

    Attributes:
        widest: the most characters of a key.
        ascent: of keys that come in order, as far as they have the learned shape.
    """

    column: Column
    prefix: str
    shape: str
    widest: int
    state: State
    ascent: Ascent | None = None

    kind: ClassVar[str] = "code"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every text."""
        return 1.0 if column.datatype.kind is Kind.TEXT else 0.0

    @classmethod
    def fit(
        cls,
        column: Column,
        sample: Sample,
        support: Support,
        _pattern: str | None = None,
        limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns the most frequent supported shape, and the prefix that all keys of it share."""
        values = pc.ascii_rtrim(sample.values, " ")
        shape, shapes = _template(Sample(values, sample.units), support)
        asked = _asked(limits, support)
        if shape is None:
            nothing = support.declared("")
            return cls._of(column, {"prefix": nothing, "shape": nothing, **asked})
        same = np.flatnonzero(pc.equal(shapes, shape.value).to_numpy(zero_copy_only=False))
        prefix = _prefix(values.take(pa.array(same)), shape.value)
        units = len(np.unique(sample.units[same]))
        sealed = support.seal(prefix, units) or support.declared("")
        return cls._of(column, {"prefix": sealed, "shape": shape, **asked})

    @classmethod
    def _of(cls, column: Column, state: State) -> Self:
        shortest, longest = (int(state[n].value) if n in state else None for n in _SIZES)
        sizes = [size for size in (column.datatype.length, longest) if size is not None]
        widest = min(sizes, default=max(_LONGEST, shortest or 0))
        prefix, shape = str(state["prefix"].value), str(state["shape"].value)
        if not shape or not (shortest or 0) <= len(shape) <= widest:
            plain = _PLAIN * min(max(_USUAL, shortest or 0), widest)
            return cls(column, "", plain, widest, state)
        return cls(column, prefix, shape[len(prefix) :], widest, state)

    @property
    def capacity(self) -> int:
        """The sum over all shapes of the texts that each can make."""
        return min(LARGEST, sum(_size(shape) for shape in self._shapes()))

    def at(self, rows: Rows) -> pa.Array:
        """The key of each row."""
        require_capacity(self, self.column, rows)
        parts, places, first = [], [], 0
        for shape in self._shapes():
            at = np.flatnonzero((rows >= first) & (rows - first < _size(shape)))
            parts.append(filled(shape, self._characters(rows[at] - first, shape)))
            places.append(at)
            first += _size(shape)
        order = np.argsort(np.concatenate(places))
        texts = pa.concat_arrays(parts).take(pa.array(order))
        return pc.binary_join_element_wise(pa.scalar(self.prefix), texts, "")

    def ordered(self, ascent: Ascent) -> Self:
        """The same texts in another order."""
        return replace(self, ascent=ascent)

    def released(self) -> State:
        """Prefix and shape, where an empty one stands for the fallback, and declared lengths."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with this prefix and shape."""
        kept = {name: Support().declared(value) for name, value in state.items()}
        return cls._of(column, kept)

    def _shapes(self) -> list[str]:
        """The learned shape and its longer kin, until the index is used up."""
        shapes, total = [self.shape], _size(self.shape)
        while len(self.prefix) + len(shapes[-1]) < self.widest and total < LARGEST:
            last = slots(self.shape)[-1]
            shapes.append(shapes[-1][:last] + self.shape[last] + shapes[-1][last:])
            total += _size(shapes[-1])
        return shapes

    def _characters(self, rows: Rows, shape: str) -> Characters:
        """Characters for the slots of a shape: hashed ones where the index has no say."""
        key, alphabets = salt_of(self.column.name), _alphabets(shape)
        told = _told(alphabets)
        ascent = self.ascent if shape == self.shape else None
        order = permute if ascent is None else ascent.places
        index = written(order(rows, _size(shape), key), alphabets[:told])
        hashed = [
            written((mixed(rows.astype(np.uint64), key + at) >> np.uint64(1)).astype(np.int64), [a])
            for at, a in enumerate(alphabets[told:], start=1)
        ]
        return np.hstack([index, *hashed])


def _asked(limits: Limits, support: Support) -> State:
    sizes = zip(_SIZES, (limits.shortest, limits.longest), strict=True)
    return {name: support.declared(size) for name, size in sizes if size is not None}


def _template(sample: Sample, support: Support) -> tuple[Released[str] | None, pa.Array]:
    """The first kind of shape that prevails, its most frequent one, and the shape of each key."""
    for shapes in _looks(sample.values):
        found = support.shares(shapes, sample.units).value
        pairs = zip(found.values.to_pylist(), found.shares, strict=True)
        kept = [(shape, share) for shape, share in pairs if _is_fillable(shape)]
        if sum(share for _, share in kept) >= _PREVAILS and kept[0][1] >= _FREQUENT:
            # `shares` has tested the shape; this only takes it out of its answer.
            return support.seal(str(kept[0][0]), support.k), shapes
    return None, sample.values


def _looks(values: pa.Array) -> Iterator[pa.Array]:
    """Shapes that tell digits and letters apart, then those of one class; empty where neither."""
    yield shapes_of(values)
    for name, members in _CLASSES.items():
        ours = pc.match_substring_regex(values, f"^([{members}]|[^0-9A-Za-z])+$")
        yield pc.if_else(ours, pc.replace_substring_regex(values, f"[{members}]", name), "")


def _is_fillable(shape: str) -> bool:
    return shape.isascii() and 0 < len(shape) <= _LONGEST and len(slots(shape)) > 0


def _prefix(keys: pa.Array, shape: str) -> str:
    """What all keys start with, without the digits at its end, which may be a number's zeros."""
    # What the first and the last in order share, all between them share.
    ends = pc.min_max(keys).as_py()
    pairs = zip(ends["min"], ends["max"], strict=True)
    alike = takewhile(lambda pair: pair[0] == pair[1], pairs)
    shared = "".join(character for character, _ in alike).rstrip("0123456789")
    return shared if shared.isascii() and slots(shape[len(shared) :]) else ""


def _alphabets(shape: str) -> list[str]:
    return [ALPHABETS[shape[at]] for at in slots(shape)]


def _told(alphabets: list[str]) -> int:
    """How many of the first slots the row's index fills: as many as stay below 2**62 texts."""
    sizes = list(accumulate((len(a) for a in alphabets), mul))
    return sum(size <= LARGEST for size in sizes)


def _size(shape: str) -> int:
    """How many texts of a shape differ in what the row's index fills."""
    alphabets = _alphabets(shape)
    return prod(len(a) for a in alphabets[: _told(alphabets)])


generator: type[OrderedKey] = Code
