"""A course that goes on where a bound moved some of its values: none falls behind a sibling's."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Invariant, Term
from generators.invariants import Scene
from generators.magnitudes import magnitudes, scale_of
from generators.succession import family_of, succession

Ints = npt.NDArray[np.int64]


def carried_on(rule: Invariant, scene: Scene, values: pa.Array, *, upwards: bool) -> pa.Array:
    """The values of a rule's course, those that fall behind a sibling's moved as far as that.

    Each comes to the furthest of its siblings before it, or after it where the course goes the
    other way, so that all go only where the bound sent some: it holds as before.

    Args:
        rule: that values rise, or fall, in the order of another column.
        scene: the other columns.
        values: the course's column.
        upwards: whether the bound is a lower one.
    """
    own, order = (scale_of(scene.table.column(term.column).datatype) for term in rule.terms)
    if own is None or order is None:
        return values
    known, by = magnitudes(values, own), magnitudes(scene.values(Term(rule.terms[1].column)), order)
    rises = rule.form == "rising"
    owners = family_of(rule, scene) if rule.key else np.zeros(scene.rows, np.int64)
    along = succession(
        owners, (by.values, known.values * (1 if rises else -1)), known.known & by.known
    )
    rows, number = along.rows, along.number
    if rises != upwards:
        rows, number = rows[::-1], number[::-1].max(initial=0) - number[::-1]
    ranks = known.values[rows] if upwards else -known.values[rows]
    furthest = _furthest(ranks, number)
    moved = np.flatnonzero(ranks[furthest] > ranks)
    taken = np.arange(scene.rows)
    taken[rows[moved]] = rows[furthest[moved]]
    return values.take(pa.array(taken)) if len(moved) else values


def _furthest(ranks: npt.NDArray[Any], number: Ints) -> Ints:
    """The place of the highest rank up to each place, among those of its number, which ascend."""
    levels, level = np.unique(ranks, return_inverse=True)
    own = number * len(levels) + level.reshape(-1)
    order = np.argsort(own, kind="stable")
    return order[np.searchsorted(own, np.maximum.accumulate(own), sorter=order)]
