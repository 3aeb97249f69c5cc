"""Holds a target against its plan and model: integrity, row counts, marginals, leaks."""

import time
from collections.abc import Iterator, Mapping

from connectors.engines import Reader, Target
from connectors.errors import RefusedRow, RefusedStatement
from connectors.limits import UNLIMITED
from connectors.schema import Check, ForeignKey, Schema, Table, TableName, Unique
from generators.carried import Carried
from generators.found import Found
from generators.masks import masks
from generators.model import DatabaseModel, TableModel
from generators.orientation import keeps_to_keys, oriented, single_columns
from provisioner.errors import Unprovable
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, silent
from provisioner.foreseen import foreseen
from provisioner.gallery import Drawn, Stored
from provisioner.gate import Gate
from provisioner.keeping import keeper
from provisioner.likeness import Sight, judged, likenesses, marginals
from provisioner.plan import Plan, read_plan
from provisioner.postponing import left, postponed_columns, vast
from provisioner.report import (
    Finding,
    Kept,
    Likeness,
    Played,
    Report,
    Severity,
    TableReport,
    acknowledged,
)
from provisioner.risks import accepted_risk
from provisioner.scenarios import counted

_DEVIATIONS = 4
_APART = "its rows lie in several shards, each of which keeps it by itself"
_MORE_BROKEN = 0.001
"""Share of rows that may break a rule beyond those of the source."""


def verify(
    model: DatabaseModel, target: Target, listen: Listener = silent, gate: Gate | None = None
) -> Report:
    """Checks everything that the target promises, by queries of our own.

    Args:
        model: what was learned.
        target: what was filled.
        listen: told of every table.
        gate: how strict to be; lenient without it.

    Raises:
        Unprovable: the target holds no finished load, so there is no plan to hold it against.
    """
    plan, migrated = finished_plan(target)
    gate = gate or Gate()
    began = time.monotonic()
    listen(StageStarted("verify", len(model.schema.tables), "tables"))
    found = target.schema()
    tables: list[TableReport] = []
    graver = Severity.WARNING if migrated else Severity.ERROR
    missing = _missing(model.schema, found, graver)
    findings = [*missing, *_kept(plan), *accepted_risk(plan.accepted_risk)]
    there = {t.name for t in model.schema.tables if _is_whole(t, found)}
    played = list(_played(model, plan, target, there))
    findings.extend(_unplayed(played, fires=bool(plan.fire)))
    tallied = tuple(_rules(model, target, plan, found))
    rules = tuple(one for one in tallied if isinstance(one, Kept))
    findings.extend(one for one in tallied if isinstance(one, Finding))
    findings.extend(_broken_rules(rules, _unkept(model, plan, target)))
    sight = _sight(model, plan, gate, target)
    alike: list[Likeness] = []
    for table in model.schema.tables:
        if table.name not in plan.keeps and _is_whole(table, found):
            carried = model.carried.get(table.name) if table.name in plan.carried else None
            values = [] if carried else _marginals(sight, table)
            report = _table(target, table, model.tables[table.name], plan, values, carried)
            tables.append(report)
            findings.extend(_findings(report, fires=bool(plan.fire)))
            alike.extend(values)
        listen(Advanced("verify", 1, str(table.name)))
    alike.extend(likenesses(sight, frozenset(there - _unlike(model, plan))))
    findings.extend(finding for one in alike for finding in judged(sight, one))
    planner = foreseen(model, plan, target, found, gate)
    findings.extend(planner.findings)
    listen(StageFinished("verify", len(tables), time.monotonic() - began))
    known = acknowledged(findings, gate.acknowledged.union(plan.acknowledged))
    return Report(tuple(tables), known, tuple(played), rules, tuple(alike), planner.report)


def finished_plan(target: Target) -> tuple[Plan, bool]:
    """The plan of a target's load, and whether that found the schema there.

    Raises:
        Unprovable: the target holds no load, or one that is not finished.
    """
    ledger = target.ledger()
    if ledger is None:
        raise Unprovable(
            "the target holds no load of this product; run `provisioner provision` first"
        )
    if not ledger.finished:
        raise Unprovable(
            "the target holds an unfinished load; repeat the `provisioner provision` that began it"
        )
    return read_plan(ledger.plan), ledger.dropped is not None


def _rules(
    model: DatabaseModel, target: Reader, plan: Plan, found: Schema
) -> Iterator[Kept | Finding]:
    """How often the rows keep the rules that nobody declared, where no other rows were there.

    A rule that the target does not count, since some value is too much for its SQL, is a finding.
    """
    there = {t.name for t in model.schema.tables if _is_whole(t, found)} - set(plan.keeps)
    if plan.shift is not None or not model.tables.keys() <= there:
        there = set()
    for one in model.invariants:
        if one.rule.table not in there:
            continue
        name = str(one.rule.table)
        try:
            tally = target.tally(one.kind.claim(one.rule, model.schema))
        except (RefusedRow, RefusedStatement) as problem:
            yield Finding("invariant", Severity.WARNING, f"{name}: {one.words}", str(problem))
            continue
        share = one.most_broken(model.k) + _MORE_BROKEN
        yield Kept(name, one.words, tally.spoken, tally.broken, int(share * tally.spoken))


def _unkept(model: DatabaseModel, plan: Plan, target: Target) -> Mapping[str, str]:
    """The rules of which it is known before that they are not kept, by their place, and why."""
    alone = ((found, _APART) for found in _apart(model, plan))
    still = left(model, plan, target.ledger())
    told = (*oriented(model, plan.whole, still, vast(plan)).unkept, *alone)
    return {f"{found.rule.table}: {found.words}": why for found, why in told}


def _apart(model: DatabaseModel, plan: Plan) -> Iterator[Found]:
    """Rules that each shard keeps by itself, of rows that lie in several."""
    single = single_columns(model)
    for one in model.invariants:
        rule, owner = one.rule, model.owners.get(one.rule.table)
        near = owner is not None and set(owner.columns) <= set(rule.columns)
        alone = rule.kind == "unique" and not keeps_to_keys(rule, single)
        alone |= rule.kind == "running" and rule.key is None
        alone |= rule.kind == "dependency" and not any(map(len, one.known.values()))
        if alone and not near and plan.trees[plan.tree(rule.table)].shards > 1:
            yield one


def _broken_rules(rules: tuple[Kept, ...], unkept: Mapping[str, str]) -> Iterator[Finding]:
    """Rules that more rows break than in the source; `unkept` says of some why, by their place."""
    for rule in rules:
        place = f"{rule.table}: {rule.rule}"
        if rule.broken > rule.allowed:
            text = f"{rule.broken} of {rule.spoken} rows break it; expected at most {rule.allowed}"
            grave = Severity.NOTE if place in unkept else Severity.WARNING
            told = f"; not kept, since {unkept[place]}" if place in unkept else ""
            yield Finding("invariant", grave, place, f"{text}{told}")


def _sight(model: DatabaseModel, plan: Plan, gate: Gate, target: Target) -> Sight:
    stored = Stored(target, model, plan.shift)
    last = postponed_columns(model, plan, target.ledger())
    return Sight(model, plan, gate.thresholds, stored, Drawn(model, plan), last)


def _played(
    model: DatabaseModel, plan: Plan, target: Reader, there: set[TableName]
) -> Iterator[Played]:
    """How many rows enact each scenario on tables that are there."""
    for quota in plan.scenarios:
        if {quota.scenario.table, quota.scenario.judged} <= there:
            yield Played(quota.scenario.place, quota.rows, counted(model, quota, target))


def _unplayed(played: list[Played], *, fires: bool) -> Iterator[Finding]:
    """Scenarios that other rows enact than the plan says."""
    for one in played:
        if one.planned != one.found:
            yield Finding(
                "scenario",
                Severity.WARNING if fires else Severity.ERROR,
                one.scenario,
                f"{one.found} rows found, {one.planned} planned",
            )


def _kept(plan: Plan) -> Iterator[Finding]:
    """Tables that nothing is promised of: their rows were there before."""
    for kept in plan.kept:
        text = "its rows were kept; keys that lead to them are checked, they themselves are not"
        yield Finding("kept", Severity.NOTE, str(kept.table), text)


def _missing(expected: Schema, found: Schema, graver: Severity) -> Iterator[Finding]:
    """Declared tables and constraints that the target lacks.

    Args:
        expected: the model's schema.
        found: the target's.
        graver: of a missing constraint; a schema that was there before may do without.
    """
    there = found.by_name
    for table in expected.tables:
        if table.name not in there:
            yield Finding("missing", Severity.ERROR, str(table.name), "the table is not there")
            continue
        columns = {c.name for c in there[table.name].columns}
        for column in table.columns:
            if column.name not in columns:
                place = f"{table.name}.{column.name}"
                yield Finding("missing", Severity.ERROR, place, "the column is not there")
        have = _names(there[table.name])
        for name in sorted(_names(table) - have):
            yield Finding(
                "missing",
                graver,
                f"{table.name} {name}",
                "the constraint or index is not there",
            )


def _is_whole(table: Table, found: Schema) -> bool:
    """Whether the target has a table with all of its columns, so that it can be read."""
    there = found.by_name.get(table.name)
    return there is not None and {c.name for c in table.columns} <= {c.name for c in there.columns}


def _names(table: Table) -> set[str]:
    foreign = (*table.foreign_keys, *table.computed_keys)
    parts = (table.uniques, foreign, table.exclusions, table.checks, table.indexes)
    names = {thing.name for part in parts for thing in part}
    names -= {unique.name for unique in table.uniques if not unique.declared}
    names -= {check.name for check in table.checks if not check.declared}
    return names - {key.name for key in table.foreign_keys if not key.declared}


def _unlike(model: DatabaseModel, plan: Plan) -> frozenset[TableName]:
    """The tables that need not be like what was learned: their rows are kept or masked."""
    masked = (name for name in plan.carried if model.carried[name].masks is not None)
    return plan.keeps.union(masked)


def _marginals(sight: Sight, table: Table) -> list[Likeness]:
    """How alike the values of each column are, where they are no key's."""
    keyed = frozenset(c for key in table.polymorphic for c in key.columns)
    return list(marginals(sight, table, keyed, sight.stored.rows(table)))


def _table(
    target: Target,
    table: Table,
    model: TableModel,
    plan: Plan,
    values: list[Likeness],
    carried: Carried | None,
) -> TableReport:
    declared = (*table.foreign_keys, *table.computed_keys)
    keys = [f for f in declared if f.validated and f.declared]
    undeclared = [*(f for f in table.foreign_keys if not f.declared), *table.polymorphic]
    leaks = (
        _unmasked(target, table, carried.masks or {}) if carried else _leaks(target, table, model)
    )
    dangling = {f.name: target.violations(table, f) for f in undeclared}
    excess = sum(_excess(target, table, f, model, dangling[f.name]) for f in undeclared)
    return TableReport(
        str(table.name),
        plan.layout(table.name).total,
        target.rows(table),
        _broken(target, table, keys) + excess,
        _broken(target, table, [u for u in table.uniques if u.columns or u.expressions]),
        _broken(target, table, [c for c in table.checks if c.validated or not c.declared]),
        {one.columns[0]: one.similarity for one in values},
        max(0, leaks - _outside(plan, table)),
        dangling,
    )


def _excess(target: Reader, table: Table, key: ForeignKey, model: TableModel, dangling: int) -> int:
    """How many rows more than its share lead nowhere, 4 standard deviations of a binomial off.

    A row leads nowhere by a draw of its own, so the number is binomial: variance n p (1 - p).
    """
    share = model.dangling[key.name].value
    rows = target.speaking(table, key) if dangling and share else 0
    most = rows * share + _DEVIATIONS * (rows * share * (1 - share)) ** 0.5
    return max(0, dangling - int(most))


def _broken(
    target: Reader, table: Table, constraints: list[ForeignKey] | list[Unique] | list[Check]
) -> int:
    return sum(target.violations(table, constraint) for constraint in constraints)


def _leaks(target: Reader, table: Table, model: TableModel) -> int:
    """Values of invented contacts outside the space reserved for them.

    Where checks declare which values a column may hold, they are public and say nothing of anyone.
    """
    reserved = {f.column.name: f.generator.reserved for f in model.columns}
    fenced = {column: pattern for column, pattern in reserved.items() if pattern is not None}
    declared = keeper(table).limits if fenced else {}
    return sum(
        target.unmatched(table, column, pattern)
        for column, pattern in fenced.items()
        if declared.get(column, UNLIMITED).values is None
    )


def _unmasked(target: Reader, table: Table, kinds: Mapping[str, str]) -> int:
    """Values of masked contacts outside the space reserved for them; copied ones are public."""
    patterns = ((column, masks()[kind].reserved) for column, kind in kinds.items())
    return sum(target.unmatched(table, c, pattern) for c, pattern in patterns if pattern)


def _outside(plan: Plan, table: Table) -> int:
    """How many hand-made values lie outside that space, as their author wants it."""
    return sum(n for one in plan.hand_made if one.table == table.name for _, n in one.outside)


def _findings(table: TableReport, *, fires: bool) -> Iterator[Finding]:
    if table.rows != table.planned:
        added = fires and table.rows > table.planned
        yield Finding(
            "row-count",
            Severity.WARNING if added else Severity.ERROR,
            table.table,
            f"{table.rows} rows found, {table.planned} planned"
            f"{'; triggers that fired may have added some' if added else ''}",
        )
    counts = {
        "orphan": (table.orphans, "rows reference a parent that is not there"),
        "duplicate": (table.duplicates, "rows repeat a unique key"),
        "violation": (table.violations, "rows break a check"),
        "leak": (table.leaks, "values lie outside the space reserved for invented contacts"),
    }
    for kind, (count, text) in counts.items():
        if count:
            yield Finding(kind, Severity.ERROR, table.table, f"{count} {text}; expected 0")
