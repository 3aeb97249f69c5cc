"""What the page's script draws: charts and the graph of tables, as one small JSON document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.schema import ForeignKey, Schema, Table
from generators.model import DatabaseModel, TableModel
from provisioner.contents import ColumnContents, TableContents
from provisioner.page.charts import Chart, Form, chart
from provisioner.page.portrait import Portrait, TablePortrait
from provisioner.report import TableReport

_PARTS = 10_000
"""Shares are told in parts of so many, which is finer than a chart shows."""


def data(
    model: DatabaseModel,
    contents: tuple[TableContents, ...],
    reports: Mapping[str, TableReport],
    portrait: Portrait,
) -> Mapping[str, Any]:
    """Tables in the schema's order, each with its columns, and the keys between them by number."""
    numbers = {table.name: number for number, table in enumerate(model.schema.tables)}
    return {
        "parts": _PARTS,
        "tables": [
            {
                "name": str(table.name),
                "rows": told.rows,
                "unit": told.unit == str(table.name),
                "columns": list(
                    _columns(
                        model.tables[table.name],
                        told,
                        portrait.get(table.name),
                        reports.get(str(table.name)),
                    )
                ),
            }
            for table, told in zip(model.schema.tables, contents, strict=True)
        ],
        "keys": [
            [numbers[key.table], numbers[key.parent], role(model, key), ", ".join(key.columns)]
            for key in all_keys(model.schema)
            if key.parent in numbers
        ],
    }


def as_script(document: Mapping[str, Any]) -> str:
    """A document as text that cannot end the element it stands in, whatever a name holds."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def all_keys(schema: Schema) -> Iterator[ForeignKey]:
    """Every foreign key of every kind, table by table."""
    for table in schema.tables:
        yield from _keys(table)


def role(model: DatabaseModel, key: ForeignKey) -> str:
    """What a key is for: "owner", "self", "undeclared" or "reference"."""
    if key.self_reference:
        return "self"
    if not key.declared:
        return "undeclared"
    return "owner" if model.tables[key.table].owner == key.name else "reference"


def _keys(table: Table) -> Iterator[ForeignKey]:
    yield from (*table.foreign_keys, *table.polymorphic, *table.computed_keys)


def _columns(
    model: TableModel, told: TableContents, found: TablePortrait | None, report: TableReport | None
) -> Iterator[Mapping[str, Any]]:
    drawn = {} if found is None else dict(_charts(model, found))
    similar = {} if report is None else report.marginals
    for column in told.columns:
        yield {
            **_column(column),
            **({"similar": round(similar[column.name], 3)} if column.name in similar else {}),
            **({"chart": _chart(drawn[column.name])} if column.name in drawn else {}),
        }


def _charts(model: TableModel, found: TablePortrait) -> Iterator[tuple[str, Chart]]:
    for fitted in model.columns:
        name = fitted.column.name
        one = chart(fitted, model.histograms[name].value, found.shares[name])
        if one is not None and found.rows:
            yield name, one


def _column(column: ColumnContents) -> Mapping[str, Any]:
    told: dict[str, Any] = {"name": column.name, "type": column.type, "made": column.generator}
    if column.personal:
        told["personal"] = True
    if column.withheld:
        told["withheld"] = round(column.withheld, 4)
    return told


def _chart(one: Chart) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "form": one.form.value,
        "real": [round(share * _PARTS) for share in one.learned],
        "made": [round(share * _PARTS) for share in one.found],
    }
    if one.form is Form.LABELS:
        told["labels"] = list(one.labels)
    else:
        told["ends"] = [float(f"{end:.10g}") for end in one.ends]
    if any(one.nulls):
        told["nulls"] = [round(share * _PARTS) for share in one.nulls]
    return told
