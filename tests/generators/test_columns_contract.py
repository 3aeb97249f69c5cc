"""What every file in generators/columns keeps to, whichever columns it is for."""

import datetime as dt
import decimal
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column, TableName
from generators.columns import (
    MOST_CODES,
    ColumnGenerator,
    Draw,
    Sample,
    Traits,
    choose,
    column_generators,
)
from generators.privacy.support import Support

ROWS = 900
SUPPORT = Support()
TEXT = DataType(Kind.TEXT, "text")
TYPES: Mapping[str, DataType] = {
    "boolean": DataType(Kind.BOOLEAN, "boolean"),
    "smallint": DataType(Kind.INTEGER, "smallint", bits=16),
    "integer": DataType(Kind.INTEGER, "integer", bits=32),
    "bigint": DataType(Kind.INTEGER, "bigint", bits=64),
    "real": DataType(Kind.FLOAT, "real", bits=32),
    "double": DataType(Kind.FLOAT, "double precision", bits=64),
    "money": DataType(Kind.DECIMAL, "numeric(8,2)", precision=8, scale=2),
    "free": DataType(Kind.DECIMAL, "numeric"),
    "text": TEXT,
    "char": DataType(Kind.TEXT, "character(2)", length=2, padded=True),
    "varchar": DataType(Kind.TEXT, "character varying(9)", length=9),
    "enum": DataType(Kind.ENUM, "mood", labels=("sad", "ok", "happy", "odd")),
    "date": DataType(Kind.DATE, "date"),
    "time": DataType(Kind.TIME, "time"),
    "timestamp": DataType(Kind.TIMESTAMP, "timestamp"),
    "timestamptz": DataType(Kind.TIMESTAMPTZ, "timestamptz"),
    "interval": DataType(Kind.INTERVAL, "interval"),
    "uuid": DataType(Kind.UUID, "uuid"),
    "json": DataType(Kind.JSON, "jsonb"),
    "bytes": DataType(Kind.BYTES, "bytea"),
    "texts": DataType(Kind.ARRAY, "text[]", element=TEXT),
    "integers": DataType(
        Kind.ARRAY, "integer[]", element=DataType(Kind.INTEGER, "integer", bits=32)
    ),
    "inet": DataType(Kind.OTHER, "inet"),
    "daterange": DataType(Kind.OTHER, "daterange"),
    "unknown": DataType(Kind.OTHER, "public.currency"),
}
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MAKERS: Mapping[str, Callable[[int], Any]] = {
    "boolean": lambda i: i % 3 == 0,
    "smallint": lambda i: i % 7 * 100,
    "integer": lambda i: i * i,
    "bigint": lambda i: 2**60 + i * 2**40,
    "real": lambda i: i / 7,
    "double": lambda i: i / 3 - 50,
    "money": lambda i: decimal.Decimal(i * 7) / 100,
    "free": lambda i: decimal.Decimal(i * i) / 1000,
    "text": lambda i: f"ORD-{i:05d}" if i % 3 else "none",
    "char": lambda i: ["DE", "FR", "A "][i % 3],
    "varchar": lambda i: ["red", "green", "blue"][i % 3],
    "enum": lambda i: ["sad", "ok"][i % 2],
    "date": lambda i: (START + dt.timedelta(days=i % 400)).date(),
    "time": lambda i: dt.time(i % 24, i % 60),
    "timestamp": lambda i: (START + dt.timedelta(hours=i)).replace(tzinfo=None),
    "timestamptz": lambda i: START + dt.timedelta(seconds=i * 977),
    "interval": lambda i: dt.timedelta(minutes=i % 90),
    "uuid": lambda i: uuid.UUID(int=i * 2**90).bytes,
    "json": lambda i: json.dumps({"colour": "red", "sizes": [i, i + 1]} if i % 2 else {"n": i}),
    "bytes": lambda i: bytes(i % 50),
    "texts": lambda i: ["red", "green"][: i % 3] + [f"w{i}"] * (i % 2),
    "integers": lambda i: list(range(i % 4)),
    "inet": lambda i: f"192.168.0.{i % 250}",
    "daterange": lambda i: "empty" if i % 2 else "[2024-01-01,2024-02-01)",
    "unknown": lambda i: f"({i},EUR)",
}


def column(name: str, kind: str) -> Column:
    """A column of a named type; personal kinds are asked by a column of their own name."""
    return Column(kind if TYPES[name].kind is Kind.TEXT else "c", TYPES[name])


def sample(name: str, rows: int = ROWS) -> Sample:
    made = [MAKERS[name](i) for i in range(rows)]
    return Sample(pa.array(made, arrow_type(TYPES[name])), np.arange(rows) // 2)


def traits(name: str, kind: str) -> Traits:
    found = sample(name)
    return Traits(TableName("public", "t"), column(name, kind), found, 50, 0.95)


def claimed(generator: type[ColumnGenerator]) -> list[str]:
    """The types that a generator claims, or texts where it goes by the column's name."""
    names = [name for name in TYPES if generator.claims(traits(name, generator.kind)) > 0]
    return names or ["text"]


CASES = [
    pytest.param(generator, name, id=f"{kind}-{name}")
    for kind, generator in column_generators().items()
    for name in claimed(generator)
]
contract = pytest.mark.parametrize(("generator", "name"), CASES)


def draw(rows: int, seed: int = 5) -> Draw:
    identities = np.random.default_rng(1).integers(0, 2**63, rows).astype(np.uint64)
    return Draw(np.random.default_rng(seed), np.arange(rows), identities)


def every_code(fitted: ColumnGenerator, times: int = 12) -> Any:
    return np.tile(np.arange(fitted.size, dtype=np.int32), times)


def assert_keeps_the_law(fitted: ColumnGenerator, datatype: DataType) -> None:
    codes = every_code(fitted)
    values = fitted.decode(codes, draw(len(codes)))
    assert 1 <= fitted.size <= MOST_CODES
    assert values.type == arrow_type(datatype)
    assert values.null_count == (len(codes) if fitted.kind == "nothing" else 0)
    np.testing.assert_array_equal(fitted.encode(values), codes)
    assert len(values) == len(codes)


@contract
def test_what_a_code_decodes_to_encodes_to_that_code(
    generator: type[ColumnGenerator], name: str
) -> None:
    fitted = generator.fit(column(name, generator.kind), sample(name), SUPPORT)
    assert_keeps_the_law(fitted, TYPES[name])


@contract
def test_every_value_of_the_sample_has_a_code(generator: type[ColumnGenerator], name: str) -> None:
    found = sample(name)
    fitted = generator.fit(column(name, generator.kind), found, SUPPORT)
    codes = fitted.encode(found.values)
    assert codes.dtype == np.int32
    assert len(codes) == ROWS
    assert codes.min() >= 0
    assert codes.max() < fitted.size


@contract
@pytest.mark.parametrize("rows", [0, 4])
def test_a_sample_without_support_still_gives_valid_values(
    generator: type[ColumnGenerator], name: str, rows: int
) -> None:
    fitted = generator.fit(column(name, generator.kind), sample(name, rows), SUPPORT)
    assert_keeps_the_law(fitted, TYPES[name])


@contract
def test_an_empty_decode_has_the_exact_type(generator: type[ColumnGenerator], name: str) -> None:
    fitted = generator.fit(column(name, generator.kind), sample(name), SUPPORT)
    empty = fitted.decode(np.empty(0, np.int32), draw(0))
    assert len(empty) == 0
    assert empty.type == arrow_type(TYPES[name])


@contract
def test_a_restored_generator_draws_the_same_values(
    generator: type[ColumnGenerator], name: str
) -> None:
    fitted = generator.fit(column(name, generator.kind), sample(name), SUPPORT)
    state = {field: part.value for field, part in fitted.released().items()}
    restored = generator.restore(column(name, generator.kind), stored(state))
    codes = every_code(fitted)
    assert restored.size == fitted.size
    assert restored.ordered == fitted.ordered
    expected = fitted.decode(codes, draw(len(codes)))
    assert restored.decode(codes, draw(len(codes))).equals(expected)


@contract
def test_released_state_holds_only_what_an_archive_keeps(
    generator: type[ColumnGenerator], name: str
) -> None:
    fitted = generator.fit(column(name, generator.kind), sample(name), SUPPORT)
    for part in fitted.released().values():
        if isinstance(part.value, pa.Array):
            assert part.value.type == pa.string()
        elif not isinstance(part.value, np.ndarray):
            assert json.loads(json.dumps(part.value)) == part.value


def stored(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state after a way through JSON, for what is neither an array nor a list of text."""
    kept = (np.ndarray, pa.Array)
    return {n: v if isinstance(v, kept) else json.loads(json.dumps(v)) for n, v in state.items()}


def marker(row: int) -> str:
    """Twelve letters that no other row holds and no dictionary knows."""
    digest = hashlib.sha256(str(row).encode()).digest()[:12]
    return "".join(chr(ord("A") + byte % 26) for byte in digest)


def planted(name: str) -> Sample:
    """A sample in which every tenth row holds a text that no other unit holds."""
    wrap: Mapping[Kind, Callable[[str], Any]] = {
        Kind.JSON: lambda text: json.dumps({"colour": text, text: 1}),
        Kind.ARRAY: lambda text: [text],
        Kind.BYTES: lambda text: text.encode(),
    }
    mark = wrap.get(TYPES[name].kind, str)
    made = [MAKERS[name](i) if i % 10 else mark(marker(i)) for i in range(ROWS)]
    return Sample(pa.array(made, arrow_type(TYPES[name])), np.arange(ROWS))


TEXTUAL = {"text", "varchar", "json", "texts", "bytes", "inet", "unknown"}


@pytest.mark.parametrize(
    ("generator", "name"), [case for case in CASES if case.values[1] in TEXTUAL]
)
def test_a_text_of_one_unit_is_neither_released_nor_drawn(
    generator: type[ColumnGenerator], name: str
) -> None:
    fitted = generator.fit(column(name, generator.kind), planted(name), SUPPORT)
    codes = every_code(fitted, 60)
    parts = [part.value for part in fitted.released().values()]
    state = [part.to_pylist() if isinstance(part, pa.Array) else part for part in parts]
    seen = str(fitted.decode(codes, draw(len(codes))).to_pylist()) + str(state)
    assert not [row for row in range(0, ROWS, 10) if marker(row) in seen]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), k=st.integers(1, 6))
@pytest.mark.parametrize("name", ["smallint", "bigint", "real", "double", "money", "char", "text"])
def test_the_law_holds_for_any_sample(name: str, data: st.DataObject, k: int) -> None:
    values = data.draw(st.lists(ANY[name], min_size=0, max_size=60).map(lambda v: v * 3))
    units = data.draw(st.integers(1, 5))
    datatype = TYPES[name]
    found = Sample(pa.array(values, arrow_type(datatype)), np.arange(len(values)) // units)
    for generator in column_generators().values():
        asked = Traits(TableName("public", "t"), column(name, "c"), found, len(set(values)), 0.9)
        if generator.claims(asked) > 0:
            assert_keeps_the_law(generator.fit(column(name, "c"), found, Support(k)), datatype)


ANY: Mapping[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15) + 1, 2**15 - 1),
    "bigint": st.integers(-(2**63) + 1, 2**63 - 1),
    "real": st.floats(width=32),
    "double": st.floats(),
    "money": st.decimals(-999999, 999999, places=2),
    "char": st.text("AB 9", max_size=2),
    "text": st.text(max_size=12),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("boolean", "boolean"),
        ("integer", "numeric"),
        ("money", "numeric"),
        ("date", "temporal"),
        ("varchar", "category"),
        ("enum", "category"),
        ("texts", "array"),
        ("inet", "other"),
    ],
)
def test_a_plain_column_gets_the_generator_of_its_type(name: str, kind: str) -> None:
    assert choose(traits(name, "c")).kind == kind
