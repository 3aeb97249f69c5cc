"""Draws the codes of a table's rows in one shard, those of an owner in their order."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.encoding import FittedColumn
from generators.relations.beats import Beat, moments, ticks
from generators.relations.histories import Clock, History, sources
from generators.relations.turns import Cast, Turns, drawn_again, take_turns
from generators.siblings import BEAT, origin_ticks
from provisioner.values import Ints, Job, Values

Bools = npt.NDArray[np.bool_]


def draw_codes(job: Job) -> Turns:
    """Codes of all rows of a table in a shard."""
    rng = job.randomness("codes", 0)
    if job.model.history is not None:
        return take_turns(_cast(job, job.model.history), rng)
    codes = job.model.generator.sample(job.context.codes, {}, rng)
    none = np.zeros(codes.shape, np.bool_)
    return Turns(job.context.codes, codes, none, np.zeros(len(codes), np.int64))


def draw_codes_again(job: Job, found: Turns, rows: Ints, attempt: int) -> Turns:
    """The same with other codes for some rows; each attempt draws others."""
    rng = job.randomness("codes", attempt)
    if job.model.history is not None:
        return drawn_again(_cast(job, job.model.history), found, rows, rng)
    codes = found.codes.copy()
    codes[rows] = job.model.generator.sample(job.context.codes[rows], {}, rng)
    return replace(found, codes=codes)


def with_repeats(job: Job, values: Values, found: Turns) -> Values:
    """The values, where rows that repeat the sibling before have its value, and clocks theirs."""
    history = job.model.history
    if history is None:
        return values
    carried = dict(values)
    if history.clock is not None:
        datatype = job.table.column(history.clock.column).datatype
        carried[history.clock.column] = moments(found.ticks, datatype)
    columns = {r.feature.name: r.key.columns for r in job.model.references}
    for place, feature in enumerate(history.features):
        if feature.name in history.repeated and found.repeats[:, place].any():
            source = pa.array(sources(found.repeats[:, place]))
            for name in columns.get(feature.name, (feature.name,)):
                carried[name] = carried[name].take(source)
    return carried


def _cast(job: Job, history: History) -> Cast:
    time, beat = None, _beat(job, history)
    if history.clock is not None:
        time = next(c for c in job.model.columns if c.column.name == history.clock.column)
    origins = np.zeros(len(job.parents), np.int64)
    if history.clock is not None and time is not None and history.clock.start is not None:
        origins = _origins(job, history.clock, history.clock.start, time, beat)
    return Cast(history, job.model.generator, time, job.context.codes, job.parents, origins, beat)


def _beat(job: Job, history: History) -> Beat | None:
    if history.beat is None:
        return None
    other = job.above[history.beat]
    clock = job.setting.model.tables[history.beat].history
    if clock is None or clock.clock is None:
        raise LookupError(f"{history.beat} is a beat without a clock")
    times = ticks(other.values[clock.clock.column])
    return Beat.of(other.parents, times, other.rows.target.codes)


def _origins(job: Job, clock: Clock, start: str, time: FittedColumn, beat: Beat | None) -> Ints:
    """The tick that each row's history starts from; one that is not known is another row's."""
    if start == BEAT and beat is not None:
        first = beat.first(job.parents)
        origin, known = beat.ticks_at(first), first >= 0
    else:
        owner = job.setting.model.owners[job.table.name].parent
        column = job.setting.model.schema.table(owner).column(start)
        values = job.above[owner].values[start]
        origin, known = origin_ticks(values, column.datatype.kind, time.column.datatype.kind)
        origin, known = origin[job.parents], known[job.parents]
    if known.all() or not known.any():
        return np.where(known, origin, clock.bounds[0])
    chosen = job.randomness("origins").choice(np.flatnonzero(known), len(origin))
    return np.where(known, origin, origin[chosen])
