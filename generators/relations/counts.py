"""How many children each parent of a shard has, made to add up to the plan's number."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, TableName

Ints = npt.NDArray[np.int64]

SIMPLER = 0.75
"""Share of a count's entropy that its difference to another may have, to be learned instead."""


def count_column(child: TableName) -> Column:
    """The pseudo-column of a parent that holds its number of children in one table."""
    return Column(f"#{child}", DataType(Kind.INTEGER, "bigint", bits=64), nullable=False)


def differing(counts: Ints, others: Ints) -> float:
    """How much simpler the difference to other counts is than the counts, as a ratio of entropies.

    1 and more where it is not, as for counts that are all alike.
    """
    some = counts > 0
    plain = _entropy(counts[some])
    return _entropy((counts - others)[some]) / plain if plain > 0 else np.inf


def more_than(counts: pa.Array, others: pa.Array) -> pa.Array:
    """How many more there are than others; null where there is none at all."""
    return pc.if_else(pc.greater(counts, 0), pc.subtract(counts, others), None)


def beside(more: pa.Array, others: Ints) -> Ints:
    """The counts that are so many more than others; at least 1 where there is any."""
    found = pc.fill_null(more, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    there = more.is_valid().to_numpy(zero_copy_only=False)
    return np.where(there, np.maximum(found + others, 1), 0)


def _entropy(values: Ints) -> float:
    _, held = np.unique(values, return_counts=True)
    shares = held / max(1, len(values))
    return float(-(shares * np.log(shares)).sum())


def to_quota(counts: Ints, quota: int, most: int | Ints | None, rng: np.random.Generator) -> Ints:
    """Corrects sampled counts so that they add up to `quota`.

    Children are dropped at random, and added to parents in proportion to what they have, so
    that the distribution keeps its shape and childless parents stay childless.

    Args:
        counts: sampled children per parent.
        quota: rows that the plan gives the child table in this shard.
        most: the most children a parent, or each of them, may have; None for any number.
        rng: source of randomness.
    """
    counts = counts if most is None else np.minimum(counts, most)
    missing = quota - int(counts.sum())
    if missing < 0:
        return _dropped(counts, -missing, rng)
    if missing > 0:
        return _added(counts, missing, most, rng)
    return counts


def with_enough(counts: Ints, wanted: int, least: int, rng: np.random.Generator) -> Ints:
    """Counts with the same sum, of which at least `wanted` are `least` or more.

    Those nearest to it get what they lack, from counts above it first. As many as the sum allows.
    """
    wanted = min(wanted, len(counts), int(counts.sum()) // max(1, least))
    short = wanted - int((counts >= least).sum())
    if short <= 0:
        return counts
    order = np.lexsort((rng.random(len(counts)), -np.minimum(counts, least)))
    chosen = order[:wanted]
    found = counts.copy()
    found[chosen] = np.maximum(counts[chosen], least)
    spare: Ints = np.maximum(found - least, 0)
    rest = np.setdiff1d(np.arange(len(counts)), chosen)
    lost = int(found.sum() - counts.sum())
    taken = min(lost, int(spare.sum()))
    found -= spare - _dropped(spare, taken, rng)
    others = np.zeros_like(found)
    others[rest] = found[rest]
    return found - (others - _dropped(others, lost - taken, rng))


def _dropped(counts: Ints, extra: int, rng: np.random.Generator) -> Ints:
    slots = np.repeat(np.arange(len(counts)), counts)
    gone = rng.choice(len(slots), extra, replace=False)
    return counts - np.bincount(slots[gone], minlength=len(counts))


def _added(counts: Ints, missing: int, most: int | Ints | None, rng: np.random.Generator) -> Ints:
    """Adds children in proportion to what parents have, as long as any has room."""
    room = np.full(len(counts), missing) if most is None else most - counts
    while missing > 0 and (room > 0).any():
        weights = np.where(room > 0, counts, 0)
        weights = weights if weights.sum() else (room > 0).astype(np.int64)
        extra = np.minimum(rng.multinomial(missing, weights / weights.sum()), room)
        counts, room, missing = counts + extra, room - extra, missing - int(extra.sum())
    return counts


def bucket(counts: Ints) -> npt.NDArray[np.int32]:
    """Counts as codes 0..23: themselves up to 8, then half powers of two."""
    logs = np.floor(2 * np.log2(np.maximum(counts, 8) / 8)).astype(np.int32)
    return np.where(counts < 8, counts, np.minimum(8 + logs, BUCKETS - 1)).astype(np.int32)


BUCKETS = 24
