"""PostgreSQL's functions as DuckDB computes them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from connectors.dialect.regexes import Untranslatable

TypeOf = Callable[[str], str]
Call = Callable[[Sequence[str], TypeOf], str]

_ALIKE = (
    "lower upper btrim:trim ltrim rtrim reverse:reverse md5 ascii chr abs ceil ceiling:ceil floor "
    "sign sqrt exp ln isfinite jsonb_array_length:json_array_length "
    "json_array_length cardinality:len character_length:length char_length:length cbrt degrees "
    "radians array_to_string cot sin cos tan"
)
_TWO = (
    "strpos left right starts_with mod power pow array_position:list_position nullif repeat gcd "
    "array_to_string array_append:list_append array_cat:list_concat atan2"
)
_THREE = "replace split_part translate lpad rpad make_date make_time"
_ANY_NUMBER = "coalesce greatest least concat concat_ws"
_FIELDS = frozenset(
    {"year", "month", "day", "hour", "minute", "quarter", "week", "dow", "isodow", "doy"}
    | {"isoyear", "epoch", "century", "decade", "millennium"}
)
_JSON_KINDS = {"OBJECT": "object", "ARRAY": "array", "VARCHAR": "string", "BOOLEAN": "boolean"}


def call_sql(name: str, arguments: Sequence[str], type_of: TypeOf) -> str:
    """A call of one of PostgreSQL's functions; Untranslatable names one that is not known."""
    call = _CALLS.get(name.lower())
    if call is None:
        raise Untranslatable(f"the function {name}")
    try:
        return call(arguments, type_of)
    except (IndexError, ValueError):
        raise Untranslatable(f"the function {name} with {len(arguments)} arguments") from None


def extracted(field: str, value: str, type_of: TypeOf) -> str:
    """A field of a date, time or interval; an interval travels without its days and months."""
    if type_of(value) == "INTERVAL" and field != "epoch":
        raise Untranslatable(f"the {field} of an interval")
    if field in {"second", "seconds"}:
        return f"(extract(microseconds FROM {value}) / 1000000)"
    if field not in _FIELDS:
        raise Untranslatable(f"the field {field} of a date or time")
    return f"extract({field} FROM {value})"


def substring(arguments: Sequence[str], _: TypeOf) -> str:
    """Part of a text from a constant position on; DuckDB counts positions below 1 otherwise."""
    if not arguments[1].isdigit() or int(arguments[1]) < 1:
        raise Untranslatable("a part of a text from a position that is no constant above 0")
    return f"substr({', '.join(arguments)})"


def length(arguments: Sequence[str], type_of: TypeOf) -> str:
    """The characters of a text, the bytes of a bytea."""
    (value,) = arguments
    return f"octet_length({value})" if type_of(value) == "BLOB" else f"length({value})"


def octet_length(arguments: Sequence[str], type_of: TypeOf) -> str:
    """The bytes of a text or a bytea."""
    (value,) = arguments
    return f"octet_length({value})" if type_of(value) == "BLOB" else f"strlen({value})"


def _fixed(name: str, number: int, arguments: Sequence[str], _: TypeOf) -> str:
    if len(arguments) != number:
        raise ValueError(len(arguments))
    return f"{name}({', '.join(arguments)})"


def _variadic(name: str, arguments: Sequence[str], _: TypeOf) -> str:
    return f"{name}({', '.join(arguments)})"


def _trimmed(name: str, arguments: Sequence[str], _: TypeOf) -> str:
    if len(arguments) == 1:
        return f"{name}({arguments[0]}, ' ')"
    return f"{name}({arguments[0]}, {arguments[1]})"


def _rounded(arguments: Sequence[str], type_of: TypeOf) -> str:
    """PostgreSQL rounds halves of a double to the even number, of a numeric away from zero."""
    if len(arguments) == 1 and type_of(arguments[0]) in {"DOUBLE", "FLOAT"}:
        return f"round_even({arguments[0]}, 0)"
    return f"round({', '.join(arguments)})"


def _truncated(arguments: Sequence[str], _: TypeOf) -> str:
    (value,) = arguments
    return f"trunc({value})"


def _logarithm(arguments: Sequence[str], _: TypeOf) -> str:
    return f"log({', '.join(arguments)})"


def _counted(test: str, arguments: Sequence[str], _: TypeOf) -> str:
    return "(" + " + ".join(f"CAST(({a}) {test} AS INTEGER)" for a in arguments) + ")"


def _json_kind(arguments: Sequence[str], _: TypeOf) -> str:
    (value,) = arguments
    cases = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in _JSON_KINDS.items())
    number = f"CASE WHEN {value} IS NOT NULL THEN 'number' END"
    return f"(CASE json_type({value}) {cases} WHEN 'NULL' THEN 'null' ELSE {number} END)"


def _array_length(arguments: Sequence[str], _: TypeOf) -> str:
    """NULL for an empty array, as PostgreSQL says; only arrays of one dimension travel."""
    if arguments[1] != "1":
        raise Untranslatable("the length of an array's second dimension")
    return f"nullif(len({arguments[0]}), 0)"


def _field(arguments: Sequence[str], type_of: TypeOf) -> str:
    return extracted(arguments[0].strip("'").lower(), arguments[1], type_of)


def _age(arguments: Sequence[str], _: TypeOf) -> str:
    later, earlier = arguments
    return f"age({later}, {earlier})"


def _date_trunc(arguments: Sequence[str], _: TypeOf) -> str:
    field, value = arguments
    return f"date_trunc({field}, {value})"


def _table() -> Mapping[str, Call]:
    calls: dict[str, Call] = {}
    for names, number in ((_ALIKE, 1), (_TWO, 2), (_THREE, 3)):
        for name, theirs in _pairs(names):
            calls[name] = partial(_fixed, theirs, number)
    calls |= {name: partial(_variadic, theirs) for name, theirs in _pairs(_ANY_NUMBER)}
    trims = {"btrim": "trim", "ltrim": "ltrim", "rtrim": "rtrim"}
    calls |= {name: partial(_trimmed, theirs) for name, theirs in trims.items()}
    return calls | _SPECIAL


def _pairs(names: str) -> list[tuple[str, str]]:
    pairs = (name.partition(":") for name in names.split())
    return [(name, theirs or name) for name, _, theirs in pairs]


_SPECIAL: dict[str, Call] = {
    "length": length,
    "octet_length": octet_length,
    "substr": substring,
    "substring": substring,
    "round": _rounded,
    "trunc": _truncated,
    "log": _logarithm,
    "num_nonnulls": partial(_counted, "IS NOT NULL"),
    "num_nulls": partial(_counted, "IS NULL"),
    "jsonb_typeof": _json_kind,
    "json_typeof": _json_kind,
    "array_length": _array_length,
    "array_upper": _array_length,
    "date_part": _field,
    "date_trunc": _date_trunc,
    "age": _age,
}
_CALLS = _table()
