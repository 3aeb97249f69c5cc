"""A value of a row is what its children come to: an order's total is the sum of its lines."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term
from connectors.schema import Column, Schema
from generators.below import Below, comparable, latest_of, partial_ends, partial_sums, reduced
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.invariants import (
    Drawing,
    InvariantKind,
    Part,
    Postponement,
    Scene,
    State,
    Together,
    View,
)
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of, stored
from generators.nearness import differ
from generators.privacy.support import distinct
from generators.quantities import names
from generators.reckoning import FUNCTIONS, compared, key_of, reckoned, steps_of
from generators.succession import Succession, succession
from generators.tallied import Broods

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BELOW = ("<-",)
"""What stands for the keys of a child's column."""
_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_EMPTY = 0.999
"""Share of childless rows that must have one value before it means that there are none."""
_WIDEST = 12
"""Columns of numbers up to which a table may be one of lines, with quantities and prices."""
_ALIKE = frozenset(
    {Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.ENUM, Kind.UUID}
    | {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
)
"""Kinds of which a parent can hold the latest value."""


class Aggregate(Together):
    """A count, sum, sum of products, least, greatest, latest or average of children."""

    name: ClassVar[str] = "aggregate"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; the simplest of several that come to the same."""
        for key in view.schema.foreign_keys:
            if key.parent != view.table.name or key.self_reference:
                continue
            below = Below.of(view, key)
            said = set[str]()
            for form, own, terms in _guesses(view, below):
                if own not in said and _stands(view, below, form, own, terms):
                    said.add(own)
                    yield _rule(view, below, form, own, terms)
            for form, own, terms in (*partial_sums(view, below), *partial_ends(view, below)):
                if own not in said:
                    said.add(own)
                    yield _rule(view, below, form, own, terms)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        if rule.key is None:
            raise ValueError("aggregate: a rule of children names their foreign key")
        own, *below = rule.terms
        table = rule.key[0].name
        named = [f"{table}.{term.column}" for term in below]
        if rule.form == "count":
            return f"{own} = count({table}) per {rule.key[1]}"
        if rule.form == "latest":
            return f"{own} = latest({named[0]} by {named[1]}) per {rule.key[1]}"
        inner = " * ".join([*named[:2], *(f"(1 - {name})" for name in named[2:])])
        value = f"{FUNCTIONS[rule.form]}({inner})"
        value = f"coalesce({value}, 0)" if rule.constants == ("0",) else value
        return f"{own} = {value} per {rule.key[1]}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per parent."""
        return compared(rule, schema)

    @classmethod
    def postponed(
        cls, rule: Invariant, _column: str, state: Mapping[str, Any], schema: Schema
    ) -> Postponement | None:
        """See `Postponable`; the parents' column."""
        return reckoned(rule, schema, nulls=state["nulls"] > 0)

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the parent's column."""
        return (rule.terms[0].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how often a parent has no value though it has children."""
        below = Below.of(view, key_of(rule, view.schema))
        terms = tuple(term.column for term in rule.terms[1:])
        _, there = _worth(below, rule.form, terms, view.table.column(rule.terms[0].column))
        null = view.values(rule.terms[0]).is_null().to_numpy(zero_copy_only=False)
        return {"nulls": view.support.share(null[there], view.units[there])}

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; nulls stay where learned rows have some.

        Of a child's column, the latest child takes over its parent's value.
        """
        if drawing.scene.table.name != rule.table:
            return _taken_over(rule, drawing)
        scene, target = drawing.scene, Term(drawing.target)
        drawn = scene.values(target)
        below = Below.of(scene, key_of(rule, scene.schema))
        terms = tuple(term.column for term in rule.terms[1:])
        found, there = _worth(below, rule.form, terms, scene.table.column(drawing.target))
        kept = drawn.is_null().to_numpy(zero_copy_only=False) & (state["nulls"] > 0)
        rows = np.flatnonzero(there & ~kept)
        made = patched(drawn, rows, found.take(pa.array(rows)))
        if not rule.constants:
            return made
        empty = np.flatnonzero(~there)
        none = pa.nulls(len(empty), drawn.type)
        if rule.constants == ("0",):
            known = np.ones(len(empty), np.bool_)
            none = stored(np.zeros(len(empty)), known, scene.table.column(drawing.target).datatype)
        return patched(made, empty, none)


def _taken_over(rule: Invariant, drawing: Drawing) -> pa.Array:
    """The children's values, that of the latest of each brood as its parent has it.

    Where all broods rise or fall, the others go no further than that.
    """
    scene, (value, order) = drawing.scene, (Term(term.column) for term in rule.terms[1:])
    key = key_of(rule, scene.schema)
    wanted = scene.values(Term(rule.terms[0].column, (key.name,)))
    drawn, times = scene.values(value), _numbers(scene, order)
    along = succession(scene.owners(key.name), (times.values,), times.known)
    takes = np.zeros(scene.rows, np.bool_)
    takes[along.rows[np.append(along.first[1:], True)[: len(along.rows)]]] = True
    if scale_of(scene.table.column(value.column).datatype) is not None:
        takes |= _beyond(_numbers(scene, value), wanted, along)
    return pc.if_else(pc.and_(pa.array(takes), wanted.is_valid()), wanted.cast(drawn.type), drawn)


def _numbers(scene: Scene, term: Term) -> Magnitudes:
    scale = scale_of(scene.table.column(term.column).datatype)
    if scale is None:
        raise TypeError(f"{scene.table.name}.{term.column}: no order")
    return magnitudes(scene.values(term), scale)


def _beyond(own: Magnitudes, ends: pa.Array, along: Succession) -> Bools:
    """Values beyond those that broods end with, where all broods rise, or all fall."""
    before, after = along.pairs
    end, values = magnitudes(ends, own.scale).values, own.values
    if (values[after] >= values[before]).all():
        return np.asarray(own.known & (values > end) & ends.is_valid().to_numpy(False))
    if (values[after] <= values[before]).all():
        return np.asarray(own.known & (values < end) & ends.is_valid().to_numpy(False))
    return np.zeros(len(values), np.bool_)


def _guesses(view: View, below: Below) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Form, own column and the children's columns of what a few rows keep."""
    few = view.few[below.family.counts[view.few] > 0]
    if not len(few):
        return
    near = below.family.among(few)
    own = [c for c in view.table.written if c.name not in names(view.table)]
    numbers = {c.name: view.numbers(Term(c.name)) for c in own}
    measured = [c for c in own if numbers[c.name] is not None]
    for form, terms, scale in _forms(below):
        if form == "latest":
            yield from (("latest", c, terms) for c in _holders(view, below, near, few, terms))
            continue
        found, there = reduced(below, near, form, terms)
        for column in measured:
            held = numbers[column.name]
            if held is None or held.scale is not scale or not comparable(below, column, terms):
                continue
            spoken = there & held.known[few]
            wrong = differ(held.values[few], found, column.datatype, steps_of(form)) & spoken
            if wrong.sum() <= _TOLERATED * spoken.sum() and spoken.any():
                yield form, column.name, terms


def _forms(below: Below) -> Iterator[tuple[str, tuple[str, ...], Scale]]:
    """What could be told of children, the simplest first."""
    named = names(below.child)
    columns = [c.name for c in below.child.written if c.name not in named]
    scales = {c: scale_of(below.child.column(c).datatype) for c in columns}
    numbers = [c for c in columns if scales[c] is Scale.NUMBER]
    moments = [c for c in columns if scales[c] is Scale.MOMENT]
    yield "count", (), Scale.NUMBER
    yield from (("sum", (c,), Scale.NUMBER) for c in numbers)
    if len(numbers) <= _WIDEST:
        for pair in combinations(numbers, 2):
            yield "sum of product", pair, Scale.NUMBER
            for share in numbers:
                if share not in pair and _is_share(below, share):
                    yield "sum of product", (*pair, share), Scale.NUMBER
    yield from ((form, (c,), Scale.MOMENT) for form in ("min", "max") for c in moments)
    alike = [c.name for c in below.child.written if c.datatype.kind in _ALIKE]
    skipped = set(below.key.columns)
    for order in moments:
        yield from (
            ("latest", (c, order), Scale.NUMBER) for c in alike if c not in skipped | {order}
        )
    for form in ("min", "max", "average"):
        yield from ((form, (c,), Scale.NUMBER) for c in numbers)


def _is_share(below: Below, column: str) -> bool:
    one = below.numbers(column)
    return one is not None and bool((one.values >= 0).all() and (one.values <= 1).all())


def _holders(
    view: View, below: Below, near: Broods, few: Ints, terms: tuple[str, ...]
) -> Iterator[str]:
    """Own columns that hold the latest of their children's values in a few rows."""
    column = below.child.column(terms[0])
    alone = {u.columns for u in view.table.uniques if u.whole}
    primary = view.table.primary_key
    skipped = set(primary.columns) if primary else set()
    latest: pa.Array | None = None
    for own in view.table.written:
        if own.datatype.plain != column.datatype.plain or own.name in skipped:
            continue
        if (own.name,) in alone:
            continue
        if latest is None:
            latest = latest_of(below, near, terms)
        held = view.values(Term(own.name)).take(pa.array(few))
        equal, spoken = _equalities(held, latest)
        if spoken.any() and (spoken & ~equal).sum() <= _TOLERATED * spoken.sum():
            yield own.name


def _equalities(one: pa.Array, two: pa.Array) -> tuple[Bools, Bools]:
    """Which values are equal, and where both are known."""
    same = pc.equal(one, two.cast(one.type))
    known = same.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(same, fill_value=False).to_numpy(zero_copy_only=False), known


def _stands(view: View, below: Below, form: str, own: str, terms: tuple[str, ...]) -> bool:
    """Whether all rows keep it, and would not by chance, nor any child's value do."""
    column, family = view.table.column(own), below.family
    units, k = view.units, view.support.k
    random = np.random.default_rng(len(family.rows)).random(int(family.rows.max(initial=-1)) + 1)
    any_child = family.latest(random)
    if form == "latest":
        held, value = view.values(Term(own)), latest_of(below, family, terms)
        equal, spoken = _equalities(held, value)
        rows = np.flatnonzero(spoken)
        mixed = value.take(pa.array(rows)).take(pa.array(shuffled(len(rows))))
        single = below.values(terms[0]).take(pa.array(any_child, mask=any_child < 0))
        others = [
            ~_equalities(held.take(pa.array(rows)), mixed)[0],
            ~_equalities(held, single)[0][rows],
        ]
        return holds(~equal, spoken, units, _least(others), k)
    found, there = reduced(below, family, form, terms)
    numbers = view.numbers(Term(own))
    if numbers is None:
        return False
    spoken = there & numbers.known
    wrong = differ(numbers.values, found, column.datatype, steps_of(form))
    rows = np.flatnonzero(spoken)
    held_values = numbers.values[rows]
    others = [
        differ(held_values, found[rows][shuffled(len(rows))], column.datatype, steps_of(form))
    ]
    if terms:
        values, _ = below.product(terms)
        others.append(differ(held_values, values[any_child[rows]], column.datatype, steps_of(form)))
    return holds(wrong, spoken, units, _least(others), k)


def _least(broken: list[Bools]) -> float:
    """The smallest share of rows that would break a rule by one chance or another."""
    return min(float(b.mean()) if len(b) else 0.0 for b in broken)


def _rule(view: View, below: Below, form: str, own: str, terms: tuple[str, ...]) -> Invariant:
    key = below.key.table, below.key.name
    named = (Term(own), *(Term(column, BELOW) for column in terms))
    constants = ("0",) if form == "count" else _childless(view, below, own)
    return Invariant(Aggregate.name, form, view.table.name, named, key, constants)


def _childless(view: View, below: Below, own: str) -> tuple[str, ...]:
    """What stands in rows without children: 0, null, or nothing that at least k units share."""
    rows = np.flatnonzero(below.family.counts == 0)
    values = view.values(Term(own)).take(pa.array(rows))
    tests = {"null": values.is_null()}
    if scale_of(view.table.column(own).datatype) is Scale.NUMBER:
        tests["0"] = pc.fill_null(pc.equal(values, pa.scalar(0, values.type)), fill_value=False)
    for constant, test in tests.items():
        there = test.to_numpy(zero_copy_only=False)
        units = distinct(view.units[rows[there]])
        if units >= view.support.k and there.mean() >= _EMPTY:
            return (constant,)
    return ()


def _worth(
    below: Below, form: str, terms: tuple[str, ...], column: Column
) -> tuple[pa.Array, Bools]:
    """Per parent the value that its children give it, and which parents get one."""
    if form == "latest":
        found = latest_of(below, below.family, terms)
        return found, found.is_valid().to_numpy(zero_copy_only=False)
    values, there = reduced(below, below.family, form, terms)
    return stored(values, there, column.datatype), there


invariant: type[InvariantKind] = Aggregate
