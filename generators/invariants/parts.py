"""Parts of a row are together no more than the whole: wins and losses within the games."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, row_claim
from connectors.schema import Schema
from generators.distinct import patched
from generators.evidence import MOST_BROKEN
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.magnitudes import Scale, magnitudes, stored
from generators.privacy.support import distinct
from generators.quantities import names

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_EXACT = frozenset({Kind.INTEGER, Kind.DECIMAL})
_TOLERATED = 0.002
"""Share of a few rows that may break what is then counted in all of them."""
_REACHED = 50
"""Rows in which several parts make up the whole, for each in which they might exceed it.

Were there no bound, rows just beyond it would be about as frequent as rows that just reach it.
"""
_EACH = 20
"""How many of those rows must hold each of the parts."""
_MOST_PARTS = 4
_MOST_COLUMNS = 40
_MOST_RULES = 4
_OFF = 1e-6


class Parts(Plain):
    """`a + b <= c` of amounts of a row that are never negative; no part by itself."""

    name: ClassVar[str] = "parts"
    part: ClassVar[Part] = Part.BOUNDS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; what follows from smaller wholes is left out."""
        for parts, whole in _found(view, list(_amounts(view))):
            terms = tuple(amount.term for amount in (*parts, whole))
            yield Invariant(cls.name, "<=", view.table.name, terms)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        *parts, whole = map(str, rule.terms)
        return f"{' + '.join(parts)} <= {whole}"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`; without a cast small integers would overflow."""
        *parts, whole = (f"{{{n}}}::numeric" for n in range(len(rule.terms)))
        return row_claim(schema, rule, f"{' + '.join(parts)} <= {whole}")

    @classmethod
    def targets(cls, rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; the whole, then the parts, the last first."""
        return tuple(term.column for term in reversed(rule.terms))

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        values, known = _read(rule, scene)
        return np.asarray(known & _exceeds(values[:-1], values[-1]))

    @classmethod
    def realise(cls, rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; only where parts exceed the whole, one of them moves to the other.

        A part is never negative, so that the others may still exceed the whole by themselves.
        """
        del state
        values, known = _read(rule, drawing.scene)
        wrong = np.flatnonzero(known & _exceeds(values[:-1], values[-1]))
        place = rule.terms.index(Term(drawing.target))
        others = np.sum(values[:-1], axis=0)[wrong]
        if place < len(rule.terms) - 1:
            others = np.maximum(values[-1][wrong] - (others - values[place][wrong]), 0)
        datatype = drawing.scene.table.column(drawing.target).datatype
        fresh = stored(others, np.ones(len(wrong), np.bool_), datatype)
        return patched(drawing.scene.values(Term(drawing.target)), wrong, fresh)


@dataclass(frozen=True, slots=True, eq=False)
class _Amount:
    """A column of amounts, in all rows and in a few."""

    term: Term
    values: Floats
    known: Bools
    few: Floats


_Rule = tuple[tuple[_Amount, ...], _Amount]


def _read(rule: Invariant, scene: Scene) -> tuple[list[Floats], Bools]:
    numbers = [magnitudes(scene.values(term), Scale.NUMBER) for term in rule.terms]
    known = np.all([one.known for one in numbers], axis=0)
    return [np.asarray(one.values, np.float64) for one in numbers], np.asarray(known)


def _exceeds(parts: Sequence[Floats], whole: Floats) -> Bools:
    return np.asarray(np.sum(parts, axis=0) > whole + _OFF)


def _amounts(view: View) -> Iterator[_Amount]:
    """Columns of exact numbers that vary and are never negative, the smallest on average first."""
    named, found = names(view.table), list[_Amount]()
    for column in view.table.written:
        numbers = view.numbers(Term(column.name))
        if column.datatype.kind not in _EXACT or column.name in named or numbers is None:
            continue
        values, known = np.asarray(numbers.values, np.float64), numbers.known
        if known.any() and values[known].min() >= 0 and values[known].max() > 1:
            few = np.where(known, values, np.nan)[view.few]
            found.append(_Amount(Term(column.name), values, known, few))
    yield from sorted(found[:_MOST_COLUMNS], key=lambda a: float(a.values[a.known].mean()))


def _found(view: View, amounts: Sequence[_Amount]) -> Iterator[_Rule]:
    told: list[_Rule] = []
    for place, whole in enumerate(amounts):
        mine: list[_Rule] = []
        for parts in _sets(amounts[:place], whole):
            rule = parts, whole
            known = any(set(_terms(parts)) <= set(_terms(other)) for other, _ in mine)
            if known or len(mine) == _MOST_RULES or any(_follows(rule, one) for one in told):
                continue
            if _stands(view, rule):
                mine.append(rule)
                yield rule
        told += mine


def _terms(parts: Sequence[_Amount]) -> tuple[Term, ...]:
    return tuple(part.term for part in parts)


@dataclass(frozen=True, slots=True)
class _Sum:
    """Parts with their sum in a few rows."""

    parts: tuple[_Amount, ...]
    total: Floats

    def beside(self, other: _Amount) -> "_Sum":
        return _Sum((*self.parts, other), self.total + other.few)

    def fits(self, whole: _Amount) -> bool:
        """Whether a few rows keep it, and some reach the whole with the last part."""
        left = whole.few - self.total
        reached = np.abs(left) <= _OFF
        some = bool((reached & (self.parts[-1].few > 0)).any())
        return some and int((left < -_OFF).sum()) <= _TOLERATED * int((left >= -_OFF).sum())

    def makes_up(self, whole: _Amount) -> bool:
        """Whether all of the few rows reach the whole."""
        left = whole.few - self.total
        return bool((np.isnan(left) | (np.abs(left) <= _OFF)).all())


def _sets(smaller: Sequence[_Amount], whole: _Amount) -> list[tuple[_Amount, ...]]:
    """Sets of columns whose sums are no more than another in a few rows, the largest first."""
    few = len(whole.few)
    sets = [_Sum((one,), one.few) for one in smaller if few]
    found: list[_Sum] = []
    with np.errstate(invalid="ignore"):
        for _ in range(_MOST_PARTS - 1):
            wider = (
                known.beside(other)
                for known in sets
                for other in smaller[smaller.index(known.parts[-1]) + 1 :]
            )
            sets = [one for one in wider if one.fits(whole)]
            found += sets
        kept = [one.parts for one in found if not one.makes_up(whole)]
    return sorted(kept, key=lambda parts: -len(parts))


def _follows(rule: _Rule, other: _Rule) -> bool:
    """Whether parts are within a whole since some are within another that is beside the rest."""
    (parts, whole), (some, between) = rule, other
    if not set(_terms(some)) <= set(_terms(parts)) or between.term in _terms(parts):
        return False
    rest = [part for part in parts if part.term not in _terms(some)]
    with np.errstate(invalid="ignore"):
        beyond = np.sum([part.few for part in (*rest, between)], axis=0) > whole.few + _OFF
    return bool(beyond.sum() <= _TOLERATED * len(beyond))


def _stands(view: View, rule: _Rule) -> bool:
    """Whether all rows keep it, and enough of them reach the whole by each of its parts."""
    parts, whole = rule
    spoken = np.all([one.known for one in (*parts, whole)], axis=0)
    values = [part.values[spoken] for part in parts]
    several = np.sum([v > 0 for v in values], axis=0) > 1
    reached = several & (np.abs(np.sum(values, axis=0) - whole.values[spoken]) <= _OFF)
    broken = int(_exceeds(values, whole.values[spoken]).sum())
    enough = distinct(view.units[spoken][reached]) >= view.support.k
    each = all((reached & (v > 0)).sum() >= _EACH for v in values)
    rare = broken <= MOST_BROKEN * spoken.sum()
    return bool(enough and each and rare and reached.sum() >= _REACHED * max(1, broken))


invariant: type[InvariantKind] = Parts
