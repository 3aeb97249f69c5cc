"""Finds the rules that training rows keep though nobody declared them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from connectors.invariants import Claim, Invariant, Tally
from connectors.schema import Table
from generators.found import Found
from generators.invariants import InvariantKind, View, invariant_kinds
from generators.privacy.support import Released, Support
from generators.viewing import LearnedView, Library

Count = Callable[[Claim], Tally]
"""Counts a claim over all rows of the source."""


def proposed(library: Library, table: Table) -> Iterator[Invariant]:
    """The rules that the training rows of a table keep."""
    view = LearnedView(library, table)
    for kind in invariant_kinds().values():
        yield from sought(view, kind)


def sought(view: View, kind: type[InvariantKind]) -> list[Invariant]:
    """The rules of one kind that the training rows of a table keep."""
    with np.errstate(all="ignore"):  # what is no number any more keeps no rule
        return list(kind.propose(view))


def verified(
    library: Library, rules: Iterable[Invariant], count: Count, *, asked: bool = False
) -> Iterator[Found]:
    """The rules that all rows of the source keep, with their counts; all where asked for."""
    for rule in rules:
        kind = invariant_kinds()[rule.kind]
        tally = count(kind.claim(rule, library.schema))
        if not asked and (not tally.spoken or tally.share > kind.tolerated):
            continue
        view = LearnedView(library, library.schema.table(rule.table))
        spoken, broken = library.support.counted(tally.spoken), _coarse(tally, library.support)
        yield Found(rule, spoken, broken, kind.fit(rule, view))


def _coarse(tally: Tally, support: Support) -> Released[int | None]:
    few = 0 < tally.broken < support.k
    return support.declared(None if few else tally.broken)
