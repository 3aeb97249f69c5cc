"""Numbers keep their distribution, their step and their spikes."""

import decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column
from generators.binning import Bins
from generators.columns import Draw, Sample
from generators.columns.numeric import CONTINUOUS, Numeric
from generators.forest import EFFORT
from generators.privacy.support import Support

ROWS = 40_000
INTEGER = DataType(Kind.INTEGER, "integer", bits=32)
DOUBLE = DataType(Kind.FLOAT, "double precision", bits=64)
REAL = DataType(Kind.FLOAT, "real", bits=32)
PRICE = DataType(Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2)
SEGMENT = 1 / 800
"""Mass between two knots of a hundred bins of eight segments: the most that binning may move."""


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def fitted(values: pa.Array, datatype: DataType) -> Numeric:
    sample = Sample(values, np.arange(len(values)))
    return Numeric.fit(Column("c", datatype), sample, Support())


def redrawn(generator: Numeric, values: pa.Array) -> pa.Array:
    rows = np.arange(len(values))
    draw = Draw(np.random.default_rng(11), rows, rows.astype(np.uint64))
    return generator.decode(generator.encode(values), draw)


def dkw(rows: int, risk: float = 1e-6) -> float:
    """How far an empirical distribution strays from its own law (Dvoretzky-Kiefer-Wolfowitz).

    P(sup |F_n - F| > e) <= 2 exp(-2 n e^2), with Massart's constant (Ann. Probab. 1990).
    """
    return float(np.sqrt(np.log(2 / risk) / (2 * rows)))


def numbers(values: pa.Array) -> npt.NDArray[np.float64]:
    return np.array([float(v) for v in values.to_pylist()])


SHAPES = {
    "normal": rng().normal(100, 15, ROWS),
    "lognormal": rng().lognormal(3, 2, ROWS),
    "uniform": rng().uniform(-1, 1, ROWS),
    "two hills": np.where(
        rng().random(ROWS) < 0.3, rng().normal(0, 1, ROWS), 500 + rng().normal(0, 1, ROWS)
    ),
    "mostly zero": np.where(rng().random(ROWS) < 0.7, 0, rng().exponential(10, ROWS)),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("datatype", [DOUBLE, INTEGER, PRICE], ids=["float", "integer", "decimal"])
def test_a_redrawn_column_follows_the_learned_distribution(name: str, datatype: DataType) -> None:
    digits = 2 if datatype is PRICE else 0
    shaped = SHAPES[name] if datatype is DOUBLE else np.round(SHAPES[name], digits)
    values = (
        pa.array([decimal.Decimal(f"{v:.2f}") for v in shaped], arrow_type(datatype))
        if datatype is PRICE
        else pa.array(shaped, pa.float64()).cast(arrow_type(datatype))
    )
    distance = ks_2samp(numbers(values), numbers(redrawn(fitted(values, datatype), values)))
    assert distance.statistic <= dkw(ROWS) + SEGMENT


def test_few_values_keep_their_exact_shares() -> None:
    values = pa.array(rng().integers(0, 200, ROWS), pa.int32())
    assert redrawn(fitted(values, INTEGER), values).equals(values)


def test_a_spike_between_other_values_keeps_its_share() -> None:
    column = rng().normal(0, 100, ROWS)
    column[: ROWS // 5] = 42.5
    values = pa.array(column)
    drawn = redrawn(fitted(values, DOUBLE), values).to_numpy()
    assert (drawn == 42.5).mean() == (column == 42.5).mean()


@pytest.mark.parametrize("step", [1, 5, 7, 15, 50, 250])
def test_integers_stay_on_their_step(step: int) -> None:
    values = pa.array(rng().integers(1, 5000, ROWS) * step, pa.int32())
    drawn = redrawn(fitted(values, INTEGER), values).to_numpy()
    assert (drawn % step == 0).all()


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
@pytest.mark.parametrize("datatype", [DOUBLE, REAL], ids=["double", "real"])
def test_floats_keep_their_digits_after_the_point(digits: int, datatype: DataType) -> None:
    values = pa.array(np.round(rng().normal(50, 20, ROWS), digits), arrow_type(datatype))
    drawn = redrawn(fitted(values, datatype), values)
    spelled = np.round(drawn.to_numpy().astype(np.float64), digits)
    np.testing.assert_array_equal(spelled.astype(drawn.to_numpy().dtype), drawn.to_numpy())


def test_floats_without_a_pattern_are_continuous() -> None:
    values = pa.array(rng().normal(size=ROWS))
    assert fitted(values, DOUBLE).lattice.scale == CONTINUOUS


def test_free_decimals_learn_their_scale() -> None:
    free = DataType(Kind.DECIMAL, "numeric")
    cents = rng().integers(0, 10**7, ROWS)
    values = pa.array([decimal.Decimal(int(c)) / 1000 for c in cents], arrow_type(free))
    assert fitted(values, free).lattice.scale == 3


def test_a_free_decimal_beyond_64_bits_is_kept_in_range() -> None:
    free = DataType(Kind.DECIMAL, "numeric")
    values = pa.array([decimal.Decimal(10) ** 20 + i for i in range(500)], arrow_type(free))
    assert redrawn(fitted(values, free), values).null_count == 0


def test_codes_ascend_with_values() -> None:
    values = pa.array(np.sort(rng().lognormal(3, 2, ROWS)))
    assert (np.diff(fitted(values, DOUBLE).encode(values)) >= 0).all()


def test_no_extreme_of_a_single_unit_is_drawn() -> None:
    column = np.append(rng().uniform(0, 1000, ROWS), [1e9, -1e9])
    values = pa.array(column)
    drawn = redrawn(fitted(values, DOUBLE), values).to_numpy()
    assert np.abs(drawn).max() <= (1e9 + 10 * 1000) / 11 + 1


def test_bins_are_as_many_as_units_in_each_allow_however_few_units_there_are() -> None:
    """Both of 200 units: of mixed ones, each bin holds many, of sorted ones a few alone."""
    values, units = pa.array(rng().uniform(0, 1000, 8000)), np.arange(8000) % 200
    mixed = Numeric.fit(Column("c", DOUBLE), Sample(values, units), Support())
    ordered = np.argsort(np.argsort(values.to_numpy())) // 40
    parted = Numeric.fit(Column("c", DOUBLE), Sample(values, ordered), Support())
    assert parted.size <= 200 // Support().k < 5 * 200 // Support().k < mixed.size


def test_one_unit_with_many_rows_makes_no_spike() -> None:
    column = rng().uniform(0, 100, ROWS)
    column[: ROWS // 10] = 77.123456789
    units = np.arange(ROWS)
    units[: ROWS // 10] = 0
    sample = Sample(pa.array(column), units)
    generator = Numeric.fit(Column("c", DOUBLE), sample, Support())
    assert 77.123456789 not in generator.bins.lows


def test_infinity_and_nan_without_support_get_the_outermost_codes() -> None:
    column = rng().normal(size=ROWS)
    column[:5] = np.nan
    column[5:10] = np.inf
    generator = fitted(pa.array(column), DOUBLE)
    found = generator.encode(pa.array([-np.inf, np.inf, np.nan]))
    assert found.tolist() == [0, generator.size - 1, generator.size - 1]


def test_large_integers_keep_all_their_digits() -> None:
    bigint = DataType(Kind.INTEGER, "bigint", bits=64)
    values = pa.array(2**62 - 1 - rng().integers(0, 100, ROWS), pa.int64())
    assert redrawn(fitted(values, bigint), values).equals(values)


WIDE = {
    "numeric(38,18)": (DataType(Kind.DECIMAL, "numeric(38,18)", precision=38, scale=18), 300.0),
    "numeric(78,0)": (DataType(Kind.DECIMAL, "numeric(78,0)", precision=78, scale=0), 3e20),
    "numeric": (DataType(Kind.DECIMAL, "numeric"), 1e60),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_decimal_of_many_digits_keeps_its_distribution(name: str) -> None:
    datatype, most = WIDE[name]
    floats = rng().uniform(most / 300, most, 4000)
    values = pa.array(floats).cast(pa.string()).cast(pa.decimal256(76, 12), safe=False)
    values = values.cast(arrow_type(datatype), safe=False)
    found = numbers(redrawn(fitted(values, datatype), values))
    assert ks_2samp(floats, found).statistic < SEGMENT + 2 * dkw(4000)


def test_decimals_of_very_different_sizes_keep_their_first_digits() -> None:
    datatype = DataType(Kind.DECIMAL, "numeric")
    sizes = 10.0 ** rng().uniform(-3, 40, 4000)
    values = pa.array(sizes).cast(pa.string()).cast(arrow_type(datatype), safe=False)
    found = numbers(redrawn(fitted(values, datatype), values))
    assert ks_2samp(np.log(sizes), np.log(np.abs(found) + 1e-12)).statistic < 0.05


def test_a_decimal_that_fills_its_type_is_rounded_without_an_error() -> None:
    datatype = DataType(Kind.DECIMAL, "numeric(3,2)", precision=3, scale=2)
    values = pa.array([decimal.Decimal("9.99")] * 50, arrow_type(datatype))
    assert redrawn(fitted(values, datatype), values).equals(values)


@pytest.mark.parametrize("datatype", [REAL, DOUBLE], ids=["real", "double"])
def test_infinity_and_nan_that_enough_units_hold_come_back(datatype: DataType) -> None:
    specials = [np.inf] * 30 + [-np.inf] * 30 + [np.nan] * 30
    values = pa.array([*map(float, range(100)), *specials], arrow_type(datatype))
    found = numbers(redrawn(fitted(values, datatype), values))
    np.testing.assert_array_equal(found[100:], specials)
    assert np.isfinite(found[:100]).all()


def test_machine_code_draws_the_places_in_bins_that_numpy_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To the last bit, for whole numbers and for floats, up to the ends of bins."""
    rng = np.random.default_rng(21)
    lows = np.sort(rng.choice(10**9, 40, replace=False))
    highs = np.append(lows[1:] - 1, 10**9)
    knots = np.sort(rng.uniform(lows[:, None], highs[:, None], (40, 9)), axis=1)
    codes = rng.integers(0, 40, 5_000).astype(np.int32)
    positions = np.append(rng.random(4_998), [0.0, 1.0])
    for kind in (np.int64, np.float64):
        bins, shown = Bins(lows.astype(kind), highs.astype(kind), knots), []
        for worth in (-1, 10**12):
            monkeypatch.setattr(EFFORT, "worth", worth)
            shown.append(bins.at(codes, positions))
        assert np.array_equal(shown[0], shown[1])
