"""Binary data: its length is learned, its bytes are random."""

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
from generators.privacy.support import Ints, Support

_MOST_CLASSES = 40


@dataclass(frozen=True, slots=True, eq=False)
class Bytes:
    """Codes are classes of length in bytes; the remainder is random bytes."""

    kind: ClassVar[str] = "bytes"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    bins: Bins
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at all binary data."""
        return 0.6 if traits.column.datatype.kind is Kind.BYTES else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns lengths."""
        bins = Binning(support, most=_MOST_CLASSES).fit(_lengths(sample.values), sample.units)
        return cls._assembled(column, bins or declared_bins([16.0, 64.0], support))

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:  # noqa: ARG003 - as its siblings
        return cls(restored_bins(state), state)

    @property
    def size(self) -> int:
        """Classes of length."""
        return self.bins.size

    @property
    def ordered(self) -> bool:
        """Codes ascend with length."""
        return True

    def encode(self, values: pa.Array) -> Codes:
        """The class of each value's length."""
        return self.bins.encode(_lengths(values))

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """Random bytes of a length in each code's class."""
        lengths = self.bins.draw(codes, draw.rng)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        data = draw.rng.bytes(int(lengths.sum()))
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.binary(), len(codes), buffers)

    def released(self) -> State:
        """Classes of length."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these classes."""
        return cls._assembled(column, {n: Support().declared(v) for n, v in state.items()})


def _lengths(values: pa.Array) -> Ints:
    found: Ints = pc.binary_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


generator: type[ColumnGenerator] = Bytes
