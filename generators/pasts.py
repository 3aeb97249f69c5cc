"""A history's fitted parts by path, as an archive keeps them."""

from collections.abc import Mapping
from typing import Any

from connectors.schema import Table, TableName
from generators.columns import State, column_generators
from generators.encoding import FittedColumn
from generators.privacy.support import Released, Support
from generators.relations.clocks import span_column
from generators.relations.histories import Clock, History
from generators.tables import Feature, table_generators

_SHAPE = "shape"


def history_states(history: History) -> State:
    """Every released value of a history by its path, `part/field`."""
    found: dict[str, Released[Any]] = {_SHAPE: Support().declared(_shape(history))}
    if history.clock is not None:
        clock = history.clock
        parts: Mapping[str, State] = {
            "start": clock.since_start.generator.released(),
            "step": clock.since_previous.generator.released(),
            "first": clock.first.released(),
            "later": clock.later.released(),
        }
        found |= {f"{p}/{field}": v for p, state in parts.items() for field, v in state.items()}
        found["limits"] = clock.limits
    return found


def restored_history(table: Table, state: Mapping[str, Any]) -> History:
    """The history whose `history_states` were these values, nested by path."""
    shape = state[_SHAPE]
    return History(
        _features(shape["features"]),
        frozenset(shape["repeated"]),
        _clock(table, shape["clock"], state) if shape["clock"] else None,
        TableName(*shape["beat"]) if shape["beat"] else None,
        _features(shape["beat_features"]),
    )


def _shape(history: History) -> dict[str, Any]:
    clock, beat = history.clock, history.beat
    return {
        "features": [[f.name, f.size, f.ordered] for f in history.features],
        "repeated": sorted(history.repeated),
        "clock": None if clock is None else _clock_shape(clock),
        "beat": None if beat is None else [beat.schema, beat.name],
        "beat_features": [[f.name, f.size, f.ordered] for f in history.beat_features],
    }


def _clock_shape(clock: Clock) -> dict[str, Any]:
    return {
        "column": clock.column,
        "start": clock.start,
        "since_start": [clock.since_start.generator.kind, clock.since_start.nullable],
        "since_previous": clock.since_previous.generator.kind,
        "first": clock.first.kind,
        "later": clock.later.kind,
    }


def _features(shapes: list[list[Any]]) -> tuple[Feature, ...]:
    return tuple(Feature(name, int(size), bool(ordered)) for name, size, ordered in shapes)


def _clock(table: Table, shape: Mapping[str, Any], state: Mapping[str, Any]) -> Clock:
    kind, nullable = shape["since_start"]
    start, step = span_column("@since start"), span_column("@since previous")
    column = table.column(shape["column"]) if shape["start"] is None else start
    kinds, models = column_generators(), table_generators()
    return Clock(
        shape["column"],
        shape["start"],
        FittedColumn(column, kinds[kind].restore(column, state["start"]), bool(nullable)),
        FittedColumn(
            step, kinds[shape["since_previous"]].restore(step, state["step"]), nullable=False
        ),
        models[shape["first"]].restore(state["first"]),
        models[shape["later"]].restore(state["later"]),
        Support().declared(state["limits"]),
    )
