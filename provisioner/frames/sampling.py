"""Draws whole databases as DataFrames, without a server: the rows that `provision` would load."""

from collections.abc import Collection, Iterable, Mapping

import pandas as pd
import pyarrow as pa

from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.config import EACH_EMPTY
from provisioner.errors import Infeasible, WrongRequest
from provisioner.frames.drawn import frame
from provisioner.naming import named_table, named_tables
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

_NO_FILE = ""
"""Rows do not depend on the fingerprint of the model's file, which only a target's ledger keeps."""


def drawn_frames(
    model: DatabaseModel, request: Request, tables: Iterable[str] | None
) -> dict[str, pd.DataFrame]:
    """The rows of some tables, or of all, by the shortest name that tells the table.

    Raises:
        WrongRequest: a table that the model does not hold.
        Infeasible: the plan found an error that the request does not acknowledge.
        Unmeetable: a constraint cannot be met with the rows asked for.
    """
    known = [table.name for table in model.schema.tables]
    wanted = set(known if tables is None else named_tables(tables, known))
    planned = plan(model, _NO_FILE, request)
    if any(finding.stops for finding in planned.findings):
        raise Infeasible(planned.findings)
    drawn = _drawn(Synthesizer(model, planned), planned, wanted)
    return {
        _short(name, known): frame(model.schema.table(name), drawn[name])
        for name in known
        if name in wanted
    }


def numbers(model: DatabaseModel, rows: Mapping[str, int]) -> tuple[dict[TableName, int], int]:
    """Rows by table, and those of each table that is empty in the source.

    Raises:
        WrongRequest: the model holds no such table, or it is named twice.
    """
    named: dict[TableName, int] = {}
    for text, number in rows.items():
        if text == EACH_EMPTY:
            continue
        table = named_table(text, model.tables)
        if table in named:
            raise WrongRequest(f"the rows of {table} are given twice; give them once")
        named[table] = number
    return named, rows.get(EACH_EMPTY, 0)


def _drawn(
    synthesizer: Synthesizer, planned: Plan, wanted: Collection[TableName]
) -> dict[TableName, list[pa.RecordBatch]]:
    """The rows of the wanted tables; a tree of owners is drawn as a whole or not at all."""
    found: dict[TableName, list[pa.RecordBatch]] = {name: [] for name in wanted}
    for number, tree in enumerate(planned.trees):
        if not found.keys() & set(tree.tables):
            continue
        for shard in range(tree.shards):
            for batch in synthesizer.shard(number, shard):
                if batch.table in found:
                    found[batch.table].append(batch.rows)
    return found


def _short(name: TableName, known: Collection[TableName]) -> str:
    """The table's own name where that means no other table, else with its schema."""
    try:
        return name.name if named_table(name.name, known) == name else str(name)
    except WrongRequest:
        return str(name)
