"""Draws the codes of a table's rows in one shard, those of an owner in their order."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import key_named
from connectors.schema import TableName
from generators.columns import Codes, Draw
from generators.contexts import Rows, timely
from generators.determination import joint
from generators.distinct import patched
from generators.encoding import FittedColumn
from generators.randomness import identities
from generators.relations.beats import Beat, moments, ticks
from generators.relations.casts import Cast, Told, Turns, put_turns
from generators.relations.histories import History
from generators.relations.references import Reference
from generators.relations.turns import drawn_again, drawn_given, take_turns, take_turns_as
from generators.relations.twins import equal, in_turn
from generators.siblings import BEAT, ONGOING, ongoing, origin_ticks
from generators.sorting import ordered
from generators.tables import Matrix
from provisioner.calibration import calibrated
from provisioner.job import Drawn, Floats, Ints, Job, Values, features, job_of
from provisioner.refereeing import refereed, sifted
from provisioner.setting import Setting
from provisioner.witnessed import evidence, seated, seats

Bools = npt.NDArray[np.bool_]


def draw_codes(job: Job) -> Turns:
    """Codes of all rows of a table in a shard."""
    rng = job.randomness("codes", 0)
    history = job.model.history
    if history is not None and history.referee is not None and len(job.indexes):
        return refereed(job, _cast(job, history), history.referee, rng)
    if history is not None:
        cast = _cast(job, history)
        return _as_told(job, cast, take_turns(cast, rng), rng)
    codes = sifted(job, rng)
    codes = _in_course(job, calibrated(job, codes, rng))
    none, zeros = np.full(codes.shape, -1), np.zeros(len(codes), np.int64)
    return Turns(Told.of(job.context.codes), codes, none, none, zeros, zeros - 1)


def _as_told(job: Job, cast: Cast, found: Turns, rng: np.random.Generator) -> Turns:
    """The same, with rows drawn again whose keys are told by those which lead there."""
    known = seats(job)
    if known is not None and len(known.rows):
        given = evidence(job, cast.history, known)
        fresh = take_turns_as(cast.of(known.rows), known.times, given, rng)
        put_turns(found, fresh, known.rows, np.arange(len(known.rows)))
    return found


def _in_course(job: Job, codes: Codes) -> Codes:
    """Whole rows in the order in which a column of theirs runs along their keys.

    Were that column alone sorted, it would have nothing to do with the others any more. Rows drawn
    given different things stay where these are.
    """
    rules = (step.found.rule for step in job.setting.orientation.of(job.table.name))
    along = next((r for r in rules if r.kind == "running" and r.key is None), None)
    names = [feature.name for feature in features(job.model)]
    if along is None or along.terms[0].column not in names:
        return codes
    if along.terms[-1].column not in job.model.keys:
        return codes  # not numbered by what rows are drawn in the order of
    way = -1 if along.form.endswith("falling") else 1
    given = joint([*job.context.codes.T, np.zeros(len(codes), np.int64)])
    ranked = ordered(given, way * codes[:, names.index(along.terms[0].column)])
    found = np.empty_like(codes)
    found[ordered(given, job.indexes)] = codes[ranked]
    return found


def draw_codes_again(job: Job, found: Turns, rows: Ints, attempt: int) -> Turns:
    """The same with other codes for some rows; each attempt draws others."""
    rng = job.randomness("codes", attempt)
    if job.model.history is not None:
        return drawn_again(_cast(job, job.model.history), found, rows, rng)
    codes = found.codes.copy()
    codes[rows] = job.model.generator.sample(job.context.codes[rows], {}, rng)
    return replace(found, codes=codes)


def draw_codes_given(
    job: Job, found: Turns, rows: Ints, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> tuple[Turns, Floats]:
    """As `draw_codes_again` with evidence, and each row's weight; see `TableGenerator`."""
    if job.model.history is not None:
        return drawn_given(_cast(job, job.model.history), found, rows, evidence, rng)
    given, codes = job.context.codes[rows], found.codes.copy()
    codes[rows] = job.model.generator.sample(given, evidence, rng)
    weights = job.model.generator.log_weight(given, codes[rows], evidence)
    return replace(found, codes=codes), weights


def drawable(job: Job) -> frozenset[str]:
    """Names of the features that rows are drawn by: all but the clock's."""
    history = job.model.history
    drawn = features(job.model) if history is None else history.drawn
    return frozenset(feature.name for feature in drawn)


def with_repeats(job: Job, values: Values, found: Turns) -> Values:
    """The values, where rows that repeat the sibling before have its value, and clocks theirs."""
    history = job.model.history
    if history is None:
        return values
    carried = dict(values)
    if history.clock is not None:
        datatype = job.table.column(history.clock.column).datatype
        carried[history.clock.column] = moments(found.ticks, datatype)
    twins = {r.feature.name: r for r in in_turn(job.model.references) if r.twin}
    names = [feature.name for feature in history.features]
    for name in (*(n for n in names if n not in twins), *(n for n in twins if n in names)):
        place = names.index(name)
        if (reference := twins.get(name)) is not None:
            carried |= _as_twins(job, reference, (values, carried), found.codes[:, place])
        carried |= _repeated(job, history, found, (place, name), carried)
    return seated(job, carried, found)


def _repeated(
    job: Job, history: History, found: Turns, feature: tuple[int, str], carried: Values
) -> Values:
    """The columns of a feature where rows repeat siblings, or have what their beat's row does."""
    (place, name), natural = feature, job.model.natural
    sources = found.sources[:, place]
    if name in history.shared and history.beat is not None:
        now = np.flatnonzero(found.current[:, place] >= 0)
        there = job.above[history.beat].values[name]
        fresh = there.take(pa.array(found.current[now, place]))
        carried = carried | {name: patched(carried[name], now, fresh)}
    if name not in history.repeated or not (sources >= 0).any():
        return carried
    columns = {r.feature.name: () if r in natural else r.key.columns for r in job.model.references}
    taken = pa.array(np.where(sources < 0, np.arange(len(sources)), sources))
    some = [column for column in columns.get(name, (name,)) if column in carried]
    return carried | {column: carried[column].take(taken) for column in some}


def _as_twins(job: Job, reference: Reference, known: tuple[Values, Values], codes: Codes) -> Values:
    """A key's values, once its twin repeats what siblings have: they were one, and are one again.

    Rows that had to lead elsewhere stay.
    """
    (drawn, carried), [own] = known, reference.key.columns
    [other] = key_named(job.table, reference.twin).columns
    if reference in job.model.natural or not drawn.keys() >= {own, other}:
        return {}
    rows = np.flatnonzero(reference.twins(codes) & equal(drawn[own], drawn[other]))
    return {own: patched(carried[own], rows, carried[other].take(pa.array(rows)))}


def kept_rows(
    setting: Setting,
    name: TableName,
    columns: tuple[str, ...],
    shard: int,
    above: Mapping[TableName, Drawn],
) -> Drawn:
    """The rows of a kept table in a shard, with their own keys.

    All else is drawn as if the rows were new, so that what they own follows what was learned.
    """
    job = job_of(setting, name, shard, above)
    turns, rng = draw_codes(job), job.randomness("kept")
    people = identities(setting.plan.seed, str(name), job.indexes)
    drawn: Values = {}
    for place, feature in enumerate(features(job.model)):
        for fitted in (c for c in job.model.columns if c.column.name == feature.name):
            codes = turns.codes[:, place]
            drawn[feature.name] = fitted.decode(codes, Draw(rng, job.indexes, people))
    keys = dict(zip(columns, setting.keys(name, columns, job.indexes), strict=True))
    values = with_repeats(job, drawn, turns) | keys
    target = Matrix(features(job.model), turns.codes)
    return Drawn(job.indexes, job.parents, Rows(job.context, target), values)


def carried_rows(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """The rows of a carried table in a shard; what they own is drawn given what they hold."""
    job = job_of(setting, name, shard, above)
    found = setting.model.carried[name].rows.value
    indexes = pa.array(job.indexes)
    values = {c: found[c].combine_chunks().take(indexes) for c in found.column_names}
    known = features(job.model)
    codes = np.zeros((len(job.indexes), len(known)), np.int32)
    if any(key.parent == name for key in setting.model.owners.values()):
        evidence = {f.column.name: f.encode(values[f.column.name]) for f in job.model.columns}
        rng = job.randomness("carried")
        codes = job.model.generator.sample(job.context.codes, evidence, rng)
    return Drawn(job.indexes, job.parents, Rows(job.context, Matrix(known, codes)), values)


def _cast(job: Job, history: History) -> Cast:
    time, beat = None, _beat(job, history)
    if history.clock is not None:
        time = next(c for c in job.model.columns if c.column.name == history.clock.column)
    origins, started = np.zeros(len(job.parents), np.int64), np.zeros(len(job.parents), np.bool_)
    if history.clock is not None and history.clock.start is not None and time is not None:
        origins, started = _origins(job, history.clock.start.name, time, beat)
    return Cast(
        history,
        job.model.generator,
        time,
        job.context.codes,
        timely(job.context.features),
        job.parents,
        origins,
        started,
        beat,
        _shared(job, history),
    )


def _shared(job: Job, history: History) -> Mapping[int, Codes]:
    """The codes that the beat's values have here, for each feature that may be as in its row."""
    if history.beat is None:
        return {}
    values = job.above[history.beat].values
    return {
        place: fitted.encode(values[feature.name])
        for place, feature in enumerate(history.features)
        for fitted in job.model.columns
        if feature.name in history.shared | history.bounded and fitted.column.name == feature.name
    }


def _beat(job: Job, history: History) -> Beat | None:
    if history.beat is None:
        return None
    other = job.above[history.beat]
    clock = job.setting.model.tables[history.beat].history
    if clock is None or clock.clock is None:
        raise LookupError(f"{history.beat} is a beat without a clock")
    times = ticks(other.values[clock.clock.column])
    return Beat.of(other.parents, times, other.rows.target.codes)


def _origins(job: Job, start: str, time: FittedColumn, beat: Beat | None) -> tuple[Ints, Bools]:
    """The tick that each row's history starts from, and where it is known."""
    if start == BEAT and beat is not None:
        first = beat.first(job.parents)
        return beat.ticks_at(first), first >= 0
    history = job.model.history
    if start == ONGOING and history is not None and history.clock is not None:
        begun = ongoing(job.parents, history.clock.bounds[1])
        return begun, np.ones(len(begun), np.bool_)
    owner = job.setting.model.owners[job.table.name].parent
    column = job.setting.model.schema.table(owner).column(start)
    values = job.above[owner].values[start]
    origin, known = origin_ticks(values, column.datatype.kind, time.column.datatype.kind)
    return origin[job.parents], known[job.parents]
