"""The protocol of a column generator: one file here per kind of column, found by its file name.

A generator splits a value into a *code*, small enough to learn, and a *remainder*, invented when
drawn. Null is not its business: `generators.encoding` gives null a code of its own. Law, tested
for every file here: `encode(decode(codes)) == codes`.

Each file ends in a line such as `generator: type[ColumnGenerator] = Category`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import Column, TableName
from generators.privacy.support import Released, Support

Codes = npt.NDArray[np.int32]
MOST_CODES = 255
"""Codes that a generator may use; one more is kept for null."""

State = Mapping[str, Released[Any]]
"""A fitted part, field by field: numpy arrays, pyarrow arrays of text, or plain JSON values."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A column's values that are not null, as read from training units, with their unit ids."""

    values: pa.Array
    units: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traits:
    """What the choice of a generator looks at.

    Attributes:
        table: the table's name.
        column: the column as declared.
        sample: its values that are not null.
        distinct: number of distinct values in the sample.
        supported: share of the sample's rows whose value is held by at least k units.
        personal: the personal kind that the column is classified as; None for none.
    """

    table: TableName
    column: Column
    sample: Sample
    distinct: int
    supported: float
    personal: str | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """What a generator may draw from: all arrays have one entry per row to make.

    Attributes:
        rng: the randomness of this column in this shard.
        rows: the rows' indexes in their table, distinct over all shards.
        identities: a 64-bit seed per row, shared by all columns of the row, so that a person's
            name, e-mail and login agree.
    """

    rng: np.random.Generator
    rows: npt.NDArray[np.int64]
    identities: npt.NDArray[np.uint64]


class ColumnGenerator(Protocol):
    """Learns one column and draws new values of it."""

    kind: ClassVar[str]
    """The file's name."""
    personal: ClassVar[bool]
    """Whether it stands for data that identifies people; then nothing is learned from values."""
    reserved: ClassVar[str | None]
    """A regular expression (POSIX) that all invented values match and real ones do not."""
    distinct: ClassVar[bool]
    """Whether values are a function of `Draw.rows` alone, and differ where the rows do."""

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """How well it suits a column, 0 (not at all) to 1; the highest claim wins."""
        ...

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns from a sample, which may be empty."""
        ...

    @property
    def size(self) -> int:
        """Number of codes, 1 to `MOST_CODES`."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether neighbouring codes stand for neighbouring values."""
        ...

    def encode(self, values: pa.Array) -> Codes:
        """The code of each value, none of which is null; a value never learned gets the nearest."""
        ...

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A value per code, of the exact type `arrow_type(column.datatype)`.

        None is null, but for those of `nothing`, which has no other.
        """
        ...

    def released(self) -> State:
        """All that was learned, by field."""
        ...

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        ...


@cache
def column_generators() -> Mapping[str, type[ColumnGenerator]]:
    """Every generator in this folder by its kind."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.generator.kind: m.generator for m in modules}


def choose(traits: Traits) -> type[ColumnGenerator]:
    """The generator with the highest claim; ties go to the first by name."""
    return max(column_generators().values(), key=lambda g: g.claims(traits))
