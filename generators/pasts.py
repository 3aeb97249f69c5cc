"""A history's fitted parts by path, as an archive keeps them."""

from collections.abc import Mapping
from typing import Any

from connectors.schema import TableName
from generators.columns import State, column_generators
from generators.encoding import FittedColumn
from generators.privacy.support import Floats, Released, Support
from generators.relations.clocks import span_column
from generators.relations.eras import Eras
from generators.relations.histories import Clock, History, Start
from generators.relations.referee import Referee
from generators.tables import Feature, TableGenerator, table_generators

_SHAPE = "shape"


def history_states(history: History) -> State:
    """Every released value of a history by its path, `part/field`."""
    found: dict[str, Released[Any]] = {_SHAPE: Support().declared(_shape(history))}
    if history.clock is not None:
        found |= _clock_states(history.clock)
    for name, generator in (("chooser", history.chooser), ("manner", history.manner)):
        if generator is not None:
            found |= {f"{name}/{field}": value for field, value in generator.released().items()}
    if history.referee is not None:
        state = history.referee.released()
        found |= {f"referee/{field}": value for field, value in state.items()}
    for number, (_, bounds) in enumerate(_eras(history)):
        found[f"eras/{number}"] = bounds
    return found


def _eras(history: History) -> list[tuple[str, Released[Floats]]]:
    return [] if history.eras is None else sorted(history.eras.bounds.items())


def _clock_states(clock: Clock) -> dict[str, Released[Any]]:
    parts: dict[str, State] = {
        "calendar": clock.calendar.released(),
        "step": clock.since_previous.generator.released(),
    }
    if clock.later is not None:
        parts["later"] = clock.later.released()
    if clock.walk is not None:
        parts["walk"] = clock.walk.released()
    if clock.start is not None:
        parts["start"] = clock.start.spans.generator.released()
        parts["first"] = clock.start.generator.released()
    fields = {f"{p}/{field}": v for p, state in parts.items() for field, v in state.items()}
    return {**fields, "limits": clock.limits}


def restored_history(state: Mapping[str, Any]) -> History:
    """The history whose `history_states` were these values, nested by path."""
    shape = state[_SHAPE]
    return History(
        _features(shape["features"]),
        frozenset(shape["repeated"]),
        _clock(shape["clock"], state) if shape["clock"] else None,
        TableName(*shape["beat"]) if shape["beat"] else None,
        _features(shape["beat_features"]),
        frozenset(shape.get("shared", ())),
        Referee.restore(state.get("referee", {})) if shape.get("refereed") else None,
        _generator(shape.get("chooser"), state.get("chooser", {})),
        _generator(shape.get("manner"), state.get("manner", {})),
        _restored_eras(shape.get("eras", []), state.get("eras", {})),
        frozenset(shape.get("bounded", ())),
        frozenset(shape.get("closing", ())),
    )


def _restored_eras(names: list[str], state: Mapping[str, Any]) -> Eras | None:
    bounds = {n: Support().declared(state[str(place)]) for place, n in enumerate(names)}
    return Eras(bounds) if bounds else None


def _generator(kind: str | None, state: Mapping[str, Any]) -> TableGenerator | None:
    return None if kind is None else table_generators()[kind].restore(state)


def _shape(history: History) -> dict[str, Any]:
    clock, beat = history.clock, history.beat
    return {
        "features": [[f.name, f.size, f.ordered] for f in history.features],
        "repeated": sorted(history.repeated),
        "shared": sorted(history.shared),
        "chooser": history.chooser and history.chooser.kind,
        "manner": history.manner and history.manner.kind,
        "bounded": sorted(history.bounded),
        "closing": sorted(history.closing),
        "eras": [name for name, _ in _eras(history)],
        "refereed": history.referee is not None,
        "clock": None if clock is None else _clock_shape(clock),
        "beat": None if beat is None else [beat.schema, beat.name],
        "beat_features": [[f.name, f.size, f.ordered] for f in history.beat_features],
    }


def _clock_shape(clock: Clock) -> dict[str, Any]:
    start = clock.start
    return {
        "column": clock.column,
        "start": start
        and {
            "name": start.name,
            "spans": start.spans.generator.kind,
            "model": start.generator.kind,
        },
        "since_previous": clock.since_previous.generator.kind,
        "calendar": clock.calendar.kind,
        "later": clock.later and clock.later.kind,
        "walk": clock.walk and clock.walk.kind,
    }


def _features(shapes: list[list[Any]]) -> tuple[Feature, ...]:
    return tuple(Feature(name, int(size), bool(ordered)) for name, size, ordered in shapes)


def _clock(shape: Mapping[str, Any], state: Mapping[str, Any]) -> Clock:
    models = table_generators()
    return Clock(
        shape["column"],
        _start(shape["start"], state) if shape["start"] else None,
        models[shape["calendar"]].restore(state["calendar"]),
        _spans("@since previous", shape["since_previous"], state["step"]),
        models[shape["later"]].restore(state["later"]) if shape["later"] else None,
        Support().declared(state["limits"]),
        models[shape["walk"]].restore(state["walk"]) if shape["walk"] else None,
    )


def _start(shape: Mapping[str, Any], state: Mapping[str, Any]) -> Start:
    return Start(
        shape["name"],
        _spans("@since start", shape["spans"], state["start"]),
        table_generators()[shape["model"]].restore(state["first"]),
    )


def _spans(name: str, kind: str, state: Mapping[str, Any]) -> FittedColumn:
    column = span_column(name)
    return FittedColumn(column, column_generators()[kind].restore(column, state), nullable=False)
