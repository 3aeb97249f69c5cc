"""Tries a few rows of each table in a target before the first one is written to stay."""

import time
from collections.abc import Collection, Iterator

from connectors.batch import Batch
from connectors.datatypes import Kind
from connectors.engines import Refusal, Target
from connectors.errors import MissingPrivilege
from connectors.schema import Column, Table, TableName
from generators.errors import Unmeetable
from generators.model import DatabaseModel
from provisioner.errors import Infeasible
from provisioner.events import Advanced, Listener, StageFinished, StageStarted, silent
from provisioner.feasibility import Way, constraints_met
from provisioner.plan import Plan
from provisioner.report import Finding, Severity, acknowledged
from provisioner.scenarios import counted
from provisioner.synthesize import Synthesizer

_MOST = 1_000


def pilot(
    model: DatabaseModel,
    plan: Plan,
    synthesizer: Synthesizer,
    target: Target,
    listen: Listener = silent,
) -> tuple[Finding, ...]:
    """Draws up to 1,000 rows of each table that has rules, and has the target judge them.

    The target must have the tables, empty or not; it keeps none of the rows. Found is a constraint
    that no rows can be drawn for ("unmeetable"), and one that the target judges differently from
    what is believed here ("pilot"). Tables whose rows are valid by construction are left out.

    Raises:
        Infeasible: an error was found that the plan does not acknowledge.
        WrongRequest: the target cannot understand a scenario's condition.
    """
    began = time.monotonic()
    wanted = _tried(model, plan)
    listen(StageStarted("pilot", len(wanted), "tables"))
    found: dict[str, Finding] = {}
    for quota in plan.scenarios:
        counted(model, quota, target)  # a condition that the server refuses fails here
    for number in range(len(plan.trees)):
        for name, drawn in synthesizer.sample(number, _MOST, wanted):
            for finding in _judged(model.schema.table(name), drawn, target):
                found.setdefault(finding.hash, finding)
            if name in wanted:
                listen(Advanced("pilot", 1, str(name)))
    listen(StageFinished("pilot", len(wanted), time.monotonic() - began))
    findings = acknowledged(found.values(), plan.acknowledged)
    if any(finding.stops for finding in findings):
        raise Infeasible(findings)
    return findings


def _tried(model: DatabaseModel, plan: Plan) -> Collection[TableName]:
    """The tables with rows whose constraints are not all met by construction."""
    drawn = {met.table for met in constraints_met(model) if met.way is not Way.CONSTRUCTION}
    drawn |= {str(made.table) for made in plan.hand_made}
    return {
        table.name
        for table in model.schema.tables
        if table.name not in plan.keeps
        and plan.layout(table.name).total
        and (str(table.name) in drawn or plan.roles(table.name) or _is_judged(table))
    }


def _is_judged(table: Table) -> bool:
    """Whether the target has something to judge: a check, a bound, a domain, an expression."""
    return bool(table.checks or table.partitions) or any(map(_is_particular, table.columns))


def _is_particular(column: Column) -> bool:
    """Whether a value may be refused by its type: a domain's, or one that travels as its text."""
    kinds = [column.datatype, column.datatype.element or column.datatype]
    special = any(k.domain is not None or k.kind is Kind.OTHER for k in kinds)
    return special or column.generated is not None


def _judged(table: Table, drawn: Batch | Unmeetable, target: Target) -> Iterator[Finding]:
    if isinstance(drawn, Unmeetable):
        for place, text in (drawn.places or {str(table.name): str(drawn)}).items():
            yield Finding("unmeetable", Severity.ERROR, place, text)
    elif _is_judged(table):
        try:
            refusals = target.pilot(drawn, table)
        except MissingPrivilege as problem:
            yield Finding("no-pilot", Severity.WARNING, "target", str(problem))
            return
        yield from (_refused(table, refusal) for refusal in refusals)


def _refused(table: Table, refusal: Refusal) -> Finding:
    place = f"{table.name} {refusal.constraint}".strip()
    most = "" if refusal.exact else "at least "
    rule = f": {refusal.sql}" if refusal.sql else ""
    return Finding(
        "pilot",
        Severity.ERROR,
        place,
        f"the target refuses {most}{refusal.rows} of {refusal.tried} rows that were expected to "
        f"fit (SQLSTATE {refusal.state}){rule}",
    )
