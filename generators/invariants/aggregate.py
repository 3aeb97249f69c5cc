"""A value of a row is what its children come to: an order's total is the sum of its lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, key_named, quoted, relation
from connectors.schema import Column, ForeignKey, Schema, Table
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, Together, View
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of, stored
from generators.nearness import differ, near
from generators.partial import is_part
from generators.privacy.support import distinct
from generators.quantities import names
from generators.succession import Succession, owned, parted, succession
from generators.tallied import Broods, broods

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
_SUMMED = frozenset({Kind.INTEGER, Kind.DECIMAL})
_BROOD = 2
"""Children per parent from which their sum is more than what one of them holds."""


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
            below = _Below.of(view, key)
            said = set[str]()
            for form, own, terms in _guesses(view, below):
                if own not in said and _stands(view, below, form, own, terms):
                    said.add(own)
                    yield _rule(view, below, form, own, terms)
            for own, term in _partial_sums(view, below):
                if own not in said:
                    yield _rule(view, below, "sum", own, (term,))

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
        value = f"{_FUNCTIONS[rule.form]}({inner})"
        value = f"coalesce({value}, 0)" if rule.constants == ("0",) else value
        return f"{own} = {value} per {rule.key[1]}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per parent."""
        key, own = _key(rule, schema), f"p.{quoted(rule.terms[0].column)}"
        pairs = zip(key.columns, key.parent_columns, strict=True)
        joined = " AND ".join(f"c.{quoted(c)} = p.{quoted(p)}" for c, p in pairs)
        column = schema.table(rule.table).column(rule.terms[0].column)
        empty = {(): "NULL", ("0",): f"{own} = 0", ("null",): f"{own} IS NULL"}[rule.constants]
        return Claim(
            f"SELECT CASE WHEN c.there THEN {_equal(rule.form, own, column)} "  # noqa: S608
            f"ELSE {empty} END AS holds FROM {relation(rule.table)} AS p LEFT JOIN "
            f"({_tallied(rule, key)}) AS c ON {joined}"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the parent's column."""
        return (rule.terms[0].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; how often a parent has no value though it has children."""
        below = _Below.of(view, _key(rule, view.schema))
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
        below = _Below.of(scene, _key(rule, scene.schema))
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
    key = _key(rule, scene.schema)
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


_FUNCTIONS = {
    "sum": "sum",
    "sum of product": "sum",
    "min": "min",
    "max": "max",
    "average": "avg",
}


@dataclass(frozen=True, slots=True)
class _Below:
    """The children along one key, their columns read once."""

    scene: Scene
    key: ForeignKey
    child: Table
    family: Broods
    _numbers: dict[str, Magnitudes | None] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: Scene, key: ForeignKey) -> "_Below":
        _, parents = scene.children((key.table, key.name), key.columns[0])
        return cls(scene, key, scene.schema.table(key.table), broods(parents, scene.rows))

    def values(self, column: str) -> pa.Array:
        return self.scene.children((self.key.table, self.key.name), column)[0]

    def numbers(self, column: str) -> Magnitudes | None:
        """A child's column as numbers; None where it has no order."""
        if column not in self._numbers:
            scale = scale_of(self.child.column(column).datatype)
            values = None if scale is None else magnitudes(self.values(column), scale)
            self._numbers[column] = values
        return self._numbers[column]

    def product(self, columns: tuple[str, ...]) -> tuple[Floats | Ints, Bools]:
        """Per child one number: a column, a product of two, or one less a third's share."""
        known = np.ones(0, np.bool_)
        found: Floats | Ints = np.ones(0)
        for place, column in enumerate(columns):
            one = self.numbers(column)
            if one is None:
                raise TypeError(f"{self.key.table}.{column}: no number")
            part = one.values if place < 2 else 1 - one.values
            found = part if not place else found * part
            known = one.known if not place else known & one.known
        return found, known


def _guesses(view: View, below: _Below) -> Iterator[tuple[str, str, tuple[str, ...]]]:
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
        found, there = _reduced(below, near, form, terms)
        for column in measured:
            held = numbers[column.name]
            if held is None or held.scale is not scale or not _comparable(below, column, terms):
                continue
            spoken = there & held.known[few]
            wrong = differ(held.values[few], found, column.datatype, _steps(form)) & spoken
            if wrong.sum() <= _TOLERATED * spoken.sum() and spoken.any():
                yield form, column.name, terms


def _partial_sums(view: View, below: _Below) -> Iterator[tuple[str, str]]:
    """Own columns with a child's of which they are the sum, but for children that are held out.

    Where children are of other units than their parent, only the source's rows can tell.
    """
    named = names(below.child) | names(view.table)
    terms = [c.name for c in below.child.written if c.datatype.kind in _SUMMED]
    owns = [c for c in view.table.written if c.datatype.kind in _SUMMED]
    if below.family.counts.sum() < _BROOD * max(1, (below.family.counts > 0).sum()):
        return
    for term in (t for t in terms if t not in named):
        found, there = _reduced(below, below.family, "sum", (term,))
        for own in (c for c in owns if c.name not in named):
            numbers = view.numbers(Term(own.name))
            if numbers is None:
                continue
            spoken = there & numbers.known & (distinct(view.units) >= view.support.k)
            if is_part(found, numbers.values, spoken):
                yield own.name, term


def _forms(below: _Below) -> Iterator[tuple[str, tuple[str, ...], Scale]]:
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


def _is_share(below: _Below, column: str) -> bool:
    one = below.numbers(column)
    return one is not None and bool((one.values >= 0).all() and (one.values <= 1).all())


def _comparable(below: _Below, column: Column, terms: tuple[str, ...]) -> bool:
    """Whether values of the two columns are of one type; all numbers are."""
    if scale_of(column.datatype) is Scale.NUMBER:
        return bool(terms) or column.datatype.kind is Kind.INTEGER
    return bool(terms) and below.child.column(terms[0]).datatype.kind is column.datatype.kind


def _reduced(
    below: _Below, family: Broods, form: str, terms: tuple[str, ...]
) -> tuple[Floats | Ints, Bools]:
    """Per parent what its children come to, and whether they come to anything."""
    if form == "count":
        return family.counts, np.ones(family.size, np.bool_)
    values, known = below.product(terms)
    return family.known(known).reduced("sum" if form == "sum of product" else form, values)


def _steps(form: str) -> float:
    """How many of its last decimals a value may be off: more where each child's part is rounded."""
    return 0.5 if form in {"count", "sum", "min", "max"} else 1.0


def _holders(
    view: View, below: _Below, near: Broods, few: Ints, terms: tuple[str, ...]
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
            latest = _latest(below, near, terms)
        held = view.values(Term(own.name)).take(pa.array(few))
        equal, spoken = _equalities(held, latest)
        if spoken.any() and (spoken & ~equal).sum() <= _TOLERATED * spoken.sum():
            yield own.name


def _latest(below: _Below, family: Broods, terms: tuple[str, ...]) -> pa.Array:
    order = below.numbers(terms[1])
    if order is None:
        raise TypeError(f"{below.key.table}.{terms[1]}: no order")
    rows = family.known(order.known).latest(order.values)
    return below.values(terms[0]).take(pa.array(rows, mask=rows < 0))


def _equalities(one: pa.Array, two: pa.Array) -> tuple[Bools, Bools]:
    """Which values are equal, and where both are known."""
    same = pc.equal(one, two.cast(one.type))
    known = same.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(same, fill_value=False).to_numpy(zero_copy_only=False), known


def _stands(view: View, below: _Below, form: str, own: str, terms: tuple[str, ...]) -> bool:
    """Whether all rows keep it, and would not by chance, nor any child's value do."""
    column, family = view.table.column(own), below.family
    units, k = view.units, view.support.k
    random = np.random.default_rng(len(family.rows)).random(int(family.rows.max(initial=-1)) + 1)
    any_child = family.latest(random)
    if form == "latest":
        held, value = view.values(Term(own)), _latest(below, family, terms)
        equal, spoken = _equalities(held, value)
        rows = np.flatnonzero(spoken)
        mixed = value.take(pa.array(rows)).take(pa.array(shuffled(len(rows))))
        single = below.values(terms[0]).take(pa.array(any_child, mask=any_child < 0))
        others = [
            ~_equalities(held.take(pa.array(rows)), mixed)[0],
            ~_equalities(held, single)[0][rows],
        ]
        return holds(~equal, spoken, units, _least(others), k)
    found, there = _reduced(below, family, form, terms)
    numbers = view.numbers(Term(own))
    if numbers is None:
        return False
    spoken = there & numbers.known
    wrong = differ(numbers.values, found, column.datatype, _steps(form))
    rows = np.flatnonzero(spoken)
    held_values = numbers.values[rows]
    others = [differ(held_values, found[rows][shuffled(len(rows))], column.datatype, _steps(form))]
    if terms:
        values, _ = below.product(terms)
        others.append(differ(held_values, values[any_child[rows]], column.datatype, _steps(form)))
    return holds(wrong, spoken, units, _least(others), k)


def _least(broken: list[Bools]) -> float:
    """The smallest share of rows that would break a rule by one chance or another."""
    return min(float(b.mean()) if len(b) else 0.0 for b in broken)


def _rule(view: View, below: _Below, form: str, own: str, terms: tuple[str, ...]) -> Invariant:
    key = below.key.table, below.key.name
    named = (Term(own), *(Term(column, BELOW) for column in terms))
    constants = ("0",) if form == "count" else _childless(view, below, own)
    return Invariant(Aggregate.name, form, view.table.name, named, key, constants)


def _childless(view: View, below: _Below, own: str) -> tuple[str, ...]:
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


def _key(rule: Invariant, schema: Schema) -> ForeignKey:
    if rule.key is None:
        raise ValueError("aggregate: a rule of children names their foreign key")
    return key_named(schema.table(rule.key[0]), rule.key[1])


def _equal(form: str, own: str, column: Column) -> str:
    """The condition that a parent has the value, but for rounding."""
    if form == "latest":
        return f"{own} = ANY (c.v)"
    if scale_of(column.datatype) is not Scale.NUMBER or form == "count":
        return f"{own} = c.v"
    return near(own, "c.v", column.datatype, _steps(form))


def _tallied(rule: Invariant, key: ForeignKey) -> str:
    """A query of what the children of each parent come to."""
    keys, known, table = parted(key.columns), owned(key.columns), relation(key.table)
    columns = [quoted(term.column) for term in rule.terms[1:]]
    if rule.form == "latest":
        value, order = columns
        return (
            f"SELECT {keys}, true AS there, array_agg(v) AS v FROM (SELECT {keys}, {value} AS v, "  # noqa: S608
            f"rank() OVER (PARTITION BY {keys} ORDER BY {order} DESC) AS place FROM {table} "
            f"WHERE {known} AND {order} IS NOT NULL) AS s WHERE place = 1 GROUP BY {keys}"
        )
    inner = " * ".join([*columns[:2], *(f"(1 - {column})" for column in columns[2:])])
    value = f"{_FUNCTIONS[rule.form]}({inner})" if columns else "count(*)"
    return f"SELECT {keys}, true AS there, {value} AS v FROM {table} WHERE {known} GROUP BY {keys}"  # noqa: S608


def _worth(
    below: _Below, form: str, terms: tuple[str, ...], column: Column
) -> tuple[pa.Array, Bools]:
    """Per parent the value that its children give it, and which parents get one."""
    if form == "latest":
        found = _latest(below, below.family, terms)
        return found, found.is_valid().to_numpy(zero_copy_only=False)
    values, there = _reduced(below, below.family, form, terms)
    return stored(values, there, column.datatype), there


invariant: type[InvariantKind] = Aggregate
