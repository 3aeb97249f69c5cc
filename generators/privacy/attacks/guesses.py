"""What follows of a real row from synthetic ones: that it is alone, what belongs to it.

The attacks on singling out, linkability and inference of Giomi et al. 2023, held against rows that
nothing was learned from.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from generators.privacy.attacks.chance import Bools, Floats, Statistic
from generators.privacy.attacks.nearest import nearest
from generators.privacy.attacks.space import (
    Axis,
    Ints,
    LabelAxis,
    Points,
    as_text,
    flat,
    nulls,
    points,
)

_GUESSES = 300
_TOGETHER = (3, 6)
"""The fewest and most columns that a guess speaks of."""
_CLOSE = 0.01
_ABOUT = 0.05
_NEIGHBOURS = 10
_SECRETS = 5


def alone(
    axes: Sequence[Axis], real: pa.Table, drawn: pa.Table, rng: np.random.Generator
) -> Statistic:
    """How many more guesses fit one member alone than fit one other alone.

    A guess is what a synthetic row, unlike all other ones, is like in some columns. `real` holds
    one row of each entity.
    """
    told, made = _codes(axes, real, drawn)
    fits = np.zeros((_GUESSES, len(told)), np.float32)
    for number in range(_GUESSES):
        most = min(_TOGETHER[1], len(axes))
        size = int(rng.integers(min(_TOGETHER[0], most), most + 1))
        some = rng.choice(len(axes), size, replace=False)
        row = made[int(rng.integers(len(made)))]
        if _like(made, row, some).sum() == 1:
            fits[number] = _like(told, row, some)
    every = fits.sum(axis=1)

    def found(labels: Bools) -> Floats:
        with_members = labels.astype(np.float32) @ fits.T
        with_others = every - with_members
        return np.asarray((with_members == 1).mean(axis=1) - (with_others == 1).mean(axis=1))

    return found


def linked(
    axes: Sequence[Axis], real: pa.Table, drawn: pa.Table, rng: np.random.Generator
) -> Floats:
    """Per real row, whether both halves of its columns lead to one synthetic row."""
    order = rng.permutation(len(axes))
    halves = [[axes[i] for i in part] for part in np.array_split(order, 2)]
    near = [nearest(points(h, real), points(h, drawn), _NEIGHBOURS)[1] for h in halves]
    return np.asarray((near[0][:, :, None] == near[1][:, None, :]).any(axis=(1, 2)), np.float64)


def inferred(
    axes: Sequence[Axis], real: pa.Table, drawn: pa.Table, rng: np.random.Generator
) -> Floats:
    """Per real row, the share of columns that follow from the synthetic row nearest in the rest."""
    told, made = _codes(axes, real, drawn)
    secrets = rng.permutation(len(axes))[:_SECRETS]
    hits = np.zeros(len(told))
    for secret in secrets:
        rest = [axis for number, axis in enumerate(axes) if number != secret]
        _, places = nearest(points(rest, real), points(rest, drawn))
        apart = np.abs(told[:, secret] - made[places[:, 0], secret])
        hits += apart <= (_ABOUT if told_by_rank(axes[secret]) else 0.0)
    return np.asarray(hits / len(secrets))


def told_by_rank(axis: Axis) -> bool:
    """Whether an axis is one of numbers."""
    return not isinstance(axis, LabelAxis)


def _like(rows: Floats, row: Floats, some: Ints) -> Bools:
    return np.asarray((np.abs(rows[:, some] - row[some]) <= _CLOSE).all(axis=1))


def _codes(axes: Sequence[Axis], real: pa.Table, drawn: pa.Table) -> tuple[Floats, Floats]:
    """Ranks of numbers and numbers of labels, of real and of synthetic rows; null is -1."""
    columns = [_column(axis, real, drawn) for axis in axes]
    both = np.stack(columns, axis=1)
    return both[: len(real)], both[len(real) :]


def _column(axis: Axis, real: pa.Table, drawn: pa.Table) -> Floats:
    values = pa.concat_arrays([flat(real, axis.name), flat(drawn, axis.name)])
    if isinstance(axis, LabelAxis):
        codes = as_text(values).dictionary_encode().indices.fill_null(-1)
        return np.asarray(codes.to_numpy(zero_copy_only=False), np.float64)
    found: Points = axis.points(values)
    return np.where(nulls(values), -1.0, found[:, 0].astype(np.float64))
