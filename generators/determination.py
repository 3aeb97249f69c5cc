"""Finds which columns of a table determine others: smallest sets, and none that follow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, lgamma

import numpy as np
import numpy.typing as npt

from connectors.datatypes import Kind
from connectors.invariants import Term
from generators.evidence import MOST_BROKEN, as_chance, holds
from generators.feistel import mixed
from generators.invariants import View
from generators.magnitudes import scale_of
from generators.quoting import key_columns
from generators.sorting import ordered

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Set = tuple[Term, ...]

_TOLERATED = 0.02
"""Share of neighbours in a few rows that may differ in what is then counted in all of them."""
_REPEATS = 20
"""Rows that must repeat the values of others before they can tell anything."""
_RARER = 200.0
"""How much rarer than by chance a group may disagree: near-dependencies make others seem so."""
_CLEARER = 0.05
"""How much less often rows may differ than rows that have one column less in common."""
_SAMPLED = 2_000
_JUDGED = 60_000
"""Rows in which chance is estimated."""
_JUDGED_GROUPS = 100
"""Groups that must be left to estimate it in some of them."""
_MOST_SETS = 5_000
_COMPUTED = 5_000
"""Combinations of numbers from which what they determine is computed, and not looked up."""
_MANY = 200
_ALIGNED = 0.9
"""Correlation of ranks from which one number of many values is computed from another."""
_WORDLESS = frozenset({Kind.JSON, Kind.ARRAY, Kind.BYTES})


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows whose values of some columns others share, and whether each agrees with its group.

    Attributes:
        rows: their positions, those of a group together.
        group: the number of each row's group, ascending.
        agrees: whether the row has the commonest value of its group.
    """

    rows: Ints
    group: Ints
    agrees: Bools


def determined(view: View) -> Iterator[tuple[Set, Term]]:
    """Sets of one to three columns with a column that they determine, the smallest alone."""
    table = _Table.of(view)
    found: list[tuple[Set, Term]] = []
    for size in (1, 2, 3):
        told = {y for _, y in found} if size > 2 else set()
        open_ = [y for y in table.dependents if y not in told]
        for given in table.sets(size):
            wanted = [y for y in open_ if y not in given and not _has(found, given, y)]
            if wanted or size < 3:
                fit = table.candidates(given, wanted)
                found += [(given, y) for y in fit if table.tells(given, y)]
    # What names the row that a key leads to says no more than the key does.
    loose, both = _loose(view), {(given, y) for given, y in found if len(given) == 1}
    found = [(g, y) for g, y in found if y.column not in loose or ((y,), g[0]) not in both]
    whole = frozenset(t for t, codes in table.codes.items() if not (codes < 0).any())
    yield from _cover(found, whole)


def _loose(view: View) -> frozenset[str]:
    """Columns that are a foreign key each, and part of nothing else that is declared."""
    table = view.table
    firm = {c for u in table.uniques for c in u.columns} | view.schema.referenced(table.name)
    named = [c for key in table.foreign_keys for c in key.columns]
    wide = {c for key in table.foreign_keys if len(key.columns) > 1 for c in key.columns}
    return frozenset(c for c in named if named.count(c) == 1) - firm - wide


def grouped(given: Ints, values: Ints) -> Grouped:
    """Rows by their group (-1 for none), where it has at least two; values tell what agrees."""
    rows = np.flatnonzero(given >= 0)
    width = int(values.max(initial=0)) + 2
    pairs = given[rows] * width + values[rows] + 1
    order = np.argsort(pairs)
    rows, pairs = rows[order], pairs[order]
    group = given[rows]
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    alike = np.diff(np.append(starts, len(pairs)))
    best = ordered(group[starts], -alike)
    firsts = np.flatnonzero(np.diff(group[starts][best], prepend=-1))
    common = np.zeros(len(starts), np.bool_)
    common[best[firsts]] = True
    agrees = np.repeat(common, alike)
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(np.append(heads, len(group)))
    several = np.repeat(sizes > 1, sizes)
    return Grouped(rows[several], group[several], agrees[several])


def joint(codes: Sequence[Ints]) -> Ints:
    """A number per row, equal where all codes are; -1 where one is."""
    found, top = codes[0], int(codes[0].max(initial=0)) + 1
    for more in codes[1:]:
        base = int(more.max(initial=0)) + 1
        if top > (1 << 62) // base:
            found = _dense(found)
            top = int(found.max(initial=0)) + 1
        found = np.where((found < 0) | (more < 0), -1, found * base + more)
        top *= base
    return _dense(found) if top > 1 << 36 else found


def _dense(codes: Ints) -> Ints:
    found = np.full(len(codes), -1)
    known = codes >= 0
    found[known] = np.unique(codes[known], return_inverse=True)[1]
    return found


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that may determine others, and those that may be determined.

    Attributes:
        few: positions of some rows.
        samples: positions of others, by the column whose groups are whole there.
        codes: the values of each column.
        distinct: how many of them there are.
        stacked: the codes of the dependents, a row for each row.
        apart: how often two rows that agree in a set differ in each dependent.
        numeric: the columns that hold numbers.
    """

    view: View
    few: Ints
    samples: dict[Term, Ints]
    codes: Mapping[Term, Ints]
    distinct: Mapping[Term, int]
    stacked: npt.NDArray[np.int32]
    apart: dict[Set, Floats]
    numeric: frozenset[Term]
    determinants: tuple[Term, ...]
    dependents: tuple[Term, ...]

    @classmethod
    def of(cls, view: View) -> "_Table":
        """The columns of a table by what they hold."""
        kinds = {c.name: c.datatype.kind for c in view.table.written}
        own = [t for t in view.terms if not t.keys and kinds[t.column] not in _WORDLESS]
        codes = {t: view.codes(t) for t in own}
        distinct = {t: int(c.max(initial=-1)) + 1 for t, c in codes.items()}
        keys = key_columns(view) - _loose(view)
        givens = [t for t in own if distinct[t] > 1 and _repeats(codes[t], distinct[t])]
        varied = [t for t in own if distinct[t] + bool((codes[t] < 0).any()) > 1]
        free = [t for t in varied if t.column not in keys]
        numbers = (t for t in own if scale_of(view.table.column(t.column).datatype))
        numeric = frozenset(t for t in numbers if t.column not in key_columns(view))
        stacked = (
            np.array([codes[t] for t in free], np.int32).reshape(len(free), view.rows).T.copy()
        )
        apart: dict[Set, Floats] = {(): np.array([_mixture(codes[t]) for t in free])}
        few = view.few
        return cls(
            view, few, {}, codes, distinct, stacked, apart, numeric, tuple(givens), tuple(free)
        )

    def sets(self, size: int) -> Iterable[Set]:
        """Sets of so many columns; none where there are too many of them."""
        if size > 1 and comb(len(self.determinants), size) > _MOST_SETS * (4 - size):
            return ()
        return combinations(self.determinants, size)

    def candidates(self, given: Set, wanted: Sequence[Term]) -> Sequence[Term]:
        """Those of some columns that a sample of rows does not show to be free of a set."""
        rows = self._sample(given)
        group = joint([self.codes[t][rows] for t in given])
        order = np.argsort(group)
        group = group[order]
        same = np.flatnonzero((group[1:] == group[:-1]) & (group[1:] >= 0))
        if len(same) < _REPEATS // 2:
            return ()
        one, two = rows[order[same]], rows[order[same + 1]]
        self.apart[given] = (self.stacked[one] != self.stacked[two]).mean(axis=0)
        before = [self.apart.get(s, self.apart[()]) for s in combinations(given, len(given) - 1)]
        expected = np.min(before, axis=0)
        few = self.apart[given] <= np.minimum(_TOLERATED, expected * _CLEARER)
        steady = few & (expected * len(same) >= 2)
        fit = (self.dependents[n] for n in np.flatnonzero(steady))
        return [y for y in fit if y in wanted and not self._computed(given, y)]

    def _sample(self, given: Set) -> Ints:
        """Rows of some groups with all of their siblings; any rows where groups are large."""
        if np.prod([float(self.distinct[t]) for t in given]) < len(self.few) ** 2 / 40:
            return self.few
        anchor = max(given, key=lambda t: self.distinct[t])
        if anchor not in self.samples:
            self.samples[anchor] = _whole(self.codes[anchor], self.distinct[anchor])
        return self.samples[anchor]

    def _computed(self, given: Set, y: Term) -> bool:
        """Whether numbers of many values make up another: what holds then is a formula, no list."""
        if not self.numeric.issuperset({*given, y}):
            return False
        if len(given) > 1:
            return bool(np.prod([float(self.distinct[t]) for t in given]) > _COMPUTED)
        if min(self.distinct[given[0]], self.distinct[y]) < _MANY:
            return False
        one, two = self.view.numbers(given[0]), self.view.numbers(y)
        both = (
            self.few if one is None or two is None else self.few[(one.known & two.known)[self.few]]
        )
        if one is None or two is None or not len(both):
            return False
        ranks = [np.unique(m.values[both], return_inverse=True)[1] for m in (one, two)]
        if any(r.max() == 0 for r in ranks):
            return False
        return bool(abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) > _ALIGNED)

    def tells(self, given: Set, y: Term) -> bool:
        """Whether a set determines a column, and each of its columns is needed."""
        codes = joint([self.codes[t] for t in given])
        if self.view.rows > 2 * _JUDGED and self._refuted(codes, y):
            return False
        found = grouped(codes, self.codes[y])
        broken = np.zeros(self.view.rows, np.bool_)
        broken[found.rows] = ~found.agrees
        if len(found.rows) < _REPEATS or broken.sum() > MOST_BROKEN * len(found.rows):
            return False
        spoken = np.zeros(self.view.rows, np.bool_)
        spoken[found.rows] = True
        subsets = combinations(given, len(given) - 1)
        share = 1.0 - float(found.agrees.mean())
        chances = [self._chance(codes, subset, found.rows, y) for subset in subsets]
        if len(given) == 1 and found.agrees.all():
            dealt = _dealt(found.group, self.codes[y][found.rows])
            chances = [max(*chances, as_chance(dealt, len(found.rows)))]
        return all(
            share * _RARER <= chance
            and holds(broken, spoken, self.view.units, chance, self.view.support.k)
            for chance in chances
        )

    def _refuted(self, codes: Ints, y: Term) -> bool:
        """Whether a part of the groups tells that the set does not determine the column."""
        part = np.uint64(self.view.rows // _JUDGED + 1)
        some = np.flatnonzero((codes >= 0) & (mixed(codes.astype(np.uint64), 3) % part == 0))
        agrees = grouped(codes[some], self.codes[y][some]).agrees
        return len(agrees) > 0 and float(agrees.mean()) < 1 - _TOLERATED / 2

    def _chance(self, codes: Ints, subset: Set, rows: Ints, y: Term) -> float:
        """The share of rows that would disagree were y shuffled where the others are equal."""
        among = joint([self.codes[t][rows] for t in subset]) if subset else np.zeros_like(rows)
        some = _judged(among)
        among, rows = among[some], rows[some]
        codes = codes[rows]
        random = np.random.default_rng(len(rows)).random(len(rows))
        values = np.empty(len(rows), np.int64)
        values[np.argsort(among, kind="stable")] = self.codes[y][rows][np.lexsort((random, among))]
        agrees = grouped(codes, values).agrees
        return 1.0 - float(agrees.mean()) if len(agrees) else 0.0


def _dealt(group: Ints, values: Ints) -> float:
    """How unlikely groups of rows would each have one value, were rows' values dealt out by chance.

    As a negative logarithm: of the ways to deal values out to rows, those that deal them out to
    groups. A value of few rows tells as much as one of many where these are a group of their own.
    """
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    rows, groups = (np.unique(v, return_counts=True)[1] for v in (values, values[heads]))
    return max(0.0, _arrangements(rows) - _arrangements(groups))


def _arrangements(counts: Ints) -> float:
    """The logarithm of how many ways there are to arrange so many things of each sort."""
    return lgamma(int(counts.sum()) + 1) - sum(lgamma(n + 1) for n in counts.tolist())


def _judged(among: Ints) -> Ints:
    """Positions of about 60,000 rows, each with all that equal it; of all where those are many."""
    part = len(among) // _JUDGED + 1
    if part == 1 or len(np.unique(among)) < part * _JUDGED_GROUPS:
        return np.arange(len(among))
    return np.flatnonzero(mixed(among.astype(np.uint64), 2) % np.uint64(part) == 0)


def _mixture(codes: Ints) -> float:
    """How often two rows by chance differ."""
    shares = np.bincount(codes + 1) / max(1, len(codes))
    return float(1 - (shares**2).sum())


def _whole(codes: Ints, distinct: int) -> Ints:
    """Rows with some of the values of a column, each with all of its rows."""
    parts = max(1, min(len(codes) // _SAMPLED, distinct // 10))
    return np.flatnonzero(
        (codes >= 0) & (mixed(codes.astype(np.uint64), 1) % np.uint64(parts) == 0)
    )


def _repeats(codes: Ints, distinct: int) -> bool:
    """Whether enough rows have a value that others have."""
    return int((codes >= 0).sum()) - distinct >= _REPEATS // 2


def _has(found: Sequence[tuple[Set, Term]], given: Set, y: Term) -> bool:
    return any(y == told and set(fewer) <= set(given) for fewer, told in found)


def _cover(found: Sequence[tuple[Set, Term]], whole: frozenset[Term]) -> Iterator[tuple[Set, Term]]:
    """What is found without what follows from the rest, but for columns that tell each other.

    Nothing follows through a column with nulls, which is none of the `whole` ones.
    """
    kept = list(found)
    for given, y in reversed(found):
        others = [r for r in kept if r != (given, y)]
        reached = _closure(set(given), others, whole)
        back = _closure({y}, kept, whole)
        through = (set(by) for by, told in others if told == y)
        if any(by <= reached and by - set(given) <= whole and not by <= back for by in through):
            kept = others
    yield from kept


def _closure(
    given: set[Term], rules: Sequence[tuple[Set, Term]], whole: frozenset[Term]
) -> set[Term]:
    """All that some columns determine (Armstrong, 1974)."""
    reached = set(given)
    while more := {y for by, y in rules if set(by) <= given | (reached & whole)} - reached:
        reached |= more
    return reached
