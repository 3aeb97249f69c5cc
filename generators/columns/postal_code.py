"""Postal codes of invented addresses, in the formats that the column has."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from generators.columns import ColumnGenerator, Draw, Traits
from generators.invented import Shaped
from generators.shapes import ALPHABETS, filled, shapes_of, slots

_SHARED = 0.9
_PLAIN = "99999"


@dataclass(frozen=True, slots=True)
class PostalCode(Shaped):
    """Random digits and letters in the shape of a postal code."""

    kind: ClassVar[str] = "postal_code"
    shortest: ClassVar[int] = 3

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Low where most codes are shared by many units: those name a place, not a person."""
        found = super(PostalCode, cls).claims(traits)
        return found / 2 if traits.supported >= _SHARED else found

    @classmethod
    def shapes_of(cls, values: pa.Array) -> pa.Array:
        """Digits, capitals and small letters by class."""
        return shapes_of(values)

    @classmethod
    def fillable(cls, shape: str) -> bool:
        """Whether a shape holds ASCII only, and some digit or letter."""
        return re.fullmatch(r"[9Aa -]*[9Aa]", shape) is not None

    @classmethod
    def fallback(cls, widest: int | None) -> str:
        """Five digits, or as many as fit."""
        return _PLAIN[:widest]

    def fill(self, shape: str, draw: Draw) -> pa.Array:
        """A code of this shape for every row."""
        alphabets = [np.frombuffer(ALPHABETS[shape[at]].encode(), np.uint8) for at in slots(shape)]
        drawn = [draw.rng.choice(alphabet, len(draw.rows)) for alphabet in alphabets]
        return filled(shape, np.stack(drawn, axis=1))


generator: type[ColumnGenerator] = PostalCode
