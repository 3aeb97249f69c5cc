"""A column runs along siblings: it numbers them, only rises, or adds up what came before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.invariants import Claim, Invariant, Term, quoted, relation
from connectors.schema import Schema
from generators.distinct import patched, spread
from generators.evidence import MOST_BROKEN, holds, shuffled
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, Together, View
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of, step_of, stored
from generators.nearness import differ, near
from generators.privacy.support import distinct
from generators.sorting import ordered
from generators.succession import (
    Succession,
    families,
    family_of,
    few_families,
    mixed,
    owned,
    parted,
    said_of,
    sibling_groups,
    sibling_keys,
    siblings_of,
    succession,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TOLERATED = 0.02
"""Share of a few rows that may break what is then counted in all of them."""
_HELD_OUT = 0.25
"""Share of numbers that may be too high since siblings of other units are held out."""
_RARER = 4.0
"""How much rarer than by chance they must be too high; all rows are asked afterwards."""
_TIES = 20.0
"""Equal neighbours that chance would bring, before their absence makes an order strict."""
_COURSES = ("rising", "falling")


class Running(Plain, Together):
    """A number, a course, a running total or a difference along siblings in their order."""

    name: ClassVar[str] = "running"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what holds of all rows of a table is said of no siblings."""
        said = set[tuple[str, Term]]()
        place, orders = view.table.name, list(_orders(view))
        for key in (None, *sibling_keys(view.table)):
            family = _family(view, None if key is None else key.name, orders)
            named = None if key is None else (place, key.name)
            for form, terms, constants in _found(family):
                course = _course(form)
                if (course, terms[0]) in said:
                    continue
                if course in _COURSES:
                    said.add((course, terms[0]))
                yield Invariant(cls.name, form, place, terms, named, constants)
        yield from _grouped(view)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        first, *others = rule.terms
        per = f" per {said_of(rule)}" if rule.key else ""
        if rule.form == "number":
            less = " - 1" if rule.constants == ("0",) else ""
            by = f"order by {others[0]}" if others else ""
            return f"{first} = row_number({by}){less}{per}"
        by = f" by {others[-1]}"
        if rule.form == "total":
            return f"{first} = previous {first} + {others[0]}{by}{per}"
        if rule.form == "difference":
            return f"{first} = {others[0]} - previous {others[0]}{by}{per}"
        return f"{first} {_SIGNS[rule.form]} previous {first}{by}{per}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per sibling."""
        columns = siblings_of(rule, schema) if rule.key else ()
        if rule.form in {"total", "difference"}:
            return Claim(_added(rule, schema, columns))
        known = " AND ".join(
            f"{quoted(name)} IS NOT NULL" for name in (*columns, *(t.column for t in rule.terms))
        )
        own, *order = (quoted(term.column) for term in rule.terms)
        downwards = " DESC" if _course(rule.form) == "falling" else ""
        partition = f"PARTITION BY {parted(columns)} " if columns else ""
        window = f"OVER ({partition}ORDER BY {', '.join([*order, own])}{downwards})"
        if rule.form == "number":
            test = f"{own} = row_number() {window} - {1 - int(rule.constants[0])}"
        else:
            test = _step_test(rule.form, own, order[0], window)
        return Claim(f"SELECT ({test}) AS holds FROM {relation(rule.table)} WHERE {known}")  # noqa: S608

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the column that runs."""
        return (rule.terms[0].column,)

    @classmethod
    def realise(
        cls,
        rule: Invariant,
        state: Mapping[str, Any],  # noqa: ARG003 # the protocol's
        drawing: Drawing,
    ) -> pa.Array:
        """See `InvariantKind`; a course keeps each owner's values, in another order.

        Of the numbers of rows, rows get each other's, in the order of their values.
        """
        scene, target = drawing.scene, Term(drawing.target)
        numbers = [_numbers(scene, term) for term in rule.terms]
        if any(one is None for one in numbers):
            return scene.values(target)
        known = [one for one in numbers if one is not None]
        if target == rule.terms[-1] and rule.form in _COURSES:
            return _renumbered(rule, scene.values(target), known)
        owners = family_of(rule, scene) if rule.key else np.zeros(scene.rows, np.int64)
        if rule.form == "number":
            return _counted(rule, drawing, owners, known)
        if rule.form == "total":
            return _summed(drawing, owners, known)
        if rule.form == "difference":
            return _subtracted(rule, drawing, owners, known)
        return _sorted(rule, drawing, owners, known)


_SIGNS = {"rising": ">=", "strictly rising": ">", "falling": "<=", "strictly falling": "<"}


def _course(form: str) -> str:
    return form.removeprefix("strictly ")


def _step_test(form: str, own: str, order: str, window: str) -> str:
    """The condition on a row and the one before; rows of one place say nothing."""
    before = f"lag({own}) {window}"
    changed = "" if form != _course(form) else f" AND {own} <> {before}"
    return (
        f"CASE WHEN {order} > lag({order}) {window}{changed} THEN {own} {_SIGNS[form]} {before} END"
    )


def _numbers(scene: Scene, term: Term) -> Magnitudes | None:
    scale = scale_of(scene.table.column(term.column).datatype)
    return None if scale is None else magnitudes(scene.values(term), scale)


@dataclass(frozen=True, slots=True)
class _Family:
    """Siblings along one key, or all rows of a table, with a few of them and possible orders."""

    view: View
    owners: Ints
    few: Ints
    orders: list[Term]
    whole: bool


def _family(view: View, key: str | None, orders: list[Term]) -> _Family:
    if key is None:
        return _Family(view, np.zeros(view.rows, np.int64), view.few, orders, whole=True)
    owners = view.owners(key)
    return _Family(view, owners, few_families(owners), orders, whole=False)


def _grouped(view: View) -> Iterator[Invariant]:
    """Numbers of rows that have more in common than an owner: a player's stints of a year."""
    place = view.table.name
    counted = set(_measured(view, Scale.NUMBER))
    for key, beside, last in sibling_groups(view.table):
        column, numbered = Term(last), view.table.column(last)
        if column not in counted or numbered.datatype.kind is not Kind.INTEGER:
            continue
        owners = families(view, key.name, (beside,))
        family = _Family(view, owners, few_families(owners), [], whole=False)
        if (base := _numbered(family, column)) is not None:
            found = Invariant(
                Running.name, "number", place, (column,), (place, key.name), (str(base),)
            )
            yield replace(found, beside=(beside,))


def _orders(view: View) -> Iterator[Term]:
    """Columns by which siblings may be ordered, dates first: nearly always known."""
    primary = view.table.primary_key
    within = set(primary.columns) if primary else set()
    keys = {c for key in view.table.foreign_keys for c in key.columns}
    columns = view.table.written
    dates = [c for c in columns if scale_of(c.datatype) is Scale.MOMENT]
    numbers = [c for c in columns if c.name in within - keys and c.datatype.kind is Kind.INTEGER]
    for column in (*dates, *numbers):
        numbered = view.numbers(Term(column.name))
        if numbered is not None and numbered.known.all():
            yield Term(column.name)


def _measured(view: View, scale: Scale) -> list[Term]:
    """Columns that may run, but for names: keys, and numbers that tell rows apart."""
    alone = (u.columns for u in view.table.uniques if u.whole and len(u.columns) == 1)
    keys = (f.columns for f in view.table.foreign_keys)
    named = {c for columns in (*alone, *keys) for c in columns}
    return [
        Term(c.name)
        for c in view.table.written
        if c.name not in named and scale_of(c.datatype) is scale
    ]


def _found(family: _Family) -> Iterator[tuple[str, tuple[Term, ...], tuple[str, ...]]]:
    """Form, terms and constants of each rule along one key."""
    view, done = family.view, set[Term]()
    form: str | None
    if not family.whole:
        for column in _measured(view, Scale.NUMBER):
            kind = view.table.column(column.column).datatype.kind
            if kind is Kind.INTEGER and (base := _numbered(family, column)) is not None:
                done.add(column)
                by = next((o for o in family.orders if _orders_numbers(family, column, o)), None)
                yield "number", (column, *([by] if by else [])), (str(base),)
        for form, terms, constants in _sums(family):
            done.add(terms[0])
            yield form, terms, constants
    for column, order in _runners(family):
        if column not in done and (form := _form(family, column, order)):
            done.add(column)
            yield form, (column, order), ()


def _numbered(family: _Family, column: Term) -> int | None:
    """The first of the numbers that each owner's rows have; None where they are not numbered."""
    numbers = family.view.numbers(column)
    if numbers is None or not len(family.few):
        return None
    few = family.few
    near = succession(family.owners[few], (numbers.values[few],), numbers.known[few])
    if _first(numbers.values[few][near.rows], near) is None:
        return None
    along = succession(family.owners, (numbers.values,), numbers.known)
    values = numbers.values[along.rows]
    if (base := _first(values, along)) is None:
        return None
    right, units = along.place + base, family.view.units[along.rows]
    chance = float((values[shuffled(len(values))] != right).mean())
    several = np.diff(np.append(np.flatnonzero(along.first), len(values)))[along.number] > 1
    k, wrong = family.view.support.k, values != right
    stands = holds(wrong, several, units, chance, k) or _has_holes(wrong, several, units, chance, k)
    return base if stands else None


def _has_holes(wrong: Bools, several: Bools, units: Ints, chance: float, k: int) -> bool:
    """Whether numbers are as if others were held out, of whom the source's rows tell."""
    none = np.zeros(len(wrong), np.bool_)
    return holds(none, several, units, chance, k) and wrong[several].mean() * _RARER <= chance


def _first(values: Floats | Ints, along: Succession) -> int | None:
    """0 or 1, where ordered values count up from it, but for those that are held out."""
    right = along.place
    for base in (1, 0):
        below, other = values < right + base, values != right + base
        if len(values) and below.mean() <= _TOLERATED and other.mean() <= _HELD_OUT:
            return base
    return None


def _orders_numbers(family: _Family, column: Term, order: Term) -> bool:
    """Whether numbers go in an order."""
    return order != column and _form(family, column, order) is not None


def _runners(family: _Family) -> Iterator[tuple[Term, Term]]:
    """Columns with orders in which they could rise or fall: dates by number, numbers by date."""
    view = family.view
    primary = view.table.primary_key
    keyed = primary.columns if primary else ()
    alone = keyed[0] if len(keyed) == 1 else None
    for order in family.orders:
        if (scale := scale_of(view.table.column(order.column).datatype)) is Scale.NUMBER:
            if order.column == alone:
                yield from ((column, order) for column in _measured(view, Scale.MOMENT))
            elif family.whole:
                continue
        if scale is Scale.MOMENT or not family.whole:
            numbers = (c for c in _measured(view, Scale.NUMBER) if c.column not in keyed)
            yield from ((column, order) for column in numbers if column != order)


def _form(family: _Family, column: Term, order: Term) -> str | None:
    """How a column runs in an order; None where it does not, or would by chance."""
    values, orders = family.view.numbers(column), family.view.numbers(order)
    if values is None or orders is None:
        return None
    few = family.few
    for course, sign in (("rising", 1), ("falling", -1)):
        along = succession(
            family.owners[few], (orders.values[few], sign * values.values[few]), values.known[few]
        )
        before, after = (few[place] for place in along.pairs)
        wrong = sign * values.values[after] < sign * values.values[before]
        if wrong.sum() <= _TOLERATED * len(before):
            form = _whole_form(family, sign * values.values, values.known, orders.values)
            return form and form.replace("rising", course)
    return None


def _whole_form(
    family: _Family, values: Floats | Ints, known: Bools, orders: Floats | Ints
) -> str | None:
    """Whether values of all rows rise, or rise strictly; rows of one place say nothing."""
    along = succession(family.owners, (orders, values), known)
    before, after = along.pairs
    later = orders[after] > orders[before]
    before, after = before[later], after[later]
    other = mixed(along)
    there = values[other[~along.last]][later], values[other[~along.first]][later]
    apart = there[0] != there[1]
    chance = float((there[1] < there[0]).sum()) / max(1, int(apart.sum()))
    units, k = family.view.units[after], family.view.support.k
    changed = values[after] != values[before]
    if not holds(values[after] < values[before], changed, units, chance, k):
        return None
    # Distinct siblings never tie among themselves, whatever their order.
    ties = int((values[before] == values[after][shuffled(len(after))]).sum())
    return "rising" if not changed.all() or ties < _TIES else "strictly rising"


def _sums(family: _Family) -> Iterator[tuple[str, tuple[Term, ...], tuple[str, ...]]]:
    """Totals and differences: one column is another plus its own value before."""
    columns, view = _measured(family.view, Scale.NUMBER), family.view
    if len(columns) < 2:
        return
    for order in family.orders:
        orders = view.numbers(order)
        if orders is None:
            continue
        few = family.few
        near = succession(family.owners[few], (orders.values[few],), orders.known[few])
        for total, part in _guesses(view, columns, few, near):
            if order in (total, part):
                continue
            along = succession(family.owners, (orders.values,), orders.known)
            form, constants = _sum_form(view, along, total, part)
            if form == "total":
                yield form, (total, part, order), ()
            elif form:
                yield form, (part, total, order), constants


def _guesses(
    view: View, columns: list[Term], few: Ints, along: Succession
) -> Iterator[tuple[Term, Term]]:
    """Pairs of columns of which a few rows have one as the growth of the other."""
    before, after = (few[place] for place in along.pairs)
    if not len(before):
        return
    for total in columns:
        values = view.numbers(total)
        if values is None:
            continue
        growth = values.values[after] - values.values[before]
        known = values.known[after] & values.known[before]
        datatype = view.table.column(total.column).datatype
        for part in columns:
            parts = view.numbers(part)
            if part == total or parts is None:
                continue
            wrong = differ(growth, parts.values[after], datatype)
            spoken = known & parts.known[after]
            if (wrong & spoken).sum() <= _TOLERATED * spoken.sum() and growth[spoken].any():
                yield total, part


def _sum_form(
    view: View, along: Succession, total: Term, part: Term
) -> tuple[str | None, tuple[str, ...]]:
    """A total that begins with its first part, or a difference that says nothing of the first."""
    sums, parts = view.numbers(total), view.numbers(part)
    if sums is None or parts is None:
        return None, ()
    datatype = view.table.column(total.column).datatype
    before, after = along.pairs
    growth = sums.values[after] - sums.values[before]
    spoken = sums.known[after] & sums.known[before] & parts.known[after]
    rows = np.flatnonzero(spoken)
    other = parts.values[after[rows]][shuffled(len(rows))]
    chance = float(differ(growth[rows], other, datatype).mean()) if len(rows) else 0.0
    wrong = differ(growth, parts.values[after], datatype)
    if not holds(wrong, spoken, view.units[after], chance, view.support.k):
        return None, ()
    first = along.rows[along.first]
    begins = sums.known[first] & parts.known[first]
    same = ~differ(sums.values[first], parts.values[first], datatype)
    if begins.any() and (same & begins).sum() >= (1 - _TOLERATED) * begins.sum():
        return "total", ()
    null, zero = ~parts.known[first], parts.known[first] & (parts.values[first] == 0)
    for name, there in (("null", null), ("0", zero)):
        if there.all() and distinct(view.units[first]) >= view.support.k:
            return "difference", (name,)
    return "difference", ()


def _added(rule: Invariant, schema: Schema, columns: tuple[str, ...]) -> str:
    """A query of totals and differences; rows of one time say nothing, and no row after them."""
    own, other, order = (quoted(term.column) for term in rule.terms)
    total, part = (own, other) if rule.form == "total" else (other, own)
    table = schema.table(rule.table)
    place = 0 if rule.form == "total" else 1
    datatype = table.column(rule.terms[place].column).datatype
    first = "NULL"
    if rule.form == "total":
        first = near("t", "b", datatype)
    elif rule.constants:
        first = "b IS NULL" if rule.constants == ("null",) else "b = 0"
    keys = parted(columns)
    return (
        f"SELECT CASE WHEN n > 1 OR m > 1 THEN NULL WHEN place = 1 THEN {first} "  # noqa: S608
        f"ELSE {near('t', 'p + b', datatype)} END AS holds FROM "
        f"(SELECT t, b, n, lag(t) OVER w AS p, lag(n) OVER w AS m, row_number() OVER w AS place "
        f"FROM (SELECT {keys}, {total} AS t, {part} AS b, {order} AS o, "
        f"count(*) OVER (PARTITION BY {keys}, {order}) AS n FROM {relation(rule.table)} "
        f"WHERE {owned(columns)} AND {order} IS NOT NULL) AS s "
        f"WINDOW w AS (PARTITION BY {keys} ORDER BY o)) AS s"
    )


def _counted(
    rule: Invariant, drawing: Drawing, owners: Ints, numbers: list[Magnitudes]
) -> pa.Array:
    own, *orders = numbers
    values = drawing.scene.values(Term(drawing.target))
    known = np.all([one.known for one in numbers], axis=0)
    along = succession(owners, tuple(one.values for one in (*orders, own)), known)
    fresh = along.place + int(rule.constants[0])
    datatype = drawing.scene.table.column(drawing.target).datatype
    there = np.ones(len(fresh), np.bool_)
    return patched(values, along.rows, stored(fresh, there, datatype))


def _sorted(rule: Invariant, drawing: Drawing, owners: Ints, numbers: list[Magnitudes]) -> pa.Array:
    """An owner's values in the order of its rows; equal ones move apart where they have to."""
    own, order = numbers
    sign = -1 if _course(rule.form) == "falling" else 1
    known = own.known & order.known
    values = drawing.scene.values(Term(drawing.target))
    datatype = drawing.scene.table.column(drawing.target).datatype
    along = succession(owners, (order.values, sign * own.values), known)
    ranked = succession(owners, (sign * own.values,), known)
    step = step_of(datatype)
    if rule.form == _course(rule.form) or not step or not len(along.rows):
        return patched(values, along.rows, values.take(pa.array(ranked.rows)))
    steps = _steps(sign * own.values[ranked.rows], step)
    apart = spread(ranked.number, steps)
    apart = sign * apart[ordered(ranked.number, apart)]
    fresh = np.asarray(apart * (int(step) if own.values.dtype == np.int64 else step))
    return patched(values, along.rows, stored(fresh, np.ones(len(fresh), np.bool_), datatype))


def _renumbered(rule: Invariant, numbers: pa.Array, pair: list[Magnitudes]) -> pa.Array:
    """Numbers of rows, those of rows with a value in the order of these."""
    own, place = pair
    sign = -1 if rule.form == "falling" else 1
    rows = np.flatnonzero(own.known & place.known)
    ascending = rows[np.argsort(place.values[rows], kind="stable")]
    course = ascending[np.argsort(sign * own.values[ascending], kind="stable")]
    if (course == ascending).all():
        return numbers
    return patched(numbers, course, numbers.take(pa.array(ascending)))


def _steps(values: Floats | Ints, step: float) -> Ints:
    if values.dtype == np.int64:
        return np.asarray(values // max(1, int(step)), np.int64)
    return np.rint(values / step).astype(np.int64)


def _summed(drawing: Drawing, owners: Ints, numbers: list[Magnitudes]) -> pa.Array:
    """What came before and the row's own part; nulls stay."""
    own, part, order = numbers
    values = drawing.scene.values(Term(drawing.target))
    datatype = drawing.scene.table.column(drawing.target).datatype
    along = succession(owners, (order.values,), order.known)
    parts = np.where(part.known, part.values, 0)[along.rows]
    sums = _cumulated(parts, along, datatype)
    fresh = stored(sums, own.known[along.rows], datatype)
    return patched(values, along.rows, fresh)


def _cumulated(parts: Floats, along: Succession, datatype: DataType) -> Floats:
    """Sums from each owner's first row on; decimals are added up as whole steps."""
    step = step_of(datatype)
    exact = bool(step) and (datatype.kind is Kind.INTEGER or datatype.precision is not None)
    whole = np.rint(parts / step) if exact else parts
    sums = np.cumsum(whole.astype(np.int64) if exact else whole)
    starts = np.flatnonzero(along.first)
    before = (sums[starts] - whole[starts].astype(sums.dtype))[along.number]
    return np.asarray((sums - before) * (step if exact else 1.0))


def _subtracted(
    rule: Invariant, drawing: Drawing, owners: Ints, numbers: list[Magnitudes]
) -> pa.Array:
    """How far the other column grew since the row before."""
    _, total, order = numbers
    values = drawing.scene.values(Term(drawing.target))
    datatype = drawing.scene.table.column(drawing.target).datatype
    along = succession(owners, (order.values,), order.known)
    before, after = along.pairs
    both = total.known[before] & total.known[after]
    before, after = before[both], after[both]
    growth = total.values[after] - total.values[before]
    found = patched(values, after, stored(growth, np.ones(len(after), np.bool_), datatype))
    if not rule.constants:
        return found
    first = along.rows[along.first]
    known = np.full(len(first), rule.constants == ("0",))
    return patched(found, first, stored(np.zeros(len(first)), known, datatype))


invariant: type[InvariantKind] = Running
