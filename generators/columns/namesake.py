"""Numbers and times as a column of the same name has them, for rows too few to tell their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from connectors.datatypes import NUMBERS, TIMES
from connectors.schema import Column
from generators.columns import (
    Codes,
    ColumnGenerator,
    Draw,
    Sample,
    State,
    Traits,
    column_generators,
)
from generators.plausible import positions
from generators.privacy.support import Floats, Support

_LIKE = "like_"
"""What the names of the other column's fields begin with."""


@dataclass(frozen=True, slots=True, eq=False)
class Namesake:
    """One code, which says nothing; values are those of the other column, as often as there.

    The lower of two columns of a row, such as start and end, lies as far up among its values as
    the higher one at most.

    Attributes:
        like: the generator of the other column.
        shares: of the other column's rows, by the codes of `like`; not all are 0.
    """

    kind: ClassVar[str] = "namesake"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    like: ColumnGenerator
    shares: Floats
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Last of all: others suit a column's own values better."""
        return 0.01 if can_be_like(traits.column) else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns from a sample of the other column, of the same type."""
        kind = "temporal" if column.datatype.kind in TIMES else "numeric"
        like = column_generators()[kind].fit(column, sample, support)
        codes = like.encode(sample.values).astype(np.int64)
        shares = support.histogram(codes, sample.units, like.size)
        form: State = {"like": support.declared(like.kind), "shares": shares}
        parts = {f"{_LIKE}{name}": part for name, part in like.released().items()}
        return cls(column, like, _some(shares.value), {**form, **parts})

    @property
    def size(self) -> int:
        """One code for all values."""
        return 1

    @property
    def ordered(self) -> bool:
        """One code is in any order."""
        return True

    def encode(self, values: pa.Array) -> Codes:
        """The one code for each value."""
        return np.zeros(len(values), np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A value of the other column for each code."""
        del codes
        places = positions(self.column.name, draw)
        drawn = np.searchsorted(np.cumsum(self.shares[:-1]), places, side="right")
        return self.like.decode(drawn.astype(np.int32), draw)

    def released(self) -> State:
        """What is known of the other column, and how often each of its codes comes."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator of these shares and bins."""
        parts = {n.removeprefix(_LIKE): v for n, v in state.items() if n.startswith(_LIKE)}
        like = column_generators()[state["like"]].restore(column, parts)
        opened = {name: Support().declared(value) for name, value in state.items()}
        return cls(column, like, _some(state["shares"]), opened)


def can_be_like(column: Column) -> bool:
    """Whether a column is of a type whose values are told by others of its name."""
    return column.datatype.kind in NUMBERS | TIMES


def _some(shares: Floats) -> Floats:
    """Shares that add up to 1; equal ones where nothing is known."""
    total = float(shares.sum())
    return np.asarray(shares / total if total > 0 else np.full(len(shares), 1 / len(shares)))


generator: type[ColumnGenerator] = Namesake
