"""What the rows of one table in one shard are drawn from, and what was drawn so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.encoding import FittedColumn
from generators.relations.beats import Beat
from generators.relations.histories import History, following, positions
from generators.tables import TableGenerator

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cast:
    """What the rows of one table in one shard are drawn from.

    Attributes:
        history: what rows have from their older siblings.
        generator: of a row, given its context.
        time: the generator of the clock's column; None without a clock.
        base: context codes of each row, its siblings beside it.
        timely: which of them tell when a row follows another.
        owners: position of each row's owner, equal ones side by side.
        origins: per row, the tick that its owner's first row is counted from.
        started: per row, whether that is known.
        beat: the beat table's rows, where there is one.
        shared: per feature that may be as in the beat's row, by its place, the codes that the
            beat table's values have here.
        before: per row, how many siblings come before it in its history.
        after: per row, how many come after it.
        heard: the context codes that tell when each row follows another.
        places: where each feature that is drawn stands among all features.
        highest: the highest code of each of them.
        repeating: whether any may repeat what another row has.
    """

    history: History
    generator: TableGenerator
    time: FittedColumn | None
    base: Codes
    timely: Ints
    owners: Ints
    origins: Ints
    started: Bools
    beat: Beat | None
    shared: Mapping[int, Codes]
    before: Ints = field(init=False, repr=False)
    after: Ints = field(init=False, repr=False)
    heard: Codes = field(init=False, repr=False)
    places: Ints = field(init=False, repr=False)
    highest: Codes = field(init=False, repr=False)
    repeating: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        places, features = self.history.places, self.history.features
        every = len(self.timely) == self.base.shape[1]
        known = {
            "before": positions(self.owners),
            "after": following(self.owners),
            "heard": self.base if every else self.base[:, self.timely],
            "places": places,
            "highest": np.array([features[p].size - 1 for p in places], np.int32),
            "repeating": any(self.history.ways(features[p].name) for p in places),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def of(self, rows: Ints | slice) -> "Cast":
        """The same for some owners alone."""
        return replace(
            self,
            base=self.base[rows],
            owners=self.owners[rows],
            origins=self.origins[rows],
            started=self.started[rows],
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What each row was drawn given, as it was drawn: part by part, of which the last one counts.

    Only where rows are drawn again, or held against others, does anybody ask for all of it.
    """

    rows: int
    width: int
    parts: list[tuple[Ints | slice, Codes]]

    @classmethod
    def of(cls, codes: Codes) -> "Told":
        """Of all rows at once."""
        return cls(codes.shape[0], codes.shape[1], [(slice(None), codes)])

    @property
    def codes(self) -> Codes:
        """All parts as one."""
        if len(self.parts) != 1 or not isinstance(self.parts[0][0], slice):
            found = np.zeros((self.rows, self.width), np.int32)
            for rows, codes in self.parts:
                put(found, rows, codes)
            self.parts[:] = [(slice(None), found)]
        return self.parts[0][1]


@dataclass(frozen=True, slots=True)
class Turns:
    """Rows that were drawn.

    Attributes:
        told: the codes that each row was drawn given.
        codes: per row and feature, the clock's column too.
        sources: the older sibling from which a value is taken, of the same shape; else -1.
        current: the beat table's row from which it is taken, likewise.
        ticks: per row, its time; 0 without a clock.
        places: per row, where its beat stands; -1 for none.
    """

    told: Told
    codes: Codes
    sources: Ints
    current: Ints
    ticks: Ints
    places: Ints


def put_turns(found: Turns, fresh: Turns, rows: Ints, part: Ints) -> None:
    """Puts some rows of a drawing into their places in another, in place.

    Args:
        found: what they are put into.
        fresh: a drawing of the owners of `rows` alone.
        rows: where its rows belong.
        part: which of them to put there; all that their values are taken from are among them.
    """
    if len(part) == fresh.told.rows:
        found.told.parts.extend((rows[its], codes) for its, codes in fresh.told.parts)
    else:
        found.told.parts.append((rows[part], fresh.told.codes[part]))
    for name in ("codes", "sources", "current", "ticks", "places"):
        drawn = getattr(fresh, name)[part]
        moved = np.where(drawn < 0, -1, rows[drawn]) if name == "sources" else drawn
        getattr(found, name)[rows[part]] = moved


def put(matrix: npt.NDArray[Any], rows: Ints | slice, fresh: npt.NDArray[Any]) -> None:
    """Sets whole rows of a matrix, in place: numpy is faster with a row that is one thing."""
    if matrix.shape[1]:
        row = np.dtype((np.void, matrix.itemsize * matrix.shape[1]))
        matrix.view(row)[rows] = np.ascontiguousarray(fresh, matrix.dtype).view(row)
