"""Keys that learn nothing: the column says all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from connectors.limits import UNLIMITED, Limits
from connectors.schema import Column
from generators.columns import Sample, State
from generators.privacy.support import Support


@dataclass(frozen=True, slots=True)
class Unlearned:
    """What kinds of keys have in common that are functions of the row's index and no more."""

    column: Column

    @classmethod
    def fit(
        cls,
        column: Column,
        _sample: Sample,
        _support: Support,
        _pattern: str | None = None,
        _limits: Limits = UNLIMITED,
        /,
    ) -> Self:
        """Learns nothing."""
        return cls(column)

    def released(self) -> State:
        """Nothing."""
        return {}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:  # noqa: ARG003 - nothing was learned
        """The generator of this column."""
        return cls(column)
