"""Bounds that rules set a whole-number column without naming it, found by trying values."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import Kind, arrow_type
from connectors.limits import Limits
from connectors.rules import Expression, failing
from connectors.schema import Column

_FARTHEST = 1_000_000_000
Ints = npt.NDArray[np.int64]


def bounded(column: Column, limits: Limits, rules: Sequence[Expression]) -> Limits:
    """The limits, narrowed to the values that rules over the column alone allow.

    Values at growing distances from zero are tried, then the ends of the longest stretch of
    allowed ones are found by halving; what is allowed beyond a gap is given up.
    """
    if column.datatype.kind is not Kind.INTEGER or limits.values is not None or not rules:
        return limits
    ladder = _ladder(column.datatype.bits or 64)
    good = _allowed(column, ladder, rules)
    edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
    if not len(edges) or good.all():
        return limits
    starts, ends = edges[::2], edges[1::2] - 1
    longest = int((ends - starts).argmax())
    first, last = int(starts[longest]), int(ends[longest])
    least = most = None
    if first > 0:
        least = _near(_edge(column, int(ladder[first]), int(ladder[first - 1]), rules))
    if last < len(ladder) - 1:
        most = _near(_edge(column, int(ladder[last]), int(ladder[last + 1]), rules))
    return limits.within(Limits(least=least, most=most))


def _near(end: int) -> int | None:
    """A bound that values are likely to meet; one that only an overflow sets is none."""
    return end if abs(end) <= _FARTHEST else None


def _ladder(bits: int) -> Ints:
    """Numbers at growing distances from zero, far from where simple sums overflow."""
    powers = np.arange(min(bits, 48) - 4)
    steps = np.unique(np.concatenate([1 << powers, 3 << powers >> 1]))
    return np.concatenate([-steps[::-1], [0], steps])


def _edge(column: Column, inside: int, outside: int, rules: Sequence[Expression]) -> int:
    """The last allowed value on the way from an allowed one to one that is not."""
    while abs(inside - outside) > 1:
        middle = (inside + outside) // 2
        if _allowed(column, np.array([middle]), rules)[0]:
            inside = middle
        else:
            outside = middle
    return inside


def _allowed(column: Column, values: Ints, rules: Sequence[Expression]) -> npt.NDArray[np.bool_]:
    table = pa.table({column.name: pa.array(values).cast(arrow_type(column.datatype))})
    return np.asarray(~failing(rules, table).any(axis=1))
