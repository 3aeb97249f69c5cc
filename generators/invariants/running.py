"""A column runs along siblings: it numbers them, only rises, or adds up what came before."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import DataType, Kind
from connectors.invariants import Claim, Invariant, Term, quoted, relation
from connectors.schema import Schema, Table
from generators.distinct import patched, spread
from generators.evidence import MOST_BROKEN
from generators.invariants import (
    Drawing,
    InvariantKind,
    Part,
    Plain,
    Postponement,
    Scene,
    Together,
    View,
)
from generators.magnitudes import Magnitudes, Scale, magnitudes, scale_of, step_of, stored
from generators.nearness import near
from generators.runners import Family, gathered_by, measured, numbered_from, orders_of, runs
from generators.sorting import ordered
from generators.succession import (
    Succession,
    families,
    family_of,
    few_families,
    owned,
    parted,
    said_of,
    sibling_groups,
    sibling_keys,
    siblings_of,
    succession,
)
from generators.updates import Values, identity_of, updated

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_COURSES = ("rising", "falling")
_PLACE = "provisioner_place"


class Running(Plain, Together):
    """A number, a course, a running total or a difference along siblings in their order."""

    name: ClassVar[str] = "running"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what holds of all rows of a table is said of no siblings."""
        said = set[tuple[str, Term]]()
        place, orders = view.table.name, list(orders_of(view))
        for key in (None, *sibling_keys(view.table)):
            family = gathered_by(view, None if key is None else key.name, orders)
            named = None if key is None else (place, key.name)
            for form, terms, constants in runs(family):
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
    def postponed(
        cls, rule: Invariant, column: str, _state: Mapping[str, Any], schema: Schema
    ) -> Postponement | None:
        """See `Postponable`; rows get numbers, or each other's values, in their order."""
        table, alike = schema.table(rule.table), siblings_of(rule, schema) if rule.key else ()
        if rule.form == "number":
            values = _numbering(rule, table, alike)
        elif rule.form in _COURSES and rule.key:
            values = _coursing(rule, table, alike)
        else:
            return None
        sql = updated(table, column, values)
        reads = tuple((rule.table, name) for name in (*alike, *(t.column for t in rule.terms[1:])))
        return None if sql is None else Postponement(sql, reads)

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


def _numbering(rule: Invariant, table: Table, alike: tuple[str, ...]) -> Values:
    """Numbers of siblings in the order of those that they have."""
    own, *orders = (term.column for term in rule.terms)
    place = _placed(alike, (*orders, own, *(identity_of(table) or ())))
    rows = (
        f"SELECT *, {place} - {1 - int(rule.constants[0])} AS {_PLACE} FROM {relation(table.name)}"  # noqa: S608 # all quoted
    )
    return Values(_PLACE, f"({rows} WHERE {owned((*alike, own, *orders))}) AS p", "p")


def _coursing(rule: Invariant, table: Table, alike: tuple[str, ...]) -> Values:
    """The values of siblings, sorted as they themselves are."""
    own, order = (term.column for term in rule.terms)
    last, down = (*(identity_of(table) or ()),), " DESC" * (rule.form == "falling")
    rows, values = _placed(alike, (order, *last)), _placed(alike, (own,), down)
    known = f"FROM {relation(table.name)} WHERE {owned((*alike, own, order))}"
    same = " AND ".join(f"p.{quoted(c)} = v.{quoted(c)}" for c in (*alike, _PLACE))
    source = (
        f"(SELECT *, {rows} AS {_PLACE} {known}) AS p JOIN "
        f"(SELECT {parted((*alike, own))}, {values} AS {_PLACE} {known}) AS v ON {same}"
    )
    return Values(f"v.{quoted(own)}", source, "p")


def _placed(alike: tuple[str, ...], order: tuple[str, ...], down: str = "") -> str:
    partition = f"PARTITION BY {parted(alike)} " if alike else ""
    return f"row_number() OVER ({partition}ORDER BY {parted(order)}{down})"


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


def _grouped(view: View) -> Iterator[Invariant]:
    """Numbers of rows that have more in common than an owner: a player's stints of a year."""
    place = view.table.name
    counted = set(measured(view, Scale.NUMBER))
    for key, beside, last in sibling_groups(view.table):
        column, numbered = Term(last), view.table.column(last)
        if column not in counted or numbered.datatype.kind is not Kind.INTEGER:
            continue
        owners = families(view, key.name, (beside,))
        family = Family(view, owners, few_families(owners), [], whole=False)
        if (base := numbered_from(family, column)) is not None:
            found = Invariant(
                Running.name, "number", place, (column,), (place, key.name), (str(base),)
            )
            yield replace(found, beside=(beside,))


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
