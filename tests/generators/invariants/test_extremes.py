"""Values at the edge of their types stop no search, and rules are kept beside them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.engines import open_source
from connectors.invariants import Term
from generators.discovery import proposed
from generators.expressions import computed
from generators.invariants import invariant_kinds
from generators.magnitudes import DAY, Scale, later, magnitudes, stored
from generators.quoting import as_text, from_text

EDGES = """
CREATE TABLE terms (
    id int PRIMARY KEY, begins date, ends date, at timestamp, years int, days int,
    free numeric, fine numeric(60,20), huge float8, opens time, closes time, sort text,
    ns bigint NOT NULL, later_ns bigint NOT NULL, day date
);
INSERT INTO terms
SELECT n, b, e, a, CASE WHEN isfinite(e) THEN extract(year from age(e, b)) END,
    CASE WHEN isfinite(e) THEN e - b END, f, f,
    CASE n % 7 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' ELSE n * 1e305 END,
    time '00:00' + o * interval '1 minute',
    CASE WHEN n % 3 = 0 THEN '24:00' ELSE time '00:00' + (o + n % 300) * interval '1 minute' END,
    CASE WHEN n % 3 = 0 THEN 'late' ELSE 'early' END,
    1700000000000000000 + n * 1000003, 1700000000000000000 + n * 1000003 + abs(hashtext('l' || n)),
    a::date
FROM generate_series(1, 600) AS n, LATERAL (
    SELECT date '2000-01-01' + abs(hashtext('b' || n)) % 3000 AS b,
        abs(hashtext('o' || n)) % 1100 AS o, abs(hashtext('f' || n)) % 200 * 1.5 AS f
) AS v, LATERAL (
    SELECT CASE WHEN n % 5 = 0 THEN 'infinity' WHEN n % 11 = 0 THEN date '0044-03-15 BC'
        ELSE b + abs(hashtext('e' || n)) % 3000 END AS e,
    CASE WHEN n % 13 = 0 THEN timestamp 'infinity' WHEN n % 17 = 0 THEN '-infinity'
        ELSE b + abs(hashtext('a' || n)) % 86400 * interval '1 second' END AS a
) AS w;
CREATE TABLE bare (LIKE terms);
CREATE TABLE single (LIKE terms);
INSERT INTO single SELECT * FROM terms WHERE id = 1;
"""


@pytest.fixture
def place(laboratory: Callable[[str], Any]) -> Any:
    return laboratory(EDGES)


@pytest.mark.parametrize("table", ["terms", "bare", "single"])
def test_every_rule_that_is_proposed_can_be_counted(place: Any, table: str) -> None:
    view = place.view(table)
    words = set()
    with open_source(place.url) as source:
        for rule in proposed(place.library, view.table):
            kind = invariant_kinds()[rule.kind]
            source.tally(kind.claim(rule, place.library.schema))
            words.add(kind.words(rule))
    expected = {
        "years = extract(year from age(ends, begins))",
        "days = extract(epoch from ends - begins) / 86400",
        "sort = 'late' iff closes = '24:00:00.000000'",
        "fine = free",
        "day = at::date",
    }
    assert not expected - words if table == "terms" else not words


def test_infinite_moments_have_infinite_days(place: Any) -> None:
    rule = place.found("computed", "terms")["day = at::date"]
    made = place.remade(rule, "day").view(pa.int32())
    assert made.equals(place.view("terms").values(Term("day")).view(pa.int32()))


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("target", ["ns", "later_ns"])
def test_numbers_of_more_digits_than_a_float_has_keep_their_order(
    place: Any, target: str, *, tight: bool
) -> None:
    rule = place.found("order", "terms")["ns <= later_ns"]
    mixed = place.scrambled("terms", target)
    values = {c: mixed.view("terms").values(Term(c)) for c in ("ns", "later_ns")}
    values[target] = place.remade(rule, target, drawn=mixed, tight=tight)
    low, high = (v.to_numpy() for v in values.values())
    assert (low <= high).all()


@pytest.mark.parametrize("target", ["free", "fine"])
def test_decimals_of_two_types_are_equal_to_the_last_digit(place: Any, target: str) -> None:
    rule = place.found("equality", "terms")["fine = free"]
    long = pa.array([Decimal("98765432109876543210.125")] * 600)
    other = "free" if target == "fine" else "fine"
    kind = place.view("terms").values(Term(other)).type
    drawn = place.with_values("terms", other, long.cast(kind))
    assert place.remade(rule, target, drawn=drawn).cast(long.type).equals(long)


@pytest.mark.parametrize("target", ["opens", "closes"])
def test_times_of_day_are_moved_no_further_than_a_day_goes(place: Any, target: str) -> None:
    rule = place.found("order", "terms")["opens <= closes"]
    moved = place.remade(rule, target).view(pa.int64()).to_numpy()
    assert moved.min() >= 0
    assert moved.max() <= DAY


def test_infinite_moments_stay_where_they_are_and_others_end_with_time() -> None:
    end, word = int(np.iinfo(np.int64).max // DAY - 1) * DAY, np.iinfo(np.int64).max
    moments = np.array([0, word, -word, end - 5, 5 - end])
    assert later(moments, np.array([7, -7, 7, DAY, -DAY])).tolist() == [7, end, -end, end, -end]


@pytest.mark.parametrize(
    ("datatype", "numbers", "kept"),
    [
        (DataType(Kind.INTEGER, "bigint", 64), [1e300, -1e300, 2.0**63], [2**63 - 1, -(2**63)]),
        (DataType(Kind.INTEGER, "smallint", 16), [1e300, -1e300, 4e4], [2**15 - 1, -(2**15)]),
    ],
)
def test_numbers_beyond_a_type_are_cut_to_its_last_ones(
    datatype: DataType, numbers: list[float], kept: list[int]
) -> None:
    found = stored(np.array(numbers), np.ones(3, np.bool_), datatype)
    assert found.to_pylist() == [*kept, kept[0]]


def test_dates_and_moments_without_end_come_back_as_they_were() -> None:
    for kind, sql, width in (
        (Kind.DATE, "date", pa.int32()),
        (Kind.TIMESTAMP, "timestamp", pa.int64()),
    ):
        word = np.iinfo(width.to_pandas_dtype()).max
        raw = pa.array([word, -word, 0, None], width)
        datatype = DataType(kind, sql)
        values = raw.view(pa.date32() if kind is Kind.DATE else pa.timestamp("us"))
        found = magnitudes(values, Scale.MOMENT)
        assert stored(found.values, found.known, datatype).view(width).equals(raw)


def test_times_of_day_are_written_and_read_up_to_midnight() -> None:
    values = pa.array([0, 1, 3_661_000_001, DAY, None], pa.int64()).view(pa.time64("us"))
    texts = as_text(values)
    assert texts.to_pylist()[2:] == ["01:01:01.000001", "24:00:00.000000", None]
    assert from_text(texts, DataType(Kind.TIME, "time")).equals(values)


def test_an_age_is_of_whole_years_in_both_directions() -> None:
    days = [
        ["2000-01-01", "2001-06-01"],
        ["2000-01-01", "2000-06-01"],
        ["2004-02-28", "2001-02-28"],
    ]
    late, early = (pa.array(d).cast(pa.date32()) for d in zip(*days, strict=True))
    assert computed("age", [late, early], ()).to_pylist() == [-1, 0, 3]
