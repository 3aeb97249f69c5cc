"""Who was learned from: several views of an entity, each a score that is higher for members."""

from collections.abc import Iterator, Sequence

import numpy as np

from connectors.schema import TableName
from generators.privacy.attacks.chance import Bools
from generators.privacy.attacks.discriminator import synthetic_odds
from generators.privacy.attacks.nearest import nearest
from generators.privacy.attacks.populations import Population
from generators.privacy.attacks.space import Axis, Floats, Ints, Points, narrowed, points

_NEIGHBOURS = 5
_ROWS_EACH = 3
"""Rows of an entity that are looked at one by one."""
_MOST_ROWS = 10_000
_OUTLYING = 0.05
_TINY = 1e-6


def entity_views(
    real: Points, members: Bools, drawn: Points, rng: np.random.Generator
) -> Iterator[tuple[str, Floats]]:
    """Scores of whole entities: nearness, relative nearness, and a classifier's odds."""
    if not real.shape[1]:
        return
    near, far = narrowed(real), narrowed(drawn)
    distances, _ = nearest(near, far, _NEIGHBOURS)
    yield "nearest entity", -distances[:, 0]
    yield "density", _relative(near, members, distances.mean(axis=1), rng)
    yield "discriminator", synthetic_odds(real, members, drawn, rng)


def row_view(name: TableName, axes: Sequence[Axis], real: Population, drawn: Population) -> Floats:
    """How near the rows of each entity in one table are to synthetic ones.

    An entity without rows gets the mean.
    """
    chosen = first_rows(real.entities[name], _ROWS_EACH)
    asked = points(axes, real.tables[name].take(chosen))
    among = points(axes, drawn.tables[name].slice(0, _MOST_ROWS))
    distances, _ = nearest(narrowed(asked), narrowed(among))
    own = real.entities[name][chosen]
    rows = np.bincount(own, minlength=real.size)
    sums = np.bincount(own, distances[:, 0], minlength=real.size)
    return -np.where(rows > 0, sums / np.maximum(1, rows), distances.mean())


def outlying(real: Points) -> Ints:
    """The entities that lie farthest from all others, members or not."""
    near = narrowed(real)
    distances, _ = nearest(near, near, 2 * _NEIGHBOURS + 1)
    apart = distances[:, 1:].mean(axis=1)
    return np.sort(np.argsort(-apart, kind="stable")[: max(1, round(_OUTLYING * len(real)))])


def first_rows(owners: Ints, each: int) -> Ints:
    """The positions of at most so many rows of each owner."""
    order = np.argsort(owners, kind="stable")
    sizes = np.bincount(owners)
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[place < each])


def _relative(real: Points, members: Bools, distances: Floats, rng: np.random.Generator) -> Floats:
    """How near synthetic entities are, against how near entities held out are.

    Those that are compared with are never those that are asked of: halves take turns.
    """
    side = rng.permuted(np.arange(len(real)) % 2)
    found = np.zeros(len(real))
    for half in (0, 1):
        asked = np.flatnonzero(side == half)
        others = real[(side != half) & ~members]
        usual, _ = nearest(real[asked], others, _NEIGHBOURS)
        found[asked] = np.log((usual.mean(axis=1) + _TINY) / (distances[asked] + _TINY))
    return found
