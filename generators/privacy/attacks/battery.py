"""Attacks the privacy units of tables, and says of all attacks together whether any succeeds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from connectors.schema import TableName
from generators.privacy.attacked import AttackedUnits, Figure, Limits, Verdict
from generators.privacy.attacks.chance import (
    Bools,
    Floats,
    Ints,
    Outcome,
    advantage,
    area,
    best_outcome,
    by_chance,
    found_at_one_percent,
    labellings,
    outcome,
)
from generators.privacy.attacks.copies import copied, nearer
from generators.privacy.attacks.guesses import alone, inferred, linked
from generators.privacy.attacks.membership import entity_views, first_rows, outlying, row_view
from generators.privacy.attacks.populations import Population, together
from generators.privacy.attacks.portraits import portrait
from generators.privacy.attacks.space import Axis, Points, axes

MOST_ENTITIES = 20_000
"""Synthetic entities that are looked at."""
_MOST_REAL = 3_000
"""Entities of each kind, learned and held out, that are told apart."""
_MOST_ROWS = 20_000
_MOST_TABLES = 12
_MOST_GUESSED = 3
"""Tables, of those with most rows, that are looked at row by row, and guessed about."""
_TINY = 1e-9

Likelihood = Callable[[pa.Table], Floats]
"""The log probability that a model gives to rows of the units' own table."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is held against what: rows of the columns that say something.

    Attributes:
        unit: the table of the units.
        learned: those that were learned from.
        held_out: those that nothing was learned from.
        drawn: synthetic ones.
        likelihood: where the model tells how likely a row is.
    """

    unit: TableName
    learned: Population
    held_out: Population
    drawn: Population
    likelihood: Likelihood | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One attack.

    Attributes:
        attack: its name.
        place: the table whose rows it looked at; that of the units where it looked at entities.
        limits: the lowest and highest value that are allowed.
        view: what it looked at, where it chose the best of several.
    """

    attack: str
    place: str
    outcome: Outcome
    limits: tuple[float, float]
    view: str = ""

    def figure(self, chance: tuple[float, float]) -> Figure:
        """What it achieved, where chance achieves so much."""
        ends = (min(self.limits[0], chance[0]), max(self.limits[1], chance[1]))
        value = self.outcome.value
        passed = ends[0] - _TINY <= value <= ends[1] + _TINY
        return Figure(self.attack, self.place, self.view, value, self.limits, chance, passed)


@dataclass(frozen=True, slots=True)
class Attempt:
    """All attacks on the units of one table.

    Attributes:
        unit: the table whose rows are the units.
        sizes: units learned, held out and drawn that were looked at.
        trials: none where too few units were held out.
        unseen: tables whose rows were too many, or say nothing.
    """

    unit: str
    sizes: tuple[int, int, int]
    trials: tuple[Trial, ...] = ()
    unseen: tuple[str, ...] = ()

    def judged(self, chances: Sequence[tuple[float, float]]) -> AttackedUnits:
        """The figures and the verdict, where chance achieves so much in each trial."""
        figures = tuple(t.figure(c) for t, c in zip(self.trials, chances, strict=True))
        verdict = Verdict.PASSED if all(f.passed for f in figures) else Verdict.FAILED
        if not figures:
            verdict = Verdict.INCONCLUSIVE
        return AttackedUnits(self.unit, verdict, *self.sizes, figures, self.unseen)


@dataclass(frozen=True, slots=True)
class _Case:
    """Real entities of both kinds, told by `members`, beside synthetic ones.

    Attributes:
        labels: the members, and others by lot, which all attacks share.
    """

    sides: Sides
    real: Population
    members: Bools
    labels: Bools
    axes: Mapping[TableName, Sequence[Axis]]
    limits: Limits
    rng: np.random.Generator

    @property
    def drawn(self) -> Population:
        return self.sides.drawn


def attack(sides: Sides, limits: Limits, rng: np.random.Generator) -> Attempt:
    """Runs the battery; without a trial where fewer than `limits.fewest` units are held out."""
    sizes = (sides.learned.size, sides.held_out.size, sides.drawn.size)
    size = min(*sizes[:2], _MOST_REAL)
    if size < limits.fewest or sides.drawn.size < limits.fewest:
        return Attempt(str(sides.unit), sizes)
    case = _case(sides, size, limits, rng)
    unseen = tuple(sorted(str(n) for n in sides.drawn.tables if n not in case.axes))
    trials = tuple(_trials(case))
    return Attempt(str(sides.unit), (size, size, sides.drawn.size), trials, unseen)


def judged(attempts: Sequence[Attempt]) -> tuple[AttackedUnits, ...]:
    """What all attacks on a model achieved, beside what chance lets all of them achieve."""
    chances = iter(by_chance([trial.outcome for one in attempts for trial in one.trials]))
    return tuple(one.judged(list(islice(chances, len(one.trials)))) for one in attempts)


def _case(sides: Sides, size: int, limits: Limits, rng: np.random.Generator) -> _Case:
    some = [
        side.of(np.sort(rng.choice(side.size, size, replace=False)))
        for side in (sides.learned, sides.held_out)
    ]
    members = np.repeat([True, False], size)
    labels = labellings(members, rng)
    return _Case(sides, together(*some), members, labels, _axes(sides), limits, rng)


def _axes(sides: Sides) -> Mapping[TableName, Sequence[Axis]]:
    """Of the units' own table, and of those with most rows among the others."""
    drawn = sides.drawn.tables
    others = sorted((n for n in drawn if n != sides.unit), key=lambda n: (-len(drawn[n]), n))
    found = {n: axes(drawn[n]) for n in (sides.unit, *others[: _MOST_TABLES - 1])}
    return {n: some for n, some in found.items() if some or n == sides.unit}


def _trials(case: _Case) -> Iterator[Trial]:
    drawing = portrait(case.sides.unit, case.drawn, case.axes)
    real, drawn = drawing.of(case.real), drawing.of(case.drawn)
    if not real.shape[1]:
        return
    views = dict(_views(case, real, drawn))
    yield from _membership(case, views, real)
    tables = sorted(
        (n for n in case.axes if case.axes[n] and len(case.real.tables[n])),
        key=lambda n: (n != case.sides.unit, -len(case.drawn.tables[n]), n),
    )
    for name in tables:
        yield from _nearness(case, name)
    for name in tables[:_MOST_GUESSED]:
        yield from _guesses(case, name)


def _views(case: _Case, real: Points, drawn: Points) -> Iterator[tuple[str, Floats]]:
    yield from entity_views(real, case.members, drawn, case.rng)
    for name, some in case.axes.items():
        if some and len(case.real.tables[name]) and len(case.drawn.tables[name]):
            yield f"nearest row of {name}", row_view(name, some, case.real, case.drawn)
    if case.sides.likelihood is not None:
        own = case.sides.unit
        order = np.argsort(case.real.entities[own], kind="stable")
        found = case.sides.likelihood(case.real.tables[own])
        yield "likelihood", found[order]


def _membership(case: _Case, views: Mapping[str, Floats], real: Points) -> Iterator[Trial]:
    names, scores = list(views), np.stack(list(views.values()))
    own, far = str(case.sides.unit), outlying(real)
    auc, tpr = (0.0, case.limits.auc), (0.0, case.limits.tpr)
    found = best_outcome(area, scores, case.labels)
    yield Trial("membership", own, found, auc, names[found.best])
    found = best_outcome(found_at_one_percent, scores, case.labels)
    yield Trial("membership, 1 % false positives", own, found, tpr, names[found.best])
    if case.members[far].any() and not case.members[far].all():
        found = best_outcome(area, scores[:, far], case.labels[:, far])
        yield Trial("membership of outliers", own, found, auc, names[found.best])


def _nearness(case: _Case, name: TableName) -> Iterator[Trial]:
    """Rows of one table; of both kinds the same number."""
    kept = _even(case, name)
    rows, owners = case.real.tables[name].take(pa.array(kept)), case.real.entities[name][kept]
    drawn = _some(case, name)
    if not len(rows) or not len(drawn):
        return
    found = outcome(nearer(case.axes[name], rows, owners, drawn), case.labels)
    yield Trial("dcr_share", str(name), found, case.limits.dcr_share)
    found = outcome(copied(rows, owners, drawn), case.labels)
    yield Trial("copies", str(name), found, (-1.0, case.limits.advantage))


def _even(case: _Case, name: TableName) -> Ints:
    """As many rows of members as of others, at most `_MOST_ROWS` in all, in an order by lot.

    Of rows that are equally near, a search finds those that stand first.
    """
    own = case.members[case.real.entities[name]]
    most = min(int(own.sum()), int((~own).sum()), _MOST_ROWS // 2)
    parts = [case.rng.permutation(np.flatnonzero(own == side))[:most] for side in (True, False)]
    return np.asarray(case.rng.permutation(np.concatenate(parts)))


def _some(case: _Case, name: TableName) -> pa.Table:
    """Synthetic rows, at most `_MOST_ROWS`, in an order by lot."""
    rows = case.drawn.tables[name]
    return rows.take(pa.array(case.rng.permutation(len(rows))[:_MOST_ROWS]))


def _guesses(case: _Case, name: TableName) -> Iterator[Trial]:
    """One row of each entity; a guess may succeed by chance with either kind."""
    some = case.axes[name]
    chosen = first_rows(case.real.entities[name], 1)
    rows, owners = case.real.tables[name].take(pa.array(chosen)), case.real.entities[name][chosen]
    labels, members = case.labels[:, owners], case.members[owners]
    drawn = _some(case, name)
    if len(some) < 2 or not len(drawn) or not 0 < members.sum() < len(members):
        return
    limits, place = (-1.0, case.limits.advantage), str(name)
    found = outcome(alone(some, rows, drawn, case.rng), labels)
    yield Trial("singling out", place, found, limits)
    for attack_name, success in (("linkability", linked), ("attribute inference", inferred)):
        found = outcome(advantage(success(some, rows, drawn, case.rng)), labels)
        yield Trial(attack_name, place, found, limits)
