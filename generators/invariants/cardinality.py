"""Every row has a child, or exactly one, or exactly one of a sort: one main address."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, key_named, literal, quoted, relation
from connectors.schema import ForeignKey, Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import Drawing, InvariantKind, Part, State, Together, View
from generators.marking import corrected, marking
from generators.privacy.support import Shares
from generators.quoting import quotable
from generators.succession import (
    families,
    family_of,
    named_groups,
    owned,
    parted,
    said_of,
    sibling_keys,
    siblings_of,
    succession,
)

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_CHILDLESS = 0.05
"""Share of rows without children that a count must be able to rule out."""
_THINNED = 0.12
"""Share of training rows whose children may be missing, since other units are held out."""
_SORTS = 20
"""Values up to which a text says of which sort a row is."""
_TRIES = 3
"""Draws of another sort, before the commonest one is taken."""
_PLAIN = {"at least one": ">= 1", "at most one": "<= 1", "exactly one": "= 1"}
_SORTED = {"at most one of a sort": "<= 1", "exactly one of a sort": "= 1"}


class Cardinality(Together):
    """How many children a row has at least or at most, of all sorts or of one."""

    name: ClassVar[str] = "cardinality"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what a unique key declares is left out."""
        for key in view.schema.foreign_keys:
            if key.parent != view.table.name or key.self_reference:
                continue
            for form in _forms(view, key):
                yield Invariant(cls.name, form, key.parent, (), (key.table, key.name))
        for key in sibling_keys(view.table):
            for column, value, form in _sorts(view, view.owners(key.name)):
                named = view.table.name, key.name
                terms = (Term(column),)
                yield Invariant(cls.name, form, view.table.name, terms, named, (value,))
        for group in named_groups(view.table):
            for column, value, form in _sorts(view, families(view, None, (group,))):
                found = Invariant(cls.name, form, view.table.name, (Term(column),))
                yield replace(found, constants=(value,), beside=(group,))

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        if rule.form in _PLAIN and rule.key is not None:
            return f"count({rule.key[0].name}) {_PLAIN[rule.form]} per {rule.key[1]}"
        what = f"{rule.terms[0]} = {literal(rule.constants[0])}"
        return f"count({what}) {_SORTED[rule.form]} per {said_of(rule)}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; one row per parent, or per parent with children."""
        columns = siblings_of(rule, schema)
        if rule.form in _SORTED:
            what = f"{quoted(rule.terms[0].column)} = {literal(rule.constants[0])}"
            return Claim(
                f"SELECT count(*) FILTER (WHERE {what}) {_SORTED[rule.form]} AS holds "  # noqa: S608
                f"FROM {relation(rule.table)} WHERE {owned(columns)} GROUP BY {parted(columns)}"
            )
        if rule.key is None:
            raise ValueError("cardinality: a rule of children names their foreign key")
        key = key_named(schema.table(rule.key[0]), rule.key[1])
        pairs = zip(key.columns, key.parent_columns, strict=True)
        joined = " AND ".join(f"c.{quoted(c)} = p.{quoted(p)}" for c, p in pairs)
        return Claim(
            f"SELECT coalesce(c.n, 0) {_PLAIN[rule.form]} AS holds "  # noqa: S608
            f"FROM {relation(rule.table)} AS p LEFT JOIN (SELECT {parted(columns)}, "
            f"count(*) AS n FROM {relation(key.table)} WHERE {owned(columns)} "
            f"GROUP BY {parted(columns)}) AS c ON {joined}"
        )

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the sort, where the rule is of one: counts are no column."""
        return rule.columns

    @classmethod
    def fit(cls, rule: Invariant, view: View) -> State:
        """See `InvariantKind`; the other sorts, the most frequent first."""
        if not rule.terms:
            return {}
        values = view.values(rule.terms[0])
        others = pc.and_kleene(values.is_valid(), pc.invert(_of_sort(values, rule.constants[0])))
        units = view.units[others.to_numpy(zero_copy_only=False)]
        known = view.support.shares(values.filter(others), units).value
        return {"others": view.support.declared(known.values)}

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; the last of several keeps its sort."""
        scene, target = drawing.scene, Term(drawing.target)
        values = scene.values(target)
        every = np.ones(scene.rows, np.bool_)
        along = succession(family_of(rule, scene), (), every)
        marked = _of_sort(values, rule.constants[0]).to_numpy(zero_copy_only=False)
        surplus, missing = corrected(along, marked)
        values = _resorted(rule, state["others"], drawing, surplus)
        if rule.form == "at most one of a sort":
            return values
        sort = pa.repeat(pa.scalar(rule.constants[0]), len(missing)).cast(values.type)
        return patched(values, missing, sort)


def _of_sort(values: pa.Array, sort: str) -> pa.Array:
    return pc.fill_null(pc.equal(values, pa.scalar(sort, values.type)), fill_value=False)


def _forms(view: View, key: ForeignKey) -> Iterator[str]:
    """How many children along a key all rows have; nothing where chance could do that."""
    _, parents = view.children((key.table, key.name), key.columns[0])
    counts = np.bincount(parents[parents >= 0], minlength=view.rows)
    mean = float(counts.mean()) if len(counts) else 0.0
    every, units, k = np.ones(len(counts), np.bool_), view.units, view.support.k
    none, one = float(np.exp(-mean)), float(mean * np.exp(-mean))
    child = view.schema.table(key.table)
    unique = any(u.whole and set(u.columns) <= set(key.columns) for u in child.uniques)
    single = unique or holds(counts > 1, every, units, 1 - none - one, k)
    if single and holds(counts == 0, every, units, none, k):
        yield "exactly one"
        return
    if single and not unique:
        yield "at most one"
    # All children that were read of a parent may be missing: all rows of the source are asked.
    thinned = (counts == 0).sum() <= _THINNED * len(counts)
    if thinned and holds(counts < 0, every, units, max(none, _CHILDLESS), k):
        yield "at least one"


def _sorts(view: View, owners: Ints) -> Iterator[tuple[str, str, str]]:
    """Column, value and form where owners have one row of a sort."""
    named = {c for f in view.table.foreign_keys for c in f.columns}
    for column in view.table.written:
        if column.datatype.kind not in (Kind.TEXT, Kind.ENUM) or column.name in named:
            continue
        codes = view.codes(Term(column.name))
        if not 1 < int(codes.max(initial=-1)) + 1 <= _SORTS:
            continue
        if not quotable(view, Term(column.name)):
            continue
        once = _once(owners, codes)
        for value, form in _marked(view, owners, column.name):
            if form == "exactly one" or not once:
                yield column.name, value, f"{form} of a sort"


def _once(owners: Ints, codes: Ints) -> bool:
    """Whether owners have every value once, which is a rule of another kind."""
    both = (owners >= 0) & (codes >= 0)
    pairs = owners[both] * (codes.max(initial=0) + 1) + codes[both]
    return len(np.unique(pairs)) >= (1 - MOST_BROKEN) * len(pairs)


def _marked(view: View, owners: Ints, column: str) -> Iterator[tuple[str, str]]:
    """The values of a column that one row of an owner has, with how many have it."""
    values = view.values(Term(column))
    for value in _common(view, column).values.to_pylist():
        there = _of_sort(values, value).to_numpy(zero_copy_only=False)
        if form := marking(owners, there, view.units, view.support.k):
            yield value, form


def _common(view: View, column: str) -> Shares:
    """The values of a column that enough units hold."""
    values = view.values(Term(column))
    known = values.is_valid().to_numpy(zero_copy_only=False)
    return view.support.shares(values.drop_null(), view.units[known]).value


def _resorted(rule: Invariant, others: pa.Array, drawing: Drawing, rows: Ints) -> pa.Array:
    """The target with other values than one in some rows."""
    values = drawing.scene.values(Term(drawing.target))
    left = rows
    for _ in range(_TRIES):
        again = drawing.again(drawing.target, left)
        good = ~_of_sort(again, rule.constants[0]).to_numpy(zero_copy_only=False)
        values = patched(values, left[good], again.filter(pa.array(good)))
        left = left[~good]
    if len(others):
        return patched(values, left, pa.repeat(others[0], len(left)))
    if drawing.scene.table.column(drawing.target).nullable:
        return patched(values, left, pa.nulls(len(left), values.type))
    return values  # nothing else is known that the column takes


invariant: type[InvariantKind] = Cardinality
