"""What the page's script draws: charts and the graph of tables, as one small JSON document."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from connectors.schema import ForeignKey, Schema, Table
from generators.model import DatabaseModel, TableModel
from provisioner.contents import ColumnContents, TableContents
from provisioner.page.charts import Chart, Form, chart
from provisioner.page.families import families
from provisioner.report import Aspect, Likeness, Report

_PARTS = 10_000
"""Shares are told in parts of so many, which is finer than a chart shows."""


def data(
    model: DatabaseModel, contents: tuple[TableContents, ...], report: Report
) -> Mapping[str, Any]:
    """Tables in the schema's order, each with its columns, and the keys between them by number."""
    numbers = {table.name: number for number, table in enumerate(model.schema.tables)}
    alike: dict[str, list[Likeness]] = {}
    for one in report.likenesses:
        alike.setdefault(one.table, []).append(one)
    return {
        "parts": _PARTS,
        "tables": [
            {
                "name": str(table.name),
                "rows": told.rows,
                "unit": told.unit == str(table.name),
                **_found(table, model.tables[table.name], told, alike.get(told.name, [])),
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


def _found(
    table: Table, model: TableModel, told: TableContents, alike: Sequence[Likeness]
) -> Mapping[str, Any]:
    """Columns with their charts, how pairs of them depend on each other, and families by key."""
    values = {one.columns[0]: one for one in alike if one.aspect is Aspect.MARGINAL}
    drawn = dict(_charts(model, values))
    return {
        "columns": [
            {
                **_column(column),
                **_similar(values.get(column.name)),
                **({"chart": as_drawn(drawn[column.name])} if column.name in drawn else {}),
            }
            for column in told.columns
        ],
        "pairs": [_pair(one) for one in alike if one.aspect is Aspect.PAIR],
        "families": [
            {**family.plain, "charts": {name: as_drawn(c) for name, c in family.charts.items()}}
            for family in families(table, alike)
        ],
    }


def _similar(one: Likeness | None) -> Mapping[str, float]:
    return {} if one is None else {"similar": round(one.similarity, 3)}


def _pair(one: Likeness) -> list[Any]:
    learned, found = one.association or (0.0, 0.0)
    return [*one.columns, round(learned, 2), round(found, 2)]


def _charts(model: TableModel, values: Mapping[str, Likeness]) -> Iterator[tuple[str, Chart]]:
    for fitted in model.columns:
        one = values.get(fitted.column.name)
        if one is not None:
            drawn = chart(fitted, np.array(one.learned), np.array(one.found))
            if drawn is not None:
                yield fitted.column.name, drawn


def _column(column: ColumnContents) -> Mapping[str, Any]:
    told: dict[str, Any] = {"name": column.name, "type": column.type, "made": column.generator}
    if column.personal:
        told["personal"] = True
    if column.withheld:
        told["withheld"] = round(column.withheld, 4)
    return told


def as_drawn(one: Chart) -> Mapping[str, Any]:
    """A chart as the script reads it."""
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
