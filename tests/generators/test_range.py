"""Claims about ranges: literals of six types, learned starts and lengths, open ends."""

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.columns import Draw, Sample
from generators.columns.range import Range
from generators.privacy.support import Support
from generators.spans import bounds

TYPES = ("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange")


def column(sql: str) -> Column:
    return Column("span", DataType(Kind.OTHER, sql), nullable=False)


def draw(count: int) -> Draw:
    rows = np.arange(count, dtype=np.int64)
    return Draw(np.random.default_rng(7), rows, rows.astype(np.uint64))


def days(count: int) -> Sample:
    starts = np.datetime64("2020-01-01") + np.arange(count) % 500
    texts = [f"[{s},{s + np.timedelta64(30, 'D')})" for s in starts]
    return Sample(pa.array(texts), np.arange(count, dtype=np.int64))


@pytest.mark.parametrize("sql", TYPES)
def test_an_unseen_range_keeps_the_law(sql: str) -> None:
    made = Range.fit(column(sql), Sample(pa.array([], pa.string()), np.empty(0, int)), Support())
    codes = np.arange(made.size, dtype=np.int32).repeat(50)
    assert (made.encode(made.decode(codes, draw(len(codes)))) == codes).all()


def test_starts_and_lengths_stay_within_what_was_seen() -> None:
    made = Range.fit(column("daterange"), days(5000), Support())
    codes = made.encode(days(5000).values)
    drawn = made.decode(codes, draw(5000)).to_pylist()
    lows = np.array([t[1:11] for t in drawn], dtype="datetime64[D]")
    highs = np.array([t[12:22] for t in drawn], dtype="datetime64[D]")
    assert lows.min() >= np.datetime64("2020-01-01")
    assert lows.max() <= np.datetime64("2020-01-01") + 500
    assert set((highs - lows).astype(int)) == {30}


def test_ranges_without_an_end_come_back_without_one() -> None:
    texts = ["[2020-01-01,)" if i % 4 == 0 else "[2020-01-01,2020-02-01)" for i in range(400)]
    sample = Sample(pa.array(texts), np.arange(400, dtype=np.int64))
    made = Range.fit(column("daterange"), sample, Support())
    drawn = made.decode(made.encode(sample.values), draw(400)).to_pylist()
    assert sum(t.endswith(",)") for t in drawn) == 100


def test_a_range_type_of_one_person_releases_no_bound() -> None:
    sample = Sample(pa.array(["[1987-06-05,1999-04-03)"] * 1000), np.zeros(1000, np.int64))
    made = Range.fit(column("daterange"), sample, Support())
    text = str({name: part.value for name, part in made.released().items()})
    days_since_1970 = np.datetime64("1987-06-05").astype(int)
    assert str(days_since_1970) not in text


OTHERS = ["(,2020-02-01)", "empty", "(,)"]


@pytest.mark.parametrize("other", OTHERS)
def test_ranges_without_a_start_come_back_where_enough_units_hold_one(other: str) -> None:
    texts = [other if i % 4 == 0 else f"[2020-01-{i % 9 + 1:02},2020-02-01)" for i in range(400)]
    sample = Sample(pa.array(texts), np.arange(400, dtype=np.int64))
    made = Range.fit(column("daterange"), sample, Support())
    drawn = made.decode(made.encode(sample.values), draw(400)).to_pylist()
    without = [t for t in drawn if not t.startswith("[2020")]
    assert len(without) == 100
    assert {t[:2] for t in without} == {"em" if other == "empty" else "[,"}
    assert {t.endswith(",)") for t in without} == {other == "(,)"}


def test_a_single_empty_range_does_not_come_back() -> None:
    texts = ["empty", *days(400).values.to_pylist()]
    made = Range.fit(column("daterange"), Sample(pa.array(texts), np.arange(401)), Support())
    assert made.others == ()


def test_ranges_of_time_keep_the_step_of_their_bounds() -> None:
    starts = np.datetime64("2020-01-01T00:00") + np.arange(400) * np.timedelta64(90, "m")
    texts = [f'["{s} ","{s + np.timedelta64(30, "m")} ")' for s in starts]
    texts = [t.replace("T", " ").replace(' "', ':00"') for t in texts]
    sample = Sample(pa.array(texts), np.arange(400, dtype=np.int64))
    made = Range.fit(column("tsrange"), sample, Support())
    low, high = bounds(made.decode(made.encode(sample.values), draw(400)), "tsrange")
    assert (low % 60_000_000 == 0).all()
    assert (high - low == 30 * 60_000_000).all()
    assert len(np.unique(low)) > 100


def test_an_unseen_range_of_time_lasts_hours() -> None:
    made = Range.fit(
        column("tsrange"), Sample(pa.array([], pa.string()), np.empty(0, int)), Support()
    )
    drawn = made.decode(np.zeros(300, np.int32), draw(300))
    low, high = bounds(drawn, "tsrange")
    assert ((high - low) % 3_600_000_000 == 0).all()
    assert (high - low).max() > 50 * 3_600_000_000
