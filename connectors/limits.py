"""What checks leave of the values of single columns, and the values that they speak of."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
from sqlglot import exp

from connectors.computing import Trial
from connectors.datatypes import DataType, Kind
from connectors.dialect import mentions
from connectors.dialect.casts import duckdb_type
from connectors.dialect.expressions import Scope, parsed
from connectors.dialect.regexes import Untranslatable
from connectors.dialect.translation import writer

Literal = bool | int | float | Decimal | str | bytes | date | time | datetime
_MICROSECOND = timedelta(microseconds=1)
_STEPS = {
    Kind.DATE: timedelta(days=1),
    Kind.TIMESTAMP: _MICROSECOND,
    Kind.TIMESTAMPTZ: _MICROSECOND,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What checks leave of a column's values; None where they set no limit.

    Attributes:
        least: the lowest value allowed.
        most: the highest value allowed.
        values: the only values allowed.
        shortest: the fewest characters of a text.
        longest: the most characters of a text.
    """

    least: Any = None
    most: Any = None
    values: tuple[Literal, ...] | None = None
    shortest: int | None = None
    longest: int | None = None

    def within(self, other: "Limits") -> "Limits":
        """What both leave."""
        values = other.values if self.values is None else self.values
        if self.values is not None and other.values is not None:
            values = tuple(v for v in self.values if v in other.values)
        return Limits(
            _extreme(max, self.least, other.least),
            _extreme(min, self.most, other.most),
            values,
            _extreme(max, self.shortest, other.shortest),
            _extreme(min, self.longest, other.longest),
        )


UNLIMITED = Limits()
"""What is left where no check speaks of a column."""


def literals(sql: str, scope: Scope) -> Mapping[str, tuple[Literal, ...]]:
    """For each column the constants that it is compared with, in the column's own type.

    A number, a date or a timestamp brings its two neighbours along, so that some value lies on
    either side of every bound. Empty where the expression cannot be read.
    """
    found: defaultdict[str, dict[Literal, None]] = defaultdict(dict)
    for mention in _readable(sql, scope, mentions.constants):
        datatype = scope.columns[mention.column]
        for value in _values(mention.constant, datatype, scope):
            found[mention.column][value] = None
    return {column: tuple(values) for column, values in found.items()}


def patterns(sql: str, scope: Scope) -> Mapping[str, tuple[str, ...]]:
    """For each column the regular expressions it is said to match, for Python's `re.search`.

    Patterns joined by OR are listed like those joined by AND; denied ones are left out.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for column, pattern in _readable(sql, scope, mentions.patterns):
        found[column].append(pattern)
    return {column: tuple(dict.fromkeys(texts)) for column, texts in found.items()}


def lengths(sql: str, scope: Scope) -> Mapping[str, tuple[int | None, int | None]]:
    """For each column the least and the most characters that the expression leaves it."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for column, least, most in _readable(sql, scope, mentions.lengths):
        before = found.get(column, (None, None))
        found[column] = (_extreme(max, before[0], least), _extreme(min, before[1], most))
    return {column: both for column, both in found.items() if both != (None, None)}


def orders(sql: str, scope: Scope) -> tuple[tuple[str, str], ...]:
    """Pairs of columns of which a check demands that the first is not more than the second."""
    return tuple(_readable(sql, scope, mentions.orders))


def limits(sql: str, scope: Scope) -> Mapping[str, Limits]:
    """What an expression leaves of each column's values, in the column's own type.

    Only what every row must keep counts, so that an OR limits nothing, but for `x IS NULL OR`.
    A strict bound brings the neighbour inside it.
    """
    found: defaultdict[str, Limits] = defaultdict(Limits)
    for node in _readable(sql, scope, mentions.demands):
        for column, limit in _limits(node, scope):
            found[column] = found[column].within(limit)
    return dict(found)


def _readable(sql: str, scope: Scope, reading: Any) -> Iterator[Any]:
    try:
        tree = parsed(sql, scope)
    except Untranslatable:
        return iter(())
    found: Iterator[Any] = reading(tree)
    return found


def _limits(node: exp.Expression, scope: Scope) -> Iterator[tuple[str, Limits]]:
    for mention in mentions.ends(node):
        value = _value(mention.constant, scope.columns[mention.column], scope)
        step = _fine_step(scope.columns[mention.column])
        if value is not None and step is not None:
            if mention.strict:
                value = value + step if mention.from_below else value - step
            limit = Limits(least=value) if mention.from_below else Limits(most=value)
            yield mention.column, limit
    if (equal := mentions.equals(node)) is not None:
        column, items = equal
        values = [_value(item, scope.columns[column], scope) for item in items]
        yield column, Limits(values=tuple(v for v in values if v is not None))
    for column, shortest, longest in mentions.lengths(node):
        yield column, Limits(shortest=shortest, longest=longest)


def _values(constant: exp.Expression, datatype: DataType, scope: Scope) -> Iterator[Literal]:
    """A constant as a value of a column, and its neighbours; nothing where it has no such value."""
    value = _value(constant, datatype, scope)
    if value is not None:
        yield from _with_neighbours(value, datatype)


def _value(constant: exp.Expression, datatype: DataType, scope: Scope) -> Any:
    """A constant as a value of a column; None where it has no such value."""
    if datatype.kind in {Kind.INTERVAL, Kind.ARRAY, Kind.JSON}:
        return None
    try:
        trial = Trial(scope, ())
        written = writer(scope, trial.type_of).sql(constant)
        return trial.run(f"CAST({written} AS {_literal_type(datatype)})").as_py()
    except (Untranslatable, duckdb.Error, OverflowError, ValueError):
        return None


def _literal_type(datatype: DataType) -> str:
    return "VARCHAR" if datatype.kind is Kind.ENUM else duckdb_type(datatype)


def _with_neighbours(value: Any, datatype: DataType) -> Iterator[Literal]:
    if datatype.kind is Kind.UUID:
        yield value.bytes if hasattr(value, "bytes") else bytes.fromhex(value.replace("-", ""))
        return
    yield value
    step = _step(datatype)
    if step is not None:
        for neighbour in (value - step, value + step):
            if _fits(neighbour, datatype):
                yield neighbour


def _step(datatype: DataType) -> Any:
    if datatype.kind is Kind.DECIMAL:
        return Decimal(1).scaleb(-(datatype.scale or 0))
    if datatype.kind in {Kind.INTEGER, Kind.FLOAT}:
        return 1
    return _STEPS.get(datatype.kind)


def _fine_step(datatype: DataType) -> Any:
    """How far inside a strict bound a value lies; a thousandth where a type knows no step."""
    if datatype.kind is Kind.FLOAT:
        return 0.001
    if datatype.kind is Kind.DECIMAL and datatype.precision is None:
        return Decimal("0.001")
    return _step(datatype)


def _fits(value: Any, datatype: DataType) -> bool:
    if datatype.kind is Kind.INTEGER:
        limit = 1 << ((datatype.bits or 64) - 1)
        return bool(-limit <= value < limit)
    if datatype.kind is Kind.DECIMAL and datatype.precision is not None:
        return bool(abs(value) < Decimal(10) ** (datatype.precision - (datatype.scale or 0)))
    return True


def _extreme(choose: Any, one: Any, other: Any) -> Any:
    known = [number for number in (one, other) if number is not None]
    return choose(known) if known else None
