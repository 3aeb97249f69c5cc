"""A graphical model of a table's coarse codes, fitted to noisy margins of two columns.

Columns are placed one by one, each beside up to three that were placed before and that tell most of
it, chosen by the exponential mechanism against what the model expects already (as AIM does:
McKenna et al. 2022). The conditional distribution of each has the most entropy that its noisy
margins allow (as in Private-PGM: McKenna et al. 2019), and is drawn evenly, so that drawing adds
next to no error of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from generators.privacy.accountant import Accountant
from generators.privacy.mechanisms import chosen, noised, variance_of
from generators.privacy.projection import fitted, shrunk, simplex
from generators.privacy.support import Floats, Ints

MOST_BESIDE = 3
_MOST_CELLS = 150_000
_FINEST = 32
_COARSEST = 4


@dataclass(frozen=True, slots=True)
class Coarse:
    """A column's codes, few enough for tables of two columns.

    Attributes:
        real: a code per row of the source.
        size: number of codes.
        shares: share of rows per code, as far as noise lets it be known.
    """

    real: Ints
    size: int
    shares: Floats


@dataclass(frozen=True, slots=True)
class Given:
    """A column whose drawn codes are known before: one of the owner's."""

    real: Ints
    size: int
    drawn: Ints


@dataclass(frozen=True, slots=True)
class Terms:
    """What fitting may cost.

    Attributes:
        what: the table, as the ledger names it.
        rho: for all choices and margins together.
        bound: the most rows of one unit.
        rows: about how many rows there are in the source.
        beside: the most columns that one is fitted beside.
    """

    what: str
    rho: float
    bound: int
    rows: float
    beside: int

    def margins(self, columns: int, given: int) -> int:
        """How many margins of two columns will be measured."""
        start = max(1, given) if columns else 0
        first = min(given, 1)
        placed = range(start, start + columns - 1 + first) if columns else range(0)
        return sum(min(self.beside, n) for n in placed)


_TO_CHOOSE = 0.25
"""Share of the cost that goes into choosing which margins to measure."""


def coarseness(rows: float, rho: float, bound: int, margins: int) -> int:
    """Codes per column for which a cell of a margin stands out of its noise, on average."""
    deviation = bound * np.sqrt(max(1, margins) / (2 * (1 - _TO_CHOOSE) * rho)) if rho > 0 else rows
    return int(np.clip(np.sqrt(2 * max(1.0, rows) / max(1.0, deviation)), _COARSEST, _FINEST))


def drawn(
    own: Mapping[str, Coarse],
    given: Mapping[str, Given],
    rows: int,
    terms: Terms,
    accountant: Accountant,
    rng: np.random.Generator,
) -> Mapping[str, Ints]:
    """Coarse codes of so many drawn rows, for each column; the order is that of `own`."""
    work = _Work(own, terms, terms.margins(len(own), len(given)), accountant, rng)
    for name, column in given.items():
        work.place(name, column.real, column.size, column.drawn)
    waiting = list(own)
    if waiting and not given:
        first = waiting.pop(0)
        codes = evenly(np.zeros(rows, np.int64), own[first].shares[None, :], rng)
        work.place(first, own[first].real, own[first].size, codes)
    while waiting:
        waiting.remove(work.add(waiting))
    return {name: work.codes[name] for name in own}


class _Work:
    """The columns placed so far."""

    def __init__(
        self,
        own: Mapping[str, Coarse],
        terms: Terms,
        margins: int,
        accountant: Accountant,
        rng: np.random.Generator,
    ) -> None:
        self.own, self.terms = own, terms
        self.accountant, self.rng = accountant, rng
        self.left, self.rho = margins, terms.rho
        self.real: dict[str, Ints] = {}
        self.size: dict[str, int] = {}
        self.codes: dict[str, Ints] = {}

    def place(self, name: str, real: Ints, size: int, codes: Ints) -> None:
        self.real[name], self.size[name], self.codes[name] = real, size, codes

    def add(self, waiting: Sequence[str]) -> str:
        """Places the column that one of those placed tells most of, beside the best few."""
        name, first = self._choose([(w, p) for w in waiting for p in self.codes], None, ())
        beside, margins = [first], [self._measured(name, first, None, ())]
        model = self._conditional(name, beside, margins)
        for more in range(min(self.terms.beside, len(self.codes)) - 1, 0, -1):
            room = _MOST_CELLS // max(1, model.size)
            left = [p for p in self.codes if p not in beside and self.size[p] <= room]
            if not left:
                self.left -= more
                break
            _, other = self._choose([(name, p) for p in left], model, beside)
            margins.append(self._measured(name, other, model, beside))
            beside.append(other)
            model = self._conditional(name, beside, margins)
        column = self.own[name]
        codes = evenly(self._cells(beside), model.reshape(-1, column.size), self.rng)
        self.place(name, column.real, column.size, codes)
        return name

    def _choose(
        self, pairs: Sequence[tuple[str, str]], model: Floats | None, beside: Sequence[str]
    ) -> tuple[str, str]:
        """The pair whose real margin differs most from the expected one, beyond its noise."""
        rho = self.share * _TO_CHOOSE
        deviation = float(self._variance) ** 0.5
        self.accountant.spend(f"choice of a margin of {self.terms.what}", rho)
        scores = []
        for name, other in pairs:
            expected = np.rint(self._expected(name, other, model, beside)).astype(np.int64)
            real = self._counts(name, other)
            noise = int(np.sqrt(2 / np.pi) * deviation * real.size)
            scores.append(int(np.abs(real - expected).sum()) - noise)
        return pairs[chosen(scores, self.terms.bound, rho)]

    def _measured(
        self, name: str, other: str, model: Floats | None, beside: Sequence[str]
    ) -> Floats:
        """The noisy margin of two columns, `other` first, in shares."""
        rho, variance = self.share * (1 - _TO_CHOOSE), self._variance
        self.accountant.spend(f"margin of {self.terms.what} ({other}, {name})", rho)
        expected = self._expected(name, other, model, beside)
        noisy = noised(self._counts(name, other), variance).astype(np.float64)
        self.rho, self.left = self.rho - self.share, self.left - 1
        found = simplex(shrunk(noisy, expected, float(variance)), max(1.0, self.terms.rows))
        sides = [((0,), self._held([other])), ((1,), self.own[name].shares)]
        return fitted(found / found.sum() + 1e-12, sides)

    @property
    def share(self) -> float:
        """What choosing and measuring the next margin may cost."""
        return self.rho / self.left

    @property
    def _variance(self) -> Fraction:
        return variance_of(self.terms.bound**2, self.share * (1 - _TO_CHOOSE))

    def _counts(self, name: str, other: str) -> Ints:
        sizes = self.size[other], self.own[name].size
        cells = self.real[other] * sizes[1] + self.own[name].real
        return np.bincount(cells, minlength=sizes[0] * sizes[1]).reshape(sizes)

    def _expected(
        self, name: str, other: str, model: Floats | None, beside: Sequence[str]
    ) -> Floats:
        """The counts that the model expects; without one, both columns independent."""
        if model is None:
            shares = np.outer(self._held([other]), self.own[name].shares)
            return np.asarray(shares * self.terms.rows)
        rows = len(self.codes[other])
        width = len(model.reshape(-1, self.own[name].size))
        pairs = self.codes[other] * width + self._cells(beside)
        seen = np.bincount(pairs, minlength=self.size[other] * width).reshape(-1, width)
        return np.asarray(
            seen @ model.reshape(width, -1) * (self.terms.rows / max(1, rows)), np.float64
        )

    def _conditional(self, name: str, beside: Sequence[str], margins: Sequence[Floats]) -> Floats:
        """Shares of the column's codes given those of the columns beside it; its own axis last."""
        sizes = [self.size[b] for b in beside]
        own, last = self.own[name], len(beside)
        joint = self._held(beside).reshape(sizes)
        start = joint[..., None] * own.shares
        targets = [((i, last), margin) for i, margin in enumerate(margins)]
        table = fitted(start, [*targets, (tuple(range(last)), joint)])
        total = table.sum(-1, keepdims=True)
        even = np.broadcast_to(own.shares, table.shape)
        return np.where(total > 0, table / np.where(total > 0, total, 1.0), even)

    def _held(self, names: Sequence[str]) -> Floats:
        """The share of drawn rows in each cell of some columns."""
        size = int(np.prod([self.size[n] for n in names]))
        held = np.bincount(self._cells(names), minlength=size).astype(np.float64)
        return np.asarray(held / max(1.0, held.sum()))

    def _cells(self, names: Sequence[str]) -> Ints:
        cells = np.zeros(len(self.codes[names[0]]), np.int64)
        for name in names:
            cells = cells * self.size[name] + self.codes[name]
        return cells


def evenly(cells: Ints, shares: Floats, rng: np.random.Generator) -> Ints:
    """A code per row by the shares of its cell, as evenly over the rows of a cell as can be.

    Systematic sampling in random order: each row follows its shares exactly, and the numbers of a
    cell's rows per code are off by one at most.
    """
    shuffled = rng.permutation(len(cells))
    order = shuffled[np.argsort(cells[shuffled], kind="stable")]
    ordered = cells[order]
    counts = np.bincount(ordered, minlength=len(shares))
    starts = np.cumsum(counts) - counts
    offset = rng.random(len(shares))
    place = (np.arange(len(order)) - starts[ordered] + offset[ordered]) / counts[ordered]
    bounds = np.cumsum(shares, axis=1)
    bounds /= np.where(bounds[:, -1:] > 0, bounds[:, -1:], 1.0)
    stacked = (bounds + np.arange(len(shares))[:, None]).ravel()
    width = shares.shape[1]
    found = np.searchsorted(stacked, ordered + np.minimum(place, 1 - 1e-9), side="right")
    codes = np.empty(len(cells), np.int64)
    codes[order] = np.clip(found - ordered * width, 0, width - 1)
    return codes
