"""Finds in which rows columns are null: beside which others, and with which labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from connectors.datatypes import Kind
from connectors.invariants import Term
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import View
from generators.privacy.support import distinct
from generators.quoting import Listing, key_columns, listing

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_EXPECTED = 20
"""Rows that must be expected to be otherwise before a label counts as one that decides."""


@dataclass(frozen=True, slots=True)
class Told:
    """Labels with which a column is null, and others with which it is not.

    Attributes:
        whole: whether the labels are in every row.
        alone: whether the column is filled with all labels that are not named.
    """

    term: Term
    labels: Listing
    null: frozenset[int]
    full: frozenset[int]
    whole: bool
    alone: bool

    @property
    def exact(self) -> bool:
        """Whether the labels tell it of all rows that have one."""
        return self.alone and len(self.null) + len(self.full) == self.labels.size

    @property
    def spoken(self) -> Bools:
        """The rows of which it tells something."""
        return np.isin(self.labels.codes, list(self.null | self.full))

    @property
    def open(self) -> frozenset[int]:
        """The labels with which the column may be filled."""
        return frozenset(range(self.labels.size)) - self.null


@dataclass(frozen=True, slots=True)
class Nulls:
    """The columns of a table that are null in some rows and filled in others.

    Attributes:
        full: where each is filled.
        both: in how many rows each two are.
        groups: columns that are null together, the first of which stands for all.
        fixed: columns that no rule may set.
    """

    view: View
    full: dict[Term, Bools]
    both: dict[tuple[Term, Term], float]
    groups: tuple[tuple[Term, ...], ...]
    fixed: frozenset[str]

    @classmethod
    def of(cls, view: View) -> "Nulls":
        """What is null in a table's rows."""
        fixed = key_columns(view)
        full = {t: f for t in view.terms if not t.keys and (f := _partial(view, t)) is not None}
        # Keys first: they cannot follow another column, since no rule sets them.
        terms = sorted(full, key=lambda t: t.column not in fixed)
        stacked = np.array([full[t] for t in terms], np.float32).reshape(len(terms), view.rows)
        counts = np.asarray(stacked @ stacked.T, np.float64)
        both = {(a, b): counts[i, j] for i, a in enumerate(terms) for j, b in enumerate(terms)}
        bare = cls(view, {t: full[t] for t in terms}, both, (), fixed)
        return cls(view, bare.full, both, tuple(bare._grouped()), fixed)

    def _grouped(self) -> Iterator[tuple[Term, ...]]:
        left = list(self.full)
        while left:
            leader, *rest = left
            group = (leader, *(t for t in rest if self.together(leader, t)))
            yield group
            left = [t for t in left if t not in group]

    @property
    def leaders(self) -> Sequence[Term]:
        """A column of each group."""
        return [group[0] for group in self.groups]

    def pairs(self) -> Iterator[tuple[str, Term, Term]]:
        """Columns that are null with their leaders, unless a check says so."""
        for leader, *others in self.groups:
            yield from (("together", leader, t) for t in others if self.free(leader, t))

    def free(self, one: Term, other: Term) -> bool:
        """Whether one of two columns may be set, and no check speaks of nulls in both."""
        return self.unsaid(one, other) and not {one.column, other.column} <= self.fixed

    def unsaid(self, one: Term, other: Term) -> bool:
        """Whether no check speaks of nulls in both, nor a key that is null as a whole."""
        pair = {one.column, other.column}
        told = (c for c in self.view.table.checks if c.binding and "null" in c.sql.lower())
        full = (set(f.columns) for f in self.view.table.foreign_keys if f.match_full)
        return not any(pair <= set(c.columns) for c in told) and not any(pair <= f for f in full)

    def share(self, term: Term) -> float:
        """In what part of the rows a column is filled."""
        return self.both[term, term] / self.view.rows

    def together(self, one: Term, other: Term) -> bool:
        """Whether two columns are null in the same rows."""
        a, b, rows = self.share(one), self.share(other), self.view.rows
        apart = (a + b) * rows - 2 * self.both[one, other]
        if apart > MOST_BROKEN * rows:
            return False
        everywhere = np.ones(rows, np.bool_)
        broken = self.full[one] != self.full[other]
        return self._stands(broken, everywhere, a * (1 - b) + b * (1 - a))

    def only_with(self, one: Term, other: Term) -> bool:
        """Whether a column is filled only where another is."""
        alone = self.both[one, one] - self.both[one, other]
        if alone > MOST_BROKEN * self.both[one, one]:
            return False
        broken = self.full[one] & ~self.full[other]
        return self._stands(broken, self.full[one], 1 - self.share(other))

    def not_both(self, one: Term, other: Term) -> bool:
        """Whether no row has both."""
        either = self.both[one, one] + self.both[other, other] - self.both[one, other]
        if self.both[one, other] > MOST_BROKEN * either:
            return False
        spoken = self.full[one] | self.full[other]
        chance = self.share(one) * self.share(other) * self.view.rows / max(1.0, either)
        return self._stands(self.full[one] & self.full[other], spoken, chance)

    def exactly_one(self, one: Term, other: Term) -> bool:
        """Whether every row has one of two, and none both."""
        a, b = self.share(one), self.share(other)
        broken = self.full[one] == self.full[other]
        return self._stands(broken, np.ones(self.view.rows, np.bool_), a * b + (1 - a) * (1 - b))

    def at_least_one(self, one: Term, other: Term) -> bool:
        """Whether every row has one of two, or both."""
        either = self.both[one, one] + self.both[other, other] - self.both[one, other]
        if either < (1 - MOST_BROKEN) * self.view.rows:
            return False
        broken = ~self.full[one] & ~self.full[other]
        chance = (1 - self.share(one)) * (1 - self.share(other))
        return self._stands(broken, np.ones(self.view.rows, np.bool_), chance)

    def told(self) -> list[Told]:
        """What labels tell of the leaders."""
        found = [one for t in self.view.terms if not t.keys and (one := listing(self.view, t))]
        found.sort(key=lambda one: one.size)
        sorts = _sorts(self.view)
        usable = [one for one in found if one.term.column not in self.fixed - sorts]
        every = [list(self._labelled(group, usable)) for group in self.groups]
        return [one for group in every for one in _needed(group)]

    def _labelled(self, group: tuple[Term, ...], labels: Sequence[Listing]) -> Iterator[Told]:
        for one in labels:
            if one.term not in group and (told := self._tells(group[0], one)) is not None:
                yield told

    def _tells(self, term: Term, labels: Listing) -> Told | None:
        known = labels.codes >= 0
        null = ~self.full[term]
        counts = np.bincount(labels.codes[known], minlength=labels.size)
        nulls = np.bincount(labels.codes[known & null], minlength=labels.size)
        share = float(nulls.sum() / max(1, counts.sum()))
        always = nulls >= (1 - MOST_BROKEN) * counts
        never = nulls <= MOST_BROKEN * counts
        exact = bool((always | never).all())
        if not exact:
            always &= counts * (1 - share) >= _EXPECTED
            never &= counts * share >= _EXPECTED
        sides = [
            frozenset(np.flatnonzero(side).tolist())
            if self._stands(null != wanted, known & side[labels.codes], chance)
            else frozenset[int]()
            for side, wanted, chance in ((always, True, 1 - share), (never, False, share))
        ]
        rest = ~known & (self.view.codes(labels.term) >= 0)
        told = Told(term, labels, sides[0], sides[1], bool(known.all()), not (rest & null).any())
        return told if told.null or told.full else None

    def _stands(self, broken: Bools, spoken: Bools, chance: float) -> bool:
        return holds(broken, spoken, self.view.units, chance, self.view.support.k)


def between(nulls: Nulls, told: Sequence[Told]) -> Iterator[tuple[str, Term, Term]]:
    """Rules of two leaders, but for those that follow from others or from labels."""
    leaders = nulls.leaders
    beside = {pair for pair in permutations(leaders, 2) if nulls.only_with(*pair)}
    beside = {(a, b) for a, b in beside if (b, a) not in beside}
    kept = {(a, b) for a, b in beside if not _led(a, b, told) and nulls.free(a, b)}
    for a, b in sorted(kept):
        if not any((a, c) in beside and (c, b) in beside for c in leaders):
            yield "only with", a, b
    apart = {frozenset(pair) for pair in combinations(leaders, 2) if nulls.not_both(*pair)}
    for a, b in combinations(leaders, 2):
        follows = any(
            (x, c) in beside and frozenset((c, y)) in apart
            for x, y in ((a, b), (b, a))
            for c in leaders
        )
        if frozenset((a, b)) in apart and not follows and nulls.free(a, b):
            exact = nulls.exactly_one(a, b)
            if not _apart(a, b, told, exact=exact):
                yield ("exactly one" if exact else "not both"), a, b
        elif nulls.at_least_one(a, b) and nulls.unsaid(a, b) and not _either(a, b, told):
            yield "at least one", a, b


def _sorts(view: View) -> frozenset[str]:
    """Texts that are a part of a key, but lead nowhere: of several rows they say which is which."""
    table = view.table
    parts = {c for u in table.uniques if len(u.columns) > 1 for c in u.columns}
    led = {c for key in (*table.foreign_keys, *table.polymorphic) for c in key.columns}
    texts = {c.name for c in table.written if c.datatype.kind in (Kind.TEXT, Kind.ENUM)}
    return frozenset(parts & texts - led - view.schema.referenced(table.name))


def _partial(view: View, term: Term) -> Bools | None:
    """Where a column is filled; None where k units are not on both sides."""
    full = np.asarray(view.values(term).is_valid().to_numpy(zero_copy_only=False))
    if full.all() or not full.any():
        return None
    sides = (distinct(view.units[full]), distinct(view.units[~full]))
    return full if min(sides) >= view.support.k else None


def _needed(told: Sequence[Told]) -> Iterator[Told]:
    """What labels tell of one column, without what others tell of the same rows."""
    exact = [one for one in told if one.exact]
    if exact:
        yield exact[0]
        return
    kept: list[Told] = []
    for one in sorted(told, key=lambda t: -int(t.spoken.sum())):
        spoken = one.spoken
        if not any((spoken & ~other.spoken).sum() <= MOST_BROKEN * spoken.sum() for other in kept):
            kept.append(one)
    yield from kept


def _led(one: Term, other: Term, told: Sequence[Told]) -> bool:
    """Whether labels already say that a column is filled only where another is."""
    return any(a.open <= b.full for a, b in _same(one, other, told))


def _apart(one: Term, other: Term, told: Sequence[Told], *, exact: bool) -> bool:
    """Whether labels already say that no row has two columns, or exactly one of them."""
    return any(
        not a.open & b.open and (not exact or a.full | b.full == a.open | a.null)
        for a, b in _same(one, other, told)
    )


def _either(one: Term, other: Term, told: Sequence[Told]) -> bool:
    """Whether labels already say that a row has one of two columns at least."""
    return any(len(a.full | b.full) == a.labels.size for a, b in _same(one, other, told))


def _same(one: Term, other: Term, told: Sequence[Told]) -> Iterator[tuple[Told, Told]]:
    """What the same labels, there in every row, tell of two columns."""
    for a in told:
        for b in told:
            if (a.term, b.term) == (one, other) and a.labels.term == b.labels.term and a.whole:
                yield a, b
