"""Syntax trees of PostgreSQL's expressions written as DuckDB's SQL, or the reason why not."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from connectors.datatypes import Kind
from connectors.dialect.calls import TypeOf, call_sql, extracted
from connectors.dialect.casts import (
    Operand,
    cast_sql,
    duckdb_type,
    quoted,
    target_type,
    written_name,
)
from connectors.dialect.comparisons import (
    SIGNS,
    between,
    comparison,
    like,
    listed,
    regular,
    similar,
)
from connectors.dialect.expressions import Scope, bare, columns_read, items_of, stripped, text_of
from connectors.dialect.nested import (
    contains,
    is_contained,
    json_has_key,
    json_member,
    json_member_text,
)
from connectors.dialect.regexes import Untranslatable
from connectors.dialect.writer import Writer, unknown

_ARITHMETIC: Mapping[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}
_CALLED: Mapping[type[exp.Expression], Callable[[str, str], str]] = {
    exp.Pow: "power({}, {})".format,
    exp.BitwiseXor: "xor({}, {})".format,
    exp.ArrayContainsAll: contains,
    exp.ArrayContainedBy: is_contained,
    exp.ArrayOverlaps: "list_has_any({}, {})".format,
    exp.StartsWith: "starts_with({}, {})".format,
}
_MEMBERS: Mapping[type[exp.Expression], Callable[[str, exp.Expression], str]] = {
    exp.JSONExtract: json_member,
    exp.JSONExtractScalar: json_member_text,
    exp.JSONBContainsTopKey: json_has_key,
}
_INTEGERS = frozenset({"SMALLINT", "INTEGER", "BIGINT"})
_BYTE_ORDERS = frozenset({"C", "POSIX", "ucs_basic"})
_CLOCKS = frozenset({"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"})
_RISKY = (exp.Div, exp.Mod, exp.Anonymous, exp.Cast)
_SAFE = frozenset(
    {"lower", "upper", "btrim", "length", "char_length", "coalesce", "num_nulls", "num_nonnulls"}
)


def writer(scope: Scope, type_of: TypeOf) -> Writer:
    """A writer of trees over a scope; see `Writer` for what it raises."""
    return Writer(scope, type_of, _WRITERS)


def _junction(writer: Writer, node: Any) -> str:
    """AND or OR; PostgreSQL leaves out the right side where the left one decides."""
    word, decided = ("AND", "FALSE") if isinstance(node, exp.And) else ("OR", "TRUE")
    terms = [writer.sql(term) for term in node.flatten(unnest=False)]
    joined = f"({f' {word} '.join(terms)})"
    if not any(map(_may_fail, node.find_all(*_RISKY))):
        return joined
    denial = "NOT " if word == "AND" else ""
    arms = " ".join(f"WHEN {denial}{term} THEN {decided}" for term in terms[:-1])
    return f"(CASE {arms} ELSE {joined} END)"


def _may_fail(node: exp.Expression) -> bool:
    """Whether an operation can meet a value that it has no answer for."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _SAFE
    return not isinstance(node, exp.Cast) or bool(columns_read(node) and _converts(node))


def _converts(node: exp.Cast) -> bool:
    return str(node.to.this.name) not in {"TEXT", "VARCHAR", "CHAR", "BPCHAR"}


def _arithmetic(writer: Writer, node: Any) -> str:
    left, right = writer.sql(node.this), writer.sql(node.expression)
    types = writer.type_of(left), writer.type_of(right)
    if "JSON" in types:
        raise Untranslatable("an operator on JSON values")
    if types[0] == "DATE" and types[1] in _INTEGERS:
        right = f"CAST({right} AS INTEGER)"
    if types[1] == "DATE" and types[0] in _INTEGERS:
        left = f"CAST({left} AS INTEGER)"
    return f"({left} {_ARITHMETIC[type(node)]} {right})"


def _quotient(writer: Writer, node: Any) -> str:
    left, right = writer.sql(node.this), writer.sql(node.expression)
    whole = {writer.type_of(left), writer.type_of(right)} <= _INTEGERS
    return f"({left} {'//' if whole else '/'} {right})"


def _called(writer: Writer, node: Any) -> str:
    return _CALLED[type(node)](writer.sql(node.this), writer.sql(node.expression))


def _test(writer: Writer, node: Any) -> str:
    """IS NULL, IS TRUE, IS FALSE and their opposites."""
    if isinstance(node.expression, exp.Null):
        return (
            f"({_presence(writer, node.this)} IS {'NOT ' if node.args.get('negate') else ''}NULL)"
        )
    if not isinstance(node.expression, exp.Boolean):
        raise unknown(node)
    word = "" if node.args.get("negate") else "NOT "
    return f"({writer.sql(node.this)} IS {word}DISTINCT FROM {writer.sql(node.expression)})"


def _presence(writer: Writer, node: exp.Expression) -> str:
    plain = bare(node)
    return f'"{written_name(plain.name)}"' if isinstance(plain, exp.Column) else writer.sql(node)


def _cast(writer: Writer, node: Any) -> str:
    target = target_type(node.to, writer.known_types())
    inner = stripped(node.this)
    if target.kind is Kind.ARRAY:
        items = items_of(node)
        if items is not None:
            listed = ", ".join(writer.sql(item) for item in items)
            return f"CAST([{listed}] AS {duckdb_type(target)})"
    text = text_of(inner) if isinstance(inner, exp.Literal) and inner.is_string else None
    return cast_sql(Operand(writer.sql(node.this), writer.type_of, text), target)


def _collated(writer: Writer, node: Any) -> str:
    if node.expression.name not in _BYTE_ORDERS:
        raise Untranslatable(f"the collation {node.expression.name}")
    return writer.sql(node.this)


def _call(writer: Writer, node: Any) -> str:
    name = node.name
    if name.lower() in _CLOCKS:
        return _clock("TIMESTAMPTZ", "+00")(writer, node)
    if name.lower() in {"num_nulls", "num_nonnulls"}:
        return call_sql(name, [_presence(writer, a) for a in node.expressions], writer.type_of)
    if name.lower() == "octet_length" and _is_padded(writer, node.expressions):
        raise Untranslatable("the bytes of a padded text")
    return call_sql(name, [writer.sql(a) for a in node.expressions], writer.type_of)


def _is_padded(writer: Writer, nodes: list[exp.Expression]) -> bool:
    declared = writer.datatype(nodes[0]) if nodes else None
    return declared is not None and declared.padded


def _clock(name: str, zone: str) -> Callable[[Writer, Any], str]:
    def write(writer: Writer, _: Any) -> str:
        if writer.scope.today is None:
            raise Untranslatable("the clock, and no day is given for it")
        midnight = "" if name == "DATE" else f" 00:00:00{zone}"
        return f"CAST('{writer.scope.today.isoformat()}{midnight}' AS {name})"

    return write


def _extract(writer: Writer, node: Any) -> str:
    field = text_of(node.this) or node.this.name
    return extracted(field.lower(), writer.sql(node.expression), writer.type_of)


def _trim(writer: Writer, node: Any) -> str:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.args.get("position") or "", "btrim")
    characters = node.args.get("expression")
    arguments = [writer.sql(part) for part in (node.this, characters) if part is not None]
    return call_sql(name, arguments, writer.type_of)


def _position(writer: Writer, node: Any) -> str:
    return f"strpos({writer.sql(node.this)}, {writer.sql(node.args['substr'])})"


def _substring(writer: Writer, node: Any) -> str:
    parts = (node.this, node.args.get("start"), node.args.get("length"))
    arguments = [writer.sql(part) for part in parts if part is not None]
    return call_sql("substring", arguments, writer.type_of)


def _case(writer: Writer, node: Any) -> str:
    subject = f" {writer.sql(node.this)}" if node.this else ""
    arms = [
        f"WHEN {writer.sql(arm.this)} THEN {writer.sql(arm.args['true'])}"
        for arm in node.args["ifs"]
    ]
    default = node.args.get("default")
    other = f" ELSE {writer.sql(default)}" if default is not None else ""
    return f"(CASE{subject} {' '.join(arms)}{other} END)"


def _subscript(writer: Writer, node: Any) -> str:
    (index,) = node.expressions
    if not isinstance(index, exp.Literal) or index.is_string:
        raise Untranslatable("an element of an array by a computed index")
    return f"({writer.sql(node.this)})[{int(index.name) + 1}]"


_Write = Callable[[Writer, Any], str]
_WRITERS: Mapping[type[exp.Expression], _Write] = {
    **dict.fromkeys(SIGNS, comparison),
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    **dict.fromkeys(_CALLED, _called),
    **dict.fromkeys((exp.And, exp.Or), _junction),
    **dict.fromkeys((exp.Like, exp.ILike), like),
    **dict.fromkeys((exp.RegexpLike, exp.RegexpILike), regular),
    **dict.fromkeys(
        _MEMBERS, lambda writer, node: _MEMBERS[type(node)](writer.sql(node.this), node.expression)
    ),
    exp.Ceil: lambda writer, node: f"ceil({writer.sql(node.this)})",
    exp.Floor: lambda writer, node: f"floor({writer.sql(node.this)})",
    exp.Interval: lambda _, node: f"CAST({quoted(f'{node.name} {node.unit.name}')} AS INTERVAL)",
    exp.SimilarTo: similar,
    exp.Div: _quotient,
    exp.Paren: lambda writer, node: f"({writer.sql(node.this)})",
    exp.Not: lambda writer, node: f"(NOT {writer.sql(node.this)})",
    exp.Neg: lambda writer, node: f"(-{writer.sql(node.this)})",
    exp.Column: lambda writer, node: writer.column(node),
    exp.Null: lambda _, __: "NULL",
    exp.Boolean: lambda _, node: "TRUE" if node.this else "FALSE",
    exp.Literal: lambda _, node: quoted(node.name) if node.is_string else node.name,
    exp.ByteString: lambda _, node: quoted(node.name),
    exp.Array: lambda writer, node: f"[{', '.join(writer.sql(e) for e in node.expressions)}]",
    exp.AtTimeZone: lambda writer, node: (
        f"({writer.sql(node.this)} AT TIME ZONE {writer.sql(node.args['zone'])})"
    ),
    exp.Is: _test,
    exp.Cast: _cast,
    exp.Collate: _collated,
    exp.Anonymous: _call,
    exp.Extract: _extract,
    exp.Trim: _trim,
    exp.StrPosition: _position,
    exp.Substring: _substring,
    exp.Case: _case,
    exp.Bracket: _subscript,
    exp.In: listed,
    exp.Between: between,
    exp.CurrentDate: _clock("DATE", ""),
    exp.CurrentTimestamp: _clock("TIMESTAMPTZ", "+00"),
    exp.Localtimestamp: _clock("TIMESTAMP", ""),
}
