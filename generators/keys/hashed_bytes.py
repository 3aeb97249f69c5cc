"""Binary keys: sixteen bytes that look like a digest, each a function of its row's index."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.feistel import LARGEST, Rows, mixed, salt_of
from generators.keys import KeyGenerator
from generators.unlearned import Unlearned

_BYTES = 16


@dataclass(frozen=True, slots=True)
class HashedBytes(Unlearned):
    """Two bijective mixes of the row's index."""

    kind: ClassVar[str] = "hashed_bytes"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every column of bytes."""
        return 1.0 if column.datatype.kind is Kind.BYTES else 0.0

    @property
    def capacity(self) -> int:
        """All row indexes."""
        return LARGEST

    def at(self, rows: Rows) -> pa.Array:
        """The sixteen bytes of each row."""
        key, words = salt_of(self.column.name), rows.astype(np.uint64)
        data = np.stack([mixed(words, key), mixed(words, key + 1)], axis=1).astype(">u8").tobytes()
        offsets = np.arange(len(rows) + 1, dtype=np.int32) * _BYTES
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


generator: type[KeyGenerator] = HashedBytes
