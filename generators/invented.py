"""What the personal column generators share: they learn a style at most, and never a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.columns import Codes, Draw, Sample, State, Traits
from generators.privacy.support import Released, Support
from generators.single import Single

Bools = npt.NDArray[np.bool_]

_CLAIM = 0.95
_MOST_SHAPES = 32


def all_capitals(values: pa.Array) -> pa.Array:
    """Which texts have letters, all of them capital."""
    upper, lower = pc.utf8_upper(values), pc.utf8_lower(values)
    return pc.and_(pc.equal(values, upper), pc.not_equal(values, lower))


def all_small(values: pa.Array) -> pa.Array:
    """Which texts have letters, none of them capital."""
    upper, lower = pc.utf8_upper(values), pc.utf8_lower(values)
    return pc.and_(pc.equal(values, lower), pc.not_equal(values, upper))


@dataclass(frozen=True, slots=True)
class Invented(Single):
    """A personal kind with one code; its subclass says what it invents for each row.

    Attributes:
        column: the column as declared.
        state: per look, the share of the sample's rows that have it.
    """

    column: Column
    state: State

    kind: ClassVar[str]
    personal: ClassVar[bool] = True
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False
    shortest: ClassVar[int] = 1
    """The narrowest text column that holds such values."""
    looks: ClassVar[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
        "capitals": all_capitals,
        "small": all_small,
    }
    """Tests of a text for a trait of style."""

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """High where the column is classified as one of this kind."""
        return claim(cls.kind, cls.shortest, traits)

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns which look prevails, and nothing of what the values say."""
        return cls(
            column,
            {
                name: support.share(_flags(look(sample.values)), sample.units)
                for name, look in cls.looks.items()
            },
        )

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:  # noqa: ARG002 - a lone code tells nothing
        """An invented text for every row."""
        return self.invent(draw)

    def invent(self, draw: Draw) -> pa.Array:
        """An invented text for every row, by its identity."""
        raise NotImplementedError

    def released(self) -> State:
        """The shares of the looks."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these shares."""
        return cls(column, rereleased(state))

    def prevails(self, look: str) -> bool:
        """Whether most values of the sample had that look."""
        return bool(self.state[look].value > 0.5)

    def styled(self, texts: pa.Array) -> pa.Array:
        """Texts in the prevailing letter case, cut to the width of the column."""
        if self.prevails("capitals"):
            return cut(pc.utf8_upper(texts), self.column.datatype)
        return cut(pc.utf8_lower(texts) if self.prevails("small") else texts, self.column.datatype)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A personal kind with one code per supported shape of its texts.

    Attributes:
        column: the column as declared.
        shapes: the shapes, most frequent first; at least one.
        state: the supported shapes as released, which may be none.
    """

    column: Column
    shapes: tuple[str, ...]
    state: State

    kind: ClassVar[str]
    personal: ClassVar[bool] = True
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False
    shortest: ClassVar[int] = 1
    """The narrowest text column that holds such values."""

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """High where the column is classified as one of this kind."""
        return claim(cls.kind, cls.shortest, traits)

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns the shapes held by enough units, and nothing of what the values say."""
        found = support.shares(cls.shapes_of(sample.values), sample.units).value.values
        kept = pa.array(
            [s for s in found.to_pylist() if cls.fillable(s)][:_MOST_SHAPES], pa.string()
        )
        # `shares` has tested each shape; this only takes them out of its answer.
        return cls._of(column, {"shapes": support.seal(kept, support.k) or support.declared(kept)})

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these shapes."""
        return cls._of(column, rereleased(state))

    @classmethod
    def _of(cls, column: Column, state: State) -> Self:
        widest = column.datatype.length
        learned = (str(s) for s in state["shapes"].value.to_pylist())
        shapes = tuple(s for s in learned if widest is None or len(s) <= widest)
        return cls(column, shapes or (cls.fallback(widest),), state)

    @property
    def size(self) -> int:
        """The number of shapes."""
        return len(self.shapes)

    @property
    def ordered(self) -> bool:
        """Shapes have no order."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """The shape of each value; one never learned gets the shape of the nearest length."""
        shapes = self.shapes_of(values)
        found = pc.index_in(shapes, pa.array(self.shapes, pa.string()))
        lengths = pc.utf8_length(shapes).to_numpy(zero_copy_only=False)
        gaps = np.abs(lengths[:, None] - np.array([len(s) for s in self.shapes]))
        return np.asarray(
            pc.coalesce(found, pa.array(gaps.argmin(axis=1).astype(np.int32))), dtype=np.int32
        )

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """An invented text of each shape."""
        parts, places = [], []
        for code in np.unique(codes):
            at = np.flatnonzero(codes == code)
            part = Draw(draw.rng, draw.rows[at], draw.identities[at])
            parts.append(self.fill(self.shapes[code], part))
            places.append(at)
        if not parts:
            return pa.array([], pa.string())
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(places))))

    def released(self) -> State:
        """The supported shapes."""
        return self.state

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """The shape of each text, as this kind sees it."""
        raise NotImplementedError

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape leaves room for what makes an invented value recognisable."""
        raise NotImplementedError

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """The shape to use where none is supported, at most `widest` characters long."""
        raise NotImplementedError

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """An invented text of this shape for every row."""
        raise NotImplementedError


def claim(kind: str, shortest: int, traits: Traits) -> float:
    """How well a personal kind suits a column: high for its own texts, else 0."""
    datatype = traits.column.datatype
    wide = datatype.length is None or datatype.length >= shortest
    own = datatype.kind is Kind.TEXT and wide
    return _CLAIM if own and traits.personal == kind else 0.0


def cut(texts: pa.Array, datatype: DataType) -> pa.Array:
    """Texts shortened to the width of a column, without trailing blanks."""
    if datatype.length is None:
        return texts
    return pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(texts, 0, datatype.length))


def cut_before(names: pa.Array, endings: pa.Array, length: int | None) -> pa.Array:
    """Names joined to endings; the name gives way where both do not fit the length."""
    if length is not None:
        widths = pc.utf8_length(endings)
        for width in pc.unique(widths).to_pylist():
            short = pc.utf8_slice_codeunits(names, 0, max(0, length - width))
            names = pc.if_else(pc.equal(widths, width), short, names)
    return pc.binary_join_element_wise(names, endings, "")


def rereleased(state: Mapping[str, Any]) -> dict[str, Released[Any]]:
    """What an archive held, which was released once already."""
    return {name: Support().declared(value) for name, value in state.items()}


def _flags(values: pa.Array) -> Bools:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
