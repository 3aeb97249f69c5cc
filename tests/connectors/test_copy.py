"""What is copied into a real server is read back as it was."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.datatypes import INFINITE, DataType, Kind, arrow_type
from connectors.engines.postgresql.copy import (
    BINARY_HEADER,
    BINARY_TRAILER,
    binary_copy,
    has_binary_form,
    text_copy,
)
from connectors.engines.postgresql.exact import exact
from connectors.errors import WrongArrowType
from connectors.schema import Column

SPECIAL_TEXTS = ["", " ", "\t", "\n", "\r\n", "\\", "\\N", "\\.", "NULL", '"', "{a,b}", "ÿ€𝄞"]
TEXTS = st.sampled_from(SPECIAL_TEXTS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS.map(str.strip),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
LENGTHS = st.timedeltas(timedelta(days=-99_999_999), timedelta(days=99_999_999))


def integers(bits: int) -> st.SearchStrategy[int]:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return st.sampled_from([low, -1, 0, 1, high]) | st.integers(low, high)


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    mantissas = st.sampled_from([-most, 0, 1, most, 10_000, 9_999]) | st.integers(-most, most)
    return mantissas.map(lambda number: Decimal(f"{number}E-{scale}"))


@dataclass(frozen=True)
class Case:
    """A column type, the values drawn for it, and how Arrow and Python hold them.

    The driver does not know every type; `read_as` is one to which the server casts for it.
    """

    datatype: DataType
    values: st.SearchStrategy[Any]
    stored: Callable[[Any], Any] = field(default=lambda value: value)
    read: Callable[[Any], Any] = field(default=lambda value: value)
    read_as: str = ""


def number(kind: Kind, sql: str, bits: int) -> DataType:
    return DataType(kind, sql, bits=bits)


def numeric(precision: int, scale: int) -> DataType:
    sql = f"numeric({precision},{scale})"
    return DataType(Kind.DECIMAL, sql, precision=precision, scale=scale)


INTEGER = number(Kind.INTEGER, "integer", 32)
BIGINT = number(Kind.INTEGER, "bigint", 64)
REAL = number(Kind.FLOAT, "real", 32)
DOUBLE = number(Kind.FLOAT, "double precision", 64)
FREE_NUMERIC = DataType(Kind.DECIMAL, "numeric")
TEXT = DataType(Kind.TEXT, "text")
MOOD = DataType(Kind.ENUM, "pg_temp.mood", labels=("glad", "it's so-so", 'a "b"\\'))
DATE = DataType(Kind.DATE, "date")
TIMESTAMP = DataType(Kind.TIMESTAMP, "timestamp without time zone")
TIMESTAMPTZ = DataType(Kind.TIMESTAMPTZ, "timestamp with time zone")
UUID = DataType(Kind.UUID, "uuid")
JSONB = DataType(Kind.JSON, "jsonb")
BYTEA = DataType(Kind.BYTES, "bytea")

SCALARS = [
    Case(DataType(Kind.BOOLEAN, "boolean"), st.booleans()),
    Case(number(Kind.INTEGER, "smallint", 16), integers(16)),
    Case(INTEGER, integers(32)),
    Case(BIGINT, integers(64)),
    Case(REAL, st.floats(width=32)),
    Case(DOUBLE, st.floats()),
    Case(numeric(10, 2), decimals(10, 2)),
    Case(numeric(38, 9), decimals(38, 9)),
    Case(numeric(38, 38), decimals(38, 38)),
    Case(numeric(6, 0), decimals(6, 0)),
    Case(FREE_NUMERIC, decimals(76, 12) | decimals(38, 12) | decimals(6, 3)),
    Case(numeric(60, 20), decimals(60, 20)),
    Case(numeric(76, 0), decimals(76, 0)),
    Case(TEXT, TEXTS),
    Case(DataType(Kind.TEXT, "character varying(20)", length=20), TEXTS),
    Case(
        DataType(Kind.TEXT, "character(12)", length=12, padded=True),
        TEXTS.map(lambda text: text.rstrip(" ")),
        read=lambda text: text.rstrip(" "),
    ),
    Case(MOOD, st.sampled_from(MOOD.labels), read_as="text"),
    Case(DATE, st.dates()),
    Case(DataType(Kind.TIME, "time without time zone"), st.times()),
    Case(TIMESTAMP, st.datetimes()),
    Case(TIMESTAMPTZ, st.datetimes(timezones=st.just(UTC))),
    Case(DataType(Kind.INTERVAL, "interval"), LENGTHS),
    Case(UUID, st.uuids(), stored=lambda value: value.bytes),
    Case(DataType(Kind.JSON, "json"), JSON, stored=json.dumps),
    Case(JSONB, JSON, stored=json.dumps),
    Case(BYTEA, st.binary(max_size=12)),
]
DOMAINS = [
    Case(
        DataType(Kind.INTEGER, "pg_temp.whole", bits=32, domain="pg_temp.whole"),
        integers(32),
        read_as="integer",
    ),
    Case(
        DataType(Kind.JSON, "pg_temp.paper", domain="pg_temp.paper"),
        JSON,
        stored=json.dumps,
        read_as="jsonb",
    ),
]
LITERALS = [
    Case(DataType(Kind.OTHER, "inet"), st.ip_addresses(), stored=str),
    Case(DataType(Kind.OTHER, "tsquery"), st.just("'a\\\\b' & 'c d'"), read_as="text"),
    Case(DataType(Kind.OTHER, "box"), st.just("(3,4),(1,2)"), read_as="text"),
]


def array_of(case: Case) -> Case:
    """The same case, one dimension up; PostgreSQL's arrays hold nulls too."""
    datatype = DataType(Kind.ARRAY, f"{case.datatype.sql}[]", element=case.datatype)
    return Case(
        datatype,
        st.lists(st.none() | case.values, max_size=3),
        stored=lambda items: [None if i is None else case.stored(i) for i in items],
        read=lambda items: [None if i is None else case.read(i) for i in items],
        read_as=case.read_as and f"{case.read_as}[]",
    )


PLAIN = [*SCALARS, *DOMAINS, *LITERALS]
CASES = [*PLAIN, *map(array_of, PLAIN)]


@pytest.fixture(scope="module")
def connection(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection with an enum and two domains; all that it makes is temporary."""
    # A prepared statement would not survive that its table is made anew with another type.
    with psycopg.connect(server_url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute(
            """CREATE TYPE pg_temp.mood AS ENUM ('glad', 'it''s so-so', 'a "b"\\')"""
        )
        connection.execute("CREATE DOMAIN pg_temp.whole AS integer")
        connection.execute("CREATE DOMAIN pg_temp.paper AS jsonb")
        yield connection


def column(datatype: DataType, name: str = "v") -> Column:
    return Column(name, datatype)


def batch(**arrays: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def create(connection: psycopg.Connection, columns: Sequence[Column]) -> None:
    declared = ", ".join(f'"{c.name}" {c.datatype.sql}' for c in columns)
    for table in ("as_binary", "as_text"):
        connection.execute(f"DROP TABLE IF EXISTS {table}".encode())
        connection.execute(f"CREATE TEMP TABLE {table} ({declared})".encode())


def copy_both(
    connection: psycopg.Connection, columns: Sequence[Column], *batches: pa.RecordBatch
) -> list[str]:
    """Fills both tables, each anew, and answers their names; the binary one only where it may."""
    is_binary = all(has_binary_form(c.datatype) for c in columns)
    text = [block for rows in batches for block in text_copy(rows, columns)]
    send(connection, "COPY as_text FROM STDIN", "as_text", text)
    if not is_binary:
        return ["as_text"]
    blocks = [block for rows in batches for block in binary_copy(rows, columns)]
    stream = [BINARY_HEADER, *blocks, BINARY_TRAILER]
    send(connection, "COPY as_binary FROM STDIN (FORMAT binary)", "as_binary", stream)
    return ["as_binary", "as_text"]


def send(connection: psycopg.Connection, order: str, table: str, blocks: Sequence[bytes]) -> None:
    connection.execute(f"TRUNCATE {table}".encode())
    with connection.cursor() as cursor, cursor.copy(order.encode()) as copy:
        for block in blocks:
            copy.write(block)


def rows_of(
    connection: psycopg.Connection, table: str, selected: str = "*"
) -> list[tuple[Any, ...]]:
    # In binary results a real keeps its exact value; its text is rounded to fewer digits.
    with connection.cursor(binary=True) as cursor:
        query = f"SELECT {selected} FROM {table} ORDER BY ctid"  # noqa: S608 - tables of our own
        return cursor.execute(query.encode()).fetchall()


def checksum(connection: psycopg.Connection, table: str) -> Any:
    """A sum over the texts of all rows, whatever their order."""
    query = f"SELECT sum(hashtextextended(t::text, 0)::numeric) FROM {table} t"  # noqa: S608 - own
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return found[0]


def spelled(value: Any) -> Any:
    """Tells -0.0 from 0.0 and finds a NaN equal to itself, as == does not."""
    if isinstance(value, list):
        return [*map(spelled, value)]
    return repr(value) if isinstance(value, float) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.datatype.sql)
def test_every_type_is_read_back_as_it_was_written(
    connection: psycopg.Connection, case: Case
) -> None:
    columns = [column(case.datatype)]
    create(connection, columns)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.none() | case.values, max_size=8))
    def round_trip(values: list[Any]) -> None:
        stored = [None if value is None else case.stored(value) for value in values]
        rows = batch(v=pa.array(stored, arrow_type(case.datatype)))
        tables = copy_both(connection, columns, rows)
        assert len({checksum(connection, table) for table in tables}) == 1
        for table in tables:
            found = rows_of(connection, table, f"v::{case.read_as}" if case.read_as else "v")
            read = [None if v is None else case.read(v) for (v,) in found]
            assert spelled(read) == spelled(values)

    round_trip()


def test_a_numeric_without_a_scale_shows_no_zeros_at_its_end(
    connection: psycopg.Connection,
) -> None:
    columns = [column(FREE_NUMERIC)]
    create(connection, columns)
    shown = ["3.5", "0", "100", "-0.000000000001", "0.00001", "1.00000001", "90000.9", None]
    shown += ["12345678901234567890123456.000000000001"]
    values = [None if text is None else Decimal(text) for text in shown]
    for table in copy_both(connection, columns, batch(v=pa.array(values, pa.decimal128(38, 12)))):
        assert [text for (text,) in rows_of(connection, table, "v::text")] == shown


def test_a_numeric_of_unusual_scale_keeps_its_value(connection: psycopg.Connection) -> None:
    columns = [
        column(numeric(3, -2), "hundreds"),
        column(numeric(2, 5), "tiny"),
        column(FREE_NUMERIC, "long"),
    ]
    create(connection, columns)
    values = [(Decimal(-12300), Decimal("0.00042"), Decimal("0.12345678901234567890")), None]
    hundreds, tiny, long = zip(*[v or (None,) * 3 for v in values], strict=True)
    rows = batch(
        hundreds=pa.array(hundreds, pa.decimal128(38, 0)).cast(pa.decimal128(3, -2)),
        tiny=pa.array(tiny, pa.decimal128(38, 5)).cast(pa.decimal128(2, 5)),
        long=pa.array(long, pa.decimal128(38, 30)),
    )
    for table in copy_both(connection, columns, rows):
        assert rows_of(connection, table) == [values[0], (None,) * 3]


def test_the_ends_of_a_calendar_and_of_a_day_arrive(connection: psycopg.Connection) -> None:
    columns = [
        column(DATE, "day"),
        column(TIMESTAMP, "moment"),
        column(DataType(Kind.TIME, "time without time zone"), "clock"),
    ]
    create(connection, columns)
    rows = batch(
        day=pa.array([-2_440_588, 2_145_042_905], pa.int32()).cast(pa.date32()),
        moment=pa.array([-210_866_803_200_000_000, (1 << 63) - 2]).cast(pa.timestamp("us")),
        clock=pa.array([0, 86_400_000_000]).cast(pa.time64("us")),
    )
    for table in copy_both(connection, columns, rows):
        assert rows_of(connection, table, "day::text, moment::text, clock::text") == [
            ("4714-11-24 BC", "4714-11-24 00:00:00 BC", "00:00:00"),
            ("5874897-12-31", "294247-01-10 04:00:54.775806", "24:00:00"),
        ]


def test_a_date_that_would_wrap_around_is_refused() -> None:
    for datatype, smallest in ((DATE, pa.int32()), (TIMESTAMP, pa.int64())):
        lowest = -(1 << (smallest.bit_width - 1))
        rows = batch(v=pa.array([lowest], smallest).cast(arrow_type(datatype)))
        with pytest.raises(WrongArrowType, match="4713 BC"):
            list(binary_copy(rows, [column(datatype)]))


def test_whole_years_are_years_and_months(connection: psycopg.Connection) -> None:
    columns = [column(DataType(Kind.INTERVAL, "interval"))]
    create(connection, columns)
    written = ["1 year", "-3 years", "1 year 6 mons", "4 years", "1461 days", "45 days", "1 mon"]
    read = ["1 year", "-3 years", "1 year 6 mons", "4 years", "4 years", "45 days", "30 days"]
    counted = "SELECT extract(epoch FROM v::interval) FROM unnest(%s::text[]) AS v"
    seconds = [timedelta(seconds=float(s)) for (s,) in connection.execute(counted, [written])]
    for table in copy_both(connection, columns, batch(v=pa.array(seconds, pa.duration("us")))):
        assert [text for (text,) in rows_of(connection, table, "v::text")] == read


@pytest.mark.parametrize("fields", ["year to month", "month", "year"])
def test_lengths_of_months_alone_are_months(connection: psycopg.Connection, fields: str) -> None:
    columns = [column(DataType(Kind.INTERVAL, f"interval {fields}"))]
    create(connection, columns)
    days = pa.array([timedelta(days=n) for n in (0, 29, 61, 366, -800)], pa.duration("us"))
    wanted = {
        "year to month": ["00:00:00", "1 mon", "2 mons", "1 year", "-2 years -2 mons"],
        "month": ["00:00:00", "1 mon", "2 mons", "1 year", "-2 years -2 mons"],
        "year": ["00:00:00", "00:00:00", "00:00:00", "1 year", "-2 years"],
    }
    for table in copy_both(connection, columns, batch(v=days)):
        assert [text for (text,) in rows_of(connection, table, "v::text")] == wanted[fields]


def test_a_length_of_time_is_whole_days_or_hours(connection: psycopg.Connection) -> None:
    columns = [column(DataType(Kind.INTERVAL, "interval"))]
    create(connection, columns)
    lengths = [
        timedelta(days=30),
        timedelta(days=-1, hours=-2),
        timedelta(hours=30),
        timedelta(hours=23, microseconds=1),
    ]
    expected = [
        "30 days",
        "-26:00:00",
        "30:00:00",
        "23:00:00.000001",
        "-106751991 days -04:00:54.775808",
    ]
    array = pa.array(lengths, pa.duration("us"))
    longest = pa.array([-(1 << 63)]).cast(pa.duration("us"))
    rows = batch(v=pa.concat_arrays([array, longest]))
    for table in copy_both(connection, columns, rows):
        assert [text for (text,) in rows_of(connection, table, "v::text")] == expected


WIDE = [column(case.datatype, f"c{place}") for place, case in enumerate(CASES)]


def test_rows_of_all_nulls_and_no_rows_at_all_arrive(connection: psycopg.Connection) -> None:
    columns = [c for c in WIDE if has_binary_form(c.datatype)]
    create(connection, columns)
    for count in (0, 3):
        rows = batch(**{c.name: pa.nulls(count) for c in columns})
        for table in copy_both(connection, columns, rows):
            assert rows_of(connection, table) == [(None,) * len(columns)] * count


def test_several_batches_and_slices_of_batches_make_one_stream(
    connection: psycopg.Connection,
) -> None:
    columns = [column(INTEGER, "n"), column(TEXT, "t"), column(array_of(SCALARS[2]).datatype, "a")]
    create(connection, columns)
    numbers = [None if n % 3 == 0 else n for n in range(50)]
    texts = [None if n is None else f"text {n}" * (n % 4) for n in numbers]
    lists = [None if n is None else [n, None][: n % 3] for n in numbers]
    rows = batch(
        t=pa.array(texts),
        a=pa.array(lists, pa.list_(pa.int32())),
        n=pa.array(numbers, pa.int32()),
    )
    expected = list(zip(numbers, texts, lists, strict=True))
    for table in copy_both(connection, columns, rows.slice(3, 17), rows.slice(20, 30)):
        assert rows_of(connection, table) == expected[3:]


def test_a_large_batch_leaves_in_small_blocks() -> None:
    rows = batch(v=pa.array(["x" * 1000] * 20_000))
    for copied in (binary_copy, text_copy):
        sizes = [len(block) for block in copied(rows, [column(TEXT)])]
        assert sum(sizes) > 20_000_000
        assert max(sizes) < 2 * 2**20


def test_only_what_has_one_known_form_goes_as_binary() -> None:
    plain = {case.datatype.sql: has_binary_form(case.datatype) for case in PLAIN}
    assert {sql for sql, is_binary in plain.items() if not is_binary} == {
        "pg_temp.paper",
        "inet",
        "tsquery",
        "box",
    }
    arrays = {case.datatype.sql for case in SCALARS} - {"pg_temp.mood"}
    found = {c.datatype.element.sql for c in WIDE if c.datatype.element is not None}
    assert arrays == {
        sql
        for sql in found
        if has_binary_form(next(array_of(c).datatype for c in PLAIN if c.datatype.sql == sql))
    }
    assert has_binary_form(DataType(Kind.TEXT, "public.citext"))
    assert has_binary_form(DataType(Kind.INTERVAL, "interval day to second(3)"))
    assert not has_binary_form(DataType(Kind.DECIMAL, "money"))
    assert not has_binary_form(DataType(Kind.TIME, "time with time zone"))


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
SOME_UUID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
CAST: list[tuple[pa.Array, DataType, list[Any]]] = [
    (pa.array([1, -(2**53), None]), DOUBLE, [1.0, -(2.0**53), None]),
    (pa.array([1.0, None, 2.0**40]), BIGINT, [1, None, 2**40]),
    (pa.array([7, None], pa.int32()), REAL, [7.0, None]),
    (pa.array([7, -(2**31)]), INTEGER, [7, -(2**31)]),
    (pa.array([0.1, float("inf")]), REAL, [0.10000000149011612, float("inf")]),
    (pa.array([5, None]), numeric(10, 2), [Decimal("5.00"), None]),
    (pa.array([2**63 - 1]), FREE_NUMERIC, [Decimal(2**63 - 1)]),
    (pa.array([0.126, 2.671]), numeric(10, 2), [Decimal("0.13"), Decimal("2.67")]),
    (pa.array([0.1, 1e9]), FREE_NUMERIC, [Decimal("0.1"), Decimal(10**9)]),
    (pa.array([Decimal("1.50")]), numeric(10, 1), [Decimal("1.5")]),
    (pa.array([Decimal("1.50")]), FREE_NUMERIC, [Decimal("1.50")]),
    (pa.array([Decimal(4)]), INTEGER, [4]),
    (pa.array([date(2024, 2, 29)]), TIMESTAMP, [datetime(2024, 2, 29)]),  # noqa: DTZ001 - zoneless
    (pa.array([NOON]).cast(pa.timestamp("ns", "Europe/Berlin")), TIMESTAMPTZ, [NOON]),
    (pa.array([datetime(2024, 2, 29)]), DATE, [date(2024, 2, 29)]),  # noqa: DTZ001 - zoneless
    (
        pa.array([str(SOME_UUID), None, "{" + SOME_UUID.hex.upper() + "}"]),
        UUID,
        [SOME_UUID.bytes, None, SOME_UUID.bytes],
    ),
    (pa.array([SOME_UUID.bytes]), UUID, [SOME_UUID.bytes]),
    (pa.array([None, "a", "a"]).dictionary_encode(), TEXT, [None, "a", "a"]),
    (pa.array(["a", "b"], pa.large_string()), MOOD, ["a", "b"]),
    (pa.array([b"ab"], pa.binary(2)), BYTEA, [b"ab"]),
    (pa.array([[1, None], None, []]), array_of(SCALARS[2]).datatype, [[1, None], None, []]),
]


@pytest.mark.parametrize(("array", "datatype", "expected"), CAST, ids=str)
def test_what_means_the_same_is_cast(
    array: pa.Array, datatype: DataType, expected: list[Any]
) -> None:
    found = exact(array, column(datatype))
    assert found.to_pylist() == expected


REFUSED: list[tuple[pa.Array, DataType]] = [
    (pa.array([2**53 + 1]), DOUBLE),
    (pa.array([1.5]), BIGINT),
    (pa.array([float("nan")]), BIGINT),
    (pa.array([1e300]), BIGINT),
    (pa.array([1e300]), REAL),
    (pa.array([2**31]), INTEGER),
    (pa.array([2**64 - 1], pa.uint64()), BIGINT),
    (pa.array([2**24 + 1]), REAL),
    (pa.array([1_700_000_000_000_000]), TIMESTAMPTZ),
    (pa.array([19_000], pa.int32()), DATE),
    (pa.array([date(2024, 2, 29)]), INTEGER),
    (pa.array([date(2024, 2, 29)]), TIMESTAMPTZ),
    (pa.array([NOON]), BIGINT),
    (pa.array([NOON]), TIMESTAMP),
    (pa.array([NOON.replace(tzinfo=None)]), TIMESTAMPTZ),
    (pa.array([NOON.replace(tzinfo=None)]), DATE),
    (pa.array([1_709_208_000_000_000_001]).cast(pa.timestamp("ns")), TIMESTAMP),
    (pa.array([10**9]), numeric(10, 2)),
    (pa.array([1e9]), numeric(10, 2)),
    (pa.array([float("nan")]), numeric(10, 2)),
    (pa.array([1e-20]), FREE_NUMERIC),
    (pa.array([Decimal("1.55")]), numeric(10, 1)),
    (pa.array([5]), DataType(Kind.OTHER, "money")),
    (pa.array([True]), TEXT),
    (pa.array([True]), INTEGER),
    (pa.array([1]), DataType(Kind.BOOLEAN, "boolean")),
    (pa.array(["secret"]), BYTEA),
    (pa.array([b"secret"]), TEXT),
    (pa.array(["secret"]), UUID),
    (pa.array([b"secret"]), UUID),
    (pa.array(["secret"]), DATE),
    (pa.array([{"a": 1}]), DataType(Kind.OTHER, "pg_temp.pair")),
    (pa.array([[1.5]]), array_of(SCALARS[2]).datatype),
    (pa.array([1]), array_of(SCALARS[2]).datatype),
]


@pytest.mark.parametrize(("array", "datatype"), REFUSED, ids=str)
def test_what_would_arrive_as_another_value_is_refused(array: pa.Array, datatype: DataType) -> None:
    with pytest.raises(WrongArrowType, match=r"column v .* takes Arrow .*; found .*; cast"):
        exact(array, column(datatype))


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(WrongArrowType) as refusal:
        exact(pa.array([123_456_789_012]), column(INTEGER))
    assert "123456789012" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("datatype", [DATE, TIMESTAMP, TIMESTAMPTZ])
def test_infinity_arrives_as_infinity_by_either_copy(
    connection: psycopg.Connection, datatype: DataType
) -> None:
    kind = arrow_type(datatype)
    ends = [INFINITE[kind.bit_width], -INFINITE[kind.bit_width], None, 0]
    stored = pa.array(ends, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
    create(connection, [column(datatype)])
    for table in copy_both(connection, [column(datatype)], batch(v=stored)):
        found = connection.execute(f"SELECT v::text FROM {table}".encode()).fetchall()  # noqa: S608 - a table of ours
        texts = [text for (text,) in found]
        assert texts[:3] == ["infinity", "-infinity", None]
        assert texts[3].startswith("1970-01-01")
