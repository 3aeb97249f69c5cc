"""Random-looking UUIDs, each a function of its row's index."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.feistel import LARGEST, Rows, mixed, permute, salt_of
from generators.keys import KeyGenerator
from generators.unlearned import Unlearned

_VERSION_MASK, _VERSION = np.uint64(0xFFFFFFFFFFFF0FFF), np.uint64(0x4000)
_VARIANT = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class RandomUuid(Unlearned):
    """UUIDs of version 4 (RFC 9562), whose last 62 bits are a permutation of the row's index."""

    kind: ClassVar[str] = "random_uuid"

    @classmethod
    def claims(
        cls, column: Column, _pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every UUID."""
        return 1.0 if column.datatype.kind is Kind.UUID else 0.0

    @property
    def capacity(self) -> int:
        """All that the last 62 bits tell apart."""
        return LARGEST

    def at(self, rows: Rows) -> pa.Array:
        """The UUID of each row, as 16 bytes."""
        key = salt_of(self.column.name)
        high = mixed(rows.astype(np.uint64), key) & _VERSION_MASK | _VERSION
        low = permute(rows, LARGEST, key).astype(np.uint64) | _VARIANT
        data = np.stack([high, low], axis=1).astype(">u8").tobytes()
        return pa.Array.from_buffers(pa.binary(16), len(rows), [None, pa.py_buffer(data)])


generator: type[KeyGenerator] = RandomUuid
