"""Makes drawn rows keep the rules that nobody declared, each as its step says."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Term
from connectors.schema import ForeignKey, TableName
from generators.columns import Codes, Draw
from generators.distinct import patched
from generators.encoding import FittedColumn
from generators.invariants import Drawing, Part
from generators.randomness import identities, stream
from generators.ratchet import carried_on
from generators.redrawing import filled
from generators.relations.references import Mode
from generators.sight import vast_tables
from generators.spans import overlap
from generators.steps import Step
from provisioner.job import Drawn, Ints, Job, Values, features
from provisioner.scene import DrawnScene
from provisioner.values import anything, referenced

_POOL = 4_096
_TOGETHER = 32_768
_MOST_KEYS = 1_000_000
_TURNS = 5
"""How often the steps are gone through while bounds, and what is to differ, move each other."""


def held(job: Job, values: Values) -> Values:
    """The values with which all rules hold whose columns are drawn, but for those that wait."""
    return _held(job, values, job.setting.orientation.of(job.table.name), {})


def numbered(job: Job, values: Values) -> Ints:
    """The index of each row, where keys were given out in the order of another column."""
    column = job.setting.orientation.numbering(job.table.name)
    if column is None or column not in values:
        return job.indexes
    found = np.empty_like(job.indexes)
    found[np.argsort(values[column].to_numpy(zero_copy_only=False))] = np.sort(job.indexes)
    return found


def held_late(job: Job, values: Values, below: Mapping[TableName, Drawn], turn: int) -> Values:
    """The same of the rules that wait for other rows of their shard, in one turn."""
    waiting = job.setting.orientation.late.get(job.table.name, ())
    return _held(job, values, [step for step in waiting if step.turn == turn], below)


def held_codes(job: Job, codes: Codes, values: Values) -> Codes:
    """The codes, of columns that were set to keep rules those of their values, if anyone asks."""
    targets = (job.setting.orientation.targets(job.table.name) | job.beside) & values.keys()
    if not targets or not len(codes) or job.table.name not in job.setting.heeded:
        return codes
    found, names = codes.copy(), [f.name for f in features(job.model)]
    for fitted in job.model.columns:
        if fitted.column.name in targets:
            known = values[fitted.column.name]
            found[:, names.index(fitted.column.name)] = fitted.encode(known)
    return found


def _held(
    job: Job, values: Values, steps: Sequence[Step], below: Mapping[TableName, Drawn]
) -> Values:
    """Bounds are applied again: what one moved may lie beyond another, or repeat another's."""
    if not steps or not len(job.indexes):
        return values
    found, again = dict(values), any(s.part >= Part.PARTS for s in steps)
    apart = {step.target for step in steps if step.part is Part.PARTS}
    bound, masked = (
        {s.target for s in steps if s.part is part} for part in (Part.BOUNDS, Part.MASKS)
    )
    mutual = apart | (bound & masked)
    for turn in range(_TURNS if again else 1):
        # Moved no further than it must, what is to differ would meet others at a bound.
        # It moves as another turn draws, and then to what is free: it would meet the same again.
        near = [s for s in steps if s.target not in apart or (turn > 1 and s.part is Part.PARTS)]
        tight = {step.number: turn > 0 for step in near}
        moved = [
            s
            for s in steps
            if _moves(job, s, (found, below), turn=turn, tight=tight.get(s.number, False))
        ]
        if turn and not any(step.target in mutual for step in moved):
            break
    return found


def _moves(
    job: Job,
    step: Step,
    values: tuple[dict[str, pa.Array], Mapping[TableName, Drawn]],
    *,
    turn: int,
    tight: bool,
) -> bool:
    """Sets a step's column among the values, beside the rows below; whether that changed it."""
    found, below = values
    scene = DrawnScene(job, found, below)
    if not scene.shows(step) or _is_idle(job, step, found) or _is_seated(job, step):
        return False
    before, after = found[step.target[1]], realised(job, scene, step, turn=turn, tight=tight)
    if after is before or after.equals(before):
        job.seen.idle[step.number] = _read(job, step, found)
        return False
    found[step.target[1]] = after
    return True


def _is_seated(job: Job, step: Step) -> bool:
    """Whether rows are told by their numbers, so that these stay: made by hand, or actors."""
    return step.numbers and (len(job.seats) > 0 or bool(job.setting.plan.roles(job.table.name)))


def _is_idle(job: Job, step: Step, values: Values) -> bool:
    """Whether a step had nothing to change when it last looked at the very same columns."""
    known = job.seen.idle.get(step.number, ())
    read = _read(job, step, values)
    return len(known) == len(read) and all(a is b for a, b in zip(known, read, strict=True))


def _read(job: Job, step: Step, values: Values) -> tuple[pa.Array, ...]:
    """The columns of a job's own table that a step may read; those of other tables stay."""
    names = {column for table, column in (*step.reads, step.target) if table == job.table.name}
    names |= {column for key in job.table.foreign_keys for column in key.columns}
    return tuple(values[name] for name in sorted(names & values.keys()))


def realised(job: Job, scene: DrawnScene, step: Step, *, turn: int, tight: bool) -> pa.Array:
    """The values of a step's column with which its rule holds."""
    later = () if tight or not turn else (turn,)
    rng, seed = job.randomness("rule", step.number, *later), job.setting.plan.seed
    drawing = Drawing(
        scene,
        step.target[1],
        rng,
        seed,
        partial(_again, job, scene, rng),
        partial(pool, job),
        partial(_keys, job),
        tight,
        job.table.name in job.setting.plan.whole,
        turn > 0 or _is_settled(job, step),
        step.found.source_share,
        partial(jointly, job),
        step.agrees,
        tuple(c for c in _apart(job, step) if scene.drawn.keys() >= {*c}),
        _below(job, step),
        _share(job),
    )
    with np.errstate(all="ignore"):  # what is no number keeps no rule
        found = step.found.kind.realise(step.found.rule, step.found.known, drawing)
    if step.along is not None:
        found = carried_on(step.along, scene, found, upwards=step.pushes > 0)
    if (key := _key_of(job, step.target[1])) is not None:
        found = _leading(job, key, found, scene.drawn[step.target[1]])
    share = step.found.source_share if step.found.rule.relaxed else 0.0
    if not share:
        return found
    left = np.flatnonzero(job.randomness("relaxed", step.number).random(len(found)) < share)
    return patched(found, left, scene.values(Term(step.target[1])).take(pa.array(left)))


def _share(job: Job) -> tuple[int, int]:
    """Which shard it is, and of how many that were planned together: those added later are others.

    Each draws as many values as all have rows, so that of too many rows each is the only one.
    """
    plan, name = job.setting.plan, job.table.name
    rows, tree = plan.layout(name).rows, plan.tree(name)
    begun = [0, *(added.shards[tree] for added in plan.added), len(rows)]
    first = max(edge for edge in begun if edge <= job.shard)
    end = min(edge for edge in begun if edge > job.shard)
    if vast_tables({name: sum(rows[first:end])}):
        return 0, 1
    return job.shard - first, end - first


def _below(job: Job, step: Step) -> str:
    """The key by which the rows that a step asks belong to those of the job; none for others."""
    other = step.found.rule.other if step.asks else None
    return "" if other is None else job.setting.model.owners[other[0]].name


def _apart(job: Job, step: Step) -> Iterator[tuple[str, ...]]:
    """Sets of columns, the one that a step chooses among them, in which rows are to differ."""
    column = step.target[1]
    if step.found.rule.kind != "among":
        return
    if (key := _key_of(job, column)) is not None and (key.table, key.name) in job.setting.single:
        yield (column,)
    rules = (found.rule for found in job.setting.model.invariants)
    for rule in (r for r in rules if r.table == job.table.name and r.kind == "unique"):
        if column in rule.columns and rule.form == "unique" and not rule.relaxed:
            yield rule.columns


def _is_settled(job: Job, step: Step) -> bool:
    """Whether values of a column are a sibling table's, or are kept apart from one another.

    Or tell when rows come, of which those of other tables' rows are known.
    """
    column, history = step.target[1], job.model.history
    apart = (overlap(job.table, exclusion) for exclusion in job.table.exclusions)
    if column in {c for found in apart if found is not None for c in found.columns}:
        return True
    if history is None:
        return False
    timed = history.clock is not None and history.clock.column == column
    return column in history.shared or (timed and any(t.keys for t in step.found.rule.terms))


def _leading(job: Job, key: ForeignKey, values: pa.Array, drawn: pa.Array) -> pa.Array:
    """The values of a key, those that lead nowhere as they were drawn."""
    same = pc.fill_null(pc.equal(values, drawn.cast(values.type)), False)
    changed = np.flatnonzero(~same.to_numpy(zero_copy_only=False) & filled(values))
    if not len(changed):
        return values
    wanted = {key.parent_columns[0]: values.take(pa.array(changed))}
    places = job.setting.matching(key.parent, wanted, job.randomness("leads", key.name))
    astray = changed[places < 0]
    return patched(values, astray, drawn.take(pa.array(astray)))


def _again(
    job: Job, scene: DrawnScene, rng: np.random.Generator, column: str, rows: Ints
) -> pa.Array:
    """Other values for some rows, as frequent as they were learned to be, or are drawn if keys.

    Of keys no two of which are to be equal, any.
    """
    if (key := _key_of(job, column)) is not None:
        known = scene.values(Term(column)).drop_null()
        if len(known) and (job.table.name, key.name) not in job.setting.single:
            return known.take(pa.array(rng.integers(0, len(known), len(rows))))
        chosen = rng.choice(job.setting.reachable(key), len(rows))
        return referenced(job, key, chosen, np.zeros(len(rows), np.bool_))[column]
    fitted = _fitted(job, column)
    shares = np.array(job.model.histograms[column].value, np.float64)
    shares[: int(fitted.nullable)] = 0
    if not shares.sum():
        return anything(job, fitted, rows, rng)
    codes = rng.choice(len(shares), len(rows), p=shares / shares.sum()).astype(np.int32)
    indexes = job.indexes[rows]
    people = identities(job.setting.plan.seed, str(job.table.name), indexes)
    return fitted.decode(codes, Draw(rng, indexes, people))


def pool(job: Job, column: str) -> pa.Array:
    """Values of a column, as frequent as they were learned to be; the same in every shard.

    Of a key of a table that has an owner, any rows that it may lead to.
    """
    known, asked = job.setting.pools, (job.table.name, column)
    if asked not in known:
        known[asked] = _pool(job, column)
    return known[asked]


def _pool(job: Job, column: str) -> pa.Array:
    name = job.table.name
    rng = stream(job.setting.plan.seed, name, column, "pool")
    if (key := _key_of(job, column)) is not None:
        chosen = job.setting.reachable(key)
        most = _POOL if len(chosen) else 0
        indexes = rng.choice(chosen, most)
        if most and (popular := _popular(job, key, rng)) is not None:
            indexes = np.where(np.isin(popular, chosen), popular, indexes)
        return referenced(job, key, indexes, np.zeros(most, np.bool_))[column]
    fitted = _fitted(job, column)
    shares = np.array(job.model.histograms[column].value, np.float64)
    even = np.ones(len(shares)) / len(shares)
    weights = shares / shares.sum() if shares.sum() else even
    codes = rng.choice(len(shares), _POOL, p=weights).astype(np.int32)
    indexes = np.arange(_POOL)
    people = identities(job.setting.plan.seed, f"{name} {column}", indexes)
    return fitted.decode(codes, Draw(rng, indexes, people))


def jointly(job: Job, columns: tuple[str, ...]) -> tuple[pa.Array, ...]:
    """Values of columns that are drawn together, the same in every shard.

    Nothing where owners or siblings have a say, or a column is no learned one and no reference.
    """
    known, asked = job.setting.joint, (job.table.name, columns)
    if asked not in known:
        known[asked] = _jointly(job, columns)
    return known[asked]


def _jointly(job: Job, columns: tuple[str, ...]) -> tuple[pa.Array, ...]:
    rng = stream(job.setting.plan.seed, job.table.name, *columns, "jointly")
    names = [f.name for f in features(job.model)]
    learned = {f.column.name for f in job.model.columns}
    keys = {column: _key_of(job, column) for column in columns if column not in learned}
    if job.owner is not None or job.model.history is not None or None in keys.values():
        return ()
    indexes, codes = np.arange(_TOGETHER), _sampled(job, _TOGETHER, rng)
    people = identities(job.setting.plan.seed, f"{job.table.name} jointly", indexes)
    found = list[pa.Array]()
    for column in columns:
        if (key := keys.get(column)) is None:
            drawn = codes[:, names.index(column)]
            found.append(_fitted(job, column).decode(drawn, Draw(rng, indexes, people)))
            continue
        led = _led(job, key, codes, rng)
        if led is None:
            return ()
        found.append(referenced(job, key, led, np.zeros(_TOGETHER, np.bool_))[column])
    return tuple(found)


def _sampled(job: Job, count: int, rng: np.random.Generator) -> Codes:
    """Codes of rows anywhere in a table without an owner."""
    rows = max(1, job.setting.plan.layout(job.table.name).total)
    own = job.model.clusters.of(rng.integers(0, rows, count), rows)
    given = own[:, None] if job.model.clusters.count > 1 else np.empty((count, 0), np.int32)
    return job.model.generator.sample(given, {}, rng)


def _led(job: Job, key: ForeignKey, codes: Codes, rng: np.random.Generator) -> Ints | None:
    """The rows that a key leads to, by codes; None where it is not drawn by clusters."""
    [reference] = (r for r in job.model.references if r.key == key)
    if reference.mode is not Mode.CLUSTER:
        return None
    parents = job.setting.plan.layout(key.parent).total
    place = [f.name for f in features(job.model)].index(reference.feature.name)
    inside = reference.inside(codes[:, place])
    return job.setting.model.tables[key.parent].clusters.draw(inside, max(1, parents), rng)


def _popular(job: Job, key: ForeignKey, rng: np.random.Generator) -> Ints | None:
    """Rows that a key leads to, as often as it was learned to; None where owners have a say."""
    return None if job.model.history is not None else _led(job, key, _sampled(job, _POOL, rng), rng)


def _keys(job: Job, table: TableName, column: str) -> pa.Array:
    """The keys of a table; of one with more rows than are worth knowing, of evenly spaced ones."""
    rows = job.setting.plan.layout(table).total
    indexes = np.arange(0, rows, max(1, -(-rows // _MOST_KEYS)))
    [found] = job.setting.keys(table, (column,), indexes)
    return found


def _key_of(job: Job, column: str) -> ForeignKey | None:
    """The reference that a column alone holds."""
    return next((r.key for r in job.model.references if r.key.columns == (column,)), None)


def _fitted(job: Job, column: str) -> FittedColumn:
    [found] = (f for f in job.model.columns if f.column.name == column)
    return found
