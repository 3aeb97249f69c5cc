"""Types without a form of their own, as literals: addresses of networks, ranges, shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import MOST_CODES, Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.literals import invented_literals
from generators.privacy.support import Support

_WHOLE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """Codes are literals if nearly all rows hold a supported one; else one code for them all."""

    kind: ClassVar[str] = "other"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    literals: pa.Array
    whole: bool
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """The only one for these types."""
        return 0.6 if traits.column.datatype.kind is Kind.OTHER else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns the literals that at least k units share."""
        found = support.shares(sample.values, sample.units).value
        covered = bool(found.shares[:MOST_CODES].sum() >= _WHOLE)
        fields = {"literals": found.values[:MOST_CODES], "whole": covered}
        return cls._assembled(column, {n: support.declared(v) for n, v in fields.items()})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        return cls(column, state["literals"].value, bool(state["whole"].value), state)

    @property
    def size(self) -> int:
        """Released literals, or one code for every literal."""
        return len(self.literals) if self.whole else 1

    @property
    def ordered(self) -> bool:
        """Literals have no order known here."""
        return False

    def encode(self, values: pa.Array) -> Codes:
        """The literal's own code, the first for one never learned; or 0 for all."""
        if not self.whole:
            return np.zeros(len(values), dtype=np.int32)
        found = pc.fill_null(pc.index_in(values, value_set=self.literals), 0)
        return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int32)

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """The released literal, or an invented one of the column's type.

        A type that nobody here knows gets any released literal, else an empty one.
        """
        if self.whole:
            return self.literals.take(pa.array(codes))
        invented = invented_literals(self.column.datatype, len(codes), draw.rng)
        if invented is not None:
            return invented
        pool = self.literals if len(self.literals) else pa.array([""])
        return pool.take(pa.array(draw.rng.integers(len(pool), size=len(codes))))

    def released(self) -> State:
        """Literals, and whether they stand for nearly all rows."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these literals."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


generator: type[ColumnGenerator] = Other
