"""Numbers: spikes and quantile bins on the column's own step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, DataType, Kind, arrow_type
from connectors.schema import Column
from generators.binning import Binning, Bins, declared_bins, restored_bins
from generators.columns import MOST_CODES, Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.magnitudes import GRIDS
from generators.plausible import number_range, positions
from generators.privacy.support import Ints, Released, Support
from generators.specials import Specials, supported

Numbers = npt.NDArray[Any]

CONTINUOUS = -99
"""The scale of a number that keeps all digits of a float."""
_NEARLY_ALL = 0.999
_LOOKED_AT = 50_000
_LARGEST = 2**62
_MOST_DIGITS = 76
_WORD_DIGITS = 19
"""Decimals with fewer digits fit a word at every scale."""
_FEW, _TELLING = 0.05, 1000.0
"""All but so few numbers must be so many units, for a common unit to tell them apart."""
_HIGHEST = {32: float(np.float32(1e38)), 64: 1e300}
"""By bits: floats beyond are cut, so that a mean of a million of them is still finite."""
_EXACT = {32: 2.0**22, 64: 2.0**51}
"""By bits: scaled numbers below this survive the way to text and back."""
_SPECIALS = np.array([np.inf, -np.inf, np.nan])
_COUNTS = [1.0, 2, 3, 5, 8, 15, 30, 60, 100]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The values a column takes: multiples of `step` units in the last of `scale` digits.

    With scale `CONTINUOUS` any float will do. The scale of a decimal may be negative.
    """

    datatype: DataType
    scale: int
    step: int

    @property
    def grain(self) -> Any:
        """The numpy type in which places on the lattice are told apart."""
        if self.scale != CONTINUOUS:
            return np.int64
        return np.float32 if self.datatype.bits == 32 else np.float64

    def places(self, values: pa.Array) -> Numbers:
        """The nearest place of each value; float64 where continuous, else int64."""
        if self.datatype.kind is Kind.FLOAT or self.scale == CONTINUOUS:
            return self._float_places(_floats(values))
        whole = (
            _unscaled(values, self.scale) if pa.types.is_decimal(values.type) else _whole(values)
        )
        if self.step > 1:
            whole = (whole + self.step // 2) // self.step
        lowest, highest = self.bounds()
        return np.asarray(np.clip(whole, lowest, highest))

    def _float_places(self, values: Numbers) -> Numbers:
        if self.scale == CONTINUOUS:
            highest = _HIGHEST[self.datatype.bits or 64]
            return np.asarray(np.clip(values, -highest, highest))
        exact = _EXACT[self.datatype.bits or 64] // self.step
        with np.errstate(over="ignore"):
            scaled = np.rint(values * 10.0**self.scale / self.step)
        bounded = np.clip(np.nan_to_num(scaled, nan=np.inf), -exact, exact)
        return np.asarray(bounded, dtype=np.int64)

    def values(self, places: Numbers) -> pa.Array:
        """The values at these places, of the column's Arrow type."""
        target = arrow_type(self.datatype)
        if self.datatype.kind is Kind.FLOAT:
            exact = places if self.scale == CONTINUOUS else places * self.step / 10.0**self.scale
            return pa.array(exact.astype(target.to_pandas_dtype()), target)
        if self.datatype.kind is Kind.DECIMAL and self.scale == CONTINUOUS:
            # By way of its shortest digits, 1e23 is that number and no neighbour of it.
            return pc.cast(pa.array(places).cast(pa.string()), target, safe=False)
        if self.datatype.kind is Kind.DECIMAL:
            return _decimals(places * self.step, self.scale).cast(target)
        return pa.array((places * self.step).astype(target.to_pandas_dtype()), target)

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest place that the type can hold."""
        if self.datatype.kind is Kind.INTEGER:
            most = 2 ** ((self.datatype.bits or 64) - 1) - 1
            return -(most // self.step), most // self.step
        kept = arrow_type(self.datatype)
        digits = kept.precision - kept.scale + self.scale
        most = min(_LARGEST, 10 ** max(0, digits) - 1)
        return -(most // self.step), most // self.step


@dataclass(frozen=True, slots=True, eq=False)
class Numeric:
    """Codes are spikes and bins in ascending order; the remainder is the place inside a bin."""

    kind: ClassVar[str] = "numeric"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    column: Column
    lattice: Lattice
    bins: Bins
    unseen: bool
    specials: Specials
    state: State

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Good at every number."""
        return 0.6 if traits.column.datatype.kind in NUMBERS else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:
        """Learns step, spikes and bins; plausible counts or amounts where support is lacking."""
        specials = _supported_specials(sample, support)
        values, units = _finite(sample)
        lattice = learned_lattice(column.datatype, values, units, support)
        places = lattice.places(values)
        most = MOST_CODES - len(specials.value)
        bins = Binning(support, most, lattice.grain).fit(places, units)
        if bins is None:
            lattice = _plain_lattice(column.datatype)
            knots = _plausible(column.name, lattice)
            bins = {**declared_bins(knots, support), "unseen": support.declared(1)}
        form: State = {
            "scale": support.declared(lattice.scale),
            "step": support.declared(lattice.step),
            "specials": specials,
        }
        return cls._assembled(column, {**form, **bins})

    @classmethod
    def _assembled(cls, column: Column, state: State) -> Self:
        lattice = Lattice(column.datatype, int(state["scale"].value), int(state["step"].value))
        bins = restored_bins(state)
        specials = Specials(state["specials"].value, bins.size)
        return cls(column, lattice, bins, "unseen" in state, specials, state)

    @property
    def size(self) -> int:
        """Spikes and bins, infinity and NaN."""
        return self.bins.size + self.specials.count

    @property
    def ordered(self) -> bool:
        """Codes ascend with their values."""
        return True

    def encode(self, values: pa.Array) -> Codes:
        """The bin of each value; infinity and NaN get the outermost where they have no code."""
        codes = self.bins.encode(self.lattice.places(values))
        return self.specials.marked(codes, _floats(values)) if self.specials.count else codes

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """A number on the learned step inside each code's bin."""
        name, rng = self.column.name, draw.rng
        places = positions(name, draw) if self.unseen else rng.random(len(codes))
        numbers = self.lattice.values(self.bins.at(self.specials.others(codes), places))
        if not self.specials.count:
            return numbers
        return pa.array(self.specials.put(numbers.to_numpy(), codes), numbers.type)

    def released(self) -> State:
        """Scale, step and bins."""
        return self.state

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:
        """The generator with these bins."""
        opened = {name: Support().declared(value) for name, value in state.items()}
        return cls._assembled(column, opened)


def learned_lattice(datatype: DataType, values: pa.Array, units: Ints, support: Support) -> Lattice:
    """The coarsest scale and step that hold in nearly all rows, as far as k units can tell."""
    stride = len(values) // _LOOKED_AT + 1
    looked = values.take(pa.array(np.arange(0, len(values), stride)))
    owners = units[::stride]
    scale = _scale(datatype, looked, owners, support)
    if scale == CONTINUOUS:
        return Lattice(datatype, CONTINUOUS, 1)
    places = Lattice(datatype, scale, 1).places(looked)
    return Lattice(datatype, scale, _step(places, owners, support))


def _scale(datatype: DataType, values: pa.Array, units: Ints, support: Support) -> int:
    if datatype.kind is Kind.INTEGER:
        return 0
    if datatype.kind is Kind.DECIMAL:
        most = _finest(values, units, support)
        scales = range(0) if most == CONTINUOUS else range(min(0, most), most)
        tests = ((s, _decimal_holds(values, s)) for s in scales)
    else:
        most = CONTINUOUS
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        tests = ((s, _float_holds(numbers, s, datatype.bits)) for s in range(7))
    return next((s for s, holds in tests if support.share(holds, units).value >= _NEARLY_ALL), most)


def _finest(values: pa.Array, units: Ints, support: Support) -> int:
    """The finest scale that a decimal's type has and at which its numbers fit a word.

    Where that would leave too little of too many of them, it is `CONTINUOUS`.
    """
    most = int(values.type.scale)
    if values.type.precision < _WORD_DIGITS:
        return most
    numbers = np.abs(_floats(values))
    ends = support.quantiles(numbers, units, np.array([_FEW, 1.0])).value
    if not len(ends) or ends[1] == 0:
        return min(most, _WORD_DIGITS // 2)
    fitting = int(np.floor(np.log10(_LARGEST / ends[1]))) - 1
    if fitting >= most:
        return most
    return fitting if ends[0] == 0 or ends[0] * 10.0**fitting >= _TELLING else CONTINUOUS


def _decimal_holds(values: pa.Array, scale: int) -> npt.NDArray[np.bool_]:
    same = pc.equal(_rounded(values, scale), values)
    return np.asarray(same.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _float_holds(numbers: Numbers, scale: int, bits: int | None) -> npt.NDArray[np.bool_]:
    """Whether numbers are exactly what their first `scale` digits after the point spell."""
    exact = np.float32 if bits == 32 else np.float64
    with np.errstate(over="ignore"):
        scaled = np.rint(numbers * 10.0**scale)
        same = (scaled / 10.0**scale).astype(exact) == numbers.astype(exact)
    return np.asarray(same & (np.abs(scaled) < _EXACT[bits or 64]))


def _step(places: Ints, units: Ints, support: Support) -> int:
    """Zero is a multiple of everything and so says nothing about the step."""
    told = places != 0
    if not told.any():
        return 1
    for step in GRIDS:
        holds = places[told] % step == 0
        if holds.mean() > 0.9 and support.share(holds, units[told]).value >= _NEARLY_ALL:
            return step
    return 1


def _supported_specials(sample: Sample, support: Support) -> Released[Numbers]:
    """Infinity and NaN, of floats, as far as enough units hold them."""
    if not pa.types.is_floating(sample.values.type):
        return support.declared(_SPECIALS[:0])
    return supported(_SPECIALS, _floats(sample.values), sample.units, support)


def _finite(sample: Sample) -> tuple[pa.Array, Ints]:
    if not pa.types.is_floating(sample.values.type):
        return sample.values, sample.units
    finite = np.isfinite(sample.values.to_numpy(zero_copy_only=False))
    return sample.values.filter(pa.array(finite)), sample.units[finite]


def _plain_lattice(datatype: DataType) -> Lattice:
    if datatype.kind is Kind.INTEGER:
        return Lattice(datatype, 0, 1)
    if datatype.kind is Kind.FLOAT or datatype.scale is None:
        return Lattice(datatype, 2, 1)
    return Lattice(datatype, min(2, datatype.scale), 1)


def _plausible(name: str, lattice: Lattice) -> list[float]:
    """Knots over the range that the name tells; else of a skewed distribution from 1 to 100."""
    unit = 10.0**lattice.scale
    highest = math.inf if lattice.datatype.kind is Kind.FLOAT else lattice.bounds()[1]
    told = number_range(name, lattice.scale, highest / unit) or _COUNTS
    return [float(np.floor(min(place * unit, highest))) for place in told]


def _whole(values: pa.Array) -> Ints:
    found: Ints = values.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _unscaled(values: pa.Array, scale: int) -> Ints:
    """Decimals as whole numbers of units in the last of `scale` digits, at most 2**62 either way.

    A decimal256 is four little-endian 64-bit words, the lowest first (Arrow columnar format).
    """
    rounded = _rounded(values, scale).cast(pa.decimal256(_MOST_DIGITS, scale))
    words = np.frombuffer(rounded.buffers()[1] or b"", dtype=np.int64)
    parts = words[4 * rounded.offset : 4 * (rounded.offset + len(rounded))].reshape(-1, 4)
    low, highest = parts[:, 0], parts[:, 3]
    fits = np.all(parts[:, 1:] == np.where(low < 0, -1, 0)[:, None], axis=1)
    return np.clip(
        np.where(fits, low, np.where(highest < 0, -_LARGEST, _LARGEST)), -_LARGEST, _LARGEST
    )


def _rounded(values: pa.Array, scale: int) -> pa.Array:
    """Decimals rounded at a digit, in a type that has room for what rounding adds."""
    return pc.round(values.cast(pa.decimal256(_MOST_DIGITS, values.type.scale)), ndigits=scale)


def _floats(values: pa.Array) -> npt.NDArray[np.float64]:
    found = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=np.float64)


def _decimals(unscaled: Ints, scale: int) -> pa.Array:
    """The inverse of `_unscaled`."""
    words = np.stack([unscaled, np.where(unscaled < 0, -1, 0)], axis=1).astype(np.int64)
    buffers = [None, pa.py_buffer(words.tobytes())]
    return pa.Array.from_buffers(pa.decimal128(38, scale), len(unscaled), buffers)


generator: type[ColumnGenerator] = Numeric
