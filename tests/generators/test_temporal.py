"""Dates and times keep their distribution, their granularity and the rhythm of the week."""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from connectors.datatypes import INFINITE, DataType, Kind, arrow_type
from connectors.schema import Column
from generators.columns import Draw, Sample
from generators.columns.temporal import Temporal
from generators.privacy.support import Support

ROWS = 40_000
FIRST_DAY = 18_262
HOUR = 3_600_000_000
DATE = DataType(Kind.DATE, "date")
TIMESTAMP = DataType(Kind.TIMESTAMP, "timestamp")
TIMESTAMPTZ = DataType(Kind.TIMESTAMPTZ, "timestamptz")


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def dates(days: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(days.astype(np.int32)).view(pa.date32())


def fitted(values: pa.Array, datatype: DataType) -> Temporal:
    sample = Sample(values, np.arange(len(values)))
    return Temporal.fit(Column("c", datatype), sample, Support())


def redrawn(values: pa.Array, datatype: DataType) -> pa.Array:
    generator = fitted(values, datatype)
    rows = np.arange(len(values))
    draw = Draw(np.random.default_rng(11), rows, rows.astype(np.uint64))
    return generator.decode(generator.encode(values), draw)


def counts(values: pa.Array) -> npt.NDArray[np.int64]:
    stored = pa.int32() if values.type.bit_width == 32 else pa.int64()
    return np.asarray(values.view(stored).to_numpy(zero_copy_only=False)).astype(np.int64)


def dkw(rows: int, risk: float = 1e-6) -> float:
    """The bound of Dvoretzky, Kiefer and Wolfowitz with Massart's constant."""
    return float(np.sqrt(np.log(2 / risk) / (2 * rows)))


def test_redrawn_dates_follow_the_learned_distribution() -> None:
    values = dates(FIRST_DAY + (rng().beta(2, 5, ROWS) * 3000).astype(np.int64))
    distance = ks_2samp(counts(values), counts(redrawn(values, DATE))).statistic
    assert distance <= dkw(ROWS) + 1 / 800


def test_a_date_at_the_end_of_time_keeps_its_share() -> None:
    days = FIRST_DAY + rng().integers(0, 3000, ROWS)
    days[: ROWS // 3] = (dt.date(9999, 12, 31) - dt.date(1970, 1, 1)).days
    values = dates(days)
    drawn = counts(redrawn(values, DATE))
    assert (drawn == days.max()).sum() == (days == days.max()).sum()


def test_days_of_the_week_keep_their_shares() -> None:
    days = FIRST_DAY + rng().integers(0, 3000, ROWS)
    days = days[(days + 3) % 7 < 5]
    drawn = counts(redrawn(dates(days), DATE))
    found, expected = (np.bincount((d + 3) % 7, minlength=7) / len(d) for d in (drawn, days))
    assert np.abs(found - expected).max() <= dkw(len(days)) + 0.01
    assert found[5:].sum() <= 0.01


def test_hours_of_the_day_keep_their_shares() -> None:
    days = rng().integers(0, 700, ROWS)
    hours = rng().choice([9, 10, 11, 14, 15, 23], ROWS)
    moments = ((FIRST_DAY + days) * 24 + hours) * HOUR
    drawn = counts(redrawn(pa.array(moments).view(pa.timestamp("us")), TIMESTAMP))
    found, expected = (np.bincount(m // HOUR % 24, minlength=24) / ROWS for m in (drawn, moments))
    assert np.abs(found - expected).max() <= dkw(ROWS) + 0.01


@pytest.mark.parametrize("step", [1, 1000, 1_000_000, 60_000_000, HOUR, 24 * HOUR])
@pytest.mark.parametrize("datatype", [TIMESTAMP, TIMESTAMPTZ], ids=["local", "utc"])
def test_moments_keep_their_granularity(step: int, datatype: DataType) -> None:
    moments = (FIRST_DAY * 24 * HOUR + rng().integers(0, 10**14, ROWS)) // step * step
    values = pa.array(moments).view(arrow_type(datatype))
    assert fitted(values, datatype).step == step
    drawn = counts(redrawn(values, datatype))
    assert (drawn % step == 0).all()
    assert ks_2samp(drawn, moments).statistic <= dkw(ROWS) + 1 / 800


@pytest.mark.parametrize("kind", [Kind.TIME, Kind.INTERVAL])
def test_times_of_day_and_intervals_stay_between_their_extremes(kind: Kind) -> None:
    datatype = DataType(kind, kind.value)
    values = pa.array(rng().integers(8 * HOUR, 20 * HOUR, ROWS)).view(arrow_type(datatype))
    drawn = counts(redrawn(values, datatype))
    assert drawn.min() >= 8 * HOUR
    assert drawn.max() < 20 * HOUR


def test_moments_before_1970_are_kept() -> None:
    values = dates(-rng().integers(1000, 20_000, ROWS))
    assert ks_2samp(counts(values), counts(redrawn(values, DATE))).statistic <= dkw(ROWS) + 1 / 800


def test_the_outermost_moments_of_the_type_are_safe() -> None:
    moments = np.concatenate([rng().integers(0, 10**15, 500), np.full(50, 2**63 - 1)])
    values = pa.array(np.append(moments, np.full(50, -(2**63) + 1))).view(pa.timestamp("us"))
    drawn = counts(redrawn(values, TIMESTAMP))
    assert (drawn == 2**63 - 1).sum() == 50


ENDLESS = [(DATE, 32), (TIMESTAMP, 64), (TIMESTAMPTZ, 64)]


@pytest.mark.parametrize(("datatype", "bits"), ENDLESS)
def test_infinity_that_enough_units_hold_comes_back(datatype: DataType, bits: int) -> None:
    plain, width = [1000 + n for n in range(100)], pa.int32() if bits == 32 else pa.int64()
    ends = [INFINITE[bits]] * 50 + [-INFINITE[bits]] * 20
    found = counts(redrawn(pa.array(plain + ends, width).view(arrow_type(datatype)), datatype))
    assert (found[100:] == ends).all()
    assert ((found[:100] >= 1000) & (found[:100] < 1100)).all()


def test_infinity_of_a_single_unit_does_not_come_back() -> None:
    found = counts(redrawn(dates(np.append(np.arange(1000, 1100), INFINITE[32])), DATE))
    assert found.max() < 1100
