"""Checks that hold a column of numbers against one number, as most do, computed by Arrow."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"-?\d+(?:\.\d+)?"
_BOUND = re.compile(
    r'(?P<open>\(*)"(?P<column>[^"]+)" (?P<sign><=|>=|<>|<|>|=) '
    rf"(?:CAST\((?P<cast>{_NUMBER}) AS DECIMAL\(\d+,\d+\)\)|(?P<plain>{_NUMBER}))(?P<close>\)*)"
)
_SIGNS = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "=": pc.equal,
    "<>": pc.not_equal,
}


class Bound(NamedTuple):
    """What a column is held against, by its travelling name."""

    column: str
    sign: str
    number: Decimal


@lru_cache(maxsize=4096)
def bound_of(sql: str) -> Bound | None:
    """The bound that DuckDB's SQL of a check asks for, where that is all that it asks for."""
    found = _BOUND.fullmatch(sql)
    if found is None or len(found["open"]) != len(found["close"]):
        return None
    return Bound(found["column"], found["sign"], Decimal(found["cast"] or found["plain"]))


def beyond(bound: Bound, values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_] | None:
    """Which values lie beyond a bound; None where they are no whole numbers or short decimals."""
    whole = bound.number == bound.number.to_integral_value()
    if pa.types.is_signed_integer(values.type) and whole and abs(bound.number) < _MOST:
        number = pa.scalar(int(bound.number), pa.int64())
    elif pa.types.is_decimal128(values.type) and values.type.precision <= _DIGITS:
        number = pa.scalar(bound.number)
    else:
        return None
    kept = _SIGNS[bound.sign](values, number)
    return np.asarray(~kept.fill_null(True).to_numpy(zero_copy_only=False))


_MOST = 2**62
_DIGITS = 18
"""Of decimals whose scale Arrow has room to change."""
