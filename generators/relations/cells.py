"""Parts of a table's rows, by the column that says most of the rows that refer to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import Table
from generators.distinct import groups
from generators.magnitudes import magnitudes, scale_of

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_PARTS = 8
"""Parts of a column, those of a number about even."""
_MOST_ROWS = 20_000
"""Referring rows that are looked at."""
_TELLS = 0.15
"""Cramer's V from which a column says something of the rows that refer to its own."""
_SAME = 0.99
"""Share of rows from which on one column repeats another."""
_WORDLESS = frozenset({Kind.JSON, Kind.ARRAY, Kind.BYTES, Kind.OTHER})


@dataclass(frozen=True, slots=True)
class Referring:
    """Rows that refer to others: the columns by which they may tell those apart.

    Attributes:
        links: for each row, the position of the row that it refers to; -1 for none.
        parts: per column, the part that each row lies in.
    """

    links: Ints
    parts: Sequence[Ints]


def parted(table: Table, rows: pa.Table) -> Mapping[str, Ints]:
    """Per column of rows that is no key, the part that each row lies in.

    A number's parts are about even; of other values the commonest have a part each, and all others
    one. Nulls are a part of their own.
    """
    if not len(rows):
        return {}
    keys = {c for u in table.uniques for c in u.columns}
    keys |= {c for f in table.foreign_keys for c in f.columns}
    found = {}
    for column in table.written:
        if column.name in keys or column.datatype.kind in _WORDLESS:
            continue
        values = rows[column.name].combine_chunks()
        scale = scale_of(column.datatype)
        if scale is None:
            found[column.name] = _commonest(groups([values]))
        else:
            numbers = magnitudes(values, scale)
            even = 1 + _even(numbers.values, numbers.known)
            found[column.name] = np.where(numbers.known, even, 0)
    return {name: codes for name, codes in found.items() if np.ptp(codes)}


def cells(own: Mapping[str, Ints], referring: Sequence[Referring]) -> Ints | None:
    """The part that each row lies in, by the column that says most; None where none says much."""
    told = {name: _telling(codes, referring) for name, codes in own.items()}
    best = max(told, key=lambda name: told[name], default=None)
    return own[best] if best is not None and told[best] >= _TELLS else None


def repeated(above: pa.Table, below: pa.Table, links: Ints) -> frozenset[str]:
    """The columns of some rows that equal one of nearly all rows that refer to them."""
    rows = np.flatnonzero(links >= 0)
    rows = rows[:: 1 + len(rows) // _MOST_ROWS]
    led = above.take(pa.array(links[rows]))
    here = below.take(pa.array(rows))
    return frozenset(
        name
        for name in led.column_names
        for other in here.column_names
        if here.schema.field(other).type == led.schema.field(name).type
        and not pa.types.is_nested(led.schema.field(name).type)
        and _share_equal(led[name], here[other]) >= _SAME
    )


def _share_equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> float:
    """The share of rows with equal values, of those that have two."""
    share = pc.mean(pc.equal(one, other).cast(pa.float64())).as_py()
    return float(share or 0.0)


def by_frequency(codes: Ints, counts: Ints) -> Ints:
    """Places of codes by their falling counts from 1, the last of all others; 0 for -1."""
    order = np.argsort(-counts, kind="stable")
    places = np.empty(len(counts), np.int64)
    places[order] = np.minimum(np.arange(len(counts)), np.count_nonzero(counts))
    found, known = np.zeros(len(codes), np.int64), codes >= 0
    found[known] = 1 + np.minimum(places[codes[known]], _PARTS - 1)
    return found


def _even(values: Floats | Ints, known: Bools) -> Ints:
    numbers = np.asarray(values, np.float64)
    if not known.any():
        return np.zeros(len(numbers), np.int64)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _PARTS + 1)[1:-1]))
    return np.searchsorted(edges, numbers, side="right")


def _commonest(codes: Ints) -> Ints:
    """Places of values by falling frequency from 1, the last of them of all others; 0 for nulls."""
    return by_frequency(codes, np.bincount(codes[codes >= 0]))


def _telling(own: Ints, referring: Sequence[Referring]) -> float:
    """The most that a column says of any column of rows that refer to its own."""
    most = 0.0
    for rows in referring:
        there = np.flatnonzero(rows.links >= 0)
        there = there[:: 1 + len(there) // _MOST_ROWS]
        above = own[rows.links[there]]
        most = max([most, *(_strength(above, below[there]) for below in rows.parts)])
    return most


def _strength(one: Ints, other: Ints) -> float:
    """Cramer's V without what chance adds to it (Bergsma, 2013, A bias-correction)."""
    width = int(other.max(initial=0)) + 1
    joint = np.bincount(one * width + other, minlength=width * (int(one.max(initial=0)) + 1))
    table = joint.reshape(-1, width).astype(np.float64)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    rows, (height, wide) = table.sum(), table.shape
    if rows < 2 or min(height, wide) < 2:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / rows
    squares = float(((table - expected) ** 2 / expected).sum()) / rows
    excess = max(0.0, squares - (height - 1) * (wide - 1) / (rows - 1))
    degrees = min(n - (n - 1) ** 2 / (rows - 1) for n in (height, wide)) - 1
    return float(np.sqrt(excess / degrees)) if degrees > 0 else 0.0
