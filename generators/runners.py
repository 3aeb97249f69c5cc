"""Finds what runs along siblings: numbers that count them, courses, and sums so far."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from connectors.datatypes import Kind
from connectors.invariants import Term
from generators.evidence import holds, shuffled
from generators.invariants import View
from generators.magnitudes import Scale, scale_of
from generators.nearness import differ
from generators.privacy.support import distinct
from generators.succession import Succession, few_families, mixed, succession

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


@dataclass(frozen=True, slots=True)
class Family:
    """Siblings along one key, or all rows of a table, with a few of them and possible orders."""

    view: View
    owners: Ints
    few: Ints
    orders: list[Term]
    whole: bool


def gathered_by(view: View, key: str | None, orders: list[Term]) -> Family:
    """The siblings along a key of one column, or all rows of a table without one."""
    if key is None:
        return Family(view, np.zeros(view.rows, np.int64), view.few, orders, whole=True)
    owners = view.owners(key)
    return Family(view, owners, few_families(owners), orders, whole=False)


def orders_of(view: View) -> Iterator[Term]:
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


def measured(view: View, scale: Scale) -> list[Term]:
    """Columns that may run, but for names: keys, and numbers that tell rows apart."""
    alone = (u.columns for u in view.table.uniques if u.whole and len(u.columns) == 1)
    keys = (f.columns for f in view.table.foreign_keys)
    named = {c for columns in (*alone, *keys) for c in columns}
    return [
        Term(c.name)
        for c in view.table.written
        if c.name not in named and scale_of(c.datatype) is scale
    ]


def runs(family: Family) -> Iterator[tuple[str, tuple[Term, ...], tuple[str, ...]]]:
    """Form, terms and constants of each rule along one key."""
    view, done = family.view, set[Term]()
    form: str | None
    if not family.whole:
        for column in measured(view, Scale.NUMBER):
            kind = view.table.column(column.column).datatype.kind
            if kind is Kind.INTEGER and (base := numbered_from(family, column)) is not None:
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


def numbered_from(family: Family, column: Term) -> int | None:
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


def _orders_numbers(family: Family, column: Term, order: Term) -> bool:
    """Whether numbers go in an order."""
    return order != column and _form(family, column, order) is not None


def _runners(family: Family) -> Iterator[tuple[Term, Term]]:
    """Columns with orders in which they could rise or fall: dates by number, numbers by date."""
    view = family.view
    primary = view.table.primary_key
    keyed = primary.columns if primary else ()
    alone = keyed[0] if len(keyed) == 1 else None
    for order in family.orders:
        if (scale := scale_of(view.table.column(order.column).datatype)) is Scale.NUMBER:
            if order.column == alone:
                yield from ((column, order) for column in measured(view, Scale.MOMENT))
            elif family.whole:
                continue
        if scale is Scale.MOMENT or not family.whole:
            numbers = (c for c in measured(view, Scale.NUMBER) if c.column not in keyed)
            yield from ((column, order) for column in numbers if column != order)


def _form(family: Family, column: Term, order: Term) -> str | None:
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
    family: Family, values: Floats | Ints, known: Bools, orders: Floats | Ints
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
    units, k = family.view.units, family.view.support.k
    changed, wrong = values[after] != values[before], values[after] < values[before]
    if not holds(wrong, changed, units[after], chance, k, units[before]):
        return None
    # Distinct siblings never tie among themselves, whatever their order.
    ties = int((values[before] == values[after][shuffled(len(after))]).sum())
    return "rising" if not changed.all() or ties < _TIES else "strictly rising"


def _sums(family: Family) -> Iterator[tuple[str, tuple[Term, ...], tuple[str, ...]]]:
    """Totals and differences: one column is another plus its own value before."""
    columns, view = measured(family.view, Scale.NUMBER), family.view
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
