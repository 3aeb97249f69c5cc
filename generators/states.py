"""A model's fitted parts by path, as an archive keeps them."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple
from itertools import groupby
from typing import Any

from connectors.schema import Column, ForeignKey, Schema, Table, TableName
from generators.columns import State, column_generators
from generators.encoding import FittedColumn
from generators.keys import key_generators
from generators.model import DatabaseModel, TableModel
from generators.pasts import history_states, restored_history
from generators.privacy.support import Released, Support
from generators.relations.counts import count_column
from generators.relations.levels import branching_column
from generators.relations.lifetimes import Measure, Pace
from generators.relations.referee import Referee
from generators.relations.references import Clusters, Mode, Reference
from generators.relations.witnesses import Witnesses
from generators.tables import Feature, table_generators

States = Iterator[tuple[str, Released[Any]]]

_SHAPE = "shape"


def table_states(model: DatabaseModel) -> States:
    """Every released value of a model with its path, `number of table/part/field`."""
    for number, table in enumerate(model.schema.tables):
        for path, value in _table_states(model.tables[table.name]):
            yield f"{number}/{path}", value


def restored_tables(schema: Schema, values: Mapping[str, Any]) -> Mapping[TableName, TableModel]:
    """The tables whose `table_states` were these values."""
    tree = _nested(values)
    return {
        table.name: _restored(table, tree[str(number)])
        for number, table in enumerate(schema.tables)
    }


def _table_states(model: TableModel) -> States:
    yield _SHAPE, Support().declared(_shape(model))
    yield "rows", model.rows
    yield "clusters", model.clusters.shares
    for number, fitted in enumerate(model.columns):
        yield from _under(f"columns/{number}", fitted.generator.released())
    for name, key in model.keys.items():
        yield from _under(f"keys/{_position(model, name)}", key.released())
    yield from _counting_states(model)
    for number, fitted in enumerate(model.branching.values()):
        yield from _under(f"branching/{number}", fitted.generator.released())
    yield from _under("generator", model.generator.released())
    for number, fitted in enumerate(model.columns):
        yield f"histograms/{number}", model.histograms[fitted.column.name]
    if model.history is not None:
        yield from _under("history", history_states(model.history))
    for number, share in enumerate(model.dangling.values()):
        yield f"dangling/{number}", share
    yield from _witness_states(model)
    if model.referee is not None:
        yield from _under("referee", model.referee.released())


def _counting_states(model: TableModel) -> States:
    for number, fitted in enumerate(model.counts.values()):
        yield from _under(f"counts/{number}", fitted.generator.released())
    for number, measure in enumerate(model.beside.values()):
        yield from _under(f"beside/{number}", _pace(measure))


def _witness_states(model: TableModel) -> States:
    for number, told in enumerate(model.witnesses.values()):
        yield f"witnesses/{number}/shares", told.shares
        for place, values in enumerate(told.values.values()):
            yield f"witnesses/{number}/values/{place}", values


def _shape(model: TableModel) -> dict[str, Any]:
    """Names and kinds: what the schema declares and which generators were chosen."""
    return {
        "unit": [model.unit.schema, model.unit.name] if model.unit else None,
        "owner": model.owner,
        "generator": model.generator.kind,
        "columns": [_column_shape(f) for f in model.columns],
        "keys": [[name, key.kind] for name, key in model.keys.items()],
        "counts": [
            [child.schema, child.name, fitted.generator.kind, fitted.nullable]
            for child, fitted in model.counts.items()
        ],
        "beside": [_beside_shape(child, measure) for child, measure in model.beside.items()],
        "references": [
            [r.key.name, r.mode.value, r.clusters, r.nullable, r.within, r.older, r.twin]
            for r in model.references
        ],
        "branching": [[name, fitted.generator.kind] for name, fitted in model.branching.items()],
        "factors": [[f.name, f.size] for f in model.factors],
        "dangling": list(model.dangling),
        "refereed": model.referee is not None,
        "witnesses": [[name, *told.values] for name, told in model.witnesses.items()],
    }


def _beside_shape(child: TableName, measure: Measure) -> list[Any]:
    names = *astuple(child), *astuple(measure.table), measure.begin, measure.end
    return [*names, measure.pace is not None]


def _pace(measure: Measure) -> State:
    told = measure.pace
    return {} if told is None else {"step": told.step, "latest": told.latest}


def _column_shape(fitted: FittedColumn) -> list[Any]:
    return [fitted.column.name, fitted.generator.kind, fitted.nullable]


def _position(model: TableModel, key: str) -> int:
    return list(model.keys).index(key)


def _under(prefix: str, state: Mapping[str, Released[Any]]) -> States:
    return ((f"{prefix}/{field}", value) for field, value in state.items())


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path as nested dictionaries."""
    tree: dict[str, Any] = {}
    split = sorted(((p.partition("/"), v) for p, v in values.items()), key=lambda item: item[0])
    for head, members in groupby(split, key=lambda item: item[0][0]):
        below = {rest: value for (_, _, rest), value in members}
        tree[head] = below[""] if set(below) == {""} else _nested(below)
    return tree


def _restored(table: Table, state: Mapping[str, Any]) -> TableModel:
    shape = state[_SHAPE]
    columns = tuple(
        _restored_column(table.column(name), kind, nullable, _part(state, "columns", number))
        for number, (name, kind, nullable) in enumerate(shape["columns"])
    )
    return TableModel(
        table.name,
        Support().counted(int(state["rows"])),
        TableName(*shape["unit"]) if shape["unit"] else None,
        columns,
        {
            name: key_generators()[kind].restore(table.column(name), _part(state, "keys", number))
            for number, (name, kind) in enumerate(shape["keys"])
        },
        shape["owner"],
        _restored_counts(shape["counts"], state),
        tuple(_restored_reference(table, *r) for r in shape["references"]),
        Clusters(Support().declared(state["clusters"])),
        table_generators()[shape["generator"]].restore(state.get("generator", {})),
        {
            f.column.name: Support().declared(_part(state, "histograms", number))
            for number, f in enumerate(columns)
        },
        restored_history(state["history"]) if shape["owner"] else None,
        {
            name: Support().declared(float(state["dangling"][str(number)]))
            for number, name in enumerate(shape.get("dangling", ()))
        },
        _restored_branching(table, shape.get("branching", []), state),
        tuple(Feature(name, int(size), ordered=True) for name, size in shape.get("factors", [])),
        _restored_beside(shape.get("beside", []), state),
        {
            name: _restored_witnesses(columns, _part(state, "witnesses", number))
            for number, (name, *columns) in enumerate(shape.get("witnesses", []))
        },
        Referee.restore(state.get("referee", {})) if shape.get("refereed") else None,
    )


def _restored_witnesses(columns: list[str], state: Mapping[str, Any]) -> Witnesses:
    texts = (Support().declared(state["values"][str(n)]) for n in range(len(columns)))
    return Witnesses(dict(zip(columns, texts, strict=True)), Support().declared(state["shares"]))


def _part(state: Mapping[str, Any], part: str, number: int) -> Any:
    return state.get(part, {}).get(str(number), {})


def _restored_column(
    column: Column, kind: str, nullable: bool, state: Mapping[str, Any]
) -> FittedColumn:
    return FittedColumn(column, column_generators()[kind].restore(column, state), bool(nullable))


def _restored_counts(
    shapes: list[list[Any]], state: Mapping[str, Any]
) -> Mapping[TableName, FittedColumn]:
    found = {}
    for number, (schema, name, kind, nullable) in enumerate(shapes):
        child = TableName(schema, name)
        found[child] = _restored_column(
            count_column(child), kind, nullable, _part(state, "counts", number)
        )
    return found


def _restored_beside(
    shapes: list[list[Any]], state: Mapping[str, Any]
) -> Mapping[TableName, Measure]:
    found = {}
    for number, (schema, name, other_schema, other, begin, end, paced) in enumerate(shapes):
        told = _part(state, "beside", number)
        pace = Pace(*(Support().declared(told[f]) for f in ("step", "latest"))) if paced else None
        found[TableName(schema, name)] = Measure(TableName(other_schema, other), begin, end, pace)
    return found


def _restored_branching(
    table: Table, shapes: list[list[str]], state: Mapping[str, Any]
) -> Mapping[str, FittedColumn]:
    return {
        name: _restored_column(
            branching_column(_key(table, name)), kind, False, _part(state, "branching", number)
        )
        for number, (name, kind) in enumerate(shapes)
    }


def _restored_reference(
    table: Table, name: str, mode: str, clusters: int, *more: bool | str
) -> Reference:
    (nullable, within, older), twin = map(bool, more[:3]), str(*more[3:])
    key = _key(table, name)
    return Reference(key, Mode(mode), int(clusters), nullable, within, older, twin)


def _key(table: Table, name: str) -> ForeignKey:
    return next(f for f in table.foreign_keys if f.name == name)
