"""References of a row that often lead to the same row: where an order is billed and sent to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import ForeignKey
from generators.privacy.support import Ints, Support, distinct
from generators.relations.references import Mode, Reference

Bools = npt.NDArray[np.bool_]

_OFTEN = 0.02
"""Share of rows that two references must lead to the same row."""
_CHANCE = 2.0
"""How much more often than if they had nothing to do with each other."""


def twinned(
    references: Sequence[Reference],
    owner: ForeignKey | None,
    learned: tuple[pa.Table, Ints],
    support: Support,
) -> tuple[Reference, ...]:
    """The references, each with the first key drawn before it that is its twin.

    Args:
        references: a table's.
        owner: its owner key.
        learned: its training rows, and the unit of each.
        support: the rule of release.
    """
    plain = [r for r in references if r.mode is Mode.CLUSTER and len(r.key.columns) == 1]
    order = [reference.key for reference in in_turn(plain)]

    def with_twin(reference: Reference) -> Reference:
        before = order[: order.index(reference.key)] if reference in plain else []
        if owner is not None and len(owner.columns) == 1 and reference in plain:
            before = [owner, *before]
        twins = (key for key in before if _are_twins(key, reference.key, learned, support))
        twin = next(twins, None)
        return reference if twin is None else replace(reference, twin=twin.name)

    return tuple(map(with_twin, references))


def in_turn(references: Sequence[Reference]) -> list[Reference]:
    """References as they are drawn: wide keys first, since narrow ones may lie inside them."""
    return sorted(references, key=lambda r: (r.nullable, -len(r.key.columns)))


def led_alike(rows: pa.Table, one: ForeignKey, other: ForeignKey) -> Bools:
    """Which rows two keys of one column lead to the same row, whether that was read or not."""
    first, second = (rows[column] for key in (one, other) for column in key.columns)
    return equal(first, second)


def equal(one: pa.ChunkedArray | pa.Array, other: pa.ChunkedArray | pa.Array) -> Bools:
    """Which values of two columns are the same, of whatever types; none where one is null."""
    if one.type != other.type:
        whole = pa.types.is_integer(one.type) and pa.types.is_integer(other.type)
        one, other = (v.cast(pa.int64() if whole else pa.string()) for v in (one, other))
    same = pc.fill_null(pc.equal(one, other), False)
    return np.asarray(same.to_numpy(zero_copy_only=False) if isinstance(same, pa.Array) else same)


def _are_twins(
    one: ForeignKey, other: ForeignKey, learned: tuple[pa.Table, Ints], support: Support
) -> bool:
    """Whether rows of enough units lead to one row by both keys, and more than by chance."""
    if (one.parent, one.parent_columns) != (other.parent, other.parent_columns):
        return False
    rows, units = learned
    same = led_alike(rows, one, other)
    if distinct(units[same]) < support.k:
        return False
    share = float(same.mean())
    return share >= _OFTEN and share > _CHANCE * _by_chance(rows, one, other)


def _by_chance(rows: pa.Table, one: ForeignKey, other: ForeignKey) -> float:
    """The share of rows that two keys would lead to one row if they were drawn apart."""
    counts = [dict(_counts(rows[key.columns[0]])) for key in (one, other)]
    met = sum(count * counts[1].get(value, 0) for value, count in counts[0].items())
    return met / max(1, len(rows)) ** 2


def _counts(values: pa.ChunkedArray) -> Iterator[tuple[object, int]]:
    for found in pc.value_counts(values.drop_null()):
        yield found["values"].as_py(), found["counts"].as_py()
