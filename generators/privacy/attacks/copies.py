"""Synthetic rows that are learned ones, or lie nearer to those than to rows held out."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from generators.distinct import groups
from generators.privacy.attacks.chance import Bools, Floats, Statistic
from generators.privacy.attacks.nearest import SAME, nearest
from generators.privacy.attacks.space import Axis, Ints, as_text, flat, narrowed, points

_ASKED = 2_000
_TIES = 16


def nearer(axes: Sequence[Axis], real: pa.Table, owners: Ints, drawn: pa.Table) -> Statistic:
    """The share of synthetic rows whose nearest real row is a member's; ties count half.

    Args:
        axes: those of the table.
        real: rows of members and of others.
        owners: whose each of them is.
        drawn: synthetic rows.
    """
    among = narrowed(points(axes, real))
    distances, places = nearest(narrowed(points(axes, drawn.slice(0, _ASKED))), among, _TIES)
    tied = distances <= distances[:, :1] + SAME

    def found(labels: Bools) -> Floats:
        shares = np.empty(len(labels))
        for number, one in enumerate(labels):
            held = one[owners][places]
            with_members = (held & tied).any(axis=1)
            with_others = (~held & tied).any(axis=1)
            shares[number] = np.where(with_members & with_others, 0.5, with_members).mean()
        return shares

    return found


def copied(real: pa.Table, owners: Ints, drawn: pa.Table) -> Statistic:
    """How many more synthetic rows equal a member's row in all columns than another's."""
    both = pa.concat_tables([real, drawn])
    numbers = groups([_whole(both, name) for name in both.column_names])
    own, made = numbers[: len(real)], numbers[len(real) :]
    times = np.bincount(made, minlength=int(numbers.max(initial=0)) + 1)
    kept = np.flatnonzero(times[own] > 0)
    order = kept[np.argsort(own[kept], kind="stable")]
    starts = np.flatnonzero(np.diff(own[order], prepend=-1))
    weights = times[own[order][starts]] / max(1, len(made))

    def found(labels: Bools) -> Floats:
        if not len(order):
            return np.zeros(len(labels))
        held = labels[:, owners[order]]
        sides = (np.logical_or.reduceat(side, starts, axis=1) @ weights for side in (held, ~held))
        with_members, with_others = sides
        return np.asarray(with_members - with_others)

    return found


def _whole(rows: pa.Table, name: str) -> pa.Array:
    """A column's values, with a text of its own for null."""
    texts = as_text(flat(rows, name))
    return texts.fill_null("\0null")
