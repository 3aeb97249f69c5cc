"""What an expression says about single columns: constants, patterns and lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from connectors.dialect.expressions import (
    bare,
    columns_read,
    items_of,
    pattern_of,
    quantified,
    stripped,
    text_of,
)
from connectors.dialect.regexes import Untranslatable, like_regex

_MIRRORED: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.NullSafeEQ: exp.NullSafeEQ,
    exp.NullSafeNEQ: exp.NullSafeNEQ,
}
_ABOVE: frozenset[type[exp.Expression]] = frozenset({exp.GT, exp.GTE})
_BELOW: frozenset[type[exp.Expression]] = frozenset({exp.LT, exp.LTE})
_MEASURES = frozenset({"length", "char_length", "character_length", "octet_length"})
_KEEPING = frozenset({"lower", "upper", "btrim", "trim", "abs"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A column beside a constant that it is compared with."""

    column: str
    sign: type[exp.Expression]
    constant: exp.Expression

    @property
    def from_below(self) -> bool:
        """Whether the constant is a lower bound."""
        return self.sign in _ABOVE

    @property
    def strict(self) -> bool:
        """Whether the constant itself lies outside the bound."""
        return self.sign is exp.GT or self.sign is exp.LT


def constants(tree: exp.Expression) -> Iterator[Mention]:
    """Every constant expression that a column, as it is or in other letters, is compared with."""
    for left, sign, right in _comparisons(tree):
        column = _kept_column(left)
        if column is not None and not columns_read(right):
            yield Mention(column, sign, right)


def patterns(tree: exp.Expression) -> Iterator[tuple[str, str]]:
    """Columns and the regular expressions that they are said to match, negations left out."""
    for node in _asserted(tree):
        column = bare(node.this) if isinstance(node.this, exp.Expression) else None
        if isinstance(column, exp.Column):
            pattern = _pattern(node)
            if pattern is not None:
                yield column.name, pattern


def demands(tree: exp.Expression) -> Iterator[exp.Expression]:
    """The tests that every row keeps whose columns are not null: those that AND joins.

    `x IS NULL OR test` demands the test of x.
    """
    node = stripped(tree)
    if isinstance(node, exp.And):
        yield from demands(node.this)
        yield from demands(node.expression)
    elif isinstance(node, exp.Or):
        sides = (node.this, node.expression)
        for one, other in (sides, sides[::-1]):
            if (column := _nullness(one)) is not None and columns_read(other) == (column,):
                yield from demands(other)
    else:
        yield node


def equals(node: exp.Expression) -> tuple[str, Sequence[exp.Expression]] | None:
    """The column and the constants of `x IN (...)`, `x = ANY (ARRAY[...])` or `x = constant`."""
    items: Sequence[exp.Expression] = ()
    if isinstance(node, exp.In):
        items = node.expressions
    elif isinstance(node, exp.EQ):
        found = quantified(node.expression)
        if found is None:
            items = [node.expression]
        elif found[0] == "ANY":
            items = items_of(found[1]) or ()
    column = bare(node.this) if items else None
    if not isinstance(column, exp.Column) or any(columns_read(item) for item in items):
        return None
    return column.name, items


def ends(node: exp.Expression) -> Iterator[Mention]:
    """The bounds that a test sets for a column itself, from below or from above."""
    for left, sign, right in _sides(node):
        column = bare(left)
        if isinstance(column, exp.Column) and sign in _ABOVE | _BELOW and not columns_read(right):
            yield Mention(column.name, sign, right)


def orders(tree: exp.Expression) -> Iterator[tuple[str, str]]:
    """Pairs of columns of which the first must be less than the second, or equal."""
    for node in demands(tree):
        for left, sign, right in _sides(node):
            less, more = bare(left), bare(right)
            if sign in _BELOW and isinstance(less, exp.Column) and isinstance(more, exp.Column):
                yield less.name, more.name


def lengths(tree: exp.Expression) -> Iterator[tuple[str, int | None, int | None]]:
    """Columns with the least and the most characters that a comparison leaves them."""
    for node in _asserted(tree):
        for left, sign, right in _sides(node):
            measured = _measured(left)
            number = _whole(right)
            if measured is not None and number is not None:
                yield measured, *_bounds(sign, number)
            elif sign is exp.NEQ and text_of(right) == "":
                column = _kept_column(left)
                if column is not None:
                    yield column, 1, None


def _nullness(node: exp.Expression) -> str | None:
    """The column of `x IS NULL`."""
    plain = stripped(node)
    if isinstance(plain, exp.Is) and isinstance(plain.expression, exp.Null):
        column = bare(plain.this)
        return column.name if isinstance(column, exp.Column) else None
    return None


def _comparisons(
    tree: exp.Expression,
) -> Iterator[tuple[exp.Expression, type[exp.Expression], exp.Expression]]:
    for node in tree.find_all(exp.Expression, bfs=False):
        yield from _sides(node)


def _sides(
    node: exp.Expression,
) -> Iterator[tuple[exp.Expression, type[exp.Expression], exp.Expression]]:
    """Both readings of a comparison; one of an array is one per element."""
    if isinstance(node, exp.Between):
        yield node.this, exp.GTE, node.args["low"]
        yield node.this, exp.LTE, node.args["high"]
    elif isinstance(node, exp.In):
        yield from ((node.this, exp.EQ, item) for item in node.expressions)
    elif type(node) in _MIRRORED:
        found = quantified(node.expression)
        items = items_of(found[1]) if found is not None else [node.expression]
        yield from ((node.this, type(node), item) for item in items or ())
        if found is None:
            yield node.expression, _MIRRORED[type(node)], node.this


def _asserted(tree: exp.Expression) -> Iterator[exp.Expression]:
    """The tests that AND and OR join, none of them denied."""
    node = stripped(tree)
    if isinstance(node, exp.And | exp.Or):
        yield from _asserted(node.this)
        yield from _asserted(node.expression)
    else:
        yield node


def _kept_column(node: exp.Expression) -> str | None:
    plain = bare(node)
    while isinstance(plain, exp.Anonymous | exp.Trim) and _keeps(plain):
        inner = plain.this if isinstance(plain, exp.Trim) else plain.expressions[0]
        plain = bare(inner)
    return plain.name if isinstance(plain, exp.Column) else None


def _keeps(node: exp.Expression) -> bool:
    if isinstance(node, exp.Trim):
        return True
    return node.name.lower() in _KEEPING and len(node.expressions) == 1


def _measured(node: exp.Expression) -> str | None:
    plain = bare(node)
    if isinstance(plain, exp.Anonymous) and plain.name.lower() in _MEASURES:
        return _kept_column(plain.expressions[0])
    return None


def _whole(node: exp.Expression) -> int | None:
    plain = bare(node)
    digits = plain.name if isinstance(plain, exp.Literal) else ""
    return int(digits) if digits.isdigit() else None


def _bounds(sign: type[exp.Expression], number: int) -> tuple[int | None, int | None]:
    if sign is exp.EQ:
        return number, number
    if sign in _ABOVE:
        return number + (sign is exp.GT), None
    if sign in _BELOW:
        return None, number - (sign is exp.LT)
    return (1, None) if sign is exp.NEQ and number == 0 else (None, None)


def _pattern(node: exp.Expression) -> str | None:
    try:
        if isinstance(node, exp.RegexpLike | exp.RegexpILike):
            return _flag(node, exp.RegexpILike) + pattern_of(node.expression, ascii_only=True)
        text = text_of(node.expression) if isinstance(node, exp.Like | exp.ILike) else None
    except Untranslatable:
        return None
    if text is None or node.args.get("negate"):
        return None
    return _flag(node, exp.ILike) + like_regex(text)


def _flag(node: exp.Expression, insensitive: type[exp.Expression]) -> str:
    return "(?i)" if isinstance(node, insensitive) else ""
