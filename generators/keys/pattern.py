"""Text keys of a form that a check declares, filled by the row's index, permuted or in order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar, Self

import pyarrow as pa

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.ascent import Ascent
from generators.columns import Sample, State
from generators.feistel import LARGEST, Rows, permute, salt_of
from generators.keys import OrderedKey, require_capacity
from generators.patterns import alphabets
from generators.privacy.support import Support
from generators.shapes import texts_of, written


@dataclass(frozen=True, slots=True)
class Pattern:
    """An alphabet for each character of the key.

    Attributes:
        ascent: of keys that come in order.
    """

    column: Column
    alphabets: list[str]
    ascent: Ascent | None = None

    kind: ClassVar[str] = "pattern"

    @classmethod
    def claims(
        cls, column: Column, pattern: str | None = None, _limits: Limits = UNLIMITED, /
    ) -> float:
        """Every text of which a check asks a plain pattern."""
        fits = column.datatype.kind is Kind.TEXT and pattern and _fitting(column, pattern)
        return 2.0 if fits else 0.0

    @classmethod
    def fit(
        cls,
        column: Column,
        _sample: Sample,
        _support: Support,
        pattern: str | None = None,
        _limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns nothing: the pattern is declared."""
        return cls(column, _fitting(column, pattern or ""))

    @property
    def capacity(self) -> int:
        """The texts of that form."""
        return min(LARGEST, prod(len(a) for a in self.alphabets))

    def at(self, rows: Rows) -> pa.Array:
        """The key of each row."""
        require_capacity(self, self.column, rows)
        order = permute if self.ascent is None else self.ascent.places
        numbers = order(rows, self.capacity, salt_of(self.column.name))
        return texts_of(written(numbers, self.alphabets))

    def ordered(self, ascent: Ascent) -> Self:
        """The same texts in another order."""
        return replace(self, ascent=ascent)

    def released(self) -> State:
        """The alphabets."""
        return {"alphabets": Support().declared(self.alphabets)}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these alphabets."""
        return cls(column, list(state["alphabets"]))


def _fitting(column: Column, pattern: str) -> list[str]:
    """The pattern's alphabets; none where it is not plain or does not fit the column."""
    found = alphabets(pattern) or []
    room = column.datatype.length
    fits = all(c.isascii() for a in found for c in a) and (room is None or len(found) <= room)
    return found if fits else []


generator: type[OrderedKey] = Pattern
