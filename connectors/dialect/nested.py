"""Arrays and JSON as DuckDB's SQL finds its way in them."""

from sqlglot import exp

from connectors.dialect.casts import quoted
from connectors.dialect.expressions import text_of
from connectors.dialect.regexes import Untranslatable


def is_element(value: str, values: str) -> str:
    """`value = ANY (values)`, with the nulls of SQL."""
    return (
        f"(CASE WHEN {values} IS NULL OR ({value} IS NULL AND len({values}) > 0) THEN NULL "
        f"WHEN list_contains({values}, {value}) THEN TRUE "
        f"WHEN {_holds_null(values)} THEN NULL ELSE FALSE END)"
    )


def contains(whole: str, part: str) -> str:
    """`whole @> part`, where a null element is in no array."""
    return f"(list_has_all({whole}, {part}) AND NOT {_holds_null(part)})"


def is_contained(part: str, whole: str) -> str:
    """`part <@ whole`."""
    return contains(whole, part)


def json_member(value: str, key: exp.Expression) -> str:
    """`value -> key`; a scalar counts as an array of one element."""
    return f"json_extract{_member(value, key)}"


def json_member_text(value: str, key: exp.Expression) -> str:
    """`value ->> key`; a member that is no scalar has other blanks than PostgreSQL's."""
    return f"json_extract_string{_member(value, key)}"


def json_has_key(value: str, key: exp.Expression) -> str:
    """`value ? key`: a key of an object, a text in an array, or the text itself."""
    path = _path(key)
    text = f"CAST({quoted(path.removeprefix('$.'))} AS JSON)"
    return (
        f"(CASE json_type({value}) WHEN 'OBJECT' THEN json_exists({value}, {quoted(path)}) "
        f"WHEN 'ARRAY' THEN list_contains(json_extract({value}, '$[*]'), {text}) "
        f"ELSE {value} = {text} END)"
    )


def _holds_null(values: str) -> str:
    return f"list_contains(list_transform({values}, lambda x: x IS NULL), TRUE)"


def _member(value: str, key: exp.Expression) -> str:
    path = _path(key)
    if path.startswith("$["):
        listed = f"json_type({value}) IN ('ARRAY', 'OBJECT')"
        value = f"CASE WHEN {listed} THEN {value} ELSE json_array({value}) END"
    return f"({value}, {quoted(path)})"


def _path(node: exp.Expression) -> str:
    """The JSON path of a constant key or index."""
    key = text_of(node)
    if key is None and isinstance(node, exp.JSONPath) and len(node.expressions) == 2:
        key = str(node.expressions[1].this)
        if isinstance(node.expressions[1], exp.JSONPathSubscript):
            return f"$[{key}]" if key.isdigit() else f"$[#{key}]"
    if key is None or '"' in key or "\\" in key:
        raise Untranslatable("a member of JSON by a key that is no simple constant")
    return f'$."{key}"'
