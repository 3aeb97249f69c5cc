"""A year is never before that of a date, or after it: nobody plays before the year of the debut."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, row_claim
from connectors.schema import Schema
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.invariants import Drawing, InvariantKind, Part, Plain, Together, View
from generators.magnitudes import looks_like_years
from generators.quantities import home

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_DATES = frozenset({Kind.DATE, Kind.TIMESTAMP})
_FEWEST = 5
"""Different years that there must be."""
_EQUAL = 0.999
"""Share of equal years from which on one is computed from the other."""
_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""


class Years(Plain, Together):
    """`extract(year from day) <= year`, or `>=`, within a row or along a key."""

    name: ClassVar[str] = "years"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; of rows above as well, but not of theirs alone."""
        years = [(t, found) for t in view.terms if (found := _years(view, t)) is not None]
        dates = [t for t in view.terms if _kind(view, t) in _DATES] if years else []
        days = {t: _of_days(view, t) for t in dates}
        for year, numbers in years:
            near = [t for t in days if not (t.keys and year.keys)]
            told = {t: form for t in near if (form := _form(view, days[t], numbers))}
            for day, form in told.items():
                if not any(_follows(days, (day, form), one) for one in told.items()):
                    yield Invariant(cls.name, form, view.table.name, (day, year))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        return f"extract(year from {rule.terms[0]}) {rule.form} {rule.terms[1]}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        return row_claim(schema, rule, f"extract(year from {{0}}) {rule.form} {{1}}")

    @classmethod
    def targets(cls, _rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; none: a year leads to others' rows, or says when siblings follow."""
        return ()

    @classmethod
    def realise(cls, _rule: Invariant, _state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; nothing is set."""
        return drawing.scene.values(Term(drawing.target))


def _follows(days: Mapping[Term, Floats], one: tuple[Term, str], by: tuple[Term, str]) -> bool:
    """Whether a date lies beyond another, which is told already: a birth before a debut."""
    (day, form), (other, same) = one, by
    if day == other or form != same:
        return False
    apart = days[other] - days[day] if form == "<=" else days[day] - days[other]
    known = apart[~np.isnan(apart)]
    return bool(len(known) and (known >= 0).all() and (known > 0).any())


def _kind(view: View, term: Term) -> Kind:
    return home(view.schema, view.table.name, term).column(term.column).datatype.kind


def _years(view: View, term: Term) -> Floats | None:
    """Whole numbers that may be years, NaN for null; None where they are something else."""
    numbers = view.numbers(term) if _kind(view, term) is Kind.INTEGER else None
    if numbers is None or not numbers.known.any():
        return None
    seen = numbers.values[numbers.known]
    if not looks_like_years(seen) or len(np.unique(seen)) < _FEWEST:
        return None
    return np.where(numbers.known, numbers.values, np.nan)


def _of_days(view: View, term: Term) -> Floats:
    """The years of dates; NaN for null."""
    years = pc.cast(pc.year(view.values(term)), pa.float64())
    return np.asarray(pc.fill_null(years, np.nan).to_numpy(zero_copy_only=False))


def _form(view: View, days: Floats, years: Floats) -> str | None:
    """How years stand to those of dates; None where they do not, or would by chance."""
    few = view.few
    for form, above in (("<=", days > years), (">=", days < years)):
        both = ~np.isnan(days) & ~np.isnan(years)
        if above[few].sum() > _TOLERATED * both[few].sum() or not both[few].any():
            continue
        rows = np.flatnonzero(both)
        other = years[rows[shuffled(len(rows))]]
        chance = float(((days[rows] > other) if form == "<=" else (days[rows] < other)).mean())
        equal = float((days[rows] == years[rows]).mean())
        if equal < _EQUAL and holds(above, both, view.units, chance, view.support.k):
            return form
    return None


invariant: type[InvariantKind] = Years
