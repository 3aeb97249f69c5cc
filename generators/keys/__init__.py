"""The protocol of a key generator: values never seen before, distinct for distinct row indexes.

A key is a function of its row's index, so uniqueness needs no memory and survives any split into
shards. Each file ends in a line such as `generator: type[KeyGenerator] = Serial`.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.ascent import Ascent
from generators.columns import Sample, State
from generators.errors import Unmeetable
from generators.privacy.support import Support


class KeyGenerator(Protocol):
    """Makes the values of one column that is unique by itself."""

    kind: ClassVar[str]
    """The file's name."""

    @classmethod
    def claims(
        cls, column: Column, pattern: str | None = None, limits: Limits = UNLIMITED, /
    ) -> float:
        """How well it suits a column, from 0 (not at all); the highest claim wins.

        `pattern` is a regular expression that a check asks of the column, `limits` what checks
        leave of its values.
        """
        ...

    @classmethod
    def fit(
        cls,
        column: Column,
        sample: Sample,
        support: Support,
        pattern: str | None = None,
        limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns the look of the keys (format, start, step) from a sample, which may be empty."""
        ...

    @property
    def capacity(self) -> int:
        """How many distinct values it can make; indexes run from 0 to capacity - 1."""
        ...

    def at(self, rows: npt.NDArray[np.int64]) -> pa.Array:
        """The key of each row index, of the type `arrow_type(column.datatype)`."""
        ...

    def released(self) -> State:
        """All that was learned, by field."""
        ...

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator whose `released()` held these values."""
        ...


@runtime_checkable
class OrderedKey(KeyGenerator, Protocol):
    """Makes keys that may come in order, though nothing says so but where the source's lie."""

    def ordered(self, ascent: Ascent) -> Self:
        """The generator whose first keys ascend with their rows, or descend."""
        ...


@cache
def key_generators() -> Mapping[str, type[KeyGenerator]]:
    """Every generator in this folder by its kind."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return {m.generator.kind: m.generator for m in modules}


def choose(
    column: Column, pattern: str | None = None, limits: Limits = UNLIMITED
) -> type[KeyGenerator] | None:
    """The generator with the highest claim; None where none can make distinct values."""
    best = max(key_generators().values(), key=lambda g: g.claims(column, pattern, limits))
    return best if best.claims(column, pattern, limits) > 0 else None


def require_capacity(key: KeyGenerator, column: Column, rows: npt.NDArray[np.int64]) -> None:
    """Refuses row indexes that a key generator has no distinct value for.

    Raises:
        Unmeetable: an index is not within 0 and capacity - 1.
    """
    highest = int(rows.max(initial=-1))
    if highest >= key.capacity:
        raise Unmeetable(
            f"keys of column {column.name} ran out: row {highest} asked for, {key.capacity} keys "
            f"of type {column.datatype.sql} found; ask for fewer rows or widen the column"
        )
