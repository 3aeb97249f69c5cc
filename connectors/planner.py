"""What a planner knows of the rows that are stored, and what it would do with a query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What ANALYZE found in a column (PostgreSQL's manual, view pg_stats).

    Attributes:
        null_frac: share of rows that are null.
        n_distinct: distinct values; negative where it is a share of the rows.
        common: shares of the most common values, most frequent first; not the values.
        correlation: between the order of the values and that of the rows on disk, -1 to 1; None
            where values have no order.
    """

    null_frac: float
    n_distinct: float
    common: tuple[float, ...] = ()
    correlation: float | None = None


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the planner knows of a table.

    Attributes:
        rows: as the planner counts them; negative where it never was told.
        bytes: of the table itself, its long values included, without indexes.
        indexes: bytes of each index, by name.
        columns: by name; a column that ANALYZE has not seen is missing.
    """

    rows: int
    bytes: int
    indexes: Mapping[str, int]
    columns: Mapping[str, ColumnStatistics]


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT of the user's; `connectors.dialect.queries` alone makes it, and refuses the rest.

    Attributes:
        name: what the user calls it.
        sql: its text, with literals, which may be values of production.
        pattern: the same with a placeholder for each literal and no comment.
        parameters: how many values it leaves open, as `$1` and on; its plan is a generic one then.
    """

    name: str
    sql: str
    pattern: str
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A step of a plan, with the steps below it.

    Attributes:
        operation: its kind, with what tells it from others of the kind: how it joins or groups.
        relation: the table that it reads; empty for none.
        index: the index that it reads; empty for none.
        rows: how many it is expected to yield.
    """

    operation: str
    relation: str
    index: str
    rows: float
    below: tuple["PlanNode", ...] = ()

    @property
    def nodes(self) -> Iterator["PlanNode"]:
        """The step and all below it, in the order in which EXPLAIN prints them."""
        yield self
        for node in self.below:
            yield from node.nodes

    @property
    def shape(self) -> str:
        """The plan without its numbers, one step per line, indented by depth."""
        return "\n".join(_lines(self, ""))


def _lines(node: PlanNode, indent: str) -> Iterator[str]:
    relation = f" on {node.relation}" if node.relation else ""
    index = f" using {node.index}" if node.index else ""
    yield f"{indent}{node.operation}{relation}{index}"
    for below in node.below:
        yield from _lines(below, f"{indent}  ")
