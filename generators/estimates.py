"""What may leave production of a planner's statistics and of its plans for the user's queries."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import floor, log10
from typing import Any

from pydantic import TypeAdapter

from connectors.planner import ColumnStatistics, PlanNode, TableStatistics
from connectors.schema import TableName
from generators.privacy.support import Released, Support

_COMMON = 10
"""Most common values whose shares are kept."""
_STATISTICS = TypeAdapter(TableStatistics)
_PLAN = TypeAdapter(PlanNode)


@dataclass(frozen=True, slots=True)
class KnownQuery:
    """A query of the user's, as the source's planner would answer it.

    Attributes:
        name: what the user calls it.
        pattern: its text with `?` in the place of each literal.
        plan: its plan, numbers of rows rounded, and k where they are fewer.
        ranks: per equality with a text (`connectors.dialect.equalities`), the place of that text
            among the column's values by their frequency; None for a rare one, and for other kinds.
    """

    name: str
    pattern: str
    plan: Released[Any]
    ranks: Released[list[int | None]]

    @property
    def expected(self) -> PlanNode:
        """The plan."""
        return _PLAN.validate_python(self.plan.value)


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the source's planner knew.

    Attributes:
        tables: its statistics, rounded, of tables with enough units that it had statistics of.
        queries: the user's own.
    """

    tables: Mapping[TableName, Released[Any]]
    queries: tuple[KnownQuery, ...] = ()

    def statistics(self, table: TableName) -> TableStatistics | None:
        """The planner's statistics of a table; None where none were released."""
        found = self.tables.get(table)
        return None if found is None else _STATISTICS.validate_python(found.value)


def coarse_statistics(
    found: TableStatistics, supported: Mapping[str, int], units: int, support: Support
) -> Released[Any] | None:
    """Statistics in which no single unit shows; None of a table with fewer than k units.

    Args:
        found: as the planner has them.
        supported: per column, how many of its values k units share.
        units: the table's distinct privacy units.
        support: the rule of release.
    """
    columns = {
        name: _coarse_column(column, supported.get(name, 0))
        for name, column in found.columns.items()
    }
    kept = TableStatistics(found.rows, found.bytes, found.indexes, columns)
    return support.seal(asdict(kept), units)


def _coarse_column(column: ColumnStatistics, supported: int) -> ColumnStatistics:
    """Shares of common values are kept for as many as k units share; all numbers are rounded."""
    common = column.common[: min(_COMMON, supported)]
    correlation = None if column.correlation is None else round(column.correlation, 1)
    return ColumnStatistics(
        round(column.null_frac, 3),
        two_digits(column.n_distinct),
        tuple(two_digits(share) for share in common),
        correlation,
    )


def coarse_plan(plan: PlanNode, units: int, support: Support) -> Released[Any] | None:
    """A plan whose numbers of rows are rounded and at least k; None where few units are read."""
    return support.seal(asdict(rounded_plan(plan, support.k)), units)


def rounded_plan(plan: PlanNode, k: int) -> PlanNode:
    """The plan with numbers of rows rounded to two digits, and k where they are fewer."""
    below = tuple(rounded_plan(node, k) for node in plan.below)
    rows = max(float(k), two_digits(plan.rows))
    return PlanNode(plan.operation, plan.relation, plan.index, rows, below)


def two_digits(number: float) -> float:
    """The number with its first two digits that are not 0."""
    return round(number, 1 - floor(log10(abs(number)))) if number else 0.0


def estimate_states(estimates: Estimates) -> Iterator[tuple[str, Released[Any]]]:
    """Every released value with its path, `planner/...`."""
    support = Support()
    for number, (name, found) in enumerate(estimates.tables.items()):
        place = f"planner/tables/{number}"
        yield f"{place}/name", support.declared([name.schema, name.name])
        yield f"{place}/statistics", found
    for number, query in enumerate(estimates.queries):
        place = f"planner/queries/{number}"
        yield f"{place}/words", support.declared([query.name, query.pattern])
        yield f"{place}/plan", query.plan
        yield f"{place}/ranks", query.ranks


def restored_estimates(values: Mapping[str, Any]) -> Estimates:
    """The estimates whose `estimate_states` were among these values; checked, as a file's are."""
    support = Support()
    tables, queries = {}, []
    for place in _places(values, "planner/tables/", "/name"):
        found = values[f"{place}/statistics"]
        _STATISTICS.validate_python(found)
        tables[TableName(*values[f"{place}/name"])] = support.declared(found)
    for place in _places(values, "planner/queries/", "/words"):
        name, pattern = values[f"{place}/words"]
        plan, ranks = values[f"{place}/plan"], values[f"{place}/ranks"]
        _PLAN.validate_python(plan)
        known = [None if rank is None else int(rank) for rank in ranks]
        query = KnownQuery(str(name), str(pattern), support.declared(plan), support.declared(known))
        queries.append(query)
    return Estimates(tables, tuple(queries))


def _places(values: Mapping[str, Any], start: str, end: str) -> Iterator[str]:
    count = sum(path.startswith(start) and path.endswith(end) for path in values)
    return (f"{start}{number}" for number in range(count))
