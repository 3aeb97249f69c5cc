"""Expressions that take a value out of others: computed with Arrow, and said in SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import INFINITE, endless
from connectors.invariants import literal
from generators.magnitudes import finite

Arrays = Sequence[pa.Array]
Texts = Sequence[str]
Floats = npt.NDArray[np.float64]

_HOUR, _MINUTE = 3_600_000_000, 60_000_000
_LOCAL = " local"
_INITIALS = r"(\S)\S*\s*"


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of columns.

    Attributes:
        sql: from the SQL of its operands and the constants.
        compute: the same over arrays.
    """

    sql: Callable[[Texts, Texts], str]
    compute: Callable[[Arrays, Texts], pa.Array]


def said(form: str, operands: Texts, constants: Texts) -> str:
    """The SQL of a form; one that ends in `utc` or `local` looks at timestamps as of a zone.

    One that ends in `utc local` looks at timestamps without one that are of UTC.
    """
    if form.removesuffix(_LOCAL).endswith(" utc") and not form.startswith("moment"):
        operands = [f"({o} at time zone 'UTC')" for o in operands]
    if form.endswith(_LOCAL):
        operands = [f"({o} at time zone {literal(constants[0])})" for o in operands]
    return EXPRESSIONS[_bare(form)].sql(operands, constants)


def computed(form: str, operands: Arrays, constants: Texts) -> pa.Array:
    """The values of a form; null where an operand is, unless it asks for nulls."""
    if form.endswith(_LOCAL):
        operands = [_local(values, constants[0]) for values in operands]
    return EXPRESSIONS[_bare(form)].compute(operands, constants)


def _bare(form: str) -> str:
    return form.removesuffix(_LOCAL).removesuffix(" utc")


def _local(values: pa.Array, zone: str) -> pa.Array:
    """Moments as clocks of a zone show them; null where infinite."""
    there = pc.if_else(pa.array(finite(values)), values, pa.scalar(None, values.type))
    return pc.local_timestamp(there.cast(pa.timestamp("us", zone)))


def _part(name: str, take: Callable[[pa.Array], pa.Array]) -> Expression:
    return Expression(
        lambda o, _: f"extract({name} from {o[0]})", lambda v, _: take(_plain_time(v[0]))
    )


def _plain_time(values: pa.Array) -> pa.Array:
    """Without a zone, and null where infinite."""
    there = pc.if_else(pa.array(finite(values)), values, pa.scalar(None, values.type))
    return there.cast(pa.timestamp("us")) if pa.types.is_timestamp(values.type) else there


def _age(values: Arrays, _: Texts) -> pa.Array:
    """Whole years, none where less than one has gone by, in whatever direction."""
    late, early = (_plain_time(v).cast(pa.date32(), safe=False) for v in values)
    years = pc.subtract(pc.year(late), pc.year(early))
    short = pc.less(_within(late), _within(early)).cast(pa.int64())
    over = pc.greater(_within(late), _within(early)).cast(pa.int64())
    forwards = pc.greater_equal(late, early)
    return pc.if_else(forwards, pc.subtract(years, short), pc.add(years, over))


def _date(values: Arrays, _: Texts) -> pa.Array:
    """The day of a moment; infinite ones keep their sign."""
    days = _plain_time(values[0]).cast(pa.date32(), safe=False)
    past = pc.less(values[0].cast(pa.int64()), 0)
    first, last = (pa.scalar(end, pa.int32()).cast(pa.date32()) for end in (-_NEVER, _NEVER))
    return pc.if_else(endless(values[0]), pc.if_else(past, first, last), days)


_NEVER = INFINITE[32]


def _within(days: pa.Array) -> pa.Array:
    return pc.add(pc.multiply(pc.month(days), 100), pc.day(days))


def _number(values: pa.Array, compute: Callable[[Floats], npt.NDArray[Any]]) -> pa.Array:
    numbers = pc.cast(values, pa.float64(), safe=False)
    known = numbers.is_valid().to_numpy(zero_copy_only=False)
    found = compute(pc.fill_null(numbers, 0.0).to_numpy(zero_copy_only=False))
    return pa.array(found, mask=~known)


def _moment(values: Arrays, _: Texts) -> pa.Array:
    total = _plain_time(values[0]).cast(pa.timestamp("us")).cast(pa.int64())
    for value, unit in zip(values[1:], (_HOUR, _MINUTE), strict=False):
        total = pc.add(total, pc.multiply(pc.cast(value, pa.int64(), safe=False), unit))
    return total.cast(pa.timestamp("us"))


def _moment_sql(operands: Texts, _: Texts) -> str:
    units = ("hour", "minute")
    later = (f" + {o} * interval '1 {u}'" for o, u in zip(operands[1:], units, strict=False))
    return operands[0] + "".join(later)


def _clock(values: Arrays, _: Texts) -> pa.Array:
    day = _plain_time(values[0]).cast(pa.timestamp("us")).cast(pa.int64())
    return pc.add(day, values[1].cast(pa.int64())).cast(pa.timestamp("us"))


def _joined(values: Arrays, constants: Texts) -> pa.Array:
    separator, suffix = constants
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*values, separator), suffix, "")


def _joined_sql(operands: Texts, constants: Texts) -> str:
    separator, suffix = constants
    between = f" || {literal(separator)} || " if separator else " || "
    return between.join(operands) + (f" || {literal(suffix)}" if suffix else "")


def _left(values: Arrays, constants: Texts) -> pa.Array:
    return pc.utf8_slice_codeunits(values[0], 0, int(constants[0]))


def _initials(values: Arrays, _: Texts) -> pa.Array:
    return pc.replace_substring_regex(values[0], _INITIALS, r"\1")


def _in_case(inner: Expression) -> Mapping[str, Expression]:
    """An expression, and what it gives in lower and upper case."""
    return {
        "": inner,
        "lower ": Expression(
            lambda o, k: f"lower({inner.sql(o, k)})",
            lambda v, k: pc.utf8_lower(inner.compute(v, k)),
        ),
        "upper ": Expression(
            lambda o, k: f"upper({inner.sql(o, k)})",
            lambda v, k: pc.utf8_upper(inner.compute(v, k)),
        ),
    }


_CASED = {
    "text": Expression(lambda o, _: o[0], lambda v, _: v[0]),
    "left": Expression(lambda o, k: f"left({o[0]}, {int(k[0])})", _left),
    "initials": Expression(
        lambda o, _: f"regexp_replace({o[0]}, '{_INITIALS}', '\\1', 'g')", _initials
    ),
    "joined": Expression(_joined_sql, _joined),
}
PARTS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "year": pc.year,
    "month": pc.month,
    "day": pc.day,
    "isodow": lambda v: pc.day_of_week(v, count_from_zero=False, week_start=1),
    "doy": pc.day_of_year,
    "quarter": pc.quarter,
    "hour": pc.hour,
    "minute": pc.minute,
}
EXPRESSIONS: Mapping[str, Expression] = {
    **{name: _part(name, take) for name, take in PARTS.items()},
    **{case + n: e for n, inner in _CASED.items() for case, e in _in_case(inner).items()},
    "lower joined": Expression(
        lambda o, k: _joined_sql([f"lower({_joined_sql(o, (k[0], ''))})"], ("", k[1])),
        lambda v, k: _joined([pc.utf8_lower(_joined(v, (k[0], "")))], ("", k[1])),
    ),
    "date": Expression(lambda o, _: f"{o[0]}::date", _date),
    "age": Expression(lambda o, _: f"extract(year from age({o[0]}, {o[1]}))", _age),
    "quotient": Expression(
        lambda o, k: f"div({o[0]}, {int(k[0])})",
        lambda v, k: _number(v[0], lambda x: np.trunc(x / float(k[0]))),
    ),
    "remainder": Expression(
        lambda o, k: f"mod({o[0]}, {int(k[0])})",
        lambda v, k: _number(v[0], lambda x: np.fmod(x, float(k[0]))),
    ),
    "length": Expression(lambda o, _: f"length({o[0]})", lambda v, _: pc.utf8_length(v[0])),
    "positive": Expression(
        lambda o, _: f"({o[0]} > 0)", lambda v, _: _number(v[0], lambda x: x > 0)
    ),
    "zero": Expression(lambda o, _: f"({o[0]} = 0)", lambda v, _: _number(v[0], lambda x: x == 0)),
    "nonzero": Expression(
        lambda o, _: f"({o[0]} <> 0)", lambda v, _: _number(v[0], lambda x: x != 0)
    ),
    "null": Expression(lambda o, _: f"({o[0]} is null)", lambda v, _: v[0].is_null()),
    "known": Expression(lambda o, _: f"({o[0]} is not null)", lambda v, _: v[0].is_valid()),
    "moment": Expression(_moment_sql, _moment),
    "clock": Expression(lambda o, _: f"{o[0]} + {o[1]}", _clock),
}
