"""Times that rules nobody declared tie to each other: where one rests, so does the other."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from connectors.invariants import Invariant, Term
from connectors.schema import Schema, TableName
from generators.magnitudes import DAY
from generators.model import DatabaseModel
from generators.quantities import home
from generators.shift import is_shiftable
from generators.sight import BELOW

Place = tuple[TableName, str]
"""A column of a table."""

_TYING = frozenset({"order", "lag", "equality", "arithmetic", "aggregate", "periods"})


@dataclass(frozen=True, slots=True)
class Tie:
    """Times that a rule holds against each other.

    Attributes:
        places: where they stand, in the rule's order.
        reach: in days, how far they lie apart at most where the rule says no more than which comes
            first; None for all else.
        words: the rule.
    """

    places: tuple[Place, ...]
    reach: float | None
    words: str

    def keeps(self, moving: Collection[Place], days: int) -> bool:
        """Whether the rule is kept where some of the times move by some days.

        One may move away from another, but no further than some are apart already.
        """
        moved = [place in moving for place in self.places]
        if all(moved) or not any(moved):
            return True
        apart = moved[-1] is (days > 0)
        return apart and self.reach is not None and abs(days) <= self.reach


def ties(model: DatabaseModel) -> Iterator[Tie]:
    """The ties of all rules that were found in, or declared of, the source."""
    for found in model.invariants:
        rule = found.rule
        if rule.relaxed or rule.kind not in _TYING:
            continue
        places = [place for term in rule.terms for place in _places(model.schema, rule, term)]
        if len(distinct := tuple(dict.fromkeys(places))) > 1:
            gaps = found.known.get("gaps", ()) if rule.kind == "order" else None
            reach = None if gaps is None else float(max(gaps, default=0)) / DAY
            yield Tie(distinct, reach, found.words)


def _places(schema: Schema, rule: Invariant, term: Term) -> Iterator[Place]:
    """Where a term's column stands, if it holds times that move."""
    below = term.keys == BELOW and rule.key is not None
    table = schema.table(rule.key[0]) if below and rule.key else home(schema, rule.table, term)
    if is_shiftable(table.column(term.column).datatype):
        yield table.name, term.column
