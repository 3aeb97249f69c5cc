"""Dates and times, all of one privacy unit moved by the same whole weeks."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind, endless
from generators.masks import Mask, Masking

_WEEKS = 26
_DAY = 86_400_000_000


class Shift:
    """Up to half a year either way, never not at all; gaps and weekdays of a unit stay."""

    kind: ClassVar[str] = "shift"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = True
    reserved: ClassVar[str | None] = None

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Dates and timestamps."""
        return datatype.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """Each value some weeks earlier or later; infinity stays."""
        days = pa.array(_days(masking))
        counts = values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
        steps = days if pa.types.is_date32(values.type) else pc.multiply(days, _DAY)
        moved = pc.add(counts.cast(pa.int64()), steps)
        moved = pc.if_else(endless(values), counts.cast(pa.int64()), moved)
        return moved.cast(counts.type).view(values.type)


def _days(masking: Masking) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """By how many days each row moves."""
    units, places = np.unique(masking.units, return_inverse=True)
    words = [masking.cipher.word("shift", str(unit)) for unit in units]
    weeks = [w % _WEEKS + 1 if w // _WEEKS % 2 else -(w % _WEEKS) - 1 for w in words]
    return (np.array(weeks, np.int64) * 7)[places]


mask: type[Mask] = Shift
