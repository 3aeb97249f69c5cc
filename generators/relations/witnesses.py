"""Which rows of a table are known from those that lead there: a team's seasons, from its players.

Of a natural key, the values that at least k units of the rows that hold it share are released. A
table of a few owners, each of which began once, could else hardly say which rows it has.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, arrow_type
from connectors.schema import ForeignKey, Table
from generators.distinct import groups
from generators.privacy.support import Floats, Released, Support

Ints = npt.NDArray[np.int64]

_TOLD = frozenset({Kind.TEXT, Kind.INTEGER, Kind.DATE, Kind.ENUM})
"""Kinds whose values are the same again once they were texts."""
_MOST = 50_000


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The values of a natural key that at least k units hold.

    Attributes:
        values: per column of the key, its value as text in each of them.
        shares: the share of all rows with each of them.
    """

    values: Mapping[str, Released[pa.Array]]
    shares: Released[Floats]

    def columns(self, table: Table) -> Mapping[str, pa.Array]:
        """The values of each column as the key's table stores them."""
        return {
            name: told.value.cast(arrow_type(table.column(name).datatype))
            for name, told in self.values.items()
        }


def witnesses(
    table: Table,
    key: ForeignKey,
    training: tuple[pa.Table, Ints],
    nameable: Collection[str],
    support: Support,
) -> Witnesses | None:
    """What rows tell of a table that a natural key of theirs leads to; None where that is nothing.

    Args:
        table: the table of the rows.
        key: the key, of whose columns none is null.
        training: the rows, and their privacy units.
        nameable: columns that stand for no person and hold no free text.
        support: the rule of release.
    """
    rows, units = training
    if not {*nameable} >= {*key.columns}:
        return None
    if any(table.column(c).datatype.kind not in _TOLD for c in key.columns) or not len(rows):
        return None
    columns = [rows[c].combine_chunks() for c in key.columns]
    codes = groups(columns)
    size = int(codes.max(initial=-1)) + 1
    counts = np.bincount(codes[codes >= 0], minlength=size)
    held = np.flatnonzero(support.supported(codes[codes >= 0], units[codes >= 0], size))
    held = held[np.argsort(-counts[held], kind="stable")][:_MOST]
    first = np.full(size, -1)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    held = np.sort(first[held])
    told = {
        name: support.seal(pc.cast(column.take(pa.array(held)), pa.string()), support.k)
        for name, column in zip(key.columns, columns, strict=True)
    }
    shares = support.seal(counts[codes[held]] / len(codes), support.k)
    known = {name: values for name, values in told.items() if values is not None}
    return None if shares is None or not len(held) else Witnesses(known, shares)
