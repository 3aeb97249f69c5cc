"""Values that programs trip over: the longest, the least, the greatest, the empty, the far-off."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.limits import UNLIMITED, Limits

_LONGEST = 10_000
"""Characters of the longest text where the type sets no limit."""
_TEXTS = (
    "",
    " ",
    "  two  spaces  ",
    "null",
    "O'Brien",
    'say "hello"',
    "50 % off; -- \\ /* */",
    "<b>bold</b> & more",
    "first line\nsecond line\ttab",
    "Ångström Żółć ßẞ ı İ",  # noqa: RUF001 - meant to be confused
    "Zu\u0308rich",  # a letter and its mark, which some count as two
    "Ελληνικά Кириллица",
    "日本語 中文 한국어",
    "\u202bעברית العربية\u202c",  # noqa: RUF001 - meant to be confused
    "हिन्दी ไทย",
    "👩\u200d👩\u200d👧 🏳️",
)
_DAYS = (date(1970, 1, 1), date(1999, 12, 31), date(2000, 2, 29), date(2024, 2, 29))
# 2:30 does not exist on the first two days and comes twice on the last two, in Europe and America.
_NIGHTS = (date(2024, 3, 31), date(2024, 3, 10), date(2024, 10, 27), date(2024, 11, 3))
_TIMES = (time(0, 0), time(12, 0), time(23, 59, 59, 999_999))
_PRECISION = 15


def edges(datatype: DataType, limits: Limits = UNLIMITED) -> pa.Array:
    """Values at the edges of a type and of what checks leave of it, each once; none where unknown.

    Nulls are not among them.
    """
    kind = arrow_type(datatype)
    found = []
    for value in (*_of_limits(datatype, limits), *_of_type(datatype)):
        try:
            found.append(pa.array([value], kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    return pa.concat_arrays(found).unique() if found else pa.nulls(0, kind)


def _of_limits(datatype: DataType, limits: Limits) -> list[object]:
    ends = [end for end in (limits.least, limits.most) if end is not None]
    if datatype.kind is Kind.TEXT:
        sizes = [n for n in (limits.shortest, limits.longest) if n is not None]
        return [*ends, *("W" * n for n in sizes)]
    return [*ends, *(limits.values or ())]


def _of_type(datatype: DataType) -> list[object]:
    nights = [datetime.combine(night, time(2, 30)) for night in _NIGHTS]
    days = [datetime.combine(day, at) for day in _DAYS for at in _TIMES]
    if datatype.kind is Kind.TEXT and not datatype.domain:
        most = datatype.length or _LONGEST
        return [*(t for t in _TEXTS if len(t) <= most), "W" * most]
    if datatype.kind is Kind.INTEGER:
        highest = (1 << ((datatype.bits or 64) - 1)) - 1
        return [0, 1, -1, highest, -highest - 1]
    if datatype.kind is Kind.FLOAT:
        return [0.0, -0.0, 1.0, -1.0, 1e-30, 1e30]
    if datatype.kind is Kind.DECIMAL:
        return [Decimal(0), *_decimals(datatype)]
    moments: list[object] = [*days, *nights]
    known: dict[Kind, list[object]] = {
        Kind.DATE: list(_DAYS),
        Kind.TIME: list(_TIMES),
        Kind.TIMESTAMP: moments,
        Kind.TIMESTAMPTZ: [moment.replace(tzinfo=UTC) for moment in (*days, *nights)],
        Kind.ENUM: list(datatype.labels[:1] + datatype.labels[-1:]),
        Kind.BYTES: [b"", b"\x00", b"\xff" * 255],
    }
    return known.get(datatype.kind, [])


def _decimals(datatype: DataType) -> list[Decimal]:
    """The smallest step and the greatest number, and what is opposite to both."""
    scale = datatype.scale or 0
    step = Decimal(1).scaleb(-scale)
    whole = Decimal(10) ** ((datatype.precision or _PRECISION) - scale) - step
    return [step, -step, whole, -whole]
