"""Structured text such as order codes, SKUs and plates: shapes, and how each place is filled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Floats, Ints, Support
from generators.words import Bytes, text_array

_MOST_SHAPES = 50
_LONGEST = 64
_LOOKED_AT = 2000
_CLASSES = {"9": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "a": "abcdefghijklmnopqrstuvwxyz"}
_PATTERNS = (("[0-9]", "9"), ("[A-Z]", "A"), ("[a-z]|[^ -~]", "a"))
_ASCII = 128


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: per place the characters it may hold and the cumulative share of each."""

    fills: tuple[tuple[Bytes, Floats], ...]

    def fill(self, count: int, rng: np.random.Generator) -> Bytes:
        """That many texts, one row of bytes each."""
        found = np.empty((count, len(self.fills)), dtype=np.uint8)
        for place, (letters, reach) in enumerate(self.fills):
            drawn = np.searchsorted(reach, rng.random(count), side="right")
            found[:, place] = letters[np.minimum(drawn, len(letters) - 1)]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Codes are supported shapes and RARE; the remainder fills each place of the shape.

    A shape spells digits as 9, upper-case letters as A, other letters as a, and keeps the rest.
    A place is filled by the shares of its characters where at least k units hold each, else by
    any character of its class.
    """

    kind: ClassVar[str] = "template"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    names: pa.Array
    shapes: tuple[Shape, ...]
    rare: bool
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at texts with digits, mostly distinct, of which a few shapes cover nearly all."""
        if traits.column.datatype.kind is not Kind.TEXT or not len(traits.sample.values):
            return 0.0
        counts = pc.value_counts(_shapes(traits.sample.values[:_LOOKED_AT]))
        shares = np.sort(counts.field(1).to_numpy())[::-1] / counts.field(1).to_numpy().sum()
        common = counts.field(0).take(pc.array_sort_indices(counts.field(1), "descending")[:50])
        regular = all("9" in s and len(s) <= _LONGEST for s in common.to_pylist()[:3])
        few = shares[:10].sum() >= 0.95 or (
            shares[:_MOST_SHAPES].sum() >= 0.9 and not any(" " in s for s in common.to_pylist())
        )
        return 0.6 if regular and few else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns the shapes that k units share, and the characters of their places."""
        spelled = _shapes(sample.values)
        short = pc.less_equal(pc.binary_length(spelled), _LONGEST).to_numpy(zero_copy_only=False)
        units = sample.units[short]
        found = support.shares(spelled.filter(pa.array(short)), units).value
        names = found.values[:_MOST_SHAPES]
        codes = _codes(spelled, names, -1)
        rare = support.share(codes < 0, sample.units).value > 0
        places = [
            _places(
                sample.values.filter(pa.array(codes == code)), sample.units[codes == code], support
            )
            for code in range(len(names))
        ]
        fields = {
            "shapes": names,
            "places": _stacked(places),
            "rare": rare,
            "length": column.datatype.length,
        }
        return cls._assembled(column, {n: support.declared(v) for n, v in fields.items()})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        names = state["shapes"].value
        spelled = names.to_pylist()
        shapes = [_shape(s, state["places"].value[code]) for code, s in enumerate(spelled)]
        spare = next(_spare_shapes(column, spelled), None)
        rare = spare is not None and (bool(state["rare"].value) or not spelled)
        if spare is not None and rare:
            shapes.append(_shape(spare, np.zeros((_LONGEST, _ASCII))))
        return cls(names, tuple(shapes), rare, state)

    @property
    def size(self) -> int:
        """Shapes, and RARE where some were withheld."""
        return len(self.shapes)

    @property
    def ordered(self) -> bool:
        """Shapes have no order."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """The shape of each text; RARE, or the first, for shapes that were not released."""
        unknown = len(self.names) if self.rare else 0
        return _codes(_shapes(values), self.names, unknown).astype(np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A text of each code's shape."""
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=self.size)
        filled = [s.fill(int(n), draw.rng) for s, n in zip(self.shapes, counts, strict=True)]
        lengths = np.repeat([len(s.fills) for s in self.shapes], counts).astype(np.int64)
        made = text_array(np.concatenate([rows.ravel() for rows in filled]), lengths)
        back = np.empty(len(codes), dtype=np.int64)
        back[order] = np.arange(len(codes))
        return made.take(pa.array(back))

    def released(self) -> State:
        """Shapes, and the share of each character at each of their places."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these shapes."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _shapes(values: pa.Array) -> pa.Array:
    for pattern, letter in _PATTERNS:
        values = pc.replace_substring_regex(values, pattern, letter)
    return values


def _codes(spelled: pa.Array, names: pa.Array, unknown: int) -> Ints:
    found = pc.fill_null(pc.index_in(spelled, value_set=names), unknown)
    codes: Ints = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _places(values: pa.Array, units: Ints, support: Support) -> Floats:
    """Shares of the ASCII characters at each place of texts of one shape, (_LONGEST, 128).

    Characters outside ASCII stand for a letter; they have no share, and a place that lacks
    support has none at all.
    """
    found = np.zeros((_LONGEST, _ASCII))
    ascii_only = pc.string_is_ascii(values).to_numpy(zero_copy_only=False)
    texts, owners = values.filter(pa.array(ascii_only)), units[ascii_only]
    if not len(texts):
        return found
    data = np.frombuffer("".join(texts.to_pylist()).encode("ascii"), dtype=np.uint8)
    letters = data.reshape(len(texts), -1)
    for place in range(letters.shape[1]):
        found[place] = support.histogram(letters[:, place].astype(np.int64), owners, _ASCII).value
    return found


def _stacked(places: list[Floats]) -> Floats:
    return np.stack(places) if places else np.zeros((0, _LONGEST, _ASCII))


def _shape(spelled: str, places: Floats) -> Shape:
    return Shape(tuple(_fill(c, places[place]) for place, c in enumerate(spelled)))


def _fill(letter: str, shares: Floats) -> tuple[Bytes, Floats]:
    allowed = np.frombuffer(_CLASSES.get(letter, letter).encode("ascii"), dtype=np.uint8)
    weights = shares[allowed]
    if weights.sum() <= 0:
        weights = np.ones(len(allowed))
    held = weights > 0
    return allowed[held], np.cumsum(weights[held]) / weights.sum()


def _spare_shapes(column: Column, spelled: list[str]) -> Iterator[str]:
    """Shapes for RARE: plain letters and digits, none of them released."""
    longest = min(column.datatype.length or 8, 8)
    candidates = (letter * n for n in range(longest, 0, -1) for letter in ("A", "9", "a"))
    return (shape for shape in candidates if shape not in spelled)


generator: type[ColumnGenerator] = Template
