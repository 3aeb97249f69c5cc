"""Expressions of PostgreSQL's catalog as syntax trees over the plain columns of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, cast

from sqlglot import exp, parse_one
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from connectors.datatypes import DataType
from connectors.dialect.regexes import Untranslatable, regex, similar_regex
from connectors.schema import SqlFunction, Table

_DEEPEST = 8


class PlainCalls(Postgres):
    """PostgreSQL's dialect with every function call kept as it is written."""

    class Parser(Postgres.Parser):  # type: ignore[misc, valid-type] # sqlglot declares a variable
        """The parser that knows no function by name, only those with a syntax of their own."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names in an expression stand for.

    Attributes:
        table: the table whose columns it reads.
        value: the column that VALUE stands for in a domain's check.
        today: the day that clock functions answer, at midnight UTC; None leaves them out.
        functions: the user's functions that may be spelt out.
    """

    table: Table
    value: str | None = None
    today: date | None = None
    functions: tuple[SqlFunction, ...] = ()
    columns: Mapping[str, DataType] = field(init=False)

    def __post_init__(self) -> None:
        types = {column.name: column.datatype for column in self.table.columns}
        object.__setattr__(self, "columns", types)


def parsed(sql: str, scope: Scope) -> exp.Expression:
    """The syntax tree of an expression, over columns that are stored.

    VALUE becomes its column, a generated column its expression, a call of a known function its
    body. Raises Untranslatable where the text cannot be read.
    """
    return _expanded(_tree(sql), scope, 0)


def stripped(node: exp.Expression) -> exp.Expression:
    """A node without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def bare(node: exp.Expression) -> exp.Expression:
    """A node without the parentheses, casts and collations around it."""
    while isinstance(node, exp.Paren | exp.Cast | exp.Collate):
        node = node.this
    return node


def columns_read(tree: exp.Expression) -> tuple[str, ...]:
    """The names of the columns that a tree reads, each once, in order of appearance."""
    return tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column, bfs=False)))


def text_of(node: exp.Expression) -> str | None:
    """The text of a string constant, whatever it is cast to; None for anything else."""
    inner = bare(node)
    if isinstance(inner, exp.ByteString):
        return str(inner.this)
    if isinstance(inner, exp.Literal) and inner.is_string:
        return str(inner.this)
    return None


def items_of(node: exp.Expression) -> Sequence[exp.Expression] | None:
    """The elements of an array that is spelt out, ARRAY[...] or '{...}'; None for any other."""
    inner, outer = bare(node), stripped(node)
    if isinstance(inner, exp.Array) and not isinstance(outer, exp.Cast):
        return list(inner.expressions)
    if not isinstance(outer, exp.Cast) or not outer.to.expressions:
        return None
    found = inner.expressions if isinstance(inner, exp.Array) else _listed(inner)
    if found is None:
        return None
    element = outer.to.expressions[0]
    return [exp.Cast(this=item.copy(), to=element.copy()) for item in found]


def quantified(node: exp.Expression) -> tuple[str, exp.Expression] | None:
    """ANY or ALL, and the array behind it, for the right side of such a comparison."""
    if isinstance(node, exp.Any | exp.All):
        return type(node).__name__.upper(), node.this
    if isinstance(node, exp.Anonymous) and node.name.upper() in {"ANY", "ALL", "SOME"}:
        return "ALL" if node.name.upper() == "ALL" else "ANY", node.expressions[0]
    return None


def pattern_of(node: exp.Expression, *, ascii_only: bool = False) -> str:
    """The regular expression that the right side of `~` states; it has to be a constant."""
    text, plain = text_of(node), stripped(node)
    if text is not None:
        return regex(text, ascii_only=ascii_only)
    if isinstance(plain, exp.Anonymous) and plain.name.lower().startswith("similar_"):
        inner = text_of(plain.expressions[0])
        if inner is not None and len(plain.expressions) == 1:
            return similar_regex(inner)
    raise Untranslatable("a pattern that is no constant")


def _listed(node: exp.Expression) -> list[exp.Expression] | None:
    """The elements of an array literal that needs no quotes."""
    text = text_of(node) or ""
    if not text.startswith("{") or not text.endswith("}") or set(text[1:-1]) & set('{}"\\'):
        return None
    items = [item.strip() for item in text[1:-1].split(",")] if text[1:-1].strip() else []
    return [exp.Null() if item.upper() == "NULL" else exp.Literal.string(item) for item in items]


def _tree(sql: str) -> exp.Expression:
    try:
        tree = parse_one(sql.strip(), read=PlainCalls)
    except (SqlglotError, RecursionError):
        raise Untranslatable("SQL that cannot be parsed") from None
    return cast("exp.Expression", tree)


def _expanded(tree: exp.Expression, scope: Scope, depth: int) -> exp.Expression:
    if depth > _DEEPEST:
        raise Untranslatable("functions that call each other too deeply")
    return tree.transform(lambda node: _meaning(node, scope, depth))


def _meaning(node: exp.Expression, scope: Scope, depth: int) -> exp.Expression:
    if isinstance(node, exp.Column):
        return _column(node, scope, depth)
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Anonymous):
        return _call(node.expression, f"{_dotted(node.this)}.{node.expression.name}", scope, depth)
    if isinstance(node, exp.Anonymous):
        return _call(node, node.name, scope, depth)
    return node


def _column(node: exp.Column, scope: Scope, depth: int) -> exp.Expression:
    if node.name == "VALUE" and not node.this.quoted and scope.value is not None:
        return exp.column(scope.value, quoted=True)
    if node.args.get("table") is not None:
        raise Untranslatable(f"a field of {node.table}")
    if node.name not in scope.columns:
        raise Untranslatable(f"{node.name}, which is no column of {scope.table.name}")
    generated = scope.table.column(node.name).generated
    if generated is None:
        return node
    return exp.Paren(this=_stored(_expanded(_tree(generated), scope, depth + 1), node, scope))


def _stored(value: exp.Expression, node: exp.Column, scope: Scope) -> exp.Expression:
    """The value as the generated column stores it: rounded or cut to the column's type."""
    declared = scope.columns[node.name]
    return exp.Cast(this=exp.Paren(this=value), to=exp.DataType.build(declared.sql, PlainCalls))


def _dotted(node: exp.Expression) -> str:
    if isinstance(node, exp.Dot):
        return f"{_dotted(node.this)}.{_dotted(node.expression)}"
    return node.sql(dialect=PlainCalls)


def _call(node: exp.Anonymous, name: str, scope: Scope, depth: int) -> exp.Expression:
    function = _function(name, len(node.expressions), scope)
    if function is None:
        return node if "." not in name else exp.Anonymous(this=name, expressions=[])
    arguments = [_expanded(argument, scope, depth) for argument in node.expressions]
    return _body(function, arguments, scope, depth)


def _function(name: str, arguments: int, scope: Scope) -> SqlFunction | None:
    """The user's function of that name; an unqualified name finds it in any schema."""
    for function in scope.functions:
        spelt = function.name if "." in name else function.name.rpartition(".")[2]
        if spelt == name and len(function.parameters) == arguments:
            return function
    return None


def _body(
    function: SqlFunction, arguments: list[exp.Expression], scope: Scope, depth: int
) -> exp.Expression:
    values = {str(number): value for number, value in enumerate(arguments, 1)}
    values |= dict(zip(function.parameters, arguments, strict=True))

    def bound(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Parameter | exp.Column) and node.name in values:
            return exp.Paren(this=values[node.name].copy())
        return node

    body = _expanded(exp.Paren(this=_selected(function)).transform(bound), scope, depth + 1)
    return _strict(body, arguments) if function.strict else body


def _selected(function: SqlFunction) -> exp.Expression:
    tree = _tree(function.sql)
    if not isinstance(tree, exp.Select):
        return tree
    others = [part for name, part in tree.args.items() if part and name != "expressions"]
    if others or len(tree.expressions) != 1:
        raise Untranslatable(f"the function {function.name}, whose body reads rows")
    return stripped(tree.expressions[0].unalias())


def _strict(body: exp.Expression, arguments: list[exp.Expression]) -> exp.Expression:
    tests = [exp.Is(this=exp.Paren(this=a.copy()), expression=exp.Null()) for a in arguments]
    missing = exp.or_(*tests)
    return exp.Paren(this=exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=body))
