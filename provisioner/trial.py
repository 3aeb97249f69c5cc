"""Tries whether any row can satisfy a scenario, or fail to, before a plan promises it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.dialect.expressions import Scope
from connectors.schema import TableName
from generators.columns import Draw
from generators.encoding import FittedColumn
from generators.model import DatabaseModel
from generators.randomness import identities, stream
from provisioner.keeping import Ints, Keeper, Values, callable_functions, keeper
from provisioner.mending import Free, Redraw, mended
from provisioner.report import Finding, Severity
from provisioner.scenarios import Quota, Role, roles, with_roles

_ROWS = 256


def hopeless(
    model: DatabaseModel, asked: Sequence[Quota], rows: Mapping[TableName, int]
) -> Iterator[Finding]:
    """An error for each scenario that not one row in some hundred could be mended to enact.

    Predicates that read keys to other tables are not tried.
    """
    for quota in asked:
        scenario = quota.scenario
        [role] = (r for r in roles(asked, scenario.judged) if r.quota is quota)
        if quota.rows and not _can_be(model, role, goal=True):
            yield _impossible(role, "no row was found that satisfies it")
        some = scenario.having is None and quota.rows < rows[scenario.table]
        if some and not _can_be(model, role, goal=False):
            yield _impossible(role, "no row was found that does not satisfy it")


def _impossible(role: Role, what: str) -> Finding:
    said = role.scenario.condition
    text = f"{what} and keeps the checks of {role.scenario.judged}; change the scenario: {said}"
    return Finding("unmeetable", Severity.ERROR, role.scenario.place, text)


def _can_be(model: DatabaseModel, role: Role, *, goal: bool) -> bool:
    """Whether rows of any codes can be mended to play a role and keep the checks."""
    name = role.scenario.judged
    table, functions = model.schema.table(name), callable_functions(model.schema)
    rules = with_roles(keeper(table, functions), [role], Scope(table, functions=functions))
    rng = stream(0, name, "trial", goal)
    columns = {f.column.name: f for f in model.tables[name].columns}
    values: Values = {c: _redraw(f, rng)(np.arange(_ROWS))[c] for c, f in columns.items()}
    values[role.column] = pa.array(np.full(_ROWS, goal))
    known = rules.over(frozenset(values))
    if not known.rules or known.rules[0] != rules.rules[0]:
        return True
    found = mended(known, values, _free(columns, rules, rng), rng)
    return not known.broken(found).any(axis=1).all()


def _free(
    columns: Mapping[str, FittedColumn], rules: Keeper, rng: np.random.Generator
) -> Mapping[str, Free]:
    return {
        name: Free(
            _redraw(fitted, rng),
            fitted.column.nullable,
            alone=True,
            proposals=rules.proposals.get(name, pa.nulls(0, arrow_type(fitted.column.datatype))),
        )
        for name, fitted in columns.items()
    }


def _redraw(fitted: FittedColumn, rng: np.random.Generator) -> Redraw:
    def redraw(rows: Ints) -> Values:
        codes = rng.integers(0, fitted.feature.size, len(rows)).astype(np.int32)
        draw = Draw(rng, rows, identities(0, fitted.column.name, rows))
        return {fitted.column.name: fitted.decode(codes, draw)}

    return redraw
