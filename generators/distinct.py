"""Makes the rows of a shard differ where a unique key says so, moving as little as it can."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind, endless
from connectors.schema import Column
from generators.sorting import ordered, ranks

Ints = npt.NDArray[np.int64]

SPREADABLE = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
"""Kinds whose values can move to the next free one."""

_WORD = 8
_MOST = 1 << 62
_ODD = np.uint64(0x9E3779B97F4A7C15)
_WORD_BITS = 16
_NARROW = 32
_CROWD_BITS = 12
_SPARSE = 2
"""Bits by which hashes are longer than the number of what is hashed."""
_WIDEST = 4
"""How many times as wide as there are rows a table of numbers is, at most."""


def numbered(known: Sequence[pa.Array], asked: Sequence[pa.Array]) -> tuple[Ints, Ints]:
    """A number per known row and per row asked for, the same where all columns are equal.

    -1 where one is null; what is asked for takes the types of what is known.
    """
    pairs = zip(known, asked, strict=True)
    both = groups([pa.concat_arrays([k, a.cast(k.type)]) for k, a in pairs])
    return both[: len(known[0])], both[len(known[0]) :]


def groups(columns: list[pa.Array]) -> Ints:
    """A number per row, equal where all columns are; -1 where one is null."""
    if not columns:
        return np.zeros(0, np.int64)
    found = _numbered(columns[0])
    known = found >= 0
    for column in columns[1:]:
        digits = _numbered(column)
        base, known = int(digits.max(initial=0)) + 1, known & (digits >= 0)
        if (int(found.max(initial=0)) + 1) * base > _MOST:
            found[known] = ranks(found[known])
        found = found * base + digits
    found[~known] = -1
    if len(columns) > 1:
        found[known] = _without_gaps(found[known])
    return found


def _numbered(column: pa.Array) -> Ints:
    """A number per value, from 0 without gaps; -1 for null."""
    codes = hashable(column).dictionary_encode().indices
    filled = pc.fill_null(codes, -1) if codes.null_count else codes
    return np.asarray(filled.to_numpy(zero_copy_only=False).astype(np.int64))


def _without_gaps(codes: Ints) -> Ints:
    """Codes, none below 0, numbered anew as they ascend."""
    width = int(codes.max(initial=0)) + 1
    if width > _WIDEST * len(codes):
        return ranks(codes)
    there = np.zeros(width, np.int64)
    there[codes] = 1
    return np.asarray((np.cumsum(there) - 1)[codes])


def hashable(column: pa.Array) -> pa.Array:
    """Lists as text, since Arrow cannot number them."""
    if not pa.types.is_nested(column.type):
        return column
    return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())


def surplus(columns: list[pa.Array], changed: Ints | None = None) -> Ints:
    """Positions of the rows that repeat an earlier one; a null equals nothing.

    Where it is known which rows changed since all differed, the others are hardly looked at.
    """
    if len(columns) == 1 and (compared := _comparable(columns[0])) is not None:
        numbers, exact = compared
        there = columns[0].is_valid().to_numpy(zero_copy_only=False)
        if exact and changed is not None:
            fresh = np.zeros(len(there), np.bool_)
            fresh[changed] = True
            return np.flatnonzero(there)[_repeated_among(numbers, fresh[there])]
        repeats = _repeated(numbers)
        if exact or not len(repeats):  # numbering values takes longer
            return np.flatnonzero(there)[repeats]
    found = groups(columns)
    known = np.flatnonzero(found >= 0)
    return known[_repeated(found[known])]


def _repeated_among(numbers: Ints, fresh: npt.NDArray[np.bool_]) -> Ints:
    """As `_repeated` where only fresh numbers may equal others: those of the same hash are few."""
    hashes = _hashes(numbers, _WORD_BITS)
    marked = np.zeros(1 << _WORD_BITS, np.bool_)
    marked[hashes[fresh]] = True
    near = np.flatnonzero(marked[hashes])
    return near[_repeated(numbers[near])]


def _repeated(numbers: Ints) -> Ints:
    """Positions of the numbers that stand further ahead already."""
    low, places = int(numbers.min(initial=0)), np.arange(len(numbers), dtype=np.int32)
    width = int(numbers.max(initial=0)) - low + 1
    if width <= _WIDEST * len(numbers):
        first = np.empty(width, np.int32)
        first[(numbers - low)[::-1]] = places[::-1]  # what is written last stays
        return np.flatnonzero(first[numbers - low] != places)
    bits = len(numbers).bit_length() + _SPARSE
    hashes, last = _hashes(numbers, bits), np.empty(1 << bits, np.int32)
    last[hashes] = places
    met = np.flatnonzero(last.take(hashes) != places)
    if not len(met):
        return met
    alike = np.zeros(len(numbers), np.bool_)
    alike[met] = alike[last.take(hashes.take(met))] = True
    near = np.flatnonzero(alike)
    there = numbers.take(near)
    order = ordered(there)
    return np.sort(near[order[1:][np.diff(there[order]) == 0]])


def crowded(numbers: npt.NDArray[Any], many: int) -> npt.NDArray[Any]:
    """Of some numbers all those that as many have or more, and few others."""
    hashes = _hashes((numbers + 0).view(np.int64), _CROWD_BITS)  # there is one 0 alone
    return numbers[(np.bincount(hashes, minlength=1 << _CROWD_BITS) >= many)[hashes]]


def _hashes(numbers: Ints, bits: int) -> Ints:
    """So many bits of a number of each number, equal where these are (Knuth's product)."""
    return np.asarray((numbers.view(np.uint64) * _ODD >> np.uint64(64 - bits)).view(np.int64))


def _comparable(column: pa.Array) -> tuple[Ints, bool] | None:
    """A number per value that is not null, different ones of different values.

    And whether equal ones are of equal values; of long values they tell the beginning.
    """
    kind, there = column.type, pc.drop_null(column)
    if pa.types.is_signed_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        return _numbers(there), True
    if not pa.types.is_fixed_size_binary(kind) or kind.byte_width < _WORD:
        return None
    held = np.frombuffer(there.buffers()[1], np.uint8)[there.offset * kind.byte_width :]
    firsts = held[: len(there) * kind.byte_width].reshape(-1, kind.byte_width)[:, :_WORD]
    return np.ascontiguousarray(firsts).view(np.int64).ravel(), kind.byte_width == _WORD


def alike(have: Ints, want: Ints, rng: np.random.Generator) -> Ints:
    """For each wanted number where an equal one stands, any as likely; -1 for none or below 0."""
    order, low, high = _runs(have, want)
    return _standing(order, low + (rng.random(len(want)) * (high - low)).astype(np.int64), high)


def dealt(have: Ints, want: Ints, told: Ints) -> Ints:
    """As `alike`, always the same one for what is told the same number."""
    order, low, high = _runs(have, want)
    return _standing(order, low + told % np.maximum(1, high - low), high)


def _runs(have: Ints, want: Ints) -> tuple[Ints, Ints, Ints]:
    """Positions in order, and for each wanted number where equal ones begin and end in it."""
    order = ordered(have)
    low, high = (np.searchsorted(have[order], want, side) for side in ("left", "right"))
    return order, low, np.where(want < 0, low, high)


def _standing(order: Ints, places: Ints, ends: Ints) -> Ints:
    """The positions at some places in an order; -1 where a place is the end of its run."""
    found = order[np.minimum(places, max(0, len(order) - 1))] if len(order) else places
    return np.asarray(np.where(places >= ends, -1, found))


def nearest(have: tuple[Ints, Ints], want: tuple[Ints, Ints]) -> Ints:
    """For each pair where one stands with an equal first number and the nearest second; else -1.

    No number is below -1.
    """
    width = 2 + int(max(part[1].max(initial=0) for part in (have, want)))
    there, asked = (first * width + second for first, second in (have, want))
    order = ordered(there)
    place = np.searchsorted(there[order], asked)
    found, best = np.full(len(asked), -1), np.full(len(asked), width)
    for near in (place - 1, place):
        inside = np.flatnonzero((near >= 0) & (near < len(order)))
        chosen = order[near[inside]]
        apart = np.abs(have[1][chosen] - want[1][inside])
        better = (have[0][chosen] == want[0][inside]) & (apart < best[inside])
        found[inside[better]], best[inside[better]] = chosen[better], apart[better]
    return found


def patched(values: pa.Array, positions: Ints, fresh: pa.Array) -> pa.Array:
    """The values with those at some positions replaced."""
    if not len(positions):
        return values
    fresh = fresh.cast(values.type)
    if _is_plain(values.type) and not values.null_count and not fresh.null_count:
        held = _held(values).copy()
        held[positions] = _held(fresh)
        return pa.Array.from_buffers(values.type, len(held), [None, pa.py_buffer(held)])
    places = np.arange(len(values))
    places[positions] = len(values) + np.arange(len(positions))
    return pa.concat_arrays([values, fresh]).take(pa.array(places))


def _is_plain(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers of 4 or 8 bytes, one after the other."""
    moment = pa.types.is_timestamp(kind) or pa.types.is_date32(kind)
    whole = pa.types.is_signed_integer(kind) and kind.bit_width >= _NARROW
    return bool(moment or whole or pa.types.is_float64(kind))


def _held(values: pa.Array) -> npt.NDArray[Any]:
    """The numbers of a plain type's values, none of them null."""
    wide = values.type.bit_width > _NARROW
    return np.asarray(values.view(pa.int64() if wide else pa.int32()).to_numpy())


def spread_out(others: list[pa.Array], values: pa.Array, column: Column) -> pa.Array:
    """Moves values to the nearest later free ones, so that none repeats among equal others.

    Values move on the grid that all of them lie on. A group with room inside the range of all
    values stays inside it; a fuller one goes on beyond its end. Nulls stay, and so does what
    stands beside a null, since that equals nothing.

    Raises:
        pa.ArrowInvalid: the column's type has no room for the values needed.
    """
    if column.datatype.kind not in SPREADABLE or not len(values) - values.null_count:
        return values
    group = groups(others) if others else np.zeros(len(values), np.int64)
    movable = pc.and_(values.is_valid(), pc.invert(endless(values)))
    present = np.flatnonzero(movable.to_numpy(zero_copy_only=False) & (group >= 0))
    if not len(present):
        return values
    moved = spread(group[present], _numbers(values.take(pa.array(present))))
    fresh = pc.cast(pa.array(moved).cast(_integer(values.type)), values.type)
    return patched(values, present, fresh)


def without_room(group: Ints, values: pa.Array) -> tuple[Ints, int]:
    """Rows of groups with more rows than values lie between the ends of all, and how many fit.

    Those of the highest values; none below 0 in `group` counts, nor does a value that is null.
    """
    present = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False) & (group >= 0))
    if not len(present):
        return present, 0
    numbers = _numbers(values.take(pa.array(present)))
    grid = (numbers - numbers.min()) // max(1, int(np.gcd.reduce(numbers - numbers.min())))
    room, order = int(grid.max()) + 1, ordered(group[present], grid)
    place, _ = _places(group[present[order]])
    return present[order[place >= room]], room


def enumerated(others: list[pa.Array], values: list[pa.Array], known: list[pa.Array]) -> Ints:
    """Numbers of combinations of known values, moved so that none repeats among equal others.

    Of shape (columns, rows): the place in `known` of each column's value; -1 in rows that hold a
    null or a value not known, which stay. More rows than combinations go on repeating.
    """
    sizes = [len(k) for k in known]
    places = [
        pc.fill_null(pc.index_in(v, k.cast(v.type)), -1).to_numpy(zero_copy_only=False)
        for v, k in zip(values, known, strict=True)
    ]
    group = groups(others) if others else np.zeros(len(values[0]), np.int64)
    present = np.flatnonzero((np.min(places, axis=0) >= 0) & (group >= 0))
    codes = np.zeros(len(group), np.int64)
    for place, size in zip(places, sizes, strict=True):
        codes = codes * size + place
    # Two rows of a group of their own show where the first and the last combination lie.
    ends = np.array([0, int(np.prod(sizes)) - 1])
    apart = np.append(group[present], [group.max(initial=0) + 1] * 2)
    moved = spread(apart, np.append(codes[present], ends))[:-2]
    codes[present] = np.minimum(moved, ends[1])
    found = np.full((len(sizes), len(group)), -1)
    for column in reversed(range(len(sizes))):
        found[column, present] = codes[present] % sizes[column]
        codes = codes // sizes[column]
    return found


def beyond(values: pa.Array, numbers: Ints) -> pa.Array:
    """Values above the largest one, by number; of a kind in `SPREADABLE`.

    Raises:
        pa.ArrowInvalid: the column's type has no room for them.
    """
    present = _numbers(pc.drop_null(pc.if_else(endless(values), None, values)))
    largest = int(present.max(initial=0))
    return pc.cast(pa.array(largest + 1 + numbers).cast(_integer(values.type)), values.type)


def spread(group: Ints, numbers: Ints) -> Ints:
    """Makes numbers differ within each group, by a running maximum on the common grid.

    The maximum runs over ranks, since a product of groups and microseconds would not fit a word.
    """
    low = int(numbers.min())
    step = max(1, int(np.gcd.reduce(numbers - low)))
    grid = (numbers - low) // step
    most = int(grid.max())
    order = ordered(group, grid)
    place, size = _places(group[order])
    heights, ranks = np.unique(grid[order] - place, return_inverse=True)
    above = np.cumsum(place == 0) * len(heights)
    raised = heights[np.maximum.accumulate(ranks + above) - above] + place
    kept = np.where(size <= most + 1, np.minimum(raised, most - (size - 1 - place)), raised)
    moved = np.empty_like(numbers)
    moved[order] = low + kept * step
    return moved


def _places(group: Ints) -> tuple[Ints, Ints]:
    """Each row's place within its group and the group's size; equal groups stand together."""
    starts = np.flatnonzero(np.diff(group, prepend=-2))
    sizes = np.diff(np.append(starts, len(group)))
    return np.arange(len(group)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)


def _integer(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if pa.types.is_date32(kind) else pa.int64()


def _numbers(values: pa.Array) -> Ints:
    return np.asarray(
        pc.cast(values.cast(_integer(values.type)), pa.int64()).to_numpy(zero_copy_only=False)
    )
