"""Seats rows of owners beside rows of another table, where no two may be equal in all that differs.

Rows of one owner that are equal in what the other table's rows do not tell are a *party*: no two of
a party sit at one row there. So each party has a place at each row of its owner.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.determination import joint
from generators.distinct import nearest
from generators.pairing import matched
from generators.sorting import ordered

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FEW = 12
"""Ways to differ up to which every owner's rows may do so in each."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Rows of owners by what tells them apart.

    Attributes:
        own: the party of each row.
        owners: the owner of each party.
        like: a row that is as those of each party, if not of its owner.
    """

    own: Ints
    owners: Ints
    like: Ints

    @classmethod
    def of(cls, parents: Ints, told: Ints, *, spread: bool) -> "Parties":
        """Parties of the rows of owners.

        Args:
            parents: the owner of each row.
            told: a number for what tells it apart; -1 for a null, which equals nothing.
            spread: whether an owner has parties of what few others' rows are told by, too.
        """
        ways = int(told.max(initial=0)) + 1
        beyond = (int(parents.max(initial=0)) + 1) * ways + np.arange(len(told))
        number = np.where(told < 0, beyond, parents * ways + told)
        known, first, own = np.unique(number, return_index=True, return_inverse=True)
        owners, like = parents[first], first
        if spread and ways <= _FEW and (told >= 0).any():
            held, example = np.unique(told[told >= 0], return_index=True)
            example = np.flatnonzero(told >= 0)[example]
            every = (np.unique(parents)[:, None] * ways + held).ravel()
            more = np.setdiff1d(every, known)
            owners = np.concatenate([owners, more // ways])
            like = np.concatenate([like, example[np.searchsorted(held, more % ways)]])
        return cls(own, owners, like)


@dataclass(frozen=True, slots=True)
class Seating:
    """A place for each party at each row of its owner, and which row has which.

    Attributes:
        parties: the party of each place.
        others: the row of the other table.
        slots: a number, equal for places of which one alone may be taken.
        taken: whether a place may be taken no more.
        found: the place of each row, or -1.
    """

    parties: Ints
    others: Ints
    slots: Ints
    taken: Bools
    found: Ints

    @classmethod
    def of(cls, parties: Parties, there: Ints, told: Ints) -> "Seating":
        """The places of parties, none of them taken.

        Args:
            parties: of the rows to be seated.
            there: the owner of each row of the other table.
            told: numbers of these rows, equal where those that sit there are equal by that.
        """
        order = ordered(there)
        ends = (np.searchsorted(there[order], parties.owners, side) for side in ("left", "right"))
        low, high = ends
        sizes = high - low
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        others = order[np.repeat(low, sizes) + within]
        party = np.repeat(np.arange(len(parties.owners)), sizes)
        slots = joint([party, told[others]])
        return cls(party, others, slots, slots < 0, np.full(len(parties.own), -1))

    def seat_alike(self, own: Ints, here: Ints, there: Ints) -> None:
        """Gives rows without a place free ones of their party where they are alike.

        Args:
            own: the party of each row.
            here: numbers of what rows are alike in.
            there: the same of the rows of the other table.
        """
        left, free = np.flatnonzero(self.found < 0), np.flatnonzero(~self.taken)
        party = np.concatenate([own[left], self.parties[free]])
        number = np.concatenate([here[left], there[self.others[free]]])
        both = joint([party, number])
        asking, open_ = both[: len(left)], both[len(left) :]
        some, any_ = np.flatnonzero(asking >= 0), np.flatnonzero(open_ >= 0)
        mine, its = matched(asking[some], open_[any_])
        self._take(left[some[mine]], free[any_[its]])

    def seat_near(self, rows: tuple[Ints, Ints], places: tuple[Ints, Ints]) -> None:
        """Gives rows without a place the nearest free one in time of those alike.

        Args:
            rows: a number for each of what they are alike in, and their times.
            places: the same of each place.
        """
        (own, now), (there, then) = rows, places
        while len(left := np.flatnonzero(self.found < 0)):
            free = np.flatnonzero(~self.taken)
            near = nearest((there[free], then[free]), (own[left], now[left]))
            some = np.flatnonzero(near >= 0)
            if not len(some):
                break
            self._take(left[some], free[near[some]])

    def _take(self, rows: Ints, places: Ints) -> None:
        """Seats rows; of those that would have the same slot, one."""
        _, first = np.unique(self.slots[places], return_index=True)
        self.found[rows[first]] = places[first]
        self.taken[np.isin(self.slots, self.slots[places[first]])] = True
