"""What a row has from its older siblings: codes that it is drawn given, beside its owner's.

The sibling just before, the running means of all before it, the time since then, and the row of a
*beat* table, another child table of the same owner, that is current at its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.schema import TableName
from generators.columns import Codes
from generators.encoding import FittedColumn
from generators.privacy.support import Floats, Released
from generators.relations.beats import Beat
from generators.relations.counts import BUCKETS, bucket
from generators.relations.eras import Eras
from generators.relations.referee import Referee
from generators.tables import PREVIOUS, Feature, Matrix, TableGenerator

Ints = npt.NDArray[np.int64]
Repeats = npt.NDArray[np.int8]
"""How a row repeats others: `NEW` for not at all, or one of those below."""

NEW, LAST, EARLIER, CURRENT, AGAIN = 0, 1, 2, 3, 4
"""As the sibling before, as an earlier one, as the beat's row of the same time, as the sibling
that last followed one like the sibling before."""

AFTER = Feature("@after", 3, ordered=True)
"""Siblings that come after a row; the last code is for more, too."""

HERE = 8
"""Siblings in a row at one beat that are told apart."""
LONGEST = 512
"""Siblings in one history; those of an owner with more fall into several."""
_FAR = 2**61
_SPARE = 16
"""Rows more than beats, or fewer, up to which a clock tells how many."""
_MEANS = 32
"""Levels of a running mean; one more code says that nothing came before."""


@dataclass(frozen=True, slots=True)
class Start:
    """When an owner's first row comes, counted from something.

    Attributes:
        name: a column of the owner, or "" for the first time of the beat table.
        spans: generator of the ticks from there to the row's time.
        generator: table generator of its code, given the row's context.
    """

    name: str
    spans: FittedColumn
    generator: TableGenerator


@dataclass(frozen=True, slots=True)
class Clock:
    """When a table's rows come.

    Attributes:
        column: the time, or a whole number that ascends like one, by which siblings are ordered.
        start: when an owner's first row comes; None where the calendar alone tells.
        calendar: table generator of the code of the first row's time, where no start is known; of
            every row's, where they are scattered.
        since_previous: generator of the time since the sibling before.
        later: generator of the other rows' codes, given their context; None for a walk, and where
            rows are scattered.
        walk: table generator of how many beats further each row lies; None where times are drawn.
        limits: the earliest and the latest tick, each a mean over k units; else empty.
    """

    column: str
    start: Start | None
    calendar: TableGenerator
    since_previous: FittedColumn
    later: TableGenerator | None
    limits: Released[Floats]
    walk: TableGenerator | None = None

    @property
    def scattered(self) -> bool:
        """Whether all times come from the calendar, whatever those of siblings are."""
        return self.later is None and self.walk is None

    @property
    def bounds(self) -> tuple[int, int]:
        """The earliest and the latest tick."""
        if len(self.limits.value) < 2:
            return -_FAR, _FAR
        return int(np.floor(self.limits.value[0])), int(np.floor(self.limits.value[1]))


@dataclass(frozen=True, slots=True)
class History:
    """What a table's rows are drawn given beside their owner.

    Attributes:
        features: of the table's rows, the clock's column among them.
        repeated: names of those that may be "as the sibling before", "as what last followed one
            like it" or "as an earlier one", which are three codes more.
        clock: when rows come; None where siblings have no order.
        beat: an earlier child table of the same owner, at whose times rows tend to come.
        beat_features: of its rows.
        shared: names of features that may be "as in the beat's row of the same time", which is
            one code more, behind those of repeats.
        referee: what chooses among several histories drawn for an owner; None where one is drawn.
        chooser: table generator of the features that may repeat others, drawn before all else, so
            that the rest of a row is drawn given what they then are; None where one generator
            draws all.
        manner: table generator of how those of them that are numbers repeat others, drawn before
            what they are: among a hundred new values, trees would hardly tell when there is none.
            None where none is a number.
        eras: when the values of categories are in use; None where siblings have no order.
        bounded: names of features that are hardly ever above those of the beat's row in force.
        closing: names of those `shared` of which an owner's last row may be as in its last beat,
            whichever is in force: what ends the last post ends the last title, begun in another.
    """

    features: tuple[Feature, ...]
    repeated: frozenset[str]
    clock: Clock | None
    beat: TableName | None
    beat_features: tuple[Feature, ...]
    shared: frozenset[str] = frozenset()
    referee: Referee | None = None
    chooser: TableGenerator | None = None
    manner: TableGenerator | None = None
    eras: Eras | None = None
    bounded: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()

    @property
    def choices(self) -> Ints:
        """Positions among `drawn` of the features that may repeat others."""
        found = [i for i, f in enumerate(self.drawn) if self.ways(f.name)]
        return np.array(found, np.int64)

    @property
    def rest(self) -> Ints:
        """Positions among `drawn` of all other features."""
        return np.setdiff1d(np.arange(len(self.drawn)), self.choices)

    @property
    def manners(self) -> Mapping[str, Feature]:
        """How choices that are numbers repeat others: not at all, or in one of their ways."""
        return {
            f.name: Feature(f"way.{f.name}", 1 + len(self.ways(f.name)), ordered=False)
            for f in (self.drawn[i] for i in self.choices)
            if f.ordered
        }

    def manner_codes(self, choices: Codes) -> Codes:
        """Codes of `manners`, from those of the choices."""
        some = [place for place, i in enumerate(self.choices) if self.drawn[i].ordered]
        sizes = [self.features[self.places[self.choices[place]]].size for place in some]
        return np.maximum(choices[:, some] - np.array(sizes, np.int32) + 1, 0, dtype=np.int32)

    def with_choices(self, context: Codes, drawn: Codes, codes: Codes) -> Codes:
        """What the rest of rows is drawn given: how features repeat others, and what they are.

        Args:
            context: what the rows have besides.
            drawn: codes of `drawn`, of which only `choices` are read.
            codes: codes of `features`, likewise.
        """
        parts = context, drawn[:, self.choices], codes[:, self.places[self.choices]]
        return np.concatenate(parts, axis=1, dtype=np.int32)

    @property
    def chosen(self) -> tuple[Feature, ...]:
        """The features that `with_choices` adds to a context."""
        drawn, features = self.drawn, self.features
        return (
            *(
                Feature(f"how.{drawn[i].name}", drawn[i].size, drawn[i].ordered)
                for i in self.choices
            ),
            *(
                Feature(f"is.{f.name}", f.size, f.ordered)
                for f in (features[self.places[i]] for i in self.choices)
            ),
        )

    @property
    def drawn(self) -> tuple[Feature, ...]:
        """What the table's generator draws: all features but the clock's, and repeats."""
        return tuple(
            Feature(f.name, f.size + len(self.ways(f.name)), f.ordered)
            for f in self.features
            if self.clock is None or f.name != self.clock.column
        )

    def ways(self, name: str) -> tuple[int, ...]:
        """How a feature may repeat others, in the order of their codes."""
        siblings = (LAST, AGAIN, EARLIER) if name in self.repeated else ()
        return (*siblings, CURRENT) if name in self.shared else siblings

    @property
    def places(self) -> Ints:
        """Where each drawn feature stands among all features."""
        names = [f.name for f in self.features]
        return np.array([names.index(f.name) for f in self.drawn], np.int64)

    @property
    def averaged(self) -> Ints:
        """Positions of the features whose running mean is known."""
        found = [i for i, f in enumerate(self.features) if f.ordered and f.size > 2]
        return np.array(found, np.int64)

    @property
    def means(self) -> tuple[Ints, Floats, int]:
        """`averaged`, the sizes of these features, and by how many parts of it a mean is told."""
        sizes = np.array([self.features[i].size for i in self.averaged], np.float64)
        return self.averaged, np.maximum(sizes, 1), _MEANS

    @property
    def past(self) -> tuple[Feature, ...]:
        """What a row has from its older siblings."""
        means = (self.features[i].name for i in self.averaged)
        return (
            *(Feature(PREVIOUS + f.name, f.size + 1, f.ordered) for f in self.features),
            *(Feature(f"mean.{name}", _MEANS + 1, ordered=True) for name in means),
        )

    @property
    def present(self) -> tuple[Feature, ...]:
        """A row's time, that since the sibling before, what comes after, and the beat's row."""
        if self.clock is None:
            return ()
        (time,) = (f for f in self.features if f.name == self.clock.column)
        step = Feature("@step", self.clock.since_previous.feature.size + 1, ordered=True)
        if self.beat is None:
            return (time, step, AFTER)
        beat = (Feature(f"{self.beat}.{f.name}", f.size + 1, f.ordered) for f in self.beat_features)
        company = () if self.clock.walk is None else (Feature("@company", HERE, ordered=True),)
        return (time, step, AFTER, Feature("@on beat", 2, ordered=True), *beat, *company)

    def past_codes(
        self, previous: Codes, sums: Floats | npt.NDArray[np.int32], position: Ints
    ) -> Codes:
        """Codes of `past`.

        Args:
            previous: codes of the sibling before, of shape (rows, features); of any where none is.
            sums: of the averaged features' codes over all siblings before.
            position: how many those are.
        """
        if not position.any():
            return np.zeros((len(position), len(self.past)), np.int32)
        _, sizes, parts = self.means
        means = sums / np.maximum(position, 1)[:, None] / sizes
        both = np.empty((len(position), len(self.past)), np.int32)
        np.add(previous, 1, out=both[:, : previous.shape[1]])
        np.add((means * parts).astype(np.int32), 1, out=both[:, previous.shape[1] :])
        both[position == 0] = 0
        return both

    def present_codes(
        self,
        timed: tuple[Codes, Codes, Ints],
        ticks: Ints,
        place: tuple[Ints, Ints],
        beat: Beat | None,
    ) -> Codes:
        """Codes of `present`.

        `timed` are the codes of the clock's column, those of the steps, 0 for a first row, and how
        many siblings come after. `place` is where the beat's row stands that is in force, -1 for
        none, and how many siblings came there before, for a walk.
        """
        if self.clock is None:
            return np.empty((len(ticks), 0), np.int32)
        times, steps, after = timed
        parts = [times[:, None], steps[:, None], np.minimum(after, AFTER.size - 1)[:, None]]
        if self.beat is not None and beat is not None:
            there, company = place
            exact = (there >= 0) & (beat.ticks_at(there) == ticks)
            parts += [exact[:, None], beat.codes_at(there)]
            if self.clock.walk is not None:
                parts.append(np.minimum(company, HERE - 1)[:, None])
        return np.concatenate(parts, axis=1).astype(np.int32)

    def with_repeats(self, codes: Codes, repeats: Repeats) -> Codes:
        """Codes of `drawn`, from those of `features` and how they repeat others."""
        found = codes[:, self.places]
        for column, place in enumerate(self.places):
            feature = self.features[place]
            for number, way in enumerate(self.ways(feature.name)):
                found[repeats[:, place] == way, column] = feature.size + number
        return found

    def repeats(self, drawn: Codes) -> Repeats:
        """How each of `features` repeats others, from the codes of `drawn`."""
        found = np.full((len(drawn), len(self.features)), NEW, np.int8)
        for column, place in enumerate(self.places):
            feature = self.features[place]
            for number, way in enumerate(self.ways(feature.name)):
                found[drawn[:, column] == feature.size + number, place] = way
        return found

    def spread(self, drawn: Codes) -> Codes:
        """The codes of `drawn` at the places of `features`; 0 for the clock's column."""
        codes = np.zeros((len(drawn), len(self.features)), np.int32)
        codes[:, self.places] = drawn
        return codes


def ahead_codes(
    since_previous: FittedColumn, beat: Beat | None, owners: Ints, before: Ints, after: Ints
) -> Matrix:
    """What a clock knows besides: the time to the next beat, and how many beats are left.

    `after` is how many siblings come after each row; those that more beats are left for than
    rows have to skip some.
    """
    if beat is None:
        return Matrix((), np.empty((len(owners), 0), np.int32))
    place = beat.after(owners, before)
    codes = 1 + since_previous.encode(pa.array(beat.ticks_at(place) - before))
    features = (
        Feature("@next beat", since_previous.feature.size + 1, ordered=True),
        Feature("@beats left", BUCKETS, ordered=True),
        Feature("@spare", 2 * _SPARE + 1, ordered=True),
    )
    left = beat.left(owners, before)
    spare = np.clip(after + 1 - left, -_SPARE, _SPARE) + _SPARE
    ahead = (np.where(place < 0, 0, codes), bucket(left), spare)
    return Matrix(features, np.stack(ahead, axis=1).astype(np.int32))


def following(owners: Ints) -> Ints:
    """How many siblings come after each row; equal owners stand side by side."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(np.append(starts, len(owners)))
    return np.asarray(np.repeat(starts + sizes - 1, sizes) - np.arange(len(owners)))


def positions(owners: Ints) -> Ints:
    """How many siblings come before each row in its history; equal owners stand side by side."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(np.append(starts, len(owners)))
    return np.asarray((np.arange(len(owners)) - np.repeat(starts, sizes)) % LONGEST)


def sums_before(codes: Codes, position: Ints) -> Floats:
    """Sums of each column's codes over the siblings before each row, in its history."""
    running = np.concatenate([np.zeros((1, codes.shape[1])), np.cumsum(codes, 0, np.float64)])
    rows = np.arange(len(codes))
    return np.asarray(running[rows] - running[rows - position])
