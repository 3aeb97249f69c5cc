"""Has as many rows of a shard satisfy each scenario as the plan says.

Rows that satisfy a predicate as they were drawn are a sample of those that do. Where they are too
few, others are drawn again, each given what it was drawn given before, and those that now satisfy
it take its part; the likelier a row is to, the sooner. Where that is too rare, rows are drawn with
evidence on the columns that the predicate reads, and chosen by their weights (Rubin's sampling
importance resampling, 1988). What is still missing is left to mending. Where rows are too many,
some of them are drawn again until they do not satisfy it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.dialect.expressions import Scope
from connectors.rules import Expression, holding
from generators.columns import Codes, Draw
from generators.distinct import patched, surplus
from generators.errors import Unmeetable
from generators.randomness import identities
from generators.relations.casts import Turns
from provisioner.holding import held
from provisioner.job import Floats, Ints, Job, Values
from provisioner.keeping import callable_functions
from provisioner.moving import uniques
from provisioner.resolving import resolved
from provisioner.scenarios import Having, Role, condition, is_role
from provisioner.straying import drawn_values
from provisioner.succession import draw_codes_given, drawable, with_repeats

Bools = npt.NDArray[np.bool_]

_DRAWN = ("codes", "sources", "current")
"""What `Turns` has of a row that is drawn again; its context and time stay."""
_ROUNDS = 12
_MOST = 20_000
"""Rows drawn again at a time."""
_FEWEST = 2_000
_CANDIDATES = 32
"""Rows drawn with evidence for each one that may be chosen."""
_FEWEST_FOUND = 4
"""Rows wanted for each one found, beyond which no more are drawn with evidence."""
_TRIED = 20_000
"""Combinations of codes that are tried for evidence."""
_VAIN = 4
"""How many rows may be chosen from for each one that is needed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows of a shard while scenarios are enacted."""

    turns: Turns
    values: Values


@dataclass(frozen=True, slots=True)
class _Stage:
    """One scenario in one shard.

    Attributes:
        goal: whether rows shall satisfy the predicate, or shall not any more.
    """

    job: Job
    role: Role
    condition: Expression
    goal: bool
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Other draws of some rows.

    Attributes:
        rows: their positions in the shard.
        drawn: what `Turns` has of each.
        values: a value per row and column.
        weights: the logarithm of how much each stands for.
        fit: which of them keep the rules and play the role.
    """

    rows: Ints
    drawn: Mapping[str, npt.NDArray[Any]]
    values: Values
    weights: Floats
    fit: Bools

    def chosen(self, places: Ints) -> "_Candidates":
        """Some of them, in another order."""
        drawn = {name: part[places] for name, part in self.drawn.items()}
        values = {c: v.take(pa.array(places)) for c, v in self.values.items()}
        return _Candidates(self.rows[places], drawn, values, self.weights[places], self.fit[places])

    def with_better(self, other: "_Candidates", better: Bools) -> "_Candidates":
        """Other draws of the same rows where those are better."""
        places, taken = np.flatnonzero(better), other.chosen(np.flatnonzero(better))
        drawn = {name: part.copy() for name, part in self.drawn.items()}
        for name, part in taken.drawn.items():
            drawn[name][places] = part
        values = {c: patched(v, places, taken.values[c]) for c, v in self.values.items()}
        fit = np.asarray(np.where(better, other.fit, self.fit))
        return replace(self, drawn=drawn, values=values, fit=fit)


def enacted(job: Job, turns: Turns, values: Values) -> tuple[Turns, Values]:
    """The rows with a column per role, changed so that nearly all of them play theirs."""
    scene = Scene(turns, values)
    scope = Scope(job.table, functions=callable_functions(job.setting.model.schema))
    for role in job.setting.plan.roles(job.table.name):
        stage = _Stage(
            job,
            role,
            condition(role.scenario, scope),
            goal=True,
            rng=job.randomness("scenario", role.column),
        )
        scene = _enacted(stage, scene)
    return scene.turns, scene.values


def _enacted(stage: _Stage, scene: Scene) -> Scene:
    """One more scenario; a row that neither round nor weight has reached is left to mending."""
    having = stage.role.scenario.having
    true = holding(stage.condition, pa.table(scene.values)) if len(stage.job.indexes) else None
    if true is None:
        return _with_role(stage, scene, np.zeros(0, np.bool_))
    if having is not None:
        return _by_owners(stage, scene, true, having)
    layout = stage.job.setting.plan.layout(stage.job.table.name)
    excess = int(true.sum()) - stage.role.quota.shard(layout, stage.job.shard)
    if excess > 0:
        lost = np.sort(stage.rng.choice(np.flatnonzero(true), excess, replace=False))
        return _turned(stage, scene, true, lost, goal=False)
    fit = _with_role(stage, scene, true)
    fit, won = _converted(stage, fit, np.flatnonzero(~true), -excess)
    return _with_role(stage, fit, _set(true, won))


def _by_owners(stage: _Stage, scene: Scene, true: Bools, having: Having) -> Scene:
    """The same where as many owners as planned shall have enough children that satisfy it."""
    job, least = stage.job, having.at_least
    owner = stage.role.scenario.table
    parents, count = job.parents, len(job.above[owner].indexes)
    quota = stage.role.quota.shard(job.setting.plan.layout(owner), job.shard)
    hits = np.bincount(parents[true], minlength=count)
    excess = int((hits >= least).sum()) - quota
    if excess > 0:
        chosen = stage.rng.choice(np.flatnonzero(hits >= least), excess, replace=False)
        lost = _some_of(parents, true, chosen, hits - least + 1, stage.rng)
        return _turned(stage, scene, true, lost, goal=False)
    fit = _with_role(stage, scene, true)
    spare = _spare(scene, true)
    able = _able(parents, spare, hits, least)
    if len(able) < -excess:
        spare, able = ~true, _able(parents, ~true, hits, least)
    if len(able) < -excess:
        _refuse(stage, len(able) + excess + quota, quota)
    rows = np.flatnonzero(spare & np.isin(parents, able))
    tried = _tried(stage, fit, rows)
    again = np.zeros(len(true), np.bool_)
    tried = _apart(stage, fit, _shuffled(stage, tried))
    again[tried.rows] = True
    reached = hits + np.bincount(parents[again], minlength=count)
    first = stage.rng.permutation(able[reached[able] >= least])[: -excess or 0]
    won = _some_of(parents, again, first, least - hits, stage.rng)
    taken = tried.chosen(np.flatnonzero(np.isin(tried.rows, won)))
    fit, true = _taken(fit, taken), _set(true, won)
    others = np.setdiff1d(able, first)
    second = stage.rng.choice(others, -excess - len(first), replace=False)
    missing = _some_of(parents, spare & ~true, second, least - hits, stage.rng)
    return _turned(stage, fit, true, missing, goal=True)


def _spare(scene: Scene, true: Bools) -> Bools:
    """Rows that satisfy neither this predicate nor that of a scenario before."""
    before = [v.to_numpy(zero_copy_only=False) for c, v in scene.values.items() if is_role(c)]
    return np.asarray(~np.any([true, *before], axis=0))


def _able(parents: Ints, spare: Bools, hits: Ints, least: int) -> Ints:
    """Owners that have too few children which satisfy the predicate, but enough in all."""
    room = np.bincount(parents[spare], minlength=len(hits)) + hits
    return np.flatnonzero((hits < least) & (room >= least))


def _refuse(stage: _Stage, room: int, quota: int) -> None:
    """Raises Unmeetable: too few owners have enough children."""
    scenario = stage.role.scenario
    text = f"{quota} rows asked for, but only {room} have enough rows of {scenario.judged}"
    raise Unmeetable(f"{scenario.place}: {text}; ask for fewer", {scenario.place: text})


def _some_of(
    parents: Ints, among: Bools, chosen: Ints, wanted: Ints, rng: np.random.Generator
) -> Ints:
    """So many random rows of each chosen owner as are wanted of it."""
    rows = rng.permutation(np.flatnonzero(among & np.isin(parents, chosen)))
    rows = rows[np.argsort(parents[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(parents[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    place = np.arange(len(rows)) - np.repeat(starts, sizes)
    return np.sort(rows[place < wanted[parents[rows]]])


def _turned(stage: _Stage, scene: Scene, true: Bools, rows: Ints, *, goal: bool) -> Scene:
    """All of some rows drawn until they satisfy the predicate, or until they do not."""
    changed = replace(stage, goal=goal)
    found, _ = _converted(changed, _with_role(stage, scene, true), rows, len(rows))
    final = true.copy()
    final[rows] = goal
    return _with_role(stage, found, final)


def _set(true: Bools, rows: Ints) -> Bools:
    found = true.copy()
    found[rows] = True
    return found


def _with_role(stage: _Stage, scene: Scene, true: Bools) -> Scene:
    return replace(scene, values={**scene.values, stage.role.column: pa.array(true)})


def _converted(stage: _Stage, scene: Scene, rows: Ints, need: int) -> tuple[Scene, Ints]:
    """So many of some rows changed until they reach the goal; with those that shall.

    Any rows are changed where more are there than are needed.
    """
    left, won, draws = rows, np.zeros(0, np.int64), 0
    for attempt in range(_ROUNDS):
        if len(won) == need:
            return scene, won
        some = _sample(left, _MOST, stage.rng)
        tried = _apart(stage, scene, _shuffled(stage, _tried(stage, scene, some)))
        hits = tried.chosen(np.arange(min(len(tried.rows), need - len(won))))
        scene = _taken(scene, hits)
        won, left = np.union1d(won, hits.rows), np.setdiff1d(left, hits.rows)
        draws += len(some)
        rounds = (_ROUNDS - attempt - 1) * min(len(left), _MOST)
        if len(won) / draws * rounds < need - len(won):
            break
    scene, weighed = _weighed(stage, scene, left, need - len(won))
    won = np.union1d(won, weighed)
    spare = _spare(scene, np.zeros(len(stage.job.indexes), np.bool_))
    rest = np.setdiff1d(left, weighed)
    rest = rest[np.argsort(~spare[rest] + stage.rng.random(len(rest)))]
    return scene, np.union1d(won, rest[: need - len(won)])


def _sample(rows: Ints, most: int, rng: np.random.Generator) -> Ints:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _weighed(stage: _Stage, scene: Scene, rows: Ints, need: int) -> tuple[Scene, Ints]:
    """So many of some rows drawn with evidence, part by part; with those that reached the goal."""
    won = np.zeros(0, np.int64)
    evidence = _evidence(stage, scene) if need else {}
    while evidence and len(won) < need:
        left = np.setdiff1d(rows, won)
        wanted = min(need - len(won), max(1, _MOST // _VAIN))
        pool = _sample(left, max(_VAIN * wanted, _FEWEST), stage.rng)
        scene, found = _resampled(stage, scene, pool, evidence, wanted)
        won = np.union1d(won, found)
        if _FEWEST_FOUND * len(found) < wanted:
            break
    return scene, won


def _resampled(
    stage: _Stage, scene: Scene, pool: Ints, evidence: Mapping[str, Codes], wanted: int
) -> tuple[Scene, Ints]:
    """The best of several draws of each row, and the rows where those weigh most, at random.

    A maximum of logarithms of weights with Gumbel noise falls on each in proportion to its weight.
    """
    best, total = np.full(len(pool), -np.inf), np.full(len(pool), -np.inf)
    combinations, kept = len(next(iter(evidence.values()))), None
    for _ in range(_CANDIDATES):
        chosen = stage.rng.integers(0, combinations, len(pool))
        given = {name: codes[chosen] for name, codes in evidence.items()}
        turns, weights = draw_codes_given(stage.job, scene.turns, pool, given, stage.rng)
        tried = _judged(stage, scene, turns, pool, weights)
        weights = np.where(tried.fit, weights, -np.inf)
        keys = weights + stage.rng.gumbel(size=len(pool))
        kept = tried if kept is None else kept.with_better(tried, keys > best)
        best, total = np.maximum(best, keys), np.logaddexp(total, weights)
    keys = total + stage.rng.gumbel(size=len(pool))
    order = np.argsort(-keys, kind="stable")
    order = order[np.isfinite(keys[order])]
    if kept is None or not len(order):
        return scene, np.zeros(0, np.int64)
    found = _apart(stage, scene, kept.chosen(order))
    found = found.chosen(np.arange(min(wanted, len(found.rows))))
    return _taken(scene, found), found.rows


def _tried(stage: _Stage, scene: Scene, rows: Ints) -> _Candidates:
    """Another draw of some rows."""
    turns, weights = draw_codes_given(stage.job, scene.turns, rows, {}, stage.rng)
    return _judged(stage, scene, turns, rows, weights)


def _judged(stage: _Stage, scene: Scene, turns: Turns, rows: Ints, weights: Floats) -> _Candidates:
    """Draws of some rows with their values, and which of them will do."""
    job, places = stage.job, pa.array(rows)
    attempt = int(stage.rng.integers(1 << 62))
    fresh = drawn_values(job, turns.codes[rows], rows, attempt)
    whole = {c: patched(scene.values[c], rows, v) for c, v in fresh.items()}
    whole = resolved(job, with_repeats(job, {**scene.values, **whole}, turns), turns.codes)
    whole = held(job, whole)
    part = {c: v.take(places) for c, v in whole.items()}
    part[stage.role.column] = pa.array(np.full(len(rows), stage.goal))
    rules = job.setting.keeper(job.table.name).over(frozenset(part))
    fit = np.asarray(~rules.broken(part).any(axis=1))
    drawn = {name: getattr(turns, name)[rows] for name in _DRAWN}
    return _Candidates(rows, drawn, {c: part[c] for c in scene.values}, weights, fit)


def _shuffled(stage: _Stage, tried: _Candidates) -> _Candidates:
    """Those that will do, in any order."""
    return tried.chosen(stage.rng.permutation(np.flatnonzero(tried.fit)))


def _apart(stage: _Stage, scene: Scene, tried: _Candidates) -> _Candidates:
    """Those that, put in their places in their order, repeat no unique key."""
    rest = np.setdiff1d(np.arange(len(stage.job.indexes)), tried.rows)
    before = pa.array(rest)
    values = {
        c: pa.concat_arrays([v.take(before), tried.values[c]]) for c, v in scene.values.items()
    }
    repeated = np.zeros(len(rest) + len(tried.rows), np.bool_)
    for _, columns in uniques(stage.job, values):
        repeated[surplus(columns)] = True
    return tried.chosen(np.flatnonzero(~repeated[len(rest) :]))


def _taken(scene: Scene, tried: _Candidates) -> Scene:
    """The scene with some rows as they were tried."""
    values = {c: patched(v, tried.rows, tried.values[c]) for c, v in scene.values.items()}
    changed = {name: getattr(scene.turns, name).copy() for name in _DRAWN}
    for name, part in tried.drawn.items():
        changed[name][tried.rows] = part
    return Scene(replace(scene.turns, **changed), values)


def _evidence(stage: _Stage, scene: Scene) -> Mapping[str, Codes]:
    """Combinations of codes of the columns that a predicate reads with which it may be met."""
    job, rng = stage.job, stage.rng
    names = drawable(job) & set(stage.condition.columns)
    read = [f for f in job.model.columns if f.column.name in names]
    rows = rng.integers(0, len(job.indexes), _TRIED)
    indexes, places = job.indexes[rows], pa.array(rows)
    draw = Draw(rng, indexes, identities(job.setting.plan.seed, str(job.table.name), indexes))
    codes = [rng.integers(0, f.feature.size, len(rows)).astype(np.int32) for f in read]
    if not read:
        return {}
    values = {c: scene.values[c].take(places) for c in stage.condition.columns}
    values |= {f.column.name: f.decode(c, draw) for f, c in zip(read, codes, strict=True)}
    fit = holding(stage.condition, pa.table(values)) == stage.goal
    known = np.unique(np.stack(codes, axis=1)[fit], axis=0)
    found = {f.column.name: known[:, place] for place, f in enumerate(read)}
    return found if len(known) else {}
