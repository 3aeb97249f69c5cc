"""What is told of an owner's rows as a whole: one line of numbers per history, in fixed bins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.histories import History
from generators.tables import Feature

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bins = tuple[Ints, int]
"""A bin per history, and how many bins there are."""

_LEVELS = 200
"""Bins of a number from 0 to 1: how much the rows of one owner differ takes up a few of them."""
_MOST = 40
"""Bins of a count, of which larger ones share the last."""
_MOST_CODES = 64
"""Bins of a code."""
_MOST_MARKS = 1 << 24
"""Bytes that tell which codes each history holds."""


@dataclass(frozen=True, slots=True)
class Lives:
    """Histories as lines of bins.

    Attributes:
        binned: of shape (inputs, histories).
        widths: per input, the number of its bins.
    """

    binned: Bytes
    widths: Ints


def lives(
    history: History, base: tuple[Feature, ...], rows: tuple[Codes, Codes], starts: Ints
) -> Lives:
    """The histories that begin at `starts`.

    Of each: its length and its owner's codes; per feature the first and the last code, how many
    there are and how often one is the one before, and of ordered ones the mean, the spread and
    both extremes; the mean and the spread of what tells of a row's time and its beat.

    Args:
        history: what the rows have from their older siblings.
        base: the features that they have from their owners.
        rows: what each row was drawn given, and its codes; rows of an owner side by side.
        starts: where the histories begin.
    """
    context, codes = rows
    sizes = np.diff(np.append(starts, len(codes)))
    columns: list[Bins] = [(np.minimum(sizes, _MOST - 1), _MOST)]
    for place, feature in enumerate(base):
        columns.append(_coded(context[starts, place], feature.size))
    for place, feature in enumerate(history.features):
        columns += _of_feature(codes[:, place], feature, starts, sizes)
    first = len(base) + len(history.past)
    for place, feature in enumerate(history.present):
        if feature.ordered and feature.size > 1:
            columns += _moments(context[:, first + place] / (feature.size - 1), starts, sizes)
    binned = np.array([np.minimum(b, w - 1) for b, w in columns], np.uint8)
    return Lives(binned, np.array([w for _, w in columns], np.int64))


def single(features: Sequence[tuple[Feature, ...]], rows: Sequence[Codes]) -> Lives:
    """Rows as lines of bins, each told by codes alone: one matrix beside the other."""
    columns = [
        _coded(codes[:, place], feature.size)
        for known, codes in zip(features, rows, strict=True)
        for place, feature in enumerate(known)
    ]
    binned = np.array([np.minimum(b, w - 1) for b, w in columns], np.uint8)
    return Lives(binned, np.array([w for _, w in columns], np.int64))


def _coded(codes: Codes, size: int) -> Bins:
    width = min(size, _MOST_CODES)
    return codes.astype(np.int64) * width // max(1, size), max(1, width)


def _of_feature(codes: Codes, feature: Feature, starts: Ints, sizes: Ints) -> list[Bins]:
    if feature.size < 2:
        return []
    same = np.append(False, codes[1:] == codes[:-1]).astype(np.float64)
    same[starts] = 0
    found = [
        _coded(codes[starts], feature.size),
        _coded(codes[starts + sizes - 1], feature.size),
        _leveled(np.add.reduceat(same, starts) / np.maximum(1, sizes - 1)),
        (_distinct(codes, starts, sizes, feature.size), _MOST),
    ]
    if feature.ordered and feature.size > 2:
        scaled = codes / (feature.size - 1)
        found += _moments(scaled, starts, sizes)
        found.append(_leveled(np.maximum.reduceat(scaled, starts)))
        found.append(_leveled(np.minimum.reduceat(scaled, starts)))
    return found


def _moments(scaled: Floats, starts: Ints, sizes: Ints) -> list[Bins]:
    mean = np.add.reduceat(scaled, starts) / sizes
    spread = np.add.reduceat(scaled**2, starts) / sizes - mean**2
    return [_leveled(mean), _leveled(2 * np.sqrt(np.maximum(spread, 0)))]


def _leveled(shares: Floats) -> Bins:
    return np.minimum((shares * _LEVELS).astype(np.int64), _LEVELS - 1), _LEVELS


def _distinct(codes: Codes, starts: Ints, sizes: Ints, most: int) -> Ints:
    """How many codes each history holds, of so many at most."""
    if len(starts) * most <= _MOST_MARKS:
        marks = np.zeros((len(starts), most), np.bool_)
        marks[np.repeat(np.arange(len(starts)), sizes), codes] = True
        return np.asarray(np.minimum(np.count_nonzero(marks, axis=1), _MOST - 1))
    apart = (np.repeat(np.arange(len(starts)), sizes) << 32) + codes
    fresh = np.diff(np.sort(apart), prepend=-1) != 0
    return np.minimum(np.add.reduceat(fresh.astype(np.int64), starts), _MOST - 1)
