"""With one label a column always has one value, though else it varies; or it has one everywhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, literal, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import Scale
from generators.privacy.support import distinct
from generators.quoting import Listing, from_text, key_columns, listing, quotable, texts_of
from generators.redrawing import filled, masked, redrawn

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_MOST_CELLS = 5_000_000
_ALWAYS = "="
_NEVER = "never"
_OTHERWISE = 0.05
"""Share of rows with other values that the rows of a constant must be able to rule out."""
_ABOUT_NULL = ("null ", "filled ")
_CONDITIONS = {
    "": ("{{0}} = {0}", "{0} = {1}"),
    "null ": ("{{0}} IS NULL", "{0} is null"),
    "filled ": ("{{0}} IS NOT NULL", "{0} is not null"),
}
"""By what a form begins with: what stands before the arrow, in SQL and in words."""


class Constant(Plain):
    """`status = x -> y = c`, or `iff` where no other row has c; the former may be about null.

    As form `=`, that a column has one value in all rows; as form `never`, that it has none.
    """

    name: ClassVar[str] = "constant"
    part: ClassVar[Part] = Part.MASKS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; but for what a dependency of the whole column says."""
        found = [fact for pair in _pairs(view) for fact in _facts(view, *pair)]
        for fact in _needed(found):
            yield Invariant(
                cls.name, fact.form, view.table.name, fact.terms, constants=fact.constants
            )
        for term, value in _steady(view):
            form, constants = (_NEVER, ()) if value is None else (_ALWAYS, (value,))
            yield Invariant(cls.name, form, view.table.name, (term,), constants=constants)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        if rule.form == _NEVER:
            return f"{rule.terms[0]} is null"
        value, arrow, constant = _parts(rule)
        if rule.form == _ALWAYS:
            return f"{rule.terms[0]} = {constant}"
        before = _CONDITIONS[_start(rule)][1].format(rule.terms[0], value)
        return f"{before} {arrow} {rule.terms[1]} = {constant}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        if rule.form == _NEVER:
            return row_claim(schema, rule, "{0} IS NULL")
        value, arrow, constant = (p.replace("{", "{{").replace("}", "}}") for p in _parts(rule))
        if rule.form == _ALWAYS:
            return row_claim(schema, rule, f"{{0}} IS NOT DISTINCT FROM {constant}")
        before = _CONDITIONS[_start(rule)][0].format(value)
        after = f"{{1}} IS NOT DISTINCT FROM {constant}"
        if arrow == "iff":
            both = f"CASE WHEN {before} OR {after} THEN {before} AND {after} END"
            return row_claim(schema, rule, both)
        return row_claim(schema, rule, f"CASE WHEN {before} THEN {after} END")

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; what is constant, then what says when."""
        return tuple(term.column for term in rule.terms[::-1])

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        if rule.form == _NEVER:
            return filled(scene.values(rule.terms[0]))
        if rule.form == _ALWAYS:
            return ~_meets(_value(rule, 0, scene), scene.values(rule.terms[0]))
        first, second = (scene.values(t) for t in rule.terms)
        told = _meets(_condition(rule, scene), first)
        same = _meets(_value(rule, 1, scene), second)
        known = filled(first) | (_start(rule) != "")
        return np.asarray(told & ~same | (same & ~told & known & (_arrow(rule) == "iff")))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:  # noqa: ARG003
        """See `InvariantKind`; the constant where it must be, other values where it must not."""
        if rule.form == _NEVER:
            drawn = drawing.scene.values(rule.terms[0])
            return masked(drawn, np.ones(len(drawn), np.bool_))
        if rule.form == _ALWAYS:
            zeros = pa.array(np.zeros(drawing.scene.rows, np.int64))
            return _value(rule, 0, drawing.scene).take(zeros)
        first, second = (drawing.scene.values(t) for t in rule.terms)
        told = partial(_meets, _condition(rule, drawing.scene))
        constant = _value(rule, 1, drawing.scene)
        same = partial(_meets, constant)
        if drawing.target == rule.terms[1].column:
            known = filled(first) | (_start(rule) != "")
            wanted, never = told(first), known & ~told(first) & (_arrow(rule) == "iff")
            return _with(drawing, second, same, constant, (wanted, never))
        wanted, never = same(second) & (_arrow(rule) == "iff"), ~same(second)
        return _with(drawing, first, told, _condition(rule, drawing.scene), (wanted, never))


@dataclass(frozen=True, slots=True)
class _Fact:
    """That a value of a column goes with one of another."""

    form: str
    terms: tuple[Term, Term]
    constants: tuple[str, ...]
    sizes: tuple[int, int] = (0, 0)

    @property
    def ends(self) -> tuple[tuple[Term, str], tuple[Term, str]]:
        """Both columns with their values."""
        before = self.constants[0] if len(self.constants) > 1 else self.form
        return (self.terms[0], before), (self.terms[1], self.constants[-1])


def _parts(rule: Invariant) -> tuple[str, str, str]:
    """The value in the condition, the arrow and the constant, as SQL."""
    *before, constant = map(literal, rule.constants)
    return "".join(before), _arrow(rule), constant


def _arrow(rule: Invariant) -> str:
    return rule.form.rpartition(" ")[2]


def _start(rule: Invariant) -> str:
    return rule.form.removesuffix(_arrow(rule))


def _value(rule: Invariant, place: int, scene: Scene) -> pa.Array:
    """A constant of the rule as the only value of an array."""
    datatype = scene.table.column(rule.terms[place].column).datatype
    return from_text(
        pa.array([rule.constants[place - len(rule.terms) + len(rule.constants)]]), datatype
    )


def _condition(rule: Invariant, scene: Scene) -> pa.Array | bool:
    """The value that the condition asks for; of one about null, whether it asks for null."""
    return _start(rule) == "null " if _start(rule) else _value(rule, 0, scene)


def _meets(wanted: pa.Array | bool, values: pa.Array) -> Bools:
    """Which values are as a condition wants."""
    if isinstance(wanted, bool):
        return np.asarray(filled(values) != wanted)
    return np.asarray(pc.is_in(values, value_set=wanted).to_numpy(zero_copy_only=False))


def _with(
    drawing: Drawing,
    values: pa.Array,
    meets: partial[Bools],
    wanted: pa.Array | bool,
    where: tuple[Bools, Bools],
) -> pa.Array:
    """The values, so changed that they meet a condition in some rows and in others not."""
    there = meets(values)
    put, away = (
        np.flatnonzero(w & (there != side)) for w, side in zip(where, (True, False), strict=True)
    )
    if not isinstance(wanted, bool):
        found = patched(values, put, wanted.take(pa.array(np.zeros(len(put), np.int64))))
        return redrawn(drawing, found, away, lambda v: filled(v) & ~meets(v))
    empty, full = (put, away) if wanted else (away, put)
    nulls = np.zeros(len(values), np.bool_)
    nulls[empty] = True
    return redrawn(drawing, masked(values, nulls), full, filled)


def _steady(view: View) -> Iterator[tuple[Term, str | None]]:
    """Columns with one value in all rows, and that value, None for null; no keys but names."""
    keys, every = key_columns(view), np.ones(view.rows, np.bool_)
    if not holds(~every, every, view.units, _OTHERWISE, view.support.k):
        return
    for term in (t for t in view.terms if not t.keys):
        if term.column in keys - _natural(view):
            continue
        if (view.codes(term) < 0).all():
            yield term, None
        elif not view.codes(term).any() and quotable(view, term):
            yield term, texts_of(view, term, np.array([0]))[0].as_py()


def _natural(view: View) -> frozenset[str]:
    """Texts that lead to other rows by what these are called, and that no row leads to."""
    texts = {c.name for c in view.table.written if c.datatype.kind is Kind.TEXT}
    led = (c for key in view.table.foreign_keys for c in key.columns)
    return frozenset(texts.intersection(led)) - view.schema.referenced(view.table.name)


def _pairs(view: View) -> Iterator[tuple[Listing, Term]]:
    """Columns whose labels may tell a value of another; nulls only where that has no labels.

    Of amounts of many values, nought alone is a label.
    """
    keys = key_columns(view)
    own = [t for t in view.terms if not t.keys]
    labels = {t: one for t in own if (one := listing(view, t)) is not None}
    named = [one for t, one in labels.items() if t.column not in keys]
    nulls = [one for t in own if (one := _nulls(view, t)) is not None]
    amounts = [t for t in own if t not in labels and t.column not in keys]
    named += [one for t in amounts if (one := _nought(view, t)) is not None]
    for second in own:
        if second.column not in keys and view.codes(second).max(initial=-1) > 0:
            firsts = named if second in labels else [*named, *nulls]
            yield from ((one, second) for one in firsts if one.term != second)


def _nulls(view: View, term: Term) -> Listing | None:
    """Where a column is null (0) and where filled (1)."""
    full = (view.codes(term) >= 0).astype(np.int64)
    if full.all():
        return None
    sides = (distinct(view.units[full == side]) for side in (0, 1))
    return Listing(term, full, _ABOUT_NULL) if min(sides) >= view.support.k else None


def _nought(view: View, term: Term) -> Listing | None:
    """Where a number is 0, as the only label of its column."""
    numbers = view.numbers(term)
    if numbers is None or numbers.scale is not Scale.NUMBER:
        return None
    none = numbers.known & (numbers.values == 0)
    if distinct(view.units[none]) < view.support.k or (none | ~numbers.known).all():
        return None
    text = texts_of(view, term, view.codes(term)[[none.argmax()]])[0].as_py()
    return Listing(term, np.where(none, 0, -1), (text,))


def _facts(view: View, labels: Listing, second: Term) -> Iterator[_Fact]:
    """Labels with which a column has one value."""
    codes = view.codes(second)
    width = int(codes.max()) + 2
    if width * labels.size > _MOST_CELLS:
        return
    known = labels.codes >= 0
    cells = (labels.codes * width + codes + 1)[known]
    table = np.bincount(cells, minlength=labels.size * width).reshape(labels.size, width)
    if (labels.size > 1 and _determines(table)) or (
        labels.size > 2 and _determines(table[:, 1:].T)
    ):
        return
    best = table.argmax(axis=1)
    steady = table.max(axis=1) >= (1 - MOST_BROKEN) * table.sum(axis=1)
    for label in np.flatnonzero(steady & (best > 0)).tolist():
        value = int(best[label]) - 1
        end = _is_end(view, labels, second, (label, value))
        if end and labels.size > 1:
            continue
        arrow = _arrow_of(view, labels, codes, (label, value))
        if arrow is not None and not (end and arrow == "->") and quotable(view, second):
            text = texts_of(view, second, np.array([value]))[0].as_py()
            start = labels.texts[label]
            about = labels.texts is _ABOUT_NULL
            form, constants = (start, (text,)) if about else ("", (start, text))
            sizes = labels.size, width - 1
            yield _Fact(f"{form}{arrow}", (labels.term, second), constants, sizes)


def _is_end(view: View, labels: Listing, second: Term, pair: tuple[int, int]) -> bool:
    """Whether two numbers are both the least or both the greatest, as where one follows another."""
    one, two = view.numbers(labels.term), view.numbers(second)
    if labels.size == 2 or one is None or two is None:
        return False
    ends = []
    for numbers, codes, code in ((one, labels.codes, pair[0]), (two, view.codes(second), pair[1])):
        here, there = numbers.values[codes == code][0], numbers.values[numbers.known]
        ends.append((here == there.min(), here == there.max()))
    return any(a and b for a, b in zip(*ends, strict=True))


def _determines(table: Ints) -> bool:
    """Whether each row of a table of counts has but one column: that is a dependency."""
    return bool(table.max(axis=1).sum() >= (1 - MOST_BROKEN) * table.sum())


def _arrow_of(view: View, labels: Listing, codes: Ints, pair: tuple[int, int]) -> str | None:
    """`->` where a value goes with a label, `iff` where it goes with no other, else None."""
    known = labels.codes >= 0
    if labels.texts is not _ABOUT_NULL:
        known |= view.codes(labels.term) >= 0
    told, same = labels.codes == pair[0], (codes == pair[1]) & known
    units, k = view.units, view.support.k
    free = [1 - float(side.sum() / known.sum()) for side in (same, told)]
    if not holds(told & ~same, told, units, free[0], k) or distinct(units[told & same]) < k:
        return None
    return "iff" if holds(same & ~told, same, units, free[1], k) else "->"


def _needed(found: Sequence[_Fact]) -> Iterator[_Fact]:
    """Facts without those that say what another says, or two others together."""
    kept = list(found)
    for fact in reversed(found):
        others = [f for f in kept if f != fact]
        if any(_mirrors(f, fact) for f in others) or _follows(fact, others):
            kept = others
    yield from kept


def _mirrors(one: _Fact, other: _Fact) -> bool:
    """Whether both are one fact, read in both directions or from the other of two values."""
    if one.terms != other.terms[::-1]:
        return False
    if "iff" in (one.form, other.form):
        return one.ends == other.ends[::-1]
    turned = all(a != b for (_, a), (_, b) in zip(one.ends, other.ends[::-1], strict=True))
    return turned and one.sizes == (2, 2)


def _follows(fact: _Fact, others: Sequence[_Fact]) -> bool:
    start, end = fact.ends
    ways = {(a, b) for f in others for a, b in _ways(f)}
    middle = {b for a, b in ways if a == start and b != end}
    return any((m, end) in ways and (end, m) not in ways for m in middle)


def _ways(fact: _Fact) -> tuple[tuple[tuple[Term, str], tuple[Term, str]], ...]:
    one, other = fact.ends
    return ((one, other), (other, one)) if fact.form.endswith("iff") else ((one, other),)


invariant: type[InvariantKind] = Constant
