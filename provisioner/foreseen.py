"""Holds what the target's planner knows, and would do, against what the source's did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.dialect.equalities import Equality, equalities, with_values
from connectors.dialect.queries import open_queries
from connectors.engines import Reader
from connectors.errors import ConnectorError
from connectors.planner import ColumnStatistics, Query, TableStatistics
from connectors.schema import Schema, TableName
from generators.estimates import KnownQuery, rounded_plan
from generators.model import DatabaseModel
from provisioner.estimating import is_text
from provisioner.gate import Gate, Thresholds
from provisioner.plan import Plan
from provisioner.report import Estimated, Finding, Planned, PlannerReport, Severity, Sized

_FEW_ROWS = 1_000
"""Rows below which a planner reads the whole table whatever it knows."""
_FEW_BYTES = 1_000_000
_DISTINCT, _SHARE, _CORRELATION = 2.0, 0.1, 0.3
"""How far off numbers are alike: n_distinct by this factor, shares and correlations by these."""
_SAME_SIZE = 0.05
"""Part by which rows may differ in number from the source's for plans to be compared."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was compared, and what follows from it."""

    report: PlannerReport
    findings: tuple[Finding, ...]


def foreseen(
    model: DatabaseModel, plan: Plan, target: Reader, found: Schema, gate: Gate
) -> Foreseen:
    """Compares statistics, sizes and the plans of the user's queries.

    Args:
        model: what was learned.
        plan: of the load.
        target: what it filled.
        found: the target's schema.
        gate: the user's queries, and the thresholds.
    """
    known = target.statistics(found)
    wanted = [t.name for t in model.schema.tables if t.name in known and t.name not in plan.keeps]
    unseen = tuple(_unseen(known, wanted, plan, found))
    seen = [name for name in wanted if known[name].columns]
    estimates = tuple(e for name in seen for e in _estimates(model, plan, name, known[name]))
    sizes = tuple(s for name in wanted for s in _sizes(model, plan, name, known[name]))
    plans = _plans(model, plan, target, gate)
    report = PlannerReport(estimates, tuple(p for p in plans if isinstance(p, Planned)), sizes)
    judged = (
        *_differing(report),
        *_swollen(report, gate.thresholds),
        *_otherwise(report, gate.thresholds),
        *(p for p in plans if isinstance(p, Finding)),
    )
    return Foreseen(report, (*unseen, *judged))


def _unseen(
    known: Mapping[TableName, TableStatistics], wanted: list[TableName], plan: Plan, found: Schema
) -> Iterator[Finding]:
    """Tables with rows that ANALYZE has not seen."""
    for name in wanted:
        columns = {column.name for column in found.table(name).columns}
        seen = columns & known[name].columns.keys()
        if plan.layout(name).total and columns and (not seen or known[name].rows < 0):
            text = "the planner has no statistics of it; run ANALYZE"
            yield Finding("unanalyzed", Severity.ERROR, str(name), text)


def _estimates(
    model: DatabaseModel, plan: Plan, name: TableName, found: TableStatistics
) -> Iterator[Estimated]:
    """The planner's numbers of a table's columns beside those learned."""
    learned = model.estimates.statistics(name)
    if learned is None or plan.layout(name).total < _FEW_ROWS or learned.rows < _FEW_ROWS:
        return
    for column, before in learned.columns.items():
        after = found.columns.get(column)
        if after is not None:
            rows = learned.rows, plan.layout(name).total
            for number, one, other, alike in _numbers(before, after, rows):
                yield Estimated(str(name), column, number, one, other, alike)


def _numbers(
    before: ColumnStatistics, after: ColumnStatistics, rows: tuple[int, int]
) -> Iterator[tuple[str, float, float, bool]]:
    values = _values(before.n_distinct, rows[0]), _values(after.n_distinct, rows[1])
    # Keys and the like grow with the rows, other columns do not.
    grown = values[0] * rows[1] / rows[0], values[1]
    fits = min(_ratio(*values), _ratio(*grown)) <= _DISTINCT
    yield "n_distinct", values[0], values[1], fits
    null = before.null_frac, after.null_frac
    yield "null_frac", null[0], null[1], abs(null[0] - null[1]) <= _SHARE
    common = sum(before.common), sum(after.common[: len(before.common)])
    yield "common", common[0], common[1], abs(common[0] - common[1]) <= _SHARE
    if before.correlation is not None and after.correlation is not None:
        order = before.correlation, after.correlation
        fits = abs(abs(order[0]) - abs(order[1])) <= _CORRELATION
        yield "correlation", order[0], order[1], fits


def _values(n_distinct: float, rows: int) -> float:
    return -n_distinct * rows if n_distinct < 0 else n_distinct


def _ratio(one: float, other: float) -> float:
    """The larger by the smaller; what is less than 1 counts as 1."""
    pair = max(1.0, one), max(1.0, other)
    return max(pair) / min(pair)


def _differing(report: PlannerReport) -> Iterator[Finding]:
    """A warning for each column that the planner sees otherwise."""
    for one in report.estimates:
        if not one.alike:
            place = f"{one.table}.{one.column}"
            text = f"{one.number} is {one.found:.3g} for the planner; expected {one.learned:.3g}"
            yield Finding(f"planner-{one.number}", Severity.NOTE, place, text)


def _sizes(
    model: DatabaseModel, plan: Plan, name: TableName, found: TableStatistics
) -> Iterator[Sized]:
    """Bytes beside those of the source, for as many rows as are planned."""
    learned = model.estimates.statistics(name)
    if learned is None or learned.rows < 1:
        return
    grown = plan.layout(name).total / learned.rows
    yield Sized(str(name), "", int(learned.bytes * grown), found.bytes)
    for index, size in learned.indexes.items():
        if index in found.indexes:
            yield Sized(str(name), index, int(size * grown), found.indexes[index])


def _swollen(report: PlannerReport, thresholds: Thresholds) -> Iterator[Finding]:
    """Tables and indexes of other sizes than their rows in the source would have."""
    for one in report.sizes:
        ratio = _ratio(one.learned, one.found)
        if max(one.learned, one.found) < _FEW_BYTES or ratio <= 1 + (thresholds.size - 1) / 2:
            continue
        # Tables of production hold room that updates have left; too many bytes are graver.
        grave = ratio > thresholds.size and one.found > one.learned
        place = f"{one.table} {one.index}".rstrip()
        text = f"{one.found:,} bytes; expected about {one.learned:,}"
        yield Finding("size", Severity.ERROR if grave else Severity.WARNING, place, text)


def _plans(
    model: DatabaseModel, plan: Plan, target: Reader, gate: Gate
) -> tuple[Planned | Finding, ...]:
    """Each query that was learned and is given again, explained by the target."""
    known = {query.name: query for query in model.estimates.queries}
    itself = open_queries(query.pattern for query in known.values())
    given = {query.name: query for query in (*itself, *gate.queries)}
    if not given or not known:
        return ()
    missing = (
        _note(query.name, "its plan was not learned")
        for query in gate.queries
        if query.name not in known
    )
    if not _is_same_size(model, plan):
        text = "plans are compared where there are as many rows as in the source"
        return (_note("all", text),)
    both = [name for name in known if name in given]
    compared = (_compared(model, target, known[n], given[n]) for n in both)
    return (*missing, *compared)


def _is_same_size(model: DatabaseModel, plan: Plan) -> bool:
    rows = [(plan.layout(name).total, learned) for name, learned in model.rows.items()]
    return all(abs(a - b) <= max(_SAME_SIZE * b, _FEW_ROWS) for a, b in rows)


def _note(query: str, text: str) -> Finding:
    return Finding("query", Severity.NOTE, query, text)


def _compared(
    model: DatabaseModel, target: Reader, known: KnownQuery, given: Query
) -> Planned | Finding:
    if known.pattern != given.pattern:
        return _note(given.name, "it is not the query that was learned; learn again")
    asked = _in_target(model, target, known, given)
    plan = target.explained(asked)
    if isinstance(plan, ConnectorError):
        return Finding("query", Severity.WARNING, given.name, str(plan))
    learned, found = known.expected, rounded_plan(plan, model.k)
    ratio = _ratio(learned.rows, found.rows)
    return Planned(given.name, learned.shape == found.shape, ratio, learned.shape, found.shape)


def _in_target(model: DatabaseModel, target: Reader, known: KnownQuery, given: Query) -> Query:
    """The query with texts that the target holds, of the same rank by frequency.

    Codes, names and the like are invented, so that what a query looks for need not be there.
    """
    sides = equalities(given, model.schema)
    ranks = known.ranks.value
    if len(sides) != len(ranks):
        return given
    values = [_counterpart(model.schema, target, s, r) for s, r in zip(sides, ranks, strict=True)]
    return given if not any(values) else with_values(given, model.schema, values)


def _counterpart(schema: Schema, target: Reader, side: Equality, rank: int | None) -> str | None:
    table = schema.table(side.table)
    if not is_text(table.column(side.column)):
        return None
    return target.counterpart(table, side.column, side.value, rank)


def _otherwise(report: PlannerReport, thresholds: Thresholds) -> Iterator[Finding]:
    """What the plans come to, and a note for each that differs."""
    same, ratio = report.same_plans, report.ratio
    for one in report.plans:
        if not one.same:
            yield _note(one.query, "its plan has another shape than in the source")
    if same is not None and same < (1 + thresholds.plans) / 2:
        grave = Severity.ERROR if same < thresholds.plans else Severity.WARNING
        text = f"{same:.0%} of the queries have the plan that the source has"
        yield Finding(
            "plans", grave, "queries", f"{text}; expected at least {thresholds.plans:.0%}"
        )
    if ratio is not None and ratio > (1 + thresholds.estimates) / 2:
        grave = Severity.ERROR if ratio > thresholds.estimates else Severity.WARNING
        text = f"the rows expected differ by a factor of {ratio:.1f}, by the median"
        yield Finding("estimates", grave, "queries", f"{text}; at most {thresholds.estimates:g}")
