"""JSON documents: their shape is learned, their leaves are drawn path by path."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.classify import personal_leaves
from generators.privacy.support import Ints, Support
from generators.words import neutral_words

_MOST_SHAPES = 200
_MOST_VALUES = 50
_LEVELS = np.linspace(0, 1, 9)
_NUMBER, _TEXT, _BOOLEAN = 0, "", False
"""Leaves of a shape; null stands for itself."""
_ITEM = "[]"
Leaves = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Json:
    """Codes are shapes: the keys, nesting and leaf types of a document, without its values.

    An array's shape is the set of its elements' shapes. A shape that was withheld gets the code
    of the first one, the most frequent.
    """

    kind: ClassVar[str] = "json"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    shapes: tuple[str, ...]
    leaves: Mapping[str, Leaves]
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at every JSON column, and the only one where some leaves are personal."""
        if traits.column.datatype.kind is not Kind.JSON:
            return 0.0
        return 0.6 if traits.personal is None else 0.9

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns the shapes and leaves that at least k units share."""
        documents = [json.loads(text) for text in sample.values.to_pylist()]
        shapes = support.shares(_spelled(documents), sample.units).value.values[:_MOST_SHAPES]
        known = (
            shapes if len(shapes) else pa.array([_common_shape(documents, sample.units, support)])
        )
        leaves = _leaves(documents, sample.units, support)
        fields = {"shapes": known.to_pylist(), "leaves": leaves}
        return cls._assembled(column, {n: support.declared(v) for n, v in fields.items()})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:  # noqa: ARG003 - as its siblings
        return cls(tuple(state["shapes"].value), state["leaves"].value, state)

    @property
    def size(self) -> int:
        """Number of shapes."""
        return len(self.shapes)

    @property
    def ordered(self) -> bool:
        """Shapes have no order."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """The shape of each document; each is parsed, as nothing less tells its shape."""
        codes = {shape: code for code, shape in enumerate(self.shapes)}
        found = (codes.get(_shape_text(json.loads(text)), 0) for text in values.to_pylist())
        return np.fromiter(found, dtype=np.int32, count=len(values))

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A valid document of each code's shape."""
        shapes = [json.loads(shape) for shape in self.shapes]
        made = (self._document(shapes[code], "", draw.rng) for code in codes)
        return pa.array(
            [json.dumps(document, ensure_ascii=False) for document in made], pa.string()
        )

    def _document(self, shape: Any, path: str, rng: np.random.Generator) -> Any:
        if isinstance(shape, dict):
            return {k: self._document(v, f"{path}.{k}", rng) for k, v in shape.items()}
        if isinstance(shape, list):
            return self._items(shape, path + _ITEM, rng)
        known = self.leaves.get(path, {})
        if isinstance(shape, str):
            return _drawn_text(known, rng)
        if isinstance(shape, bool):
            return bool(rng.random() < known.get("true", 0.5))
        return shape if shape is None else _drawn_number(known, rng)

    def _items(self, shapes: list[Any], path: str, rng: np.random.Generator) -> list[Any]:
        """An array of a learned length that holds an element of each shape."""
        if not shapes:
            return []
        levels = self.leaves.get(path, {}).get("lengths") or [1.0, 3.0]
        length = np.interp(rng.random(), np.linspace(0, 1, len(levels)), levels)
        count = max(len(shapes), round(float(length)))
        return [self._document(shapes[i % len(shapes)], path, rng) for i in range(count)]

    def released(self) -> State:
        """Shapes, and what the leaves at each path may hold."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these shapes and leaves."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _spelled(documents: list[Any]) -> pa.Array:
    return pa.array([_shape_text(document) for document in documents], pa.string())


def _shape_text(document: Any) -> str:
    return json.dumps(_shape(document), ensure_ascii=False, sort_keys=True)


def _shape(document: Any) -> Any:
    """The document with each leaf replaced by a stand-in of its type."""
    if isinstance(document, dict):
        return {key: _shape(value) for key, value in document.items()}
    if isinstance(document, list):
        return [json.loads(text) for text in sorted({_shape_text(item) for item in document})]
    if isinstance(document, bool):
        return _BOOLEAN
    if isinstance(document, str):
        return _TEXT
    return None if document is None else _NUMBER


def _common_shape(documents: list[Any], units: Ints, support: Support) -> str:
    """Where no shape has support: the keys at the top that at least half of the rows share."""
    tops = [document if isinstance(document, dict) else {} for document in documents]
    shape = {}
    for key in _shared_keys(tops, units, support):
        types = Counter(_shape_text(top[key]) for top in tops if key in top)
        leaf = next((t for t, _ in types.most_common() if t in {"0", '""', "false"}), "null")
        shape[key] = json.loads(leaf)
    return json.dumps(shape, ensure_ascii=False, sort_keys=True)


def _shared_keys(tops: list[dict[str, Any]], units: Ints, support: Support) -> Iterator[str]:
    rows = Counter(key for top in tops for key in top)
    for key in sorted(key for key, count in rows.items() if 2 * count >= len(tops)):
        holds = np.array([key in top for top in tops])
        if support.share(holds, units).value >= 0.5:
            yield key


def _leaves(documents: list[Any], units: Ints, support: Support) -> dict[str, Any]:
    """What the leaves of each path may hold, as far as at least k units share it."""
    found: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for document, unit in zip(documents, units.tolist(), strict=True):
        for path, leaf in _paths(document, ""):
            found[path].append((leaf, unit))
    private = personal_leaves(documents)
    learned = (
        (path, _learned(seen, support, texts=path not in private))
        for path, seen in sorted(found.items())
    )
    return {path: leaf for path, leaf in learned if leaf}


def _paths(document: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; an array gives its length, wrapped in a list."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _paths(value, f"{path}.{key}")
    elif isinstance(document, list):
        yield path + _ITEM, [len(document)]
        for value in document:
            yield from _paths(value, path + _ITEM)
    elif document is not None:
        yield path, document


def _learned(seen: list[tuple[Any, int]], support: Support, *, texts: bool) -> dict[str, Any]:
    """Released facts of one path; none at all where fewer than k units hold it."""
    if len({unit for _, unit in seen}) < support.k:
        return {}
    facts: dict[str, Any] = {}
    for fact, learn in _LEARNERS.items():
        kept = [(leaf, unit) for leaf, unit in seen if type(leaf) in _LEAF_TYPES[fact]]
        if kept and (texts or fact != "texts"):
            leaves, units = zip(*kept, strict=True)
            facts |= learn(list(leaves), np.array(units, dtype=np.int64), support)
    return facts


def _learned_texts(leaves: list[str], units: Ints, support: Support) -> dict[str, Any]:
    found = support.shares(pa.array(leaves, pa.string()), units).value
    kept = found.values[:_MOST_VALUES].to_pylist()
    return {"texts": kept, "shares": found.shares[:_MOST_VALUES].tolist()} if kept else {}


def _learned_numbers(leaves: list[float], units: Ints, support: Support) -> dict[str, Any]:
    values = np.array(leaves, dtype=np.float64)
    levels = support.quantiles(values, units, _LEVELS).value.tolist()
    whole = support.share(values == np.floor(values), units).value >= 0.99
    return {"numbers": levels, "digits": 0 if whole else 2} if levels else {}


def _learned_booleans(leaves: list[bool], units: Ints, support: Support) -> dict[str, Any]:
    return {"true": support.share(np.array(leaves), units).value}


def _learned_lengths(leaves: list[list[int]], units: Ints, support: Support) -> dict[str, Any]:
    lengths = np.array([length for (length,) in leaves], dtype=np.float64)
    return {"lengths": support.quantiles(lengths, units, _LEVELS).value.tolist()}


_LEARNERS: Mapping[str, Callable[[list[Any], Ints, Support], dict[str, Any]]] = {
    "texts": _learned_texts,
    "numbers": _learned_numbers,
    "true": _learned_booleans,
    "lengths": _learned_lengths,
}
_LEAF_TYPES: Mapping[str, tuple[type, ...]] = {
    "texts": (str,),
    "numbers": (int, float),
    "true": (bool,),
    "lengths": (list,),
}


def _drawn_text(known: Leaves, rng: np.random.Generator) -> str:
    """A released text by its share; for the rest, and where none is known, a neutral word."""
    place = int(np.searchsorted(np.cumsum(known.get("shares", [])), rng.random(), side="right"))
    values = known.get("texts", [])
    return str(values[place]) if place < len(values) else str(rng.choice(neutral_words()))


def _drawn_number(known: Leaves, rng: np.random.Generator) -> float | int:
    levels = known.get("numbers") or [0.0, 100.0]
    drawn = float(np.interp(rng.random(), np.linspace(0, 1, len(levels)), levels))
    return round(drawn, 2) if known.get("digits") else round(drawn)


generator: type[ColumnGenerator] = Json
