"""A column's distribution as it was learned beside the one that was found, ready to be drawn.

Both come from codes: what was learned is released, and what was found is nobody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from connectors.datatypes import Kind
from generators.binning import Bins
from generators.columns.boolean import Boolean
from generators.columns.category import Category
from generators.columns.numeric import CONTINUOUS, Numeric
from generators.columns.temporal import Temporal
from generators.columns.text import Text
from generators.encoding import FittedColumn
from generators.privacy.support import Floats

_CELLS = 30
_MOST_LABELS = 14
_MOST_LETTERS = 40
_FEW_VALUES = 20
_TAIL = 0.002
"""Share of the mass at either end that is drawn in the outermost cell."""
_SKEWED = 30.0
"""Ratio of a high to a middling quantile from which cells grow with the value."""
_DAY, _HOUR = 86_400_000.0, 3_600_000_000
_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


class Form(StrEnum):
    """What stands along the axis of a chart."""

    LABELS = "labels"
    NUMBERS = "numbers"
    LOGARITHMS = "logarithms"
    MOMENTS = "moments"


@dataclass(frozen=True, slots=True)
class Chart:
    """Shares of a column's rows, learned and found.

    Attributes:
        form: what the axis holds.
        labels: one per share; empty where the axis is one of numbers.
        ends: where an axis of numbers begins and ends, in equal cells (of the logarithm, where the
            form says so); moments in milliseconds since 1970.
        learned: shares of the source's training rows.
        found: shares of the target's rows.
        nulls: share of nulls among the learned and the found, where they are no label.
    """

    form: Form
    labels: tuple[str, ...]
    ends: tuple[float, float]
    learned: tuple[float, ...]
    found: tuple[float, ...]
    nulls: tuple[float, float] = (0.0, 0.0)


def chart(fitted: FittedColumn, learned: Floats, found: Floats) -> Chart | None:
    """The chart of one column; None where there is nothing to compare.

    Args:
        fitted: the column, which knows what its codes stand for.
        learned: share of rows per code in the source.
        found: share of rows per code in the target.
    """
    if fitted.feature.size < 2 or learned.sum() <= 0:
        return None
    generator = fitted.generator
    if isinstance(generator, Numeric | Temporal) and not _few_values(generator.bins):
        return _along_numbers(fitted, generator, learned, found)
    return _along_labels(_labels(fitted), learned, found, ordered=fitted.feature.ordered)


def _few_values(bins: Bins) -> bool:
    return bins.size <= _FEW_VALUES and bool((bins.lows == bins.highs).all())


def _along_labels(labels: Sequence[str], learned: Floats, found: Floats, *, ordered: bool) -> Chart:
    """The most frequent labels, in their own order where they have one, and all others as one."""
    order = np.argsort(-np.maximum(learned, found), kind="stable")
    shown = order[: _MOST_LABELS if len(order) > _MOST_LABELS + 1 else len(order)]
    shown = shown[np.maximum(learned, found)[shown] > 0]
    names = [labels[code] for code in (np.sort(shown) if ordered else shown)]
    places = np.sort(shown) if ordered else shown
    sides = [[float(side[code]) for code in places] for side in (learned, found)]
    if len(shown) < len(order) and float(np.maximum(learned, found)[order].sum()) > 0:
        rest = np.setdiff1d(order, shown)
        if np.maximum(learned, found)[rest].sum() > 0:
            names.append(f"{len(rest)} others")
            sides = [
                [*held, float(side[rest].sum())]
                for held, side in zip(sides, (learned, found), strict=True)
            ]
    return Chart(Form.LABELS, tuple(names), (0.0, 0.0), tuple(sides[0]), tuple(sides[1]))


def _labels(fitted: FittedColumn) -> tuple[str, ...]:
    """A name per code: what it stands for where that is released, else its number."""
    own = _own_labels(fitted)
    return ("null", *own) if fitted.nullable else own


def _own_labels(fitted: FittedColumn) -> tuple[str, ...]:
    generator = fitted.generator
    if isinstance(generator, Boolean):
        return ("false", "true")
    if isinstance(generator, Category):
        return _categories(generator)
    if isinstance(generator, Numeric | Temporal):
        lows, highs = _spelled(generator, "lows"), _spelled(generator, "highs")
        known = [_between(low, high) for low, high in zip(lows, highs, strict=True)]
        return (*known, *(str(value) for value in generator.specials.values))
    if isinstance(generator, Text):
        bounds = zip(generator.bins.lows, generator.bins.highs, strict=True)
        return tuple(f"{_between(int(low), int(high))} characters" for low, high in bounds)
    if generator.size == 1:
        return ("a value",)
    return tuple(f"class {code + 1}" for code in range(generator.size))


def _between(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _categories(generator: Category) -> tuple[str, ...]:
    starts = np.searchsorted(generator.groups.codes, np.arange(generator.groups.size))
    sizes = np.diff(np.append(starts, len(generator.groups.codes)))
    names = []
    for start, size in zip(starts, sizes, strict=True):
        text = _shortened(generator.groups.texts[int(start)].as_py())
        names.append(text if size == 1 else f"{text} and {size - 1} more")
    return (*names, "(withheld values)") if generator.rare else tuple(names)


def _shortened(text: str) -> str:
    if not text.strip():
        return f"({len(text)} blanks)" if text else "(empty text)"
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _spelled(generator: Numeric | Temporal, side: str) -> list[str]:
    """The lowest or highest value of each bin, as a person would write it."""
    places = getattr(generator.bins, side)
    if isinstance(generator, Numeric):
        if generator.lattice.scale == CONTINUOUS:
            return [f"{place:.6g}" for place in places]
        return [f"{place:,}" for place in _numbers(generator, places)]
    kind = generator.column.datatype.kind
    if kind in _MOMENTS:
        moments = np.asarray(_numbers(generator, places), "datetime64[ms]")
        texts = np.datetime_as_string(moments, unit="D" if kind is Kind.DATE else "m")
        return [text.replace("T", " ") for text in texts.tolist()]
    return [f"{number:g} h" for number in _numbers(generator, places)]


def _numbers(generator: Numeric | Temporal, places: Floats) -> Floats:
    """Places of a column's lattice as numbers; moments in milliseconds, other times in hours."""
    wide = np.asarray(places, np.float64)
    if isinstance(generator, Temporal):
        kind = generator.column.datatype.kind
        unit = _DAY if kind is Kind.DATE else 1e-3 if kind in _MOMENTS else 1 / _HOUR
        return wide * generator.step * unit
    if generator.lattice.scale == CONTINUOUS:
        return wide
    return wide * generator.lattice.step / 10.0**generator.lattice.scale


def _along_numbers(
    fitted: FittedColumn, generator: Numeric | Temporal, learned: Floats, found: Floats
) -> Chart:
    bins, first = generator.bins, int(fitted.nullable)
    sides = [side[first : first + bins.size] for side in (learned, found)]
    nulls = (float(learned[0]), float(found[0])) if fitted.nullable else (0.0, 0.0)
    lows, highs = _numbers(generator, bins.lows), _numbers(generator, _above(bins))
    form = Form.MOMENTS if generator.column.datatype.kind in _MOMENTS else Form.NUMBERS
    low, high = _ends(lows, highs, sides[0])
    if form is Form.NUMBERS and _is_skewed(lows, highs, sides[0]):
        form, low, lows, highs = (
            Form.LOGARITHMS,
            max(low, lows[lows > 0].min()),
            *_logs(lows, highs),
        )
        low, high = float(np.log10(low)), float(np.log10(high))
    edges = np.linspace(low, high, _CELLS + 1)
    shares = [tuple(_cells(lows, highs, side, edges)) for side in sides]
    return Chart(form, (), (low, high), shares[0], shares[1], nulls)


def _above(bins: Bins) -> Floats:
    """Where each bin ends: one step beyond its highest value, where values have steps."""
    return np.asarray(bins.highs + (1 if bins.highs.dtype.kind == "i" else 0), np.float64)


def _ends(lows: Floats, highs: Floats, shares: Floats) -> tuple[float, float]:
    """The span that holds all but the outermost mass; what lies beyond is drawn at its ends."""
    reach = np.cumsum(shares) / max(float(shares.sum()), 1e-12)
    first = min(int(np.searchsorted(reach, _TAIL)), len(lows) - 1)
    last = min(int(np.searchsorted(reach, 1 - _TAIL)), len(lows) - 1)
    return float(lows[min(first, last)]), float(max(highs[last], lows[first] + 1e-9))


def _is_skewed(lows: Floats, highs: Floats, shares: Floats) -> bool:
    reach = np.cumsum(shares) / max(float(shares.sum()), 1e-12)
    middle, high = (highs[min(int(np.searchsorted(reach, q)), len(highs) - 1)] for q in (0.5, 0.99))
    return bool(lows.min() >= 0 and middle > 0 and (lows > 0).any() and high > _SKEWED * middle)


def _logs(lows: Floats, highs: Floats) -> tuple[Floats, Floats]:
    """Both ends of each bin as powers of ten; zero stands where the smallest number does."""
    least = lows[lows > 0].min()
    return np.log10(np.maximum(lows, least)), np.log10(np.maximum(highs, least))


def _cells(lows: Floats, highs: Floats, shares: Floats, edges: Floats) -> list[float]:
    """The mass of bins in equal cells, each bin spread evenly over its width."""
    narrow = np.maximum(highs - lows, 1e-12 * max(1.0, float(np.abs(edges).max())))
    inside = np.clip((edges[None, 1:-1] - lows[:, None]) / narrow[:, None], 0, 1)
    reach = np.concatenate([[0.0], shares @ inside, [float(shares.sum())]])
    return [float(mass) for mass in np.diff(reach)]
