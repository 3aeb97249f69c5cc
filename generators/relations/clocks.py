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
from generators.magnitudes import looks_like_years
from generators.privacy.support import Support
from generators.randomness import stream
from generators.relations.beats import CLOCKS, ticks

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEWEST_PAIRS = 50
_MOVING = 0.25
"""Share of consecutive siblings that a time must tell apart to order them."""
_REGULAR = 0.3
"""Share of consecutive siblings whose whole numbers must lie one usual step apart."""
_NARROWER = 0.5
"""How much narrower times must lie around a start than on the calendar."""
_TOGETHER = 0.2
"""Share of first times that must lie one usual span from a start, where they lie no narrower."""
_OFTENER = 1.5
"""How much more of them must, than come at the most frequent time of all."""
_KNOWN = 0.9
_FEWEST_GAPS = 200
"""Consecutive siblings from which on it can be told whether their times heed each other."""
_ALIKE = 0.05
"""Greatest distance of two distributions that few values are told apart by."""
_SURE = 1.63
"""The value of Kolmogorov's distribution that chance exceeds once in a hundred times."""


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

    Numbers that are dealt out among all rows, such as quantities, order nothing.

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
    if best is None or best[0] < _REGULAR:
        return None
    order = np.argsort(owners, kind="stable")
    dealt = scattered(best[2].ticks[order], owners[order], stream(0, "scattered"))
    return None if dealt else best[2]


def can_be_clock(column: Column) -> bool:
    """Whether a column is of a kind that can order siblings."""
    return column.datatype.kind in CLOCKS


def tells_when(column: Column, values: pa.Array) -> bool:
    """Whether a column holds times; of whole numbers, those that may be years."""
    if not can_be_clock(column):
        return False
    whole = column.datatype.kind is Kind.INTEGER
    return not whole or looks_like_years(ticks(values.drop_null()))


def choose_start(ticks: Ints, first: Ints, origins: Sequence[Origin]) -> Origin | None:
    """The origin around which first times lie narrowest; None where none is narrow enough.

    Where all lie wide, the one from which most lie one usual span: who was hired may start that
    day, or years later. `first` are the rows that have no older sibling.
    """
    found = []
    for origin in origins:
        known = first[origin.known[first]]
        if len(known) >= _KNOWN * len(first):
            found.append((origin, ticks[known] - origin.ticks[known]))
    narrow = min(found, key=lambda f: (_width(f[1]), f[0].name), default=None)
    if narrow is None or _width(narrow[1]) <= _NARROWER * _width(ticks[first]):
        return None if narrow is None else narrow[0]
    usual = max(found, key=lambda f: (usual_share(f[1]), f[0].name))
    least = max(_TOGETHER, _OFTENER * usual_share(ticks[first]))
    return usual[0] if usual_share(usual[1]) >= least else None


def usual_share(spans: Ints) -> float:
    """The share of spans that are the most frequent one."""
    _, counts = np.unique(spans, return_counts=True)
    return float(counts.max(initial=0) / max(1, len(spans)))


def scattered(ticks: Ints, owners: Ints, rng: np.random.Generator) -> bool:
    """Whether owners' rows come when any owner's do, each on its own.

    Then the times between siblings, and owners' first times, are as long where times were dealt
    out among all rows (two-sample test of Kolmogorov and Smirnov).

    Args:
        ticks: each row's time.
        owners: each row's owner; equal ones stand side by side.
        rng: source of randomness.
    """
    order, starts = np.lexsort((ticks, owners)), np.flatnonzero(np.diff(owners, prepend=-1))
    later = np.flatnonzero(np.diff(owners, prepend=-1) == 0)
    if len(later) < _FEWEST_GAPS:
        return False
    true, dealt = ticks[order], rng.permutation(ticks)
    dealt = dealt[np.lexsort((dealt, owners))]
    gaps = [np.diff(times)[later - 1] for times in (true, dealt)]
    return _is_alike(*gaps) and _is_alike(true[starts], dealt[starts])


def _is_alike(one: Ints, other: Ints) -> bool:
    """Whether two distributions of as many values may be one."""
    marks = np.unique(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(v), marks, side="right") / len(v) for v in (one, other)]
    distance = float(np.abs(shares[0] - shares[1]).max(initial=0.0))
    return distance <= max(_ALIKE, _SURE * float(np.sqrt(2 / len(one))))


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
    return usual_share(spans[spans > 0]) * float((spans > 0).mean())


def _width(ticks: Ints) -> float:
    low, high = np.quantile(ticks, [0.1, 0.9]) if len(ticks) else (0.0, 0.0)
    return float(high - low)
