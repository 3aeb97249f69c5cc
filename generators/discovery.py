"""Finds the rules that training rows keep though nobody declared them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.invariants import Claim, Invariant, Tally
from connectors.schema import Schema, Table
from generators.evidence import MOST_BROKEN
from generators.invariants import InvariantKind, State, invariant_kinds
from generators.privacy.support import Released, Support
from generators.viewing import LearnedView, Library

Count = Callable[[Claim], Tally]
"""Counts a claim over all rows of the source."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rule with what was learned to keep it.

    Attributes:
        spoken: rows that it speaks of in the source.
        broken: how many of them break it; None for some, but fewer than k.
        state: what its kind learned.
    """

    rule: Invariant
    spoken: Released[int]
    broken: Released[int | None]
    state: State

    @property
    def kind(self) -> type[InvariantKind]:
        """The kind of its rule."""
        return invariant_kinds()[self.rule.kind]

    @property
    def known(self) -> Mapping[str, Any]:
        """What its kind learned, unwrapped."""
        return {name: released.value for name, released in self.state.items()}


def discovered(library: Library, count: Count, schema: Schema) -> Iterator[Found]:
    """Every rule that training rows and then all rows of the source keep, table by table."""
    for table in schema.tables:
        yield from verified(library, proposed(library, table), count)


def proposed(library: Library, table: Table) -> Iterator[Invariant]:
    """The rules that the training rows of a table keep."""
    view = LearnedView(library, table)
    for kind in invariant_kinds().values():
        yield from kind.propose(view)


def verified(
    library: Library, rules: Iterable[Invariant], count: Count, *, asked: bool = False
) -> Iterator[Found]:
    """The rules that all rows of the source keep, with their counts; all where asked for."""
    for rule in rules:
        kind = invariant_kinds()[rule.kind]
        tally = count(kind.claim(rule, library.schema))
        if not asked and (not tally.spoken or tally.share > MOST_BROKEN):
            continue
        view = LearnedView(library, library.schema.table(rule.table))
        spoken, broken = library.support.counted(tally.spoken), _coarse(tally, library.support)
        yield Found(rule, spoken, broken, kind.fit(rule, view))


def _coarse(tally: Tally, support: Support) -> Released[int | None]:
    few = 0 < tally.broken < support.k
    return support.declared(None if few else tally.broken)
