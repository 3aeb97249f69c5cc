"""Addresses of pages about invented people, at hosts that lead nowhere."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.invented import Invented, cut_before


@dataclass(frozen=True, slots=True)
class Url(Invented):
    """A page at example.org (RFC 2606) that is numbered like the row, and so distinct."""

    kind: ClassVar[str] = "url"
    reserved: ClassVar[str | None] = r"^https://example\.org/"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = 32

    def invent(self, draw: Draw) -> pa.Array:
        """The page of each row."""
        numbers = pc.cast(pa.array(draw.rows), pa.string())
        hosts = pa.array(["https://example.org/"] * len(draw.rows), pa.string())
        return cut_before(hosts, numbers, self.column.datatype.length)


generator: type[ColumnGenerator] = Url
