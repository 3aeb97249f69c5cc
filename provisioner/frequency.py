"""How often rows satisfy a scenario's predicate as they were learned, where a factor is asked."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from connectors.dialect.expressions import Scope
from connectors.rules import holding
from connectors.schema import TableName
from generators.distinct import groups
from generators.errors import Unmeetable
from generators.model import DatabaseModel
from provisioner.errors import WrongRequest
from provisioner.keeping import callable_functions
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.scenarios import Scenario, condition
from provisioner.synthesize import Synthesizer

_ROWS = 50_000
"""Rows of a table that are drawn to measure a frequency."""


def measured(model: DatabaseModel, fingerprint: str, request: Request) -> Request:
    """The request, with the frequency beside each factor that it asks for.

    Raises:
        WrongRequest: rows cannot be drawn beforehand, or the scenario cannot be evaluated.
    """
    if all(s.factor is None or s.frequency is not None for s in request.scenarios):
        return request
    if request.keep:
        raise WrongRequest(
            "a factor is measured without a target; beside kept tables, ask for a share"
        )
    _check(model, fingerprint, request)
    plain = plan(model, fingerprint, replace(request, scenarios=()))
    synthesizer = Synthesizer(model, plain)

    def known(scenario: Scenario) -> Scenario:
        if scenario.factor is None:
            return scenario
        tree = plain.tree(scenario.table)
        wanted = {scenario.table, scenario.judged}
        rows = _drawn(synthesizer, tree, wanted, scenario)
        share = _frequency(model, scenario, rows)
        if scenario.factor and not share:
            raise WrongRequest(
                f"{scenario.place}: none of the rows drawn beforehand enacts it, so that a factor "
                "of them is none; ask for a share or a count"
            )
        return replace(scenario, frequency=share)

    return replace(request, scenarios=tuple(map(known, request.scenarios)))


def _check(model: DatabaseModel, fingerprint: str, request: Request) -> None:
    """Raises what `plan` would, were the frequencies known."""
    none = tuple(replace(s, frequency=0.0) for s in request.scenarios)
    plan(model, fingerprint, replace(request, scenarios=none))


def _drawn(
    synthesizer: Synthesizer, tree: int, wanted: set[TableName], scenario: Scenario
) -> Mapping[TableName, pa.RecordBatch]:
    found = {}
    for name, batch in synthesizer.sample(tree, _ROWS, wanted):
        if isinstance(batch, Unmeetable):
            raise WrongRequest(f"{scenario.place}: no rows can be drawn to measure it ({batch})")
        found[name] = batch.rows
    return found


def _frequency(
    model: DatabaseModel, scenario: Scenario, rows: Mapping[TableName, pa.RecordBatch]
) -> float:
    if scenario.table not in rows or scenario.judged not in rows:
        return 0.0
    table = model.schema.table(scenario.judged)
    scope = Scope(table, functions=callable_functions(model.schema))
    judged = rows[scenario.judged]
    true = holding(condition(scenario, scope), judged)
    if scenario.having is None:
        return float(true.mean())
    owner = model.owners[scenario.judged]
    hits = judged.filter(pa.array(true))
    sizes = np.bincount(groups([hits.column(c) for c in owner.columns])) if len(hits) else [0]
    enough = int((np.asarray(sizes) >= scenario.having.at_least).sum())
    return float(enough / rows[scenario.table].num_rows)
