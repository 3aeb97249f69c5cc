"""Times of a row that stay close to each other, and the courses that would tear them apart."""

from collections.abc import Mapping

from connectors.invariants import Invariant
from generators.found import Found
from generators.model import DatabaseModel
from generators.sight import Node


def near(model: DatabaseModel) -> Mapping[Node, frozenset[str]]:
    """Per time the others of its row that lags tie it to, by any number of them."""
    found: dict[Node, frozenset[str]] = {}
    for rule in (f.rule for f in model.invariants if f.rule.kind == "lag"):
        nodes = [(rule.table, column) for column in rule.columns]
        tied = frozenset(rule.columns).union(*(found.get(node, ()) for node in nodes))
        found |= {(rule.table, column): tied for column in tied}
    return {node: tied - {node[1]} for node, tied in found.items()}


def course(rule: Invariant) -> tuple[object, ...]:
    """What siblings run along, and how: columns with the same are sorted in the same way."""
    return rule.form, rule.key, rule.terms[1:]


def leaning(found: Found) -> frozenset[Node]:
    """The number that tells how far two times lie apart: better known before they are set."""
    by = found.known.get("by") if found.rule.kind == "lag" else None
    return frozenset() if by is None else frozenset({(found.rule.table, by)})
