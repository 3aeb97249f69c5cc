"""PostgreSQL's types, columns and casts as DuckDB states them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.dialect.expressions import PlainCalls
from connectors.dialect.regexes import Untranslatable

_MOST_DIGITS = 38
FREE_DECIMAL = "DECIMAL(38,12)"
_DTYPES = {
    "BOOLEAN": Kind.BOOLEAN,
    "SMALLINT": Kind.INTEGER,
    "INT": Kind.INTEGER,
    "BIGINT": Kind.INTEGER,
    "FLOAT": Kind.FLOAT,
    "DOUBLE": Kind.FLOAT,
    "DECIMAL": Kind.DECIMAL,
    "TEXT": Kind.TEXT,
    "VARCHAR": Kind.TEXT,
    "CHAR": Kind.TEXT,
    "BPCHAR": Kind.TEXT,
    "NAME": Kind.TEXT,
    "DATE": Kind.DATE,
    "TIME": Kind.TIME,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMPTZ": Kind.TIMESTAMPTZ,
    "INTERVAL": Kind.INTERVAL,
    "UUID": Kind.UUID,
    "JSON": Kind.JSON,
    "JSONB": Kind.JSON,
    "VARBINARY": Kind.BYTES,
}
_BITS = {"SMALLINT": 16, "INT": 32, "BIGINT": 64, "FLOAT": 32, "DOUBLE": 64}
_INTEGERS = {16: "SMALLINT", 32: "INTEGER", 64: "BIGINT"}
_FLOATS = {32: "FLOAT", 64: "DOUBLE"}
_WHOLE = {"SMALLINT": "DECIMAL(5,0)", "INTEGER": "DECIMAL(10,0)", "BIGINT": "DECIMAL(19,0)"}
_TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMPTZ",
    Kind.INTERVAL: "INTERVAL",
    Kind.UUID: "UUID",
    Kind.JSON: "JSON",
    Kind.BYTES: "BLOB",
    Kind.OTHER: "VARCHAR",
}
_TRAVELLING = {Kind.UUID: "BLOB", Kind.ENUM: "VARCHAR", Kind.JSON: "VARCHAR"}
_SPELT_ALIKE = frozenset(
    {"VARCHAR", "SMALLINT", "INTEGER", "BIGINT", "BOOLEAN", "DATE", "TIME", "TIMESTAMP", "UUID"}
)
_SIMPLE_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_NUMBER = re.compile(r"[+-]?(\d+)(?:\.(\d+))?\Z")
_TEMPORAL = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Operand:
    """What is cast: its SQL, its DuckDB type on demand, its text where it is a constant."""

    sql: str
    type_of: Callable[[str], str]
    text: str | None = None

    @property
    def type(self) -> str:
        """The DuckDB type of the operand."""
        return self.type_of(self.sql)


def quoted(text: str) -> str:
    """A string constant."""
    return "'" + text.replace("'", "''") + "'"


def written_name(name: str) -> str:
    """The name under which a column travels into DuckDB, which ignores the case of names."""
    return name if _SIMPLE_NAME.match(name) else f"x:{name.encode().hex()}"


def duckdb_type(datatype: DataType) -> str:
    """The DuckDB type in which values of a column are computed."""
    if datatype.kind is Kind.INTEGER:
        return _INTEGERS[datatype.bits or 64]
    if datatype.kind is Kind.FLOAT:
        return _FLOATS[datatype.bits or 64]
    if datatype.kind is Kind.DECIMAL:
        return _decimal_type(datatype)
    if datatype.kind is Kind.ENUM:
        return f"ENUM({', '.join(quoted(label) for label in datatype.labels)})"
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        return f"{duckdb_type(datatype.element)}[]"
    return _TYPES[datatype.kind]


def travelling_type(datatype: DataType) -> str:
    """The DuckDB type that the column's Arrow type becomes."""
    if datatype.kind is Kind.ARRAY and datatype.element is not None:
        return f"{travelling_type(datatype.element)}[]"
    return _TRAVELLING.get(datatype.kind) or duckdb_type(datatype)


def narrowed(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Decimals in 128 bits, the most that DuckDB reads; as floats where they do not fit."""
    if not pa.types.is_decimal256(values.type):
        return values
    try:
        return values.cast(pa.decimal128(_MOST_DIGITS, min(_MOST_DIGITS, values.type.scale)))
    except pa.ArrowInvalid:
        return values.cast(pa.float64())


def column_sql(name: str, datatype: DataType) -> str:
    """A column's value in the type in which it is computed."""
    column = f'"{written_name(name)}"'
    if datatype.kind is Kind.UUID:
        return f"CAST(hex({column}) AS UUID)"
    if datatype.kind is Kind.ARRAY and travelling_type(datatype) != duckdb_type(datatype):
        if datatype.element is not None and datatype.element.kind is Kind.UUID:
            return f"CAST(list_transform({column}, lambda x: hex(x)) AS UUID[])"
        return f"CAST({column} AS {duckdb_type(datatype)})"
    if datatype.kind in _TRAVELLING:
        return f"CAST({column} AS {duckdb_type(datatype)})"
    return column


def target_type(node: exp.DataType, known: Mapping[str, DataType]) -> DataType:
    """The type that a cast names; `known` holds the enums and domains by their spelling."""
    spelt = node.sql(dialect=PlainCalls)
    name = getattr(node.this, "name", "")
    if name == "ARRAY" and node.expressions:
        return DataType(Kind.ARRAY, spelt, element=target_type(node.expressions[0], known))
    if name in _DTYPES:
        return _built_in(name, spelt, [int(p.name) for p in node.expressions])
    if name == "USERDEFINED" and spelt in {'"char"', "char"}:
        return DataType(Kind.TEXT, spelt)
    found = known.get(spelt)
    if found is None or found.kind is Kind.OTHER:
        raise Untranslatable(f"a cast to {spelt}")
    return found


def cast_sql(operand: Operand, target: DataType) -> str:
    """The operand converted as PostgreSQL's explicit cast does it."""
    if target.kind is Kind.TEXT:
        return _as_text(operand, target)
    if target.kind is Kind.DECIMAL:
        return _as_decimal(operand, target)
    if target.kind is Kind.BYTES:
        return _as_bytes(operand)
    if target.kind in _TEMPORAL and operand.text is not None:
        moment = re.sub(r"\s+BC\Z", " (BC)", operand.text)
        return f"CAST({quoted(moment)} AS {duckdb_type(target)})"
    return f"CAST({operand.sql} AS {duckdb_type(target)})"


def _decimal_type(datatype: DataType) -> str:
    if datatype.precision is None:
        return FREE_DECIMAL
    scale = min(arrow_type(datatype).scale, _MOST_DIGITS)
    return f"DECIMAL({min(datatype.precision, _MOST_DIGITS)},{scale})"


def _built_in(name: str, spelt: str, numbers: list[int]) -> DataType:
    kind = _DTYPES[name]
    first = numbers[0] if numbers else None
    if kind is Kind.DECIMAL:
        scale = numbers[1] if len(numbers) > 1 else 0
        return DataType(kind, spelt, precision=first, scale=scale if numbers else None)
    if kind is Kind.TEXT:
        padded = name in {"CHAR", "BPCHAR"}
        length = 1 if name == "CHAR" and first is None else first
        return DataType(kind, spelt, length=length, padded=padded)
    if first is not None and first < 6:
        raise Untranslatable(f"a cast to {spelt}, which rounds")
    return DataType(kind, spelt, bits=_BITS.get(name))


def _as_text(operand: Operand, target: DataType) -> str:
    text = _spelt(operand) if operand.text is None else operand.sql
    if target.length is not None:
        text = f"left({text}, {target.length})"
    return f"rtrim({text}, ' ')" if target.padded else text


def _spelt(operand: Operand) -> str:
    """The text of a value, where both databases spell it alike."""
    found = operand.type
    if found in {"VARCHAR", '"NULL"', "NULL"}:
        return operand.sql
    fixed = found.startswith("DECIMAL") and found != FREE_DECIMAL
    if found in _SPELT_ALIKE or found.startswith("ENUM") or fixed:
        return f"CAST({operand.sql} AS VARCHAR)"
    raise Untranslatable(f"the text of a value of DuckDB's type {found}")


def _as_decimal(operand: Operand, target: DataType) -> str:
    if target.precision is not None:
        if target.precision > 38:
            raise Untranslatable(f"a cast to {target.sql}, which DuckDB cannot hold")
        return f"CAST({operand.sql} AS {duckdb_type(target)})"
    number = _NUMBER.match(operand.text or operand.sql.strip("()"))
    if number is not None:
        digits, decimals = number[1], number[2] or ""
        width = max(len(digits) + len(decimals), 1)
        return f"CAST({number[0]} AS DECIMAL({width},{len(decimals)}))"
    return _freed(operand)


def _freed(operand: Operand) -> str:
    """A number as numeric without a precision; whole numbers keep all their digits."""
    found = operand.type
    if found.startswith("DECIMAL") or found in {"DOUBLE", "FLOAT"}:
        return operand.sql
    return f"CAST({operand.sql} AS {_WHOLE.get(found, FREE_DECIMAL)})"


def _as_bytes(operand: Operand) -> str:
    if operand.text is not None and operand.text[:2] in {"", "\\x"}:
        return f"unhex({quoted(operand.text[2:])})"
    if operand.text is None and operand.type == "BLOB":
        return operand.sql
    raise Untranslatable("a cast to bytea")
