"""Rules that people write of a row and its children: `total = sum(lines.amount)`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from connectors.dialect.expressions import stripped

_FUNCTIONS: Mapping[type[exp.Expression], str] = {
    exp.Sum: "sum",
    exp.Min: "min",
    exp.Max: "max",
    exp.Avg: "average",
    exp.Count: "count",
}


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A column of a row that its children come to.

    Attributes:
        function: sum, min, max, average or count.
        table: the children's table, as it was written.
        columns: of the children; of a sum, those whose product is summed.
    """

    column: str
    function: str
    table: str
    columns: tuple[str, ...]


def aggregation(sql: str) -> Aggregation | None:
    """What a text says of children; None where it says something else."""
    try:
        tree = parse_one(sql, read="postgres")
    except SqlglotError:
        return None
    if not isinstance(tree, exp.EQ) or not isinstance(tree.this, exp.Column):
        return None
    call = stripped(tree.expression)
    function, parts = _FUNCTIONS.get(type(call)), _factors(call.this)
    if function is None or parts is None or len({p.table for p in parts}) != 1:
        return None
    if not parts[0].table or (len(parts) > 1 and function != "sum"):
        return None
    return Aggregation(tree.this.name, function, parts[0].table, tuple(part.name for part in parts))


def _factors(node: exp.Expression | None) -> Sequence[exp.Column] | None:
    """The columns that are multiplied; None where something else is."""
    inner = node if node is None else stripped(node)
    if isinstance(inner, exp.Column):
        return (inner,)
    if not isinstance(inner, exp.Mul):
        return None
    left, right = _factors(inner.this), _factors(inner.expression)
    return None if left is None or right is None else (*left, *right)
