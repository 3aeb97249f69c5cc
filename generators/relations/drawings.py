"""Draws all rows of some owners several times over, side by side.

Several drawings are one of as many owners: there are no more turns, of which late ones have few
rows and take most of the time.
"""

import numpy as np

from generators.relations.casts import Cast, Told, Turns
from generators.relations.turns import take_turns

_TOGETHER = 100_000
"""Rows that are drawn side by side at most: more would take memory and hardly less time."""


def drawings(cast: Cast, times: int, rng: np.random.Generator) -> list[Turns]:
    """All rows of some owners, as `take_turns` draws them, so many times over."""
    rows, found = len(cast.owners), list[Turns]()
    # Rows of one owner alone would go on in the next drawing.
    apart = rows > 0 and cast.owners[0] != cast.owners[-1]
    most = max(1, _TOGETHER // rows) if apart else 1
    while len(found) < times:
        count = min(most, times - len(found))
        drawn = take_turns(cast.of(np.tile(np.arange(rows), count)), rng)
        found += (_one_of(drawn, number * rows, rows) for number in range(count))
    return found


def _one_of(drawn: Turns, start: int, rows: int) -> Turns:
    """One of several drawings: so many rows from `start` on."""
    own = slice(start, start + rows)
    sources = drawn.sources[own]
    return Turns(
        Told.of(drawn.told.codes[own]),
        drawn.codes[own],
        np.where(sources < 0, -1, sources - start),
        drawn.current[own],
        drawn.ticks[own],
        drawn.places[own],
    )
