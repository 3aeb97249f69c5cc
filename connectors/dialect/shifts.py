"""Whether an expression stays what it is when the times in some columns move by whole days."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sqlglot import exp

from connectors.datatypes import Kind
from connectors.dialect.expressions import Scope, bare, columns_read, parsed, stripped, text_of
from connectors.dialect.regexes import Untranslatable

RESTING = re.compile(r"-?infinity|0\d{3}-.*|29\d\d-.*|[3-9]\d{3}-.*|\d{5,}-.*|.* BC", re.IGNORECASE)
"""Texts of times that never move: infinity, and years before 1000 or from 2900 on."""

_Sign = type[exp.Expression]
_ABOVE: frozenset[_Sign] = frozenset({exp.GT, exp.GTE})
_BELOW: frozenset[_Sign] = frozenset({exp.LT, exp.LTE})
_SIDES: frozenset[_Sign] = frozenset(
    {*_ABOVE, *_BELOW, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ}
)
_TRUTHS = (exp.And, exp.Or, exp.Not, exp.Between, exp.Is)
_CLOCKS = frozenset({"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"})
_CLOCK_NODES = (exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp)
_CHOOSING = frozenset({"coalesce", "greatest", "least"})
_ENDS = frozenset({"lower", "upper"})
_SHAPES = frozenset({"isempty", "lower_inf", "upper_inf", "lower_inc", "upper_inc"})
_UNEVEN = re.compile(r"mon|year|decade|centur|millen", re.IGNORECASE)


class Way(Enum):
    """What a shift does to the value of an expression."""

    RESTS = auto()
    """Nothing."""
    MOVES = auto()
    """It moves along, by as many days."""
    ZONED = auto()
    """So it does, and it is a moment in a time zone, whose days are not all as long."""


@dataclass(frozen=True, slots=True)
class _Move:
    """Columns that move by whole days, forward or back."""

    scope: Scope
    columns: frozenset[str]
    forward: bool


def still_true(sql: str, scope: Scope, columns: frozenset[str], *, forward: bool) -> bool:
    """Whether each row that does not break a check keeps it when some of its columns move.

    A clock is taken to move along: what had happened by the day of learning has happened by the
    day that it moves to. False where it cannot be told.
    """
    move = _Move(scope, columns, forward)
    return _told(sql, scope, lambda tree: _holds(tree, move, either=False))


def same_truth(sql: str, scope: Scope, columns: frozenset[str]) -> bool:
    """Whether a condition is true of the same rows as before; False where it cannot be told."""
    move = _Move(scope, columns, forward=True)
    return _told(sql, scope, lambda tree: _holds(tree, move, either=True))


def same_order(sql: str, scope: Scope, columns: frozenset[str]) -> bool:
    """Whether values of an expression that differ still do; False where it cannot be told."""
    move = _Move(scope, columns, forward=True)
    return _told(sql, scope, lambda tree: _way(tree, move) is not None)


def _told(sql: str, scope: Scope, judge: Callable[[exp.Expression], bool]) -> bool:
    try:
        return judge(parsed(sql, scope))
    except Untranslatable:
        return False


def _holds(tree: exp.Expression, move: _Move, *, either: bool) -> bool:
    """Whether truth stays; with `either`, whether falsehood does too."""
    node = stripped(tree)
    if not _is_moved(node, move):
        return True
    if isinstance(node, exp.And | exp.Or):
        return all(_holds(side, move, either=either) for side in (node.this, node.expression))
    if isinstance(node, exp.Not):
        return _holds(node.this, move, either=True)
    if isinstance(node, exp.Between):
        ends = ((exp.GTE, node.args["low"]), (exp.LTE, node.args["high"]))
        return all(_compares(node.this, sign, end, move, either=either) for sign, end in ends)
    if type(node) in _SIDES:
        return _compares(node.this, type(node), node.expression, move, either=either)
    null = isinstance(node, exp.Is) and isinstance(bare(node.this), exp.Column)
    return null or _name(node) in _SHAPES


def _compares(
    left: exp.Expression,
    sign: type[exp.Expression],
    right: exp.Expression,
    move: _Move,
    *,
    either: bool,
) -> bool:
    """Whether a comparison comes out as before; a column that rests holds the other one."""
    ways = _way(left, move), _way(right, move)
    if None in ways:
        return False
    if ways[0] is ways[1] or _goes_along(left) or _goes_along(right):
        return True
    resting = right if ways[1] is Way.RESTS else left
    if Way.RESTS not in ways or either or columns_read(resting):
        return False
    rising = move.forward is (ways[1] is Way.RESTS)
    return sign in (_ABOVE if rising else _BELOW)


def _goes_along(node: exp.Expression) -> bool:
    """Whether a side without columns moves with all others: a clock, or what never moves."""
    if columns_read(node):
        return False
    found = node.find_all(exp.Expression)
    clock = any(isinstance(n, _CLOCK_NODES) or _name(n) in _CLOCKS for n in found)
    return clock or RESTING.fullmatch(text_of(node) or "") is not None


def _way(tree: exp.Expression, move: _Move) -> Way | None:
    """What the shift does to a value; None where it cannot be told."""
    node = stripped(tree)
    if not _is_moved(node, move):
        return Way.RESTS
    if isinstance(node, exp.Column):
        return _way_of_column(node.name, move)
    if isinstance(node, exp.Cast):
        return _way_of_cast(node, move)
    if isinstance(node, _TRUTHS) or type(node) in _SIDES:
        return Way.RESTS if _holds(node, move, either=True) else None
    return _way_of_sum(node, move) if isinstance(node, exp.Add | exp.Sub) else _chosen(node, move)


def _chosen(node: exp.Expression, move: _Move) -> Way | None:
    """What the shift does to an end of a range, or to the first, greatest or least value."""
    if _name(node) in _ENDS and len(node.expressions) == 1:
        return _way(node.expressions[0], move)
    if _name(node) in _CHOOSING:
        ways = {_way(n, move) for n in node.expressions if not _goes_along(n)}
        return ways.pop() if len(ways) == 1 else None
    return None


def _way_of_column(name: str, move: _Move) -> Way:
    datatype = move.scope.columns[name]
    zoned = datatype.kind is Kind.TIMESTAMPTZ or datatype.plain.startswith("tstz")
    return Way.ZONED if zoned else Way.MOVES


def _way_of_cast(node: exp.Cast, move: _Move) -> Way | None:
    """A cast of a plain time to another; a cast over a time zone may come to another day."""
    inner, target = _way(node.this, move), node.to.sql("postgres").lower()
    if inner is Way.MOVES and target in {"date", "timestamp"}:
        return Way.MOVES
    return Way.ZONED if inner is Way.ZONED and target == "timestamptz" else None


def _way_of_sum(node: exp.Expression, move: _Move) -> Way | None:
    """A time and a span, or the span between two times."""
    left, right = _way(node.this, move), _way(node.expression, move)
    if None in {left, right}:
        return None
    if Way.RESTS not in {left, right}:
        return Way.RESTS if left is right and isinstance(node, exp.Sub) else None
    span = node.expression if right is Way.RESTS else node.this
    if left is Way.RESTS and isinstance(node, exp.Sub):
        return None
    return (right if left is Way.RESTS else left) if _is_even(span, left, right) else None


def _is_even(span: exp.Expression, *ways: Way | None) -> bool:
    """Whether a span is equally long wherever it starts: it counts no months, or days of a zone."""
    text = text_of(span)
    if text is None:
        inner = bare(span)
        return isinstance(inner, exp.Literal) and not inner.is_string
    return not _UNEVEN.search(text) and not (Way.ZONED in ways and "day" in text)


def _is_moved(node: exp.Expression, move: _Move) -> bool:
    return not move.columns.isdisjoint(columns_read(node))


def _name(node: exp.Expression) -> str:
    """The name of a call, in small letters; empty for anything else."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return node.key if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least) else ""
