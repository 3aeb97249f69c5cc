"""Rows of one table drawn from noisy measurements of it: codes in, codes out.

Every look at the rows is paid for and written down. What comes back may be used in any way: it is
post-processing of what was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.limits import Limits
from connectors.schema import Column
from generators.privacy.accountant import Accountant
from generators.privacy.domains import Domain, Search, bare, declared, paid
from generators.privacy.frequent import Price
from generators.privacy.graphical import (
    MOST_BESIDE,
    Coarse,
    Given,
    Terms,
    coarseness,
    drawn,
    evenly,
)
from generators.privacy.mechanisms import noised, variance_of
from generators.privacy.projection import simplex
from generators.privacy.support import Floats, Ints

DOMAINS, SINGLES = 0.3, 0.3
"""Shares of a table's cost: for domains that nothing declares, for margins of single columns."""
_RARE = 0.15
"""Share of rows below which what is not listed is taken to be one of what is."""
_FINE_ENOUGH = 12
"""Codes per column that margins of two shall have; fewer, and each column gets fewer beside it."""

_CAPPED = 8
"""How often a frequent code is cut down to what a group shall hold, so that it fills one."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Asked:
    """A column to measure: its values, one per row, and what is declared of them.

    Attributes:
        learned: False where only nulls are told from values, which are then invented.
        told: all values that it may hold, where a person says so.
    """

    column: Column
    values: pa.Array
    limits: Limits
    learned: bool = True
    told: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table that are looked at.

    Attributes:
        kept: those left when each unit keeps `bound` rows at most.
        units: the unit of each row.
    """

    kept: Bools
    units: Ints
    bound: int


@dataclass(frozen=True, slots=True)
class Means:
    """What a table's measurement may cost.

    Attributes:
        delta: for each search of a domain.
        k: units behind every value found.
    """

    rho: float
    delta: float
    k: int
    accountant: Accountant
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Measured:
    """A column's domain with the noisy share of rows per code, and its grouping for pairs.

    Attributes:
        codes: of all rows of the source.
        groups: the coarse code of each code.
    """

    domain: Domain
    codes: Ints
    shares: Floats
    groups: Ints

    @property
    def size(self) -> int:
        """Number of coarse codes."""
        return int(self.groups.max(initial=0)) + 1

    def coarse(self, kept: Bools) -> Coarse:
        """The coarse codes of some rows."""
        shares = np.bincount(self.groups, self.shares, self.size).astype(np.float64)
        return Coarse(self.groups[self.codes[kept]], self.size, shares)

    def finer(self, coarse: Ints, rng: np.random.Generator) -> Ints:
        """A code per coarse code, as often as the shares have it."""
        within = np.where(self.groups == np.arange(self.size)[:, None], self.shares, 0.0)
        return evenly(coarse, within, rng)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The columns of a table measured one by one, and about how many rows there are."""

    what: str
    columns: Mapping[str, Measured]
    rows: float


def domains(what: str, asked: Sequence[Asked], rows: Rows, means: Means) -> Mapping[str, Domain]:
    """The domain of each column: declared, or paid for."""
    known = {
        a.column.name: declared(a.column, a.limits, a.told) if a.learned else bare(a.column)
        for a in asked
    }
    searched = [a for a in asked if known[a.column.name] is None]
    found: dict[str, Domain] = {}
    units = rows.units[rows.kept]
    for one in asked:
        domain = known[one.column.name]
        if domain is None:
            price = Price(means.rho / len(searched), means.delta, rows.bound)
            values = one.values.filter(pa.array(rows.kept))
            search = Search(values, units, means.k, price, means.accountant, one.limits)
            domain = paid(what, one.column, search)
        found[one.column.name] = domain
    return found


def singles(
    what: str,
    asked: Sequence[Asked],
    domains: Mapping[str, Domain],
    rows: Rows,
    means: Means,
) -> Measurement:
    """The noisy share of rows per code of each column."""
    open_ones = [a.column.name for a in asked if domains[a.column.name].size > 1]
    rho = means.rho / max(1, len(open_ones))
    codes = {a.column.name: domains[a.column.name].encode(a.values) for a in asked}
    noisy, totals = {}, []
    for name in open_ones:
        means.accountant.spend(f"counts of {what}.{name}", rho)
        counts = np.bincount(codes[name][rows.kept], minlength=domains[name].size)
        noisy[name] = noised(counts, variance_of(rows.bound**2, rho)).astype(np.float64)
        totals.append((float(noisy[name].sum()), 1 / domains[name].size))
    number = _mean(totals)
    return Measurement(
        what,
        {name: _measured(domains[name], codes[name], noisy.get(name), number) for name in codes},
        number,
    )


def _mean(totals: Sequence[tuple[float, float]]) -> float:
    """The mean of some numbers by their weights, at least 1."""
    weight = sum(w for _, w in totals)
    return max(1.0, sum(t * w for t, w in totals) / weight if weight else 1.0)


def _measured(domain: Domain, codes: Ints, noisy: Floats | None, number: float) -> Measured:
    held = np.ones(1) if noisy is None else simplex(noisy, number)
    shares = held / held.sum()
    listed = len(domain.values) > 1
    if domain.other and listed and shares[-1] < _RARE * (1 - shares[0] * domain.nullable):
        shares = np.append(shares[:-1], 0.0)
        shares /= shares.sum()
    return Measured(domain, codes, shares, np.zeros(domain.size, np.int64))


def joint(
    measured: Measurement,
    rows: Rows,
    given: Mapping[str, Given],
    count: int,
    means: Means,
) -> Mapping[str, Ints]:
    """Codes of so many drawn rows, coarse ones of some columns given."""
    columns = {n: m for n, m in measured.columns.items() if m.size > 1}
    beside = _beside(measured, len(columns), len(given), means.rho, rows.bound)
    terms = Terms(measured.what, means.rho, rows.bound, measured.rows, beside)
    coarse = {n: m.coarse(rows.kept) for n, m in columns.items()}
    found = drawn(coarse, given, count, terms, means.accountant, means.rng)
    flat = np.zeros(count, np.int64)
    return {n: m.finer(found.get(n, flat), means.rng) for n, m in measured.columns.items()}


def grouped(measured: Measurement, given: int, rho: float, bound: int) -> Measurement:
    """The columns with their codes grouped as coarsely as the noise of pairs asks."""
    columns = sum(m.domain.size > 1 for m in measured.columns.values())
    beside = _beside(measured, columns, given, rho, bound)
    terms = Terms(measured.what, rho, bound, measured.rows, beside)
    most = coarseness(measured.rows, rho, bound, terms.margins(columns, given))
    found = {
        n: Measured(m.domain, m.codes, m.shares, _groups(m, most))
        for n, m in measured.columns.items()
    }
    return Measurement(measured.what, found, measured.rows)


def _beside(measured: Measurement, columns: int, given: int, rho: float, bound: int) -> int:
    """How many columns each is fitted beside, so that margins stay fine enough."""
    for beside in range(MOST_BESIDE, 1, -1):
        margins = Terms(measured.what, rho, bound, measured.rows, beside).margins(columns, given)
        if coarseness(measured.rows, rho, bound, margins) >= _FINE_ENOUGH:
            return beside
    return 1


def _groups(measured: Measured, most: int) -> Ints:
    """At most so many groups of codes: runs of about equal shares in order, else rare ones as one.

    Null is a group of its own.
    """
    size, domain = measured.domain.size, measured.domain
    if size <= most:
        return np.arange(size)
    first = int(domain.nullable)
    order = domain.order
    groups = np.zeros(size, np.int64)
    if order is None:
        ranked = first + np.argsort(-measured.shares[first:], kind="stable")
        groups[ranked] = first + np.minimum(np.arange(len(ranked)), most - 1 - first)
        return groups
    ranked = first + np.argsort(order[first:], kind="stable")
    shares = measured.shares[ranked]
    for _ in range(_CAPPED):
        shares = np.minimum(shares, shares.sum() / (most - first))
    middle = np.cumsum(shares) - shares / 2
    cut = np.floor(middle / max(1e-12, shares.sum()) * (most - first)).astype(np.int64)
    _, dense = np.unique(np.clip(cut, 0, most - first - 1), return_inverse=True)
    groups[ranked] = first + dense
    return groups
