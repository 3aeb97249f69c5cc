"""Comparisons, patterns and quantifiers as DuckDB's SQL."""

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from connectors.datatypes import Kind
from connectors.dialect.casts import Operand, cast_sql, quoted, written_name
from connectors.dialect.expressions import bare, items_of, pattern_of, quantified, stripped, text_of
from connectors.dialect.nested import is_element
from connectors.dialect.regexes import Untranslatable, similar_regex
from connectors.dialect.writer import Writer, unknown

SIGNS: Mapping[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_ORDERINGS = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_EMPTY_JSON = frozenset({"{}", "[]", "null", '""'})


def comparison(writer: Writer, node: Any) -> str:
    """One of `=`, `<>`, `<`, `<=`, `>`, `>=`, IS [NOT] DISTINCT FROM, with ANY and ALL too."""
    found = quantified(node.expression)
    if found is not None:
        return _over_array(writer, node, *found)
    sign = SIGNS[type(node)]
    literal = _of_literals(writer, node)
    if literal is not None:
        return f"({literal[0]} {sign} {literal[1]})"
    left, right = (
        _operand(writer, node.this, node.expression),
        _operand(writer, node.expression, node.this),
    )
    if _folds_case(writer, node.this) or _folds_case(writer, node.expression):
        left, right = f"lower({left})", f"lower({right})"
    if isinstance(node, _ORDERINGS):
        _require_order(writer, node, left, right)
    return f"({left} {sign} {right})"


def _operand(writer: Writer, node: exp.Expression, other: exp.Expression) -> str:
    """One side of a comparison; a constant without a type takes that of the other side's column."""
    plain, declared = stripped(node), writer.datatype(other)
    if declared is None or not isinstance(plain, exp.Literal) or not plain.is_string:
        return writer.sql(node)
    return cast_sql(Operand(quoted(plain.name), writer.type_of, plain.name), declared)


def _of_literals(writer: Writer, node: Any) -> tuple[str, str] | None:
    """Both sides as text, where a value without an order of its own meets an empty constant."""
    column, constant = bare(node.this), text_of(node.expression)
    if not isinstance(column, exp.Column) or constant is None:
        return None
    declared = writer.scope.columns[column.name]
    if declared.kind is Kind.JSON and writer.datatype(node.this) is not None:
        if constant not in _EMPTY_JSON:
            raise Untranslatable("a comparison of JSON with a constant that is not empty")
        return f"CAST(json({writer.column(column)}) AS VARCHAR)", quoted(constant)
    if declared.kind is Kind.OTHER and declared.plain != '"char"' and not constant:
        return f'"{written_name(column.name)}"', "''"
    return None


def _folds_case(writer: Writer, node: exp.Expression) -> bool:
    declared = writer.datatype(node)
    if declared is not None:
        return declared.kind is Kind.TEXT and declared.plain.endswith("citext")
    plain = stripped(node)
    return isinstance(plain, exp.Cast) and plain.to.sql(dialect="postgres").endswith("citext")


def _require_order(writer: Writer, node: Any, left: str, right: str) -> None:
    sides = (stripped(node.this), stripped(node.expression))
    if any(isinstance(side, exp.Collate) for side in sides):
        return
    if writer.type_of(left) == writer.type_of(right) == "VARCHAR":
        raise Untranslatable("an order of texts, which the database's collation decides")
    if "JSON" in {writer.type_of(left), writer.type_of(right)}:
        raise Untranslatable("an order of JSON values")


def _over_array(writer: Writer, node: Any, word: str, array: exp.Expression) -> str:
    items = items_of(array)
    if items is None:
        return _over_column(writer, node, word, array)
    if not items:
        return "TRUE" if word == "ALL" else "FALSE"
    each = []
    for item in items:
        single = node.copy()
        single.set("expression", item)
        each.append(writer.sql(single))
    return "(" + (" AND " if word == "ALL" else " OR ").join(each) + ")"


def _over_column(writer: Writer, node: Any, word: str, array: exp.Expression) -> str:
    wanted = {("ANY", exp.EQ): "", ("ALL", exp.NEQ): "NOT "}.get((word, type(node)))
    if wanted is None:
        raise unknown(node)
    return f"({wanted}{is_element(writer.sql(node.this), writer.sql(array))})"


def like(writer: Writer, node: Any) -> str:
    """LIKE and ILIKE; the backslash is their escape character."""
    found = quantified(node.expression)
    if found is not None:
        return _over_array(writer, node, *found)
    folds = isinstance(node, exp.ILike) or _folds_case(writer, node.this)
    word = ("NOT " if node.args.get("negate") else "") + ("ILIKE" if folds else "LIKE")
    return f"({_matched(writer, node.this)} {word} {writer.sql(node.expression)} ESCAPE '\\')"


def regular(writer: Writer, node: Any) -> str:
    """`~` and `~*`."""
    found = quantified(node.expression)
    if found is not None:
        return _over_array(writer, node, *found)
    folds = isinstance(node, exp.RegexpILike) or _folds_case(writer, node.this)
    pattern = quoted(pattern_of(node.expression))
    return f"regexp_matches({_matched(writer, node.this)}, {pattern}, '{'si' if folds else 's'}')"


def similar(writer: Writer, node: Any) -> str:
    """SIMILAR TO."""
    text = text_of(node.expression)
    if text is None:
        raise Untranslatable("a pattern that is no constant")
    return f"regexp_matches({_matched(writer, node.this)}, {quoted(similar_regex(text))}, 's')"


def _matched(writer: Writer, node: exp.Expression) -> str:
    """A text as a pattern sees it: PostgreSQL pads character(n) with blanks before."""
    sql, declared = writer.sql(node), writer.datatype(node)
    if declared is not None and declared.padded and declared.length is not None:
        return f"rpad({sql}, {declared.length}, ' ')"
    return sql


def listed(writer: Writer, node: Any) -> str:
    """IN a list."""
    if not node.expressions:
        raise Untranslatable("a sub-select")
    each = [
        writer.sql(exp.EQ(this=node.this.copy(), expression=e.copy())) for e in node.expressions
    ]
    return f"({' OR '.join(each)})"


def between(writer: Writer, node: Any) -> str:
    """BETWEEN."""
    low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
    high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
    return f"({writer.sql(low)} AND {writer.sql(high)})"
