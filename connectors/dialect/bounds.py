"""Checks that hold a column of numbers against one number, as most do, computed by Arrow."""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

_SIGNS = {
    exp.LT: pc.less,
    exp.LTE: pc.less_equal,
    exp.GT: pc.greater,
    exp.GTE: pc.greater_equal,
    exp.EQ: pc.equal,
    exp.NEQ: pc.not_equal,
}
_MOST = 2**62
_DIGITS = 18
"""Of decimals whose scale Arrow has room to change."""


class Bound(NamedTuple):
    """What a column is held against, by its travelling name."""

    column: str
    sign: type[exp.Binary]
    number: Decimal


@lru_cache(maxsize=4096)
def bound_of(sql: str) -> Bound | None:
    """The bound that DuckDB's SQL of a check asks for, where that is all that it asks for."""
    tree = sqlglot.parse_one(sql, dialect="duckdb").unnest()
    if not isinstance(tree, exp.Binary) or not isinstance(tree.this, exp.Column):
        return None
    if type(tree) not in _SIGNS:
        return None
    number = _number(tree.expression)
    return None if number is None else Bound(tree.this.name, type(tree), number)


def _number(tree: exp.Expression) -> Decimal | None:
    """The number that a literal stands for, also as a decimal that has room for its digits."""
    if isinstance(tree, exp.Cast) and tree.to.is_type(exp.DataType.Type.DECIMAL):
        number, places = _number(tree.this), [int(p.name) for p in tree.to.expressions]
        if number is None or len(places) != 2:
            return None
        return number if number == round(number, places[1]) else None
    if isinstance(tree, exp.Neg):
        number = _number(tree.this)
        return None if number is None else -number
    return Decimal(tree.name) if isinstance(tree, exp.Literal) and tree.is_number else None


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
