"""Finds the rules that training rows keep though nobody declared them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from connectors.invariants import Claim, Invariant, Tally, Term
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.found import Found
from generators.invariants import InvariantKind, View, invariant_kinds
from generators.invariants.among import Among
from generators.privacy.support import Released, Support
from generators.viewing import LearnedView, Library

Count = Callable[[Claim], Tally]
"""Counts a claim over all rows of the source."""

_FEW = 4
"""As many keys may be among another's, however few there are besides."""


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


def taken_over(schema: Schema, found: Iterable[Found]) -> Iterator[Invariant]:
    """What must hold of rows since it holds of those that lead to them and copy their columns.

    That a state of an invoice tells its country is for the customer to keep, whose both are; of a
    few dozen customers it would not be said by itself.
    """
    rules = [one.rule for one in found]
    known = {(r.table, r.terms) for r in rules if r.kind == "dependency"}
    for rule in (r for r in rules if r.kind == "dependency" and not r.relaxed):
        for key in schema.table(rule.table).foreign_keys:
            copies = _copied(rules, rule.table, key)
            terms = tuple(Term(copies[t.column]) for t in rule.terms if t.column in copies)
            plain = len(terms) == len(rule.terms) and not any(t.keys for t in rule.terms)
            if plain and (key.parent, terms) not in known:
                known.add((key.parent, terms))
                yield replace(rule, table=key.parent, terms=terms)


def _copied(rules: Iterable[Invariant], table: TableName, key: ForeignKey) -> Mapping[str, str]:
    """The columns of a table that equal one of the row that a key leads to, with that."""
    pairs = (r.terms for r in rules if r.kind == "equality" and r.table == table and not r.relaxed)
    both = (sorted(pair, key=lambda term: len(term.keys)) for pair in pairs)
    return {
        own.column: far.column for own, far in both if (own.keys, far.keys) == ((), (key.name,))
    }


def remarkable(schema: Schema, found: Iterable[Found]) -> list[Found]:
    """The rules without those that say of a key what most keys to its table have in common.

    Where all that refers to people refers to the sixty who work there, each such key is among
    each other one: as many rules as there are pairs of keys, of which none says anything. Rules
    that a person wrote stay.
    """
    rules = list(found)
    among = Counter(one.rule.other for one in rules if _key_among(schema, one.rule))
    keys = [k for table in schema.tables for k in table.foreign_keys if len(k.columns) == 1]
    leading = Counter(key.parent for key in keys)

    def is_common(one: Found) -> bool:
        key, inside = _key_among(schema, one.rule), among[one.rule.other]
        if key is None or one.rule.declared or one.rule.relaxed:
            return False
        return inside > _FEW and 2 * inside > leading[key.parent] - 1

    return [one for one in rules if not is_common(one)]


def _key_among(schema: Schema, rule: Invariant) -> ForeignKey | None:
    """The key of one column that a rule holds against another column alone."""
    if rule.kind != Among.name or len(rule.terms) != 1 or rule.terms[0].keys:
        return None
    keys = schema.table(rule.table).foreign_keys
    return next((k for k in keys if k.columns == (rule.terms[0].column,)), None)


def _coarse(tally: Tally, support: Support) -> Released[int | None]:
    few = 0 < tally.broken < support.k
    return support.declared(None if few else tally.broken)
