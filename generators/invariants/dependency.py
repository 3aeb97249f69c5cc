"""Some columns determine another: a postal code its city, origin and destination the distance."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, sight
from connectors.schema import Schema
from generators.determination import determined, grouped, joint
from generators.distinct import alike, groups, patched
from generators.entries import DrawnColumn, entries_of, hashed, near_entries, voted, with_entries
from generators.evidence import MOST_BROKEN
from generators.invariants import Drawing, InvariantKind, Part, Scene, State, View
from generators.privacy.support import Released, unit_counts
from generators.quoting import quotable, texts_of
from generators.randomness import number

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NONE = pa.array([], pa.string())
_MOST_ENTRIES = 50_000
_ANCHORS = 128
_STEADY = 0.9
"""Share of rows that must have their anchor's value before anchors say anything."""
_TEXT_ONLY = frozenset({Kind.OTHER})
"""Kinds that may have no equality in SQL but by their text."""


class Dependency:
    """`a -> y` or `a, b -> y`: rows equal in the first are equal in the last."""

    name: ClassVar[str] = "dependency"
    part: ClassVar[Part] = Part.SETS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from others is left out."""
        for given, last in determined(view):
            yield Invariant(cls.name, "->", view.table.name, (*given, last))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        *given, last = rule.terms
        return f"{', '.join(map(str, given))} -> {last}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; speaks of rows that others equal, holds of the commonest value."""
        place = sight(schema, rule.table, rule.terms)
        *given, last = (
            place.column(t) + "::text" * (place.table.column(t.column).datatype.kind in _TEXT_ONLY)
            for t in rule.terms
        )
        by = ", ".join(given)
        known = " AND ".join(f"{column} IS NOT NULL" for column in given)
        over = f"OVER (PARTITION BY {by}"
        counted = (
            f"SELECT count(*) AS n, sum(count(*)) {over}) AS size, "  # noqa: S608 # all quoted
            f"row_number() {over} ORDER BY count(*) DESC) AS place "
            f"FROM {place.source} WHERE {known} GROUP BY {by}, {last}"
        )
        return Claim(
            f"SELECT CASE WHEN size > 1 THEN place = 1 END AS holds FROM ({counted}) AS g "  # noqa: S608
            "CROSS JOIN LATERAL generate_series(1, n)"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; what is determined."""
        return (rule.terms[-1].column,)

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`.

        The values that go with each combination, where k units share both; and, where what is
        determined changes with a number step by step, its value around means of that number.
        """
        *given, last = rule.terms
        codes, values = joint([view.codes(t) for t in given]), view.codes(last)
        named = all(quotable(view, t) for t in rule.terms)
        rows, units = _supported(codes, values, view) if named else (np.empty(0, np.int64), 0)
        listed = {
            f"given_{n}": _texts(view, t, view.codes(t)[rows], units) for n, t in enumerate(given)
        }
        steps = _steps(view, given[0], last) if named and len(given) == 1 else {}
        return {**listed, "held": _texts(view, last, values[rows], units), **steps}

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`; all but the commonest of rows that equal each other."""
        *given, last = (groups([scene.values(t)]) for t in rule.terms)
        found = grouped(joint(given), last)
        wrong = np.zeros(scene.rows, np.bool_)
        wrong[found.rows] = ~found.agrees
        return wrong

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; a function of the determinants alone, the same in every shard.

        Where k units share none of its entries, what is determined was invented, or is of few:
        rows then take after the first one of the shard that equals them, so that they stay as
        likely as they were drawn. So do rows of no entry where there is no other shard; where there
        are others, they take after an entry in which all but the keys are theirs, since keys are
        invented: the one whose value is most often drawn with their combination. Where others
        compute the rest, rows of no entry take after the first one, too. Of a key
        that determines, another row is chosen, that leads to the same or nowhere yet.
        """
        if drawing.target != rule.terms[-1].column:
            return _chosen(rule, drawing)
        *given, last = (DrawnColumn(drawing, t) for t in rule.terms)
        if not len(state["held"]) and not len(state.get("steps", _NONE)):
            return last.values.take(pa.array(_first_alike([part.values for part in given])))
        drawn, pool = last.values, drawing.pool(drawing.target)
        held = last.sure(last.read(state["held"]), pool, with_entries(given, last, state))
        if drawing.agrees:
            entry, alone = entries_of(given, state), _first_alike([part.values for part in given])
            places = np.where(entry >= 0, entry, len(held) + alone)
            return pa.concat_arrays([held, drawn]).take(pa.array(places))
        steps = last.sure(last.read(state.get("steps", _NONE)), pool)
        known = np.all([part.known for part in given], axis=0)
        first = len(held) + len(steps)
        places = first + len(pool) + np.arange(len(drawn))
        if drawing.whole:
            places = first + len(pool) + _first_alike([part.values for part in given])
        elif len(pool):
            chosen = hashed(given, number(drawing.seed, rule.table, cls.words(rule)))
            places = np.where(known, first + (chosen % np.uint64(len(pool))).astype(int), places)
            near = near_entries(given, state, chosen)
            meant = voted(given, last, state) if (near >= 0).any() else near
            near = np.where(meant >= 0, meant, near)
            places = np.where(known & (near >= 0), near, places)
        if len(steps) and not drawing.whole:
            near = len(held) + given[0].nearest(state["anchors"])
            places = np.where(known, near, places)
        entry = entries_of(given, state)
        places = np.where(entry >= 0, entry, places)
        return pa.concat_arrays([held, steps, pool, drawn]).take(pa.array(places))


def _chosen(rule: Invariant, drawing: Drawing) -> pa.Array:
    """A key's values, those that go with another value than most like them replaced.

    By one that goes with the same value elsewhere, else by one that no row holds.
    """
    scene, (first, last) = drawing.scene, rule.terms
    drawn = scene.values(first)
    codes, values = groups([drawn]), groups([scene.values(last)])
    found = grouped(codes, values)
    wrong = np.sort(found.rows[~found.agrees])
    firm = np.setdiff1d(np.flatnonzero(codes >= 0), wrong)
    places = alike(values[firm] + 1, values[wrong] + 1, drawing.rng)  # a null is a value, too
    there = places >= 0
    made = patched(drawn, wrong[there], drawn.take(pa.array(firm[places[there]])))
    [key] = (k for k in scene.table.foreign_keys if k.columns == (first.column,))
    known = drawing.keys(key.parent, key.parent_columns[0]).cast(drawn.type)
    free = known.filter(pc.invert(pc.is_in(known, value_set=drawn)))
    rest = wrong[~there][: len(free)]
    return patched(made, rest, free.take(pa.array(drawing.rng.permutation(len(free))[: len(rest)])))


def _supported(codes: Ints, values: Ints, view: View) -> tuple[Ints, int]:
    """A row for each group whose commonest value k units share, and the fewest units of one."""
    found = grouped(codes, values)
    rows = found.rows[found.agrees]
    _, first, group, counts = np.unique(
        found.group[found.agrees], return_index=True, return_inverse=True, return_counts=True
    )
    units = unit_counts(group, view.units[rows], len(first))
    kept = np.flatnonzero(units >= view.support.k)
    kept = kept[np.argsort(-counts[kept], kind="stable")[:_MOST_ENTRIES]]
    return rows[first[kept]], int(units[kept].min(initial=len(view.units)))


def _texts(view: View, term: Term, codes: Ints, units: int) -> Released[Any]:
    """The texts of some codes that so many units stand behind."""
    found = view.support.seal(texts_of(view, term, codes), units) if len(codes) else None
    return view.support.declared(_NONE) if found is None else found


def _steps(view: View, given: Term, last: Term) -> State:
    """Means of a number over its parts, and the value that nearly all rows of a part have."""
    numbers = view.numbers(given)
    if numbers is None:
        return {}
    known = numbers.known
    number = np.asarray(numbers.values[known], np.float64)
    parts = min(_ANCHORS, len(number) // (4 * view.support.k))
    codes = np.full(view.rows, -1)
    codes[known] = np.searchsorted(np.sort(number), number) * parts // max(1, len(number))
    values = view.codes(last)
    if parts < 2 or grouped(codes, values).agrees.mean() < _STEADY:
        return {}
    rows, units = _supported(codes, values, view)
    rows = rows[np.argsort(codes[rows])]
    sums, counts = np.bincount(codes[known], number), np.bincount(codes[known])
    means = (sums / np.maximum(1, counts))[codes[rows]]
    anchors = view.support.seal(means, units) if len(rows) else None
    if anchors is None:
        return {}
    return {"anchors": anchors, "steps": _texts(view, last, values[rows], units)}


def _first_alike(given: list[pa.Array]) -> Ints:
    """Per row the first that has the same values; a row with a null is alone."""
    group = groups(given)
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.where(group < 0, np.arange(len(group)), first[inverse])


invariant: type[InvariantKind] = Dependency
