"""A row's range follows the one before, lies within another, or begins when something happened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, quoted, relation, row_claim
from connectors.schema import ForeignKey, Schema
from generators.distinct import patched, spread
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.gaps import drawn, learned
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, View
from generators.magnitudes import Scale, magnitudes, stored
from generators.quantities import home
from generators.spans import bounds, literals, overlap
from generators.succession import (
    Succession,
    owned,
    parted,
    sibling_keys,
    siblings_of,
    succession,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BOUNDS = {
    "daterange": (Kind.DATE, 86_400_000_000),
    "tsrange": (Kind.TIMESTAMP, 1),
    "tstzrange": (Kind.TIMESTAMPTZ, 1),
}
"""Range types with the kind of their bounds, and the microseconds of one of their steps."""
_SIBLINGS = ("contiguous", "disjoint")
_WORDS = {
    "contiguous": "upper({0}) = next lower({0})",
    "disjoint": "upper({0}) <= next lower({0})",
    "begins": "lower({0}) = {1}",
    "since": "{1} <= lower({0})",
    "within": "{0} <@ {1}",
}


class Ranges:
    """Ranges of siblings one after the other, within a range above, or from some day on."""

    name: ClassVar[str] = "ranges"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what an exclusion declares is left out.

        Siblings come last: they follow each other once each lies where it belongs, and so keep an
        exclusion.
        """
        place = view.table.name
        for term in _ranges(view):
            keys = () if term.keys else sibling_keys(view.table)
            forms = {key.name: form for key in keys if (form := _siblings_form(view, term, key))}
            if not term.keys and ("contiguous" in forms.values() or not _is_apart(view, term)):
                for other, form in _beside(view, term):
                    yield Invariant(cls.name, form, place, (term, other))
            for key, form in forms.items():
                yield Invariant(cls.name, form, place, (term,), (place, key))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        per = f" per {rule.key[1]}" if rule.key else ""
        return _WORDS[rule.form].format(*rule.terms) + per

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per range that another follows."""
        if rule.form not in _SIBLINGS:
            return row_claim(schema, rule, _WORDS[rule.form])
        columns, own = siblings_of(rule, schema), quoted(rule.terms[0].column)
        compared = "=" if rule.form == "contiguous" else "<="
        return Claim(
            f"SELECT CASE WHEN later IS NOT NULL THEN coalesce(e {compared} later, false) END "  # noqa: S608
            f"AS holds FROM (SELECT upper({own}) AS e, lead(lower({own})) OVER (PARTITION BY "
            f"{parted(columns)} ORDER BY {own}) AS later FROM {relation(rule.table)} "
            f"WHERE {owned(columns)} AND lower({own}) IS NOT NULL) AS s"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the day on which a range begins, or the range."""
        own = rule.terms[::-1] if rule.form in ("begins", "since") else rule.terms[:1]
        return tuple(term.column for term in own if not term.keys)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how many last ranges are open, and how long the closed ones last.

        Of a range beside another, or beside a day: how long after it begins.
        """
        span = _span(view, rule.terms[0])
        if rule.form not in _SIBLINGS or rule.key is None:
            after = span.low - _other(rule, view)[0]
            there = ~np.isnan(after)
            return {"gaps": learned(view.support, after[there], view.units[there])}
        along = succession(view.owners(rule.key[1]), (span.low,), span.started)
        last, closed = along.rows[along.last], span.started & ~np.isnan(span.high)
        lasting = (span.high - span.low)[closed]
        return {
            "open": view.support.share(np.isnan(span.high[last]), view.units[last]),
            "lengths": learned(view.support, lasting, view.units[closed]),
        }

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`; not rows alone where siblings do."""
        return None if rule.form in _SIBLINGS else _wrong(rule, scene)

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; ranges that begin elsewhere are as long as before."""
        term = rule.terms[0]
        span, values = _span(drawing.scene, term), drawing.scene.values(Term(drawing.target))
        if rule.key is not None:
            along = succession(
                drawing.scene.owners(rule.key[1]), (span.low, span.high), span.started
            )
            made = _one_after_another(rule, state, drawing, span, along)
            return patched(values, along.rows, made)
        wrong = np.flatnonzero(_wrong(rule, drawing.scene))
        if drawing.target != term.column:
            moments = (span.low[wrong] * span.step).astype(np.int64)
            datatype = drawing.scene.table.column(drawing.target).datatype
            return patched(values, wrong, stored(moments, np.ones(len(wrong), np.bool_), datatype))
        ends = span.low[wrong], span.high[wrong]
        other = [bound[wrong] for bound in _other(rule, drawing.scene)]
        gaps = np.zeros(len(wrong))
        if not drawing.tight and rule.form != "begins":
            gaps = np.rint(drawn(state["gaps"], len(wrong), drawing.rng))
        moved = _moved(ends, other, gaps, cut=rule.form == "within")
        return patched(values, wrong, literals(*moved, span.plain))


@dataclass(frozen=True, slots=True)
class _Span:
    """Ranges as numbers of steps; NaN where they have no bound, are empty or null."""

    low: Floats
    high: Floats
    plain: str

    @property
    def started(self) -> Bools:
        return ~np.isnan(self.low)

    @property
    def step(self) -> int:
        return _BOUNDS[self.plain][1]


def _span(scene: Scene, term: Term) -> _Span:
    plain = home(scene.schema, scene.table.name, term).column(term.column).datatype.plain
    return _Span(*bounds(scene.values(term), plain), plain)


def _ranges(view: View) -> Iterator[Term]:
    """Ranges of times, of the rows and of those above."""
    for term in view.terms:
        datatype = home(view.schema, view.table.name, term).column(term.column).datatype
        if datatype.plain in _BOUNDS:
            yield term


def _siblings_form(view: View, term: Term, key: ForeignKey) -> str | None:
    """How the ranges of siblings follow each other; None where they do not, or would by chance."""
    span = _span(view, term)
    along = succession(view.owners(key.name), (span.low, span.high), span.started)
    before, after = along.pairs
    end, later = span.high[before], span.low[after]
    every, other = np.ones(len(before), np.bool_), shuffled(len(before))
    moved = span.low[before] + (end - span.low[before])[other]
    units, k = view.units[after], view.support.k
    for form, wrong, chance in (
        ("contiguous", ~(end == later), ~(moved == later)),
        ("disjoint", ~(end <= later), ~(moved <= later)),
    ):
        share = float(chance.mean()) if len(before) else 0.0
        if holds(wrong, every, units, share, k):
            return None if form == "disjoint" and _is_apart(view, term, key) else form
    return None


def _is_apart(view: View, term: Term, key: ForeignKey | None = None) -> bool:
    """Whether an exclusion keeps ranges apart: of siblings by a key, or of any rows."""
    found = (overlap(view.table, exclusion) for exclusion in view.table.exclusions)
    mine = [set(one.equal) for one in found if one and one.columns == (term.column,)]
    return any(key is None or equal <= set(key.columns) for equal in mine)


def _beside(view: View, term: Term) -> Iterator[tuple[Term, str]]:
    """Days on which a range begins, or the last that it comes after, and ranges that hold it."""
    span = _span(view, term)
    kind = _BOUNDS[span.plain][0]
    for other in view.terms:
        column = home(view.schema, view.table.name, other).column(other.column)
        forms: tuple[str, ...] = ()
        if column.datatype.kind is kind:
            forms = ("begins", "since")
        elif column.datatype.plain == span.plain and other.keys:
            forms = ("within",)
        for form in forms:
            if _stands(view, Invariant(Ranges.name, form, view.table.name, (term, other))):
                yield other, form
                break


def _stands(view: View, rule: Invariant) -> bool:
    """Whether all rows keep it, and would not with what stands beside others."""
    span, other = _span(view, rule.terms[0]), _other(rule, view)
    spoken = span.started & ~np.isnan(other[0])
    rows = np.flatnonzero(spoken)
    mixed = rows[shuffled(len(rows))]
    chance = _breaks(rule.form, (span.low[rows], span.high[rows]), [o[mixed] for o in other])
    wrong = _breaks(rule.form, (span.low, span.high), other)
    share = float(chance.mean()) if len(rows) else 0.0
    return holds(wrong, spoken, view.units, share, view.support.k)


def _other(rule: Invariant, scene: Scene) -> list[Floats]:
    """The bounds of the range above, or the day twice."""
    span, term = _span(scene, rule.terms[0]), rule.terms[1]
    if rule.form == "within":
        above = _span(scene, term)
        return [above.low, above.high]
    return [_starts(rule, scene, span)] * 2


def _starts(rule: Invariant, scene: Scene, span: _Span) -> Floats:
    """The day that a rule speaks of, in steps; NaN where there is none."""
    day = magnitudes(scene.values(rule.terms[1]), Scale.MOMENT)
    return np.where(day.known, np.floor(day.values / span.step), np.nan)


def _wrong(rule: Invariant, scene: Scene) -> Bools:
    span = _span(scene, rule.terms[0])
    return _breaks(rule.form, (span.low, span.high), _other(rule, scene))


def _breaks(form: str, own: tuple[Floats, Floats], other: list[Floats]) -> Bools:
    """Which ranges break a rule; what is unknown breaks none, but an end that is open may."""
    low, high = own
    spoken = ~np.isnan(low) & ~np.isnan(other[0])
    with np.errstate(invalid="ignore"):
        if form != "within":
            return np.asarray(spoken & ((low != other[0]) if form == "begins" else low < other[0]))
        ends = [np.where(np.isnan(end), np.inf, end) for end in (high, other[1])]
        return np.asarray(spoken & ((low < other[0]) | (ends[0] > ends[1])))


def _moved(
    own: tuple[Floats, Floats], other: list[Floats], gaps: Floats, *, cut: bool
) -> tuple[Floats, Floats]:
    """Ranges that begin after the start of another, and where asked end before it ends."""
    low, high = own
    least, most = other[0], np.where(np.isnan(other[1]), np.inf, other[1])
    inside = (low >= least) & (low < most) & cut
    start = np.where(inside, low, least + gaps)
    if not cut:
        return start, start + np.maximum(high - low, 1)
    start = np.minimum(start, np.maximum(most - 1, least))
    end = np.where(np.isnan(high), np.inf, start + np.maximum(high - low, 1))
    end = np.maximum(np.minimum(end, most), start + 1)
    return start, np.where(np.isinf(end), np.nan, end)


def _one_after_another(
    rule: Invariant, state: Mapping[str, Any], drawing: Drawing, span: _Span, along: Succession
) -> pa.Array:
    """Each owner's ranges, ended where the next one begins; the last as learned or drawn."""
    low = spread(along.number, span.low[along.rows].astype(np.int64)).astype(np.float64)
    order = np.lexsort((low, along.number))
    high = np.maximum(span.high[along.rows], low + 1)
    following = np.full(len(low), np.nan)
    following[order[:-1]] = low[order[1:]]
    last = np.zeros(len(low), np.bool_)
    last[order] = along.last
    if not drawing.tight:
        high[last] = _last_ends(state, drawing, low[last])
    ends = np.where(np.isnan(high), np.inf, high)
    if rule.form == "contiguous":
        ends = np.where(last, ends, following)
    else:
        ends = np.where(last, ends, np.minimum(ends, following))
    return literals(low, np.where(np.isinf(ends), np.nan, ends), span.plain)


def _last_ends(state: Mapping[str, Any], drawing: Drawing, low: Floats) -> Floats:
    """Ends of last ranges, as many of them open as were learned to be."""
    lengths = np.maximum(np.rint(drawn(state["lengths"], len(low), drawing.rng)), 1)
    is_open = drawing.rng.random(len(low)) < float(state["open"])
    return np.where(is_open, np.nan, low + lengths)


invariant: type[InvariantKind] = Ranges
