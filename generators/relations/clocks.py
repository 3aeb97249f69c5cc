"""Finds the column by which siblings are ordered, and learns when each of them comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.columns import Sample, column_generators
from generators.encoding import FittedColumn
from generators.privacy.support import Support
from generators.relations.beats import CLOCKS

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEWEST_PAIRS = 50
_MOVING = 0.25
"""Share of consecutive siblings that a time must tell apart to order them."""
_REGULAR = 0.3
"""Share of consecutive siblings whose whole numbers must lie one usual step apart."""
_NARROWER = 0.5
"""How much narrower times must lie around a start than on the calendar."""
_KNOWN = 0.9
_YEARS = (1000, 3000)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column without nulls that might order siblings, with its ticks."""

    column: Column
    ticks: Ints


@dataclass(frozen=True, slots=True)
class Origin:
    """What a first row's time might be counted from: ticks by row, and where they are known."""

    name: str
    ticks: Ints
    known: Bools


def choose_clock(candidates: Sequence[Candidate], owners: Ints) -> Candidate | None:
    """The column that orders rows best: the first of times, else the most regular of numbers.

    Args:
        candidates: columns of the same rows.
        owners: each row's owner.
    """
    times = [c for c in candidates if c.column.datatype.kind is not Kind.INTEGER]
    numbers = [c for c in candidates if c.column.datatype.kind is Kind.INTEGER]
    scored = [(_moving(c, owners), -place, c) for place, c in enumerate(times)]
    best = max(scored, key=lambda s: s[:2], default=None)
    if best is not None and best[0] >= _MOVING:
        return best[2]
    scored = [(_regular(c, owners), -place, c) for place, c in enumerate(numbers)]
    best = max(scored, key=lambda s: s[:2], default=None)
    return best[2] if best is not None and best[0] >= _REGULAR else None


def can_be_clock(column: Column) -> bool:
    """Whether a column is of a kind that can order siblings."""
    return column.datatype.kind in CLOCKS


def looks_like_years(ticks: Ints) -> bool:
    """Whether whole numbers may be years, so that a date can be held against them."""
    return bool(len(ticks)) and _YEARS[0] <= ticks.min() and ticks.max() <= _YEARS[1]


def choose_start(ticks: Ints, first: Ints, origins: Sequence[Origin]) -> Origin | None:
    """The origin around which first times lie narrowest; None where none is narrow enough.

    `first` are the rows that have no older sibling.
    """
    found = []
    for origin in origins:
        known = first[origin.known[first]]
        if len(known) >= _KNOWN * len(first):
            found.append((_width(ticks[known] - origin.ticks[known]), origin))
    best = min(found, key=lambda f: (f[0], f[1].name), default=None)
    return best[1] if best is not None and best[0] <= _NARROWER * _width(ticks[first]) else None


def fit_span(name: str, spans: Ints, units: Ints, support: Support) -> FittedColumn:
    """A generator of whole numbers of ticks."""
    column = span_column(name)
    fitted = column_generators()["numeric"].fit(column, Sample(pa.array(spans), units), support)
    return FittedColumn(column, fitted, nullable=False)


def span_column(name: str) -> Column:
    """The pseudo-column that holds a number of ticks."""
    return Column(name, DataType(Kind.INTEGER, "bigint", bits=64), nullable=False)


def spans_between(candidate: Candidate, owners: Ints) -> Ints:
    """Ticks between consecutive siblings, in the order that the candidate gives them."""
    order = np.lexsort((candidate.ticks, owners))
    same = np.diff(owners[order]) == 0
    return np.asarray(np.diff(candidate.ticks[order])[same])


def _moving(candidate: Candidate, owners: Ints) -> float:
    spans = spans_between(candidate, owners)
    return float((spans > 0).mean()) if len(spans) >= _FEWEST_PAIRS else 0.0


def _regular(candidate: Candidate, owners: Ints) -> float:
    spans = spans_between(candidate, owners)
    if len(spans) < _FEWEST_PAIRS or not (spans > 0).any():
        return 0.0
    _, counts = np.unique(spans[spans > 0], return_counts=True)
    return float(counts.max() / len(spans))


def _width(ticks: Ints) -> float:
    low, high = np.quantile(ticks, [0.1, 0.9]) if len(ticks) else (0.0, 0.0)
    return float(high - low)
