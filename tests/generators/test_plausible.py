"""Columns that nobody has seen hold what their names make plausible, in the order they tell."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column, TableName
from generators.columns import Draw, Sample, Traits, choose
from generators.plausible import place_of
from generators.privacy.support import Support
from generators.randomness import identities

ROWS = 400
DATE = DataType(Kind.DATE, "date")
TIMESTAMP = DataType(Kind.TIMESTAMP, "timestamp")
TIMESTAMPTZ = DataType(Kind.TIMESTAMPTZ, "timestamptz")
TIME = DataType(Kind.TIME, "time")
INTERVAL = DataType(Kind.INTERVAL, "interval")
INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
DOUBLE = DataType(Kind.FLOAT, "double precision", bits=64)


def decimal(precision: int, scale: int) -> DataType:
    return DataType(Kind.DECIMAL, "numeric", precision=precision, scale=scale)


def drawn(name: str, datatype: DataType, seed: int = 1) -> list[Any]:
    """A value of an unseen column for each row; the rows are the same for every column."""
    column, nothing = Column(name, datatype), Sample(pa.array([], arrow_type(datatype)), ROW[:0])
    kind = choose(Traits(TableName("public", "t"), column, nothing, 0, 0.0))
    draw = Draw(np.random.default_rng(seed), ROW, identities(0, "t", ROW))
    fitted = kind.fit(column, nothing, Support())
    values: list[Any] = fitted.decode(np.zeros(ROWS, np.int32), draw).to_pylist()
    return values


ROW = np.arange(ROWS)
SPREAD = [
    (DATE, dt.timedelta(days=900)),
    (TIMESTAMP, dt.timedelta(days=900)),
    (TIMESTAMPTZ, dt.timedelta(days=900)),
    (INTERVAL, dt.timedelta(hours=20)),
]


@pytest.mark.parametrize(("datatype", "least"), SPREAD)
def test_times_that_nobody_has_seen_spread(datatype: DataType, least: dt.timedelta) -> None:
    found = drawn("c", datatype)
    assert max(found) - min(found) > least
    assert len(set(found)) > ROWS / 2


def test_times_of_day_that_nobody_has_seen_spread() -> None:
    assert len({time.hour for time in drawn("c", TIME)}) >= 10


PAIRS = [
    ("created_at", "updated_at"),
    ("createdAt", "deletedAt"),
    ("order_date", "shipped_date"),
    ("start_date", "end_date"),
    ("valid_from", "valid_to"),
    ("scheduled_departure", "scheduled_arrival"),
]


@pytest.mark.parametrize(("lower", "higher"), PAIRS)
@pytest.mark.parametrize("datatype", [DATE, TIMESTAMP, TIMESTAMPTZ])
def test_a_start_is_never_after_its_end(lower: str, higher: str, datatype: DataType) -> None:
    pairs = list(zip(drawn(lower, datatype), drawn(higher, datatype, 2), strict=True))
    assert all(first <= last for first, last in pairs)
    assert sum(first < last for first, last in pairs) > 0.9 * ROWS


@pytest.mark.parametrize("datatype", [INTEGER, DOUBLE, decimal(10, 2)])
def test_a_minimum_is_never_above_its_maximum(datatype: DataType) -> None:
    pairs = zip(drawn("min_price", datatype), drawn("max_price", datatype, 2), strict=True)
    assert all(least <= most for least, most in pairs)


@pytest.mark.parametrize("name", ["price", "id", "name", "ordinal", "blended"])
def test_other_names_tell_of_no_pair(name: str) -> None:
    assert place_of(name) is None


RANGES = [
    ("latitude", decimal(9, 6), -60, 70),
    ("home_lng", DOUBLE, -180, 180),
    ("month", INTEGER, 1, 12),
    ("expiry_month", INTEGER, 1, 12),
    ("year", INTEGER, 2015, 2024),
    ("rating", INTEGER, 1, 5),
    ("tax_rate", decimal(4, 4), 0, 1),
    ("percent", decimal(3, 2), 0, 1),
    ("discount_pct", decimal(5, 2), 0, 100),
]


@pytest.mark.parametrize(("name", "datatype", "low", "high"), RANGES)
def test_a_name_tells_the_range_of_numbers(
    name: str, datatype: DataType, low: float, high: float
) -> None:
    found = [float(value) for value in drawn(name, datatype)]
    assert low <= min(found) < low + (high - low) / 8
    assert high - (high - low) / 8 < max(found) <= high


def test_people_were_born_decades_ago() -> None:
    found = drawn("birth_date", DATE)
    assert dt.date(1940, 1, 1) <= min(found) < dt.date(1950, 1, 1)
    assert max(found) < dt.date(2006, 1, 1)


def text(length: int | None = None, *, padded: bool = False) -> DataType:
    return DataType(Kind.TEXT, "text", length=length, padded=padded)


WORDS = [
    ("gender", text(1), "F"),
    ("country_code", text(2, padded=True), "DE"),
    ("country_code", text(3, padded=True), "DEU"),
    ("billing_currency", text(3), "EUR"),
    ("timezone", text(), "Europe/Berlin"),
    ("locale", text(), "en_US"),
    ("order_status", text(20), "pending"),
    ("website_url", text(), "https://www.example.com/"),
]


@pytest.mark.parametrize(("name", "datatype", "word"), WORDS)
def test_a_name_tells_the_words_of_a_text(name: str, datatype: DataType, word: str) -> None:
    assert word in drawn(name, datatype)
    assert len(set(drawn(name, datatype))) <= 12


def test_words_that_do_not_fit_are_not_used() -> None:
    assert max(map(len, drawn("status", text(3)))) <= 3
