"""Where values are and where not: together, only beside others, or as a label says."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.nulls import Nulls, between
from generators.quoting import from_text
from generators.redrawing import filled, masked, redrawn
from generators.spans import SCALES, bounds

Bools = npt.NDArray[np.bool_]

_PAIRS = {
    "together": "({0} IS NULL) = ({1} IS NULL)",
    "only with": "CASE WHEN {0} IS NOT NULL THEN {1} IS NOT NULL END",
    "not both": "CASE WHEN {0} IS NOT NULL OR {1} IS NOT NULL THEN {0} IS NULL OR {1} IS NULL END",
    "exactly one": "({0} IS NULL) <> ({1} IS NULL)",
    "at least one": "{0} IS NOT NULL OR {1} IS NOT NULL",
}
_VALUES = {
    "iff value": "({0} IS NULL) = ({1} IN (VALUES_))",
    "-> null": "CASE WHEN {1} IN (VALUES_) THEN {0} IS NULL END",
    "-> filled": "CASE WHEN {1} IN (VALUES_) THEN {0} IS NOT NULL END",
}
_ENDS = {
    "null iff ended": "({0} IS NULL) = (upper({1}) IS NOT NULL)",
    "null iff open": "({0} IS NULL) = (upper({1}) IS NULL)",
}
_WORDS = {
    "null iff ended": "{0} is null iff upper({1}) is not null",
    "null iff open": "{0} is null iff upper({1}) is null",
    "together": "{0} is null iff {1} is null",
    "only with": "{0} is not null -> {1} is not null",
    "not both": "{0} is null or {1} is null",
    "exactly one": "{0} is null iff {1} is not null",
    "at least one": "{0} is not null or {1} is not null",
    "iff value": "{0} is null iff {1} in ({2})",
    "-> null": "{1} in ({2}) -> {0} is null",
    "-> filled": "{1} in ({2}) -> {0} is not null",
}


class Presence(Plain):
    """`a is null iff b is null`, `a is null iff status in (x, y)` and their like."""

    name: ClassVar[str] = "presence"
    part: ClassVar[Part] = Part.MASKS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from others is left out."""
        nulls = Nulls.of(view)
        told = nulls.told()
        for form, first, second in (*nulls.pairs(), *between(nulls, told)):
            yield Invariant(cls.name, form, view.table.name, (first, second))
        for form, term, span in _ending(view, nulls):
            yield Invariant(cls.name, form, view.table.name, (term, span))
        for one in told:
            exact = (("iff value", one.null),)
            either = (("-> null", one.null), ("-> filled", one.full))
            for form, labels in exact if one.exact else either:
                if labels:
                    values = tuple(one.labels.texts[n] for n in sorted(labels))
                    terms = (one.term, one.labels.term)
                    yield Invariant(cls.name, form, view.table.name, terms, constants=values)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        return _WORDS[rule.form].format(*rule.terms, ", ".join(map(literal, rule.constants)))

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        if rule.form in _PAIRS:
            return row_claim(schema, rule, _PAIRS[rule.form])
        if rule.form in _ENDS:
            known = "CASE WHEN NOT isempty({1}) THEN "
            return row_claim(schema, rule, f"{known}{_ENDS[rule.form]} END")
        values = ", ".join(map(literal, rule.constants)).replace("{", "{{").replace("}", "}}")
        return row_claim(schema, rule, _VALUES[rule.form].replace("VALUES_", values))

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the one that is told, then the one that tells."""
        one, other = (term.column for term in rule.terms)
        if rule.form in _ENDS:
            return (one,)
        even = rule.form in _PAIRS and rule.form != "only with"
        return (other, one) if even else (one, other)

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        one, other = (scene.values(t) for t in rule.terms)
        full = filled(one)
        if rule.form in _PAIRS:
            empty, needed = _wanted(rule.form, filled(other), first=True)
            return np.asarray((full & empty) | (~full & needed))
        if rule.form in _ENDS:
            empty, needed = _by_end(rule, scene)
            return np.asarray((full & empty) | (~full & needed))
        datatype = scene.table.column(rule.terms[1].column).datatype
        named = _among(other, from_text(pa.array(rule.constants, pa.string()), datatype))
        wrong = {"-> null": named & full, "-> filled": named & ~full}
        return np.asarray(wrong.get(rule.form, (full == named) & filled(other)))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:  # noqa: ARG003
        """See `InvariantKind`; nulls where they belong, and values drawn again where none was."""
        one, other = (drawing.scene.values(t) for t in rule.terms)
        if rule.form in _PAIRS:
            first = drawing.target == rule.terms[0].column
            values, beside = (one, filled(other)) if first else (other, filled(one))
            return _kept(drawing, values, *_wanted(rule.form, beside, first=first))
        if rule.form in _ENDS:
            return _kept(drawing, one, *_by_end(rule, drawing.scene))
        datatype = drawing.scene.table.column(rule.terms[1].column).datatype
        listed = from_text(pa.array(rule.constants, pa.string()), datatype)
        if drawing.target == rule.terms[1].column:
            return _labelled(rule.form, drawing, filled(one), listed)
        named, known = _among(other, listed), filled(other)
        empty = named & (rule.form != "-> filled")
        full = {"-> null": np.zeros(len(named), np.bool_), "-> filled": named}
        return _kept(drawing, one, empty, full.get(rule.form, known & ~named))


def _by_end(rule: Invariant, scene: Scene) -> tuple[Bools, Bools]:
    """Where a column must be null, and where not, given where a range ends."""
    plain = scene.table.column(rule.terms[1].column).datatype.plain
    ended, known = _ended(scene.values(rule.terms[1]), plain)
    empty = ended if rule.form == "null iff ended" else ~ended
    return known & empty, known & ~empty


def _ended(ranges: pa.Array, plain: str) -> tuple[Bools, Bools]:
    """Which ranges have an upper bound, and which are neither null nor empty."""
    known = pc.fill_null(pc.not_equal(ranges, "empty"), fill_value=False)
    return ~np.isnan(bounds(ranges, plain)[1]), np.asarray(known.to_numpy(zero_copy_only=False))


def _ending(view: View, nulls: Nulls) -> Iterator[tuple[str, Term, Term]]:
    """Columns that are null just where a range has ended, or has not."""
    for column in (c for c in view.table.written if c.datatype.plain in SCALES):
        ended, known = _ended(view.values(Term(column.name)), column.datatype.plain)
        for term in nulls.leaders:
            null, units = ~nulls.full[term], view.units
            for form, wrong in (
                ("null iff ended", null != ended),
                ("null iff open", null == ended),
            ):
                share = float(null[known].mean()) if known.any() else 0.0
                chance = 2 * share * (1 - share)
                if holds(wrong, known, units, chance, view.support.k):
                    yield form, term, Term(column.name)


def _wanted(form: str, beside: Bools, *, first: bool) -> tuple[Bools, Bools]:
    """Where one column must be null, and where not, given where the other is filled."""
    none = np.zeros(len(beside), np.bool_)
    if form == "only with":
        return (~beside, none) if first else (none, beside)
    return {
        "together": (~beside, beside),
        "not both": (beside, none),
        "exactly one": (beside, ~beside),
        "at least one": (none, ~beside),
    }[form]


def _kept(drawing: Drawing, values: pa.Array, empty: Bools, full: Bools) -> pa.Array:
    found = masked(values, empty)
    return redrawn(drawing, found, np.flatnonzero(full & ~filled(found)), filled)


def _labelled(form: str, drawing: Drawing, full: Bools, listed: pa.Array) -> pa.Array:
    """Labels that go with where another column is null."""
    drawn = drawing.scene.values(Term(drawing.target))
    named, known = _among(drawn, listed), filled(drawn)
    inside = known & ~named & ~full & (form == "iff value")
    outside = named & (~full if form == "-> filled" else full)
    found = redrawn(drawing, drawn, np.flatnonzero(outside), lambda v: ~_among(v, listed))
    found = redrawn(drawing, found, np.flatnonzero(inside), lambda v: _among(v, listed))
    left = np.flatnonzero(inside & ~_among(found, listed))
    return patched(
        found, left, listed.take(pa.array(drawing.rng.integers(len(listed), size=len(left))))
    )


def _among(values: pa.Array, listed: pa.Array) -> Bools:
    return np.asarray(pc.is_in(values, value_set=listed).to_numpy(zero_copy_only=False))


invariant: type[InvariantKind] = Presence
