"""What every key generator keeps to: distinct values of the exact type, as many as it says."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.limits import Limits
from connectors.schema import Column
from generators.columns import Sample
from generators.errors import Unmeetable
from generators.keys import KeyGenerator, choose, key_generators
from generators.numbered import numbered
from generators.privacy.support import Support

TYPES = [
    DataType(Kind.INTEGER, "smallint", bits=16),
    DataType(Kind.INTEGER, "integer", bits=32),
    DataType(Kind.INTEGER, "bigint", bits=64),
    DataType(Kind.FLOAT, "real", bits=32),
    DataType(Kind.FLOAT, "double precision", bits=64),
    DataType(Kind.DECIMAL, "numeric"),
    DataType(Kind.DECIMAL, "numeric(5,2)", precision=5, scale=2),
    DataType(Kind.DECIMAL, "numeric(38,30)", precision=38, scale=30),
    DataType(Kind.DECIMAL, "numeric(30,0)", precision=30, scale=0),
    DataType(Kind.TEXT, "text"),
    DataType(Kind.TEXT, "character(1)", length=1, padded=True),
    DataType(Kind.TEXT, "character varying(5)", length=5),
    DataType(Kind.TEXT, "character varying(40)", length=40),
    DataType(Kind.DATE, "date"),
    DataType(Kind.TIMESTAMP, "timestamp"),
    DataType(Kind.TIMESTAMPTZ, "timestamptz"),
    DataType(Kind.UUID, "uuid"),
    DataType(Kind.BYTES, "bytea"),
    DataType(Kind.TIME, "time"),
    DataType(Kind.DECIMAL, "numeric(4,4)", precision=4, scale=4),
    DataType(Kind.OTHER, "int4range"),
    DataType(Kind.OTHER, "tstzrange"),
    DataType(Kind.OTHER, "inet"),
    DataType(Kind.OTHER, "macaddr8"),
    DataType(Kind.OTHER, "public.isbn"),
]
BY_SQL = [pytest.param(t, id=t.sql) for t in TYPES]
TEXT = DataType(Kind.TEXT, "text")


def sample(datatype: DataType, values: list[Any]) -> Sample:
    return Sample(pa.array(values, arrow_type(datatype)), np.arange(len(values)))


def fitted(datatype: DataType, values: list[Any]) -> KeyGenerator:
    column = Column("key", datatype)
    kind = choose(column)
    assert kind is not None
    return kind.fit(column, sample(datatype, values), Support())


def keys(values: list[Any], datatype: DataType = TEXT, rows: int = 200) -> list[Any]:
    key = fitted(datatype, values)
    return list(key.at(np.arange(min(rows, key.capacity))).to_pylist())


@pytest.mark.parametrize("datatype", BY_SQL)
def test_keys_are_distinct_and_of_the_exact_type(datatype: DataType) -> None:
    key = fitted(datatype, [])
    values = key.at(np.arange(min(key.capacity, 200_000)))
    assert key.capacity >= 36
    assert values.type == arrow_type(datatype)
    assert values.null_count == 0
    assert len(values.unique()) == min(key.capacity, 200_000)


@pytest.mark.parametrize("datatype", BY_SQL)
def test_the_last_key_of_the_capacity_can_be_made(datatype: DataType) -> None:
    key = fitted(datatype, [])
    last = key.at(np.array([key.capacity - 1, 0]))
    assert len(last.unique()) == 2
    if datatype.length is not None:
        assert all(len(v) <= datatype.length for v in last.to_pylist())


@pytest.mark.parametrize("datatype", BY_SQL)
def test_a_key_depends_on_its_own_row_alone(datatype: DataType) -> None:
    key = fitted(datatype, [])
    assert key.at(np.array([30, 3, 17])).equals(key.at(np.arange(36)).take(pa.array([30, 3, 17])))
    assert len(key.at(np.array([], np.int64))) == 0


LEARNED: list[tuple[DataType, list[Any]]] = [
    (TEXT, [f"INV-{n:05d}" for n in range(50)]),
    (DataType(Kind.INTEGER, "bigint", bits=64), [70_010 + 10 * n for n in range(50)]),
    (DataType(Kind.DATE, "date"), [date(2021, 1, 1 + n % 28) for n in range(50)]),
    (DataType(Kind.UUID, "uuid"), [bytes(16)] * 50),
    (DataType(Kind.BYTES, "bytea"), [b"x"] * 50),
    (DataType(Kind.FLOAT, "real", bits=32), [n / 8 for n in range(50)]),
    (DataType(Kind.TIMESTAMP, "timestamp"), [datetime(2021, 1, 1 + n % 28) for n in range(50)]),  # noqa: DTZ001 - the type has no zone
    (DataType(Kind.TIME, "time"), [time(8, n) for n in range(50)]),
    (DataType(Kind.OTHER, "int4range"), [f"[{n},{n + 1})" for n in range(50)]),
]


MOOD = DataType(Kind.ENUM, "mood", labels=("glad", "sad", "so-so"))
ONE_OF = Limits(values=("glad", "sad"))


def limited(datatype: DataType, limits: Limits) -> KeyGenerator:
    column = Column("key", datatype)
    kind = choose(column, None, limits)
    assert kind is not None
    return kind.fit(column, sample(datatype, []), Support(), None, limits)


DAYS = Limits(least=date(2024, 2, 28), most=date(2024, 3, 1))
BOUNDED: list[tuple[DataType, Limits, int]] = [
    (DataType(Kind.INTEGER, "integer", bits=32), Limits(least=10, most=250), 241),
    (DataType(Kind.INTEGER, "smallint", bits=16), Limits(most=-1), 32_767),
    (DataType(Kind.INTEGER, "bigint", bits=64), Limits(least=-5, most=5), 11),
    (
        DataType(Kind.DECIMAL, "numeric(4,1)", precision=4, scale=1),
        Limits(least=Decimal("0.1"), most=Decimal("9.9")),
        99,
    ),
    (
        DataType(Kind.DECIMAL, "numeric(5,2)", precision=5, scale=2),
        Limits(least=Decimal("0.25"), most=Decimal("0.75")),
        51,
    ),
    (DataType(Kind.FLOAT, "real", bits=32), Limits(least=0.0, most=1.0), 1_001),
    (DataType(Kind.DECIMAL, "numeric"), Limits(least=Decimal(1), most=Decimal(3)), 2_001),
    (DataType(Kind.DATE, "date"), DAYS, 3),
    (
        DataType(Kind.TIMESTAMP, "timestamp"),
        Limits(
            least=datetime(2024, 1, 1),  # noqa: DTZ001 - the type has no zone
            most=datetime(2024, 1, 1, 0, 0, 1),  # noqa: DTZ001 - the type has no zone
        ),
        1_000_001,
    ),
    (DataType(Kind.INTEGER, "integer", bits=32), Limits(values=(3, 5, 7), most=5), 2),
    (DataType(Kind.TEXT, "varchar(3)", length=3), Limits(values=("new", "old", "lost")), 2),
    (MOOD, ONE_OF, 2),
]


@pytest.mark.parametrize(("datatype", "limits", "most"), BOUNDED)
def test_keys_stay_within_declared_limits_and_use_all_that_they_leave(
    datatype: DataType, limits: Limits, most: int
) -> None:
    key = limited(datatype, limits)
    made = key.at(np.arange(key.capacity))
    assert key.capacity == most == len(made.unique())
    values = made.to_pylist()
    assert limits.least is None or min(values) >= limits.least
    assert limits.most is None or max(values) <= limits.most
    assert limits.values is None or set(values) <= set(limits.values)


@pytest.mark.parametrize(("datatype", "limits"), [b[:2] for b in BOUNDED])
def test_a_restored_key_keeps_its_limits(datatype: DataType, limits: Limits) -> None:
    key = limited(datatype, limits)
    state = {name: part.value for name, part in key.released().items()}
    again = type(key).restore(Column("key", datatype), state)
    rows = np.arange(min(99, key.capacity))
    assert (again.capacity, again.at(rows)) == (key.capacity, key.at(rows))


def test_a_bound_from_above_alone_leaves_the_usual_start() -> None:
    bigint = DataType(Kind.INTEGER, "bigint", bits=64)
    assert limited(bigint, Limits(most=200)).at(np.arange(2)).to_pylist() == [1, 2]


def test_numbers_that_no_float_tells_apart_are_learned_from() -> None:
    bigint = DataType(Kind.INTEGER, "bigint", bits=64)
    assert len(keys([2**60 + n for n in range(50)], bigint, 3)) == 3


def test_a_code_is_as_long_as_checks_ask() -> None:
    made = limited(TEXT, Limits(shortest=12, longest=14)).at(np.arange(500)).to_pylist()
    assert {len(text) for text in made} == {12}
    assert limited(TEXT, Limits(longest=1)).capacity == 36


def test_the_restored_ones_below_are_all_kinds() -> None:
    kinds = {fitted(datatype, values).kind for datatype, values in LEARNED}
    assert {*kinds, patterned().kind, limited(MOOD, ONE_OF).kind} == set(key_generators())


def patterned(pattern: str = "^[A-HJ-NP-Z2-9]{3}-[0-9]+$") -> KeyGenerator:
    column = Column("code", TEXT, nullable=False)
    kind = choose(column, pattern)
    assert kind is not None
    empty = Sample(pa.array([], pa.string()), np.empty(0, np.int64))
    return kind.fit(column, empty, Support(), pattern)


def test_keys_keep_the_pattern_that_a_check_declares() -> None:
    made = patterned().at(np.arange(20_000)).to_pylist()
    assert len(set(made)) == 20_000
    assert all(re.fullmatch(r"[A-HJ-NP-Z2-9]{3}-[0-9]+", key) for key in made)


def test_a_restored_pattern_makes_the_same_keys() -> None:
    made = patterned()
    state = {name: part.value for name, part in made.released().items()}
    again = type(made).restore(Column("code", TEXT, nullable=False), state)
    assert again.at(np.arange(99)).equals(made.at(np.arange(99)))


@pytest.mark.parametrize("pattern", ["^(a|b)$", "^[^a]+$", "^a.c$"])
def test_a_pattern_that_is_not_plain_is_left_to_the_other_kinds(pattern: str) -> None:
    assert patterned(pattern).kind == "code"


@pytest.mark.parametrize(("datatype", "values"), LEARNED)
def test_a_restored_generator_makes_the_same_keys(datatype: DataType, values: list[Any]) -> None:
    key = fitted(datatype, values)
    state = {name: part.value for name, part in key.released().items()}
    restored = type(key).restore(Column("key", datatype), state)
    assert restored.at(np.arange(1_000)).equals(key.at(np.arange(1_000)))
    assert restored.capacity == key.capacity
    assert {name: part.value for name, part in restored.released().items()} == state


@pytest.mark.parametrize("datatype", [BY_SQL[0], BY_SQL[6], BY_SQL[10], BY_SQL[13]])
def test_more_rows_than_keys_are_refused_with_the_number_there_is(datatype: DataType) -> None:
    key = fitted(datatype, [])
    with pytest.raises(Unmeetable, match=str(key.capacity)):
        key.at(np.array([key.capacity]))


@pytest.mark.parametrize("kind", [Kind.BOOLEAN, Kind.ENUM, Kind.JSON, Kind.ARRAY, Kind.OTHER])
def test_types_without_endless_values_have_no_key_generator(kind: Kind) -> None:
    assert choose(Column("key", DataType(kind, "x"))) is None


INTEGER = DataType(Kind.INTEGER, "integer", bits=32)


def test_a_block_far_from_zero_keeps_its_round_start() -> None:
    assert keys([10_001 + n for n in range(500)], INTEGER, 3) == [10_001, 10_002, 10_003]


def test_a_block_from_one_on_starts_at_one() -> None:
    assert keys([1 + n for n in range(500)], INTEGER, 3) == [1, 2, 3]


def test_scattered_and_negative_keys_start_at_one() -> None:
    assert keys([10**6 + 7_919 * n for n in range(500)], INTEGER, 2) == [1, 2]
    assert keys([n - 250 for n in range(500)], INTEGER, 2) == [1, 2]


def test_a_step_that_all_keys_keep_is_kept() -> None:
    assert keys([50_000 + 10 * n for n in range(500)], INTEGER, 3) == [50_010, 50_020, 50_030]


def test_keys_of_a_step_stay_its_multiples_after_a_round_start() -> None:
    assert keys([70_000 + 7 * n for n in range(500)], INTEGER, 2) == [70_007, 70_014]


def test_a_float_without_an_end_starts_at_one() -> None:
    datatype = DataType(Kind.FLOAT, "double precision", bits=64)
    assert keys([float("inf")] * 50, datatype, 2) == [1.0, 2.0]


def test_a_few_keys_teach_nothing() -> None:
    assert keys([50_000 + 10 * n for n in range(10)], INTEGER, 3) == [1, 2, 3]


def test_whole_decimals_count_like_integers() -> None:
    datatype = DataType(Kind.DECIMAL, "numeric(8,2)", precision=8, scale=2)
    assert keys([Decimal(20_000 + n) for n in range(100)], datatype, 2) == [
        Decimal("20001.00"),
        Decimal("20002.00"),
    ]


def test_a_code_keeps_its_prefix_and_its_digits() -> None:
    assert all(re.fullmatch(r"d\d{3}", v) for v in keys([f"d{n:03d}" for n in range(50)]))


def test_a_prefix_ends_before_the_zeros_of_a_number() -> None:
    found = keys([f"2024/INV-{n:06d}" for n in range(50)])
    assert all(re.fullmatch(r"2024/INV-\d{6}", v) for v in found)
    assert len({v[9] for v in found}) > 5


def test_a_code_goes_on_with_longer_keys_when_its_shape_is_used_up() -> None:
    found = keys([f"d{n:03d}" for n in range(50)], rows=1_200)
    assert [len(v) for v in found] == [4] * 1_000 + [5] * 200
    narrow = DataType(Kind.TEXT, "character(4)", length=4, padded=True)
    assert fitted(narrow, [f"d{n:03d}" for n in range(50)]).capacity == 1_000


def test_letters_of_a_natural_key_keep_their_case() -> None:
    letters = np.random.default_rng(2).integers(65, 91, (200, 5)).astype(np.uint8)
    found = keys([bytes(row).decode() for row in letters])
    assert all(re.fullmatch(r"[A-Z]{5}", v) for v in found)


def test_hexadecimal_keys_stay_hexadecimal() -> None:
    rng = np.random.default_rng(2)
    found = keys([rng.bytes(16).hex() for _ in range(300)])
    assert all(re.fullmatch(r"[0-9a-f]{32}", v) for v in found)


def test_trailing_blanks_of_a_padded_key_are_no_part_of_it() -> None:
    padded = DataType(Kind.TEXT, "character(8)", length=8, padded=True)
    assert all(
        re.fullmatch(r"d\d{3}", v) for v in keys([f"d{n:03d}    " for n in range(50)], padded)
    )


def test_no_literal_of_fewer_than_k_units_stays() -> None:
    column, values = Column("key", TEXT), pa.array([f"secret{n:03d}" for n in range(10)] * 20)
    kind = key_generators()["code"]
    key = kind.fit(column, Sample(values, np.arange(200) % 10), Support())
    assert {name: part.value for name, part in key.released().items()} == {
        "prefix": "",
        "shape": "",
    }


def test_days_follow_the_first_day_that_has_support() -> None:
    days = [date(2021, 3, 1) for _ in range(20)] + [date(2021, 4, n) for n in range(1, 21)]
    assert keys(days, DataType(Kind.DATE, "date"), 2) == [date(2021, 3, 1), date(2021, 3, 2)]


def test_timestamps_advance_by_the_unit_that_all_of_them_keep() -> None:
    datatype = DataType(Kind.TIMESTAMPTZ, "timestamptz")
    hours = [datetime(2021, 3, 1, n % 24, tzinfo=UTC) for n in range(48)]
    first, second = keys(hours, datatype, 2)
    assert first == datetime(2021, 3, 1, tzinfo=UTC)
    assert second == datetime(2021, 3, 1, 1, tzinfo=UTC)


def test_timestamps_far_apart_are_scattered_over_their_range() -> None:
    datatype = DataType(Kind.TIMESTAMPTZ, "timestamptz")
    first = datetime(2021, 3, 1, tzinfo=UTC)
    found = keys([first + timedelta(hours=17.5 * n) for n in range(1000)], datatype, 1000)
    assert first <= min(found) < first + timedelta(days=20)
    assert timedelta(days=700) < max(found) - first < timedelta(days=730)


def test_timestamps_that_nobody_has_seen_are_scattered_over_years() -> None:
    found = keys([], DataType(Kind.TIMESTAMP, "timestamp"))
    assert max(found) - min(found) > timedelta(days=900)


def test_times_of_day_stay_between_the_hours_learned() -> None:
    found = keys([time(8 + n % 10, n % 60) for n in range(59)], DataType(Kind.TIME, "time"))
    assert time(8) <= min(found) < time(9)
    assert time(16) <= max(found) < time(18)


FRACTIONS = [
    (DataType(Kind.DECIMAL, "numeric(3,2)", precision=3, scale=2), 100, 500),
    (DataType(Kind.DECIMAL, "numeric(2,1)", precision=2, scale=1), 10, 81),
    (DataType(Kind.DECIMAL, "numeric(12,2)", precision=12, scale=2), 100, 5000),
    (DataType(Kind.DECIMAL, "numeric"), 100, 5000),
    (DataType(Kind.FLOAT, "real", bits=32), 1000, 800),
]


@pytest.mark.parametrize(("datatype", "unit", "rows"), FRACTIONS)
def test_keys_that_are_fractions_keep_their_digits_and_their_range(
    datatype: DataType, unit: int, rows: int
) -> None:
    made = [Decimal(n + 1) / unit for n in range(rows)]
    values = [float(v) for v in made] if datatype.kind is Kind.FLOAT else made
    found = [float(v) * unit for v in keys(values, datatype, rows)]
    assert len(set(found)) == rows
    assert all(abs(v - round(v)) < 1e-3 for v in found)
    assert min(found) >= 1
    assert 0.9 * rows < max(found) <= 1.05 * rows + 20


def test_a_fraction_has_room_beyond_the_range_learned() -> None:
    datatype = DataType(Kind.DECIMAL, "numeric(3,2)", precision=3, scale=2)
    assert fitted(datatype, [Decimal(n) / 100 for n in range(1, 500)]).capacity == 1999


def test_fractions_stay_within_declared_limits() -> None:
    datatype, limits = DataType(Kind.FLOAT, "real", bits=32), Limits(least=0.0, most=1.0)
    values = np.random.default_rng(5).random(600).astype(np.float32).tolist()
    column, kind = Column("key", datatype), key_generators()["serial"]
    key = kind.fit(column, sample(datatype, values), Support(), None, limits)
    found = key.at(np.arange(5000)).to_pylist()
    assert 0 <= min(found) < 0.05
    assert 0.95 < max(found) <= 1


def test_article_numbers_end_in_the_digit_that_checks_the_others() -> None:
    # The example of ISO 2108: 978-0-11-000222-4.
    assert article(11_000_222, "isbn") == "9780110002224"


def article(number: int, kind: str) -> str:
    literals = numbered(kind)
    assert literals is not None
    return str(literals.write(np.array([number])).to_pylist()[0])


def test_uuids_say_that_they_are_random_ones() -> None:
    values = fitted(DataType(Kind.UUID, "uuid"), []).at(np.arange(500)).to_pylist()
    assert {v[6] >> 4 for v in values} == {4}
    assert {v[8] >> 6 for v in values} == {2}
