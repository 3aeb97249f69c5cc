"""Free text: its length is learned, its words are neutral ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.binning import Binning, Bins, declared_bins, restored_bins
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.kinds import QUASI
from generators.privacy.support import Ints, Support
from generators.words import texts, writing_style

_MOST_CLASSES = 40
_LONGEST = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Codes are classes of length in characters; the remainder is neutral words of that length."""

    kind: ClassVar[str] = "text"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    bins: Bins
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """The fallback of every text, and of personal ones that no other kind has room for."""
        if traits.column.datatype.kind is not Kind.TEXT:
            return 0.0
        return 0.2 if traits.personal is None or traits.personal in QUASI else 0.9

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns lengths and the way of writing."""
        lengths = np.clip(_lengths(sample.values, column), 0, _LONGEST)
        bins = Binning(support, most=_MOST_CLASSES).fit(lengths, sample.units)
        if bins is None:
            bins = declared_bins(_plausible(column), support)
        style = writing_style(sample.values, sample.units, support)
        return cls._assembled(column, {**bins, **style})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        return cls(column, restored_bins(state), state)

    @property
    def size(self) -> int:
        """Classes of length."""
        return self.bins.size

    @property
    def ordered(self) -> bool:
        """Codes ascend with length."""
        return True

    def encode(self, values: pa.Array) -> Codes:
        """The class of each text's length."""
        return self.bins.encode(_lengths(values, self.column))

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """Neutral words of a length in each code's class, in the learned casing."""
        lengths = self.bins.draw(codes, draw.rng)
        return texts(lengths, self.state["style"].value, self.state["spaced"].value, draw.rng)

    def released(self) -> State:
        """Classes of length and the way of writing."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these classes."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _lengths(values: pa.Array, column: Column) -> Ints:
    written = pc.utf8_rtrim(values, " ") if column.datatype.padded else values
    found: Ints = pc.utf8_length(written).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _plausible(column: Column) -> list[float]:
    """From a word to a sentence, as far as the column is long."""
    longest = min(column.datatype.length or 40, 40)
    return [float(min(8, longest)), float(longest)]


generator: type[ColumnGenerator] = Text
