"""Formulas over columns of numbers or times: computed over rows, and said in SQL.

A rule's form is a shape, such as `product`, behind the way in which it comes out: nothing where
exactly, `near` where within a tolerance, `round` or `trunc` where to some places. Its constants
are those of the shape, then the places unless it comes out exactly ("" for a relative tolerance).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from connectors.invariants import Invariant, literal
from generators.magnitudes import DAY

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_RELATIVE = 1e-6
_ABSOLUTE = 1e-9
_HALF = 0.505
"""Half a step, and what two ways to round may differ by."""
_UNITS = {"days": DAY, "hours": DAY // 24, "minutes": 60_000_000, "seconds": 1_000_000}


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands on the right side, or what the terms add up to.

    Attributes:
        sql: from the right side's operands and the constants.
        compute: the same over arrays.
        signs: of every term where the rule is a sum of them; the constant stands on the right.
    """

    sql: Callable[[Sequence[str], Sequence[str]], str]
    compute: Callable[[Sequence[Any], Sequence[float]], Any]
    signs: Callable[[int], tuple[int, ...]] | None = None


def _ratio(values: Sequence[Any], constants: Sequence[float]) -> Any:
    over, under = values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under != 0, constants[0] * over / np.where(under, under, 1), np.nan)


def _times(constant: str, rest: str) -> str:
    return rest if constant == "1" else f"{constant} * {rest}"


SHAPES: Mapping[str, Shape] = {
    "sum": Shape(
        lambda c, _: " + ".join(c), lambda v, _: sum(v[1:], v[0]), lambda n: (1,) + (-1,) * (n - 1)
    ),
    "difference": Shape(
        lambda c, _: f"{c[0]} - {c[1]}", lambda v, _: v[0] - v[1], lambda _: (1, -1, 1)
    ),
    "shift": Shape(
        lambda c, k: f"{c[0]} {_added(k[0])}", lambda v, k: v[0] + k[0], lambda _: (1, -1)
    ),
    "balance": Shape(
        lambda c, k: " - ".join((k[0], *c)), lambda v, k: k[0] - sum(v), lambda n: (1,) * n
    ),
    "scale": Shape(lambda c, k: _times(k[0], c[0]), lambda v, k: k[0] * v[0]),
    "product": Shape(lambda c, _: f"{c[0]} * {c[1]}", lambda v, _: v[0] * v[1]),
    "discounted": Shape(
        lambda c, _: f"{c[0]} * {c[1]} * (1 - {c[2]})", lambda v, _: v[0] * v[1] * (1 - v[2])
    ),
    "ratio": Shape(lambda c, k: _times(k[0], f"{c[0]} / {c[1]}"), _ratio),
    "span": Shape(
        lambda c, k: f"extract(epoch from {c[0]} - {c[1]}) / {k[0]}",
        lambda v, k: (v[0] - v[1]) / (k[0] * 1e6),
    ),
    "multiple": Shape(
        lambda c, k: f"{k[0]} * round(({c[0]} - {k[1]}) / {k[0]}) + {k[1]}",
        lambda v, k: k[0] * np.rint((v[0] - k[1]) / k[0]) + k[1],
    ),
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A rule's form, taken apart.

    Attributes:
        shape: a name in `SHAPES`.
        way: how it comes out: "", near, round or trunc.
        constants: of the shape.
        places: digits after the point; None for none or a relative tolerance.
    """

    shape: str
    way: str = ""
    constants: tuple[str, ...] = ()
    places: int | None = None

    @property
    def form(self) -> str:
        """As a rule's form."""
        return f"{self.way} {self.shape}".strip()

    @property
    def texts(self) -> tuple[str, ...]:
        """As a rule's constants."""
        last = "" if self.places is None else str(self.places)
        return (*self.constants, last) if self.way else self.constants

    @property
    def numbers(self) -> tuple[float, ...]:
        """The constants as numbers; times in microseconds."""
        return tuple(_number(text) for text in self.constants)

    def computed(self, operands: Sequence[Any]) -> Any:
        """The right side over arrays, not yet rounded; NaN where it has no value."""
        return SHAPES[self.shape].compute(operands, self.numbers)

    def rounded(self, right: Any) -> Any:
        """What the left side is to be."""
        if self.places is None or self.way == "":
            return right
        steps = right * 10.0**self.places
        near = np.rint(steps)
        if self.way == "trunc":
            near = np.where(np.abs(steps - near) < 1e-6 * np.abs(steps), near, np.trunc(steps))
        return near / 10.0**self.places

    def broken(self, left: Any, right: Any) -> Bools:
        """Rows whose left side is not what the right side says."""
        if left.dtype == np.int64 and right.dtype == np.int64:
            return np.asarray(left != right)
        with np.errstate(invalid="ignore"):
            off = np.abs(left - right)
            if self.way == "trunc":
                step = 10.0 ** -(self.places or 0)
                beyond = np.abs(left) > np.abs(right) + (_HALF - 0.5) * step
                return np.asarray((off >= step) | beyond)
            return np.asarray(off > self._tolerance(left))

    def words(self, columns: Sequence[str]) -> str:
        """The rule as a person would say it; the left side's column first."""
        left, *right = columns
        if self.shape == "balance":
            return f"{' + '.join(columns)} = {self.constants[0]}"
        if self.shape == "multiple":
            step, offset = self.constants
            return (
                f"mod({left} - {offset}, {step}) = 0"
                if offset != "0"
                else (f"mod({left}, {step}) = 0")
            )
        said = SHAPES[self.shape].sql(right, self.constants)
        if self.way in ("round", "trunc"):
            said = f"{self.way}({said}, {self.places})" if self.places else f"{self.way}({said})"
        return f"{left} = {said}"

    def sql(self, columns: Sequence[str]) -> str:
        """The rule as a condition; the left side's column first."""
        left, *right = columns
        if self.shape == "multiple":
            right = [left]
        if self.shape == "ratio":
            right[1] = f"nullif({right[1]}, 0)"
        said = f"({SHAPES[self.shape].sql(right, _fixed(self.constants))})"
        if self.way == "":
            return f"{left} = {said}"
        if self.way == "trunc":
            step = f"1e-{self.places or 0}"
            beyond = f"abs({left}) <= abs{said} + {_HALF - 0.5:.3f} * {step}"
            return f"abs({left} - {said}) < {step} AND {beyond}"
        if self.places is None:
            return f"abs({left} - {said}) <= {_RELATIVE} * abs({left}) + {_ABSOLUTE}"
        return f"abs({left} - {said}) <= {_HALF} * 1e-{self.places}"

    def _tolerance(self, left: Any) -> Any:
        if self.way == "":
            return _ABSOLUTE * np.maximum(1, np.abs(left))
        if self.places is None:
            return _RELATIVE * np.abs(left) + _ABSOLUTE
        return _HALF * 10.0**-self.places


def formula_of(rule: Invariant) -> Formula:
    """What a rule says."""
    way, _, shape = rule.form.rpartition(" ")
    *constants, last = (*rule.constants, "") if not way else rule.constants
    formula = Formula(shape, way, tuple(constants), int(last) if last else None)
    if not all(map(math.isfinite, formula.numbers)):  # they become SQL as they are
        raise ValueError(f"{rule.form}: constants of a formula are numbers or spans of time")
    return formula


def interval(microseconds: int) -> str:
    """A span of time as a constant, in the largest unit that it is a whole number of."""
    unit = next((u for u, size in _UNITS.items() if microseconds % size == 0), "seconds")
    count = microseconds / _UNITS[unit]
    return f"{int(count) if count == int(count) else count} {unit}"


def _number(text: str) -> float:
    count, _, unit = text.partition(" ")
    return round(float(count) * _UNITS[unit]) if unit else float(count)


def _fixed(constants: Sequence[str]) -> list[str]:
    """Spans in seconds, which last as long on every day of a time zone."""
    return [f"{_number(c) / 1e6!r} seconds" if " " in c else c for c in constants]


def _added(constant: str) -> str:
    sign, size = ("-", constant[1:]) if constant.startswith("-") else ("+", constant)
    return f"{sign} interval {literal(size)}" if " " in constant else f"{sign} {size}"
