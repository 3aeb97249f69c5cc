"""How periods end: at the next start, or once for each owner not at all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.datatypes import INFINITE, DataType, Kind
from connectors.invariants import Invariant, Term, quoted, relation
from connectors.schema import Table
from generators.distinct import patched
from generators.gaps import drawn
from generators.invariants import Drawing, Scene
from generators.magnitudes import (
    DAY,
    LAST_DAY,
    Magnitudes,
    Scale,
    finite,
    magnitudes,
    scale_of,
    stored,
)
from generators.marking import corrected
from generators.succession import Succession, family_of, owned, parted, succession
from generators.updates import Values

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ONE_OPEN = ("one open", "exactly one open")
"""Forms that say how many periods of an owner are open."""
_DUE = "provisioner_due"
_TRIES = 3
"""Draws of an end that is not open, before it is computed."""
_STEPS = {
    Kind.DATE: {"0": 0, "1 day": DAY},
    Kind.TIMESTAMP: {"0": 0, "1 day": DAY, "1 second": 1_000_000, "1 microsecond": 1},
    Kind.INTEGER: {"0": 0, "1": 1},
}
_STEPS[Kind.TIMESTAMPTZ] = _STEPS[Kind.TIMESTAMP]
_NO_STEP = {"0": 0}


def moved(column: str, rule: Invariant, kind: Kind) -> str:
    """An end plus the step to the next start, whatever the session's time zone."""
    return f"{column} + {_since(rule, kind)}" if step_between(rule, kind) else column


def _since(rule: Invariant, kind: Kind) -> str:
    """The time from an end to the next start, to be added to the one or taken from the other."""
    step = step_between(rule, kind)
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return f"interval '{step} microseconds'"
    return str(min(step, 1))


def steps_of(kind: Kind) -> Mapping[str, int]:
    """The times that may lie between an end and the next start, by what they are called."""
    return _STEPS.get(kind, _NO_STEP)


def step_between(rule: Invariant, kind: Kind) -> int:
    """The time between an end and the next start, as in `Magnitudes`."""
    return steps_of(kind)[rule.constants[0]] if rule.constants else 0


def moment_of(text: str, datatype: DataType) -> int:
    """A moment from its text."""
    if text == "infinity":
        return int(LAST_DAY * DAY) if datatype.kind is Kind.DATE else INFINITE[64]
    return int(np.datetime64(text.removesuffix("+00"), "us").astype(np.int64))


def end_of(rule: Invariant) -> Term:
    """The column that says when a period ends, or that it has not."""
    return rule.terms[0 if rule.form in ONE_OPEN else 1]


def ends_of(rule: Invariant, scene: Scene) -> tuple[Magnitudes | None, Magnitudes | None]:
    """Starts and ends of rows; None for a start that is not known and for a flag's end."""
    terms = rule.terms if rule.form not in ONE_OPEN else (*rule.terms[1:], rule.terms[0])
    scales = [scale_of(scene.table.column(t.column).datatype) for t in terms]
    found = [
        None if scale is None else magnitudes(scene.values(term), scale)
        for term, scale in zip(terms, scales, strict=True)
    ]
    return (found[0], found[1]) if len(found) > 1 else (None, found[0])


def in_turn(rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
    """Ends that lead to the next start, or are cut there."""
    scene, column = drawing.scene, drawing.scene.table.column(drawing.target)
    starts, ends = ends_of(rule, scene)
    if starts is None or ends is None or rule.key is None:
        return scene.values(Term(drawing.target))
    along = succession(family_of(rule, scene), (starts.values,), starts.known)
    before, after = along.pairs
    due = starts.values[after] - step_between(rule, column.datatype.kind)
    values, known = ends.values.copy(), ends.known.copy()
    closed = known & finite(scene.values(Term(drawing.target)))
    early = ~closed[before] | (values[before] > due)
    if rule.form == "contiguous":
        early[:] = True
    values[before[early]], known[before[early]] = due[early], True
    changed = np.zeros(scene.rows, np.bool_)
    changed[before[early]] = True
    fresh = stored(values[changed], known[changed], column.datatype)
    found = patched(scene.values(Term(drawing.target)), np.flatnonzero(changed), fresh)
    return _finished(rule, state, drawing, along, found)


def _finished(
    rule: Invariant, state: Mapping[str, Any], drawing: Drawing, along: Succession, ends: pa.Array
) -> pa.Array:
    """Opens last periods as often as was learned, and ends those that end before they start."""
    starts, drawn = ends_of(rule, drawing.scene)
    column = drawing.scene.table.column(drawing.target)
    if starts is None or drawn is None:
        return ends
    final, sentinel = along.rows[along.last], state["sentinel"]
    is_open = ~drawn.known | (drawn.values == sentinel if sentinel is not None else False)
    wrong = final[~is_open[final] & (drawn.values[final] < starts.values[final])]
    opened = np.empty(0, np.int64)
    if sentinel is not None or column.nullable:
        opened = _opened(along, is_open, wrong, 0.0 if drawing.tight else state["open"], drawing)
    ends = patched(ends, opened, _open_values(len(opened), sentinel, column.datatype))
    wrong = np.setdiff1d(wrong, opened)
    fresh = starts.values[wrong] + _gaps(state, len(wrong), drawing).astype(starts.values.dtype)
    return patched(ends, wrong, stored(fresh, np.ones(len(wrong), np.bool_), column.datatype))


def _opened(along: Succession, is_open: Bools, wrong: Ints, share: float, drawing: Drawing) -> Ints:
    """Last rows to open: those first whose end is wrong, then whose siblings were drawn open."""
    final = along.rows[along.last]
    missing = int(np.rint(share * len(final))) - int(is_open[final].sum())
    if missing <= 0:
        return np.empty(0, np.int64)
    family = np.bincount(along.number, is_open[along.rows], len(final)) > 0
    rank = np.where(np.isin(final, wrong), 0, np.where(family, 1, 2))
    order = np.lexsort((drawing.rng.random(len(final)), rank))
    order = order[~is_open[final[order]]]
    return np.asarray(final[order[:missing]])


def _open_values(rows: int, sentinel: int | None, datatype: DataType) -> pa.Array:
    if sentinel is None:
        return stored(np.zeros(rows, np.int64), np.zeros(rows, np.bool_), datatype)
    return stored(np.full(rows, sentinel), np.ones(rows, np.bool_), datatype)


def one_open(rule: Invariant, state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
    """Closes all open rows of an owner but one, and opens one where one has to be."""
    scene, target = drawing.scene, Term(drawing.target)
    starts, _ = ends_of(rule, scene)
    if rule.key is None:
        return scene.values(target)
    is_open = are_open(rule, scene.values(target), scene)
    orders = () if starts is None else (starts.values,)
    along = succession(family_of(rule, scene), orders, np.ones(scene.rows, np.bool_))
    surplus, missing = corrected(along, is_open)
    found = _closed(rule, state, drawing, surplus)
    if rule.form == "one open":
        return found
    return patched(found, missing, _marked(rule, len(missing), scene))


def are_open(rule: Invariant, values: pa.Array, scene: Scene) -> Bools:
    """Which values say that a row is open."""
    if rule.constants[0] == "true":
        flag = values.fill_null(False)
        return np.asarray(flag.to_numpy(zero_copy_only=False))
    ends = magnitudes(values, Scale.MOMENT)
    if rule.constants[0] == "null":
        return ~ends.known
    datatype = scene.table.column(rule.terms[0].column).datatype
    return np.asarray(ends.known & (ends.values == moment_of(rule.constants[0], datatype)))


def _marked(rule: Invariant, rows: int, scene: Scene) -> pa.Array:
    """Values that say that a row is open."""
    if rule.constants[0] == "true":
        return pa.array(np.ones(rows, np.bool_))
    datatype = scene.table.column(rule.terms[0].column).datatype
    null = rule.constants[0] == "null"
    return _open_values(rows, None if null else moment_of(rule.constants[0], datatype), datatype)


def _closed(rule: Invariant, state: Mapping[str, Any], drawing: Drawing, rows: Ints) -> pa.Array:
    """The target with other values in some rows, that do not say that they are open."""
    scene, target = drawing.scene, Term(drawing.target)
    values = scene.values(target)
    if rule.constants[0] == "true":
        return patched(values, rows, pa.array(np.zeros(len(rows), np.bool_)))
    datatype = scene.table.column(drawing.target).datatype
    starts, _ = ends_of(rule, scene)
    begin = np.zeros(len(rows), np.int64) if starts is None else starts.values[rows]
    fresh = begin + _gaps(state, len(rows), drawing).astype(np.int64)
    left = np.arange(len(rows))
    for _ in range(_TRIES):
        again = drawing.again(drawing.target, rows[left])
        drawn = magnitudes(again, Scale.MOMENT)
        good = ~are_open(rule, again, scene) & finite(again) & (drawn.values >= begin[left])
        fresh[left[good]] = drawn.values[good]
        left = left[~good]
    return patched(values, rows, stored(fresh, np.ones(len(rows), np.bool_), datatype))


def _gaps(state: Mapping[str, Any], rows: int, drawing: Drawing) -> Floats:
    return np.asarray(np.rint(drawn(state["gaps"], rows, drawing.rng)))


def followed(rule: Invariant, table: Table, columns: tuple[str, ...]) -> Values | None:
    """Ends that come right before the next start, or that far at the latest, in SQL.

    Those that would then come before their own start stay; None where the times are no such.
    """
    start, end = (quoted(term.column) for term in rule.terms)
    kind = table.column(rule.terms[0].column).datatype.kind
    if kind not in _STEPS:
        return None
    window = f"OVER (PARTITION BY {parted(columns)} ORDER BY {start}, {end})"
    due = f"lead({start}) {window} - {_since(rule, kind)}"
    rows = f"SELECT *, {due} AS {_DUE} FROM {relation(table.name)}"  # noqa: S608 # all quoted
    compared = "<=" if rule.form == "disjoint" else "="
    kept = f"{_DUE} >= p.{start} AND (p.{end} {compared} {_DUE}) IS NOT TRUE"
    return Values(_DUE, f"({rows} WHERE {owned(columns)} AND {start} IS NOT NULL) AS p", "p", kept)
