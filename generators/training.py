"""Trains the layers of a network on a table's rows, until rows held out no longer gain."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generators.dependence import Table
from generators.effort import LAYERS, UNITS, Effort, effort
from generators.layers import (
    Plan,
    Weights,
    exported,
    initial,
    log_probabilities,
)
from generators.randomness import stream
from generators.tables import UNHURRIED, Epoch, Terms

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DECAY = (0.01, 1.0)
"""Weight decay (Loshchilov and Hutter 2019) where rows are many for what is to be learned, and
where they are few, when it counts most; so are pairs below."""
_DROPOUT = (0.1, 0.2)
_HIDDEN = (0.0, 0.1)
"""Share of the inputs that a row of training does not show, against learning rows by heart."""
_PATIENCE = 4
"""Epochs without a gain on the rows held out, after which training ends."""
_RATE = 5e-3
_AVERAGED = 0.99
"""Share of the running average of the weights that a step leaves; the average is what is kept."""
_SHUFFLED = 0.3
"""Share of rows whose columns come in random order, so that any may be given as evidence."""
_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights by the fields of `generators.fixedpoint.Networks`, and how training went.

    Attributes:
        curve: nats per row held out after each epoch, over the orders that were trained.
    """

    weights: dict[str, npt.NDArray[Any]]
    curve: Floats


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What is trained on: codes (rows, columns) and each row's outputs (targets, rows), or -1.

    `before` (targets, inputs) says which inputs are known in the usual order.
    """

    plan: Plan
    codes: Tensor
    outputs: Tensor
    before: Tensor
    contexts: int
    chance: torch.Generator
    effort: Effort


def trained(
    table: Table, ranks: Ints, inputs: Ints, held: Bools, terms: Terms = UNHURRIED
) -> Trained:
    """Trains on the rows that are not `held`, and keeps the weights that suit the others best.

    The result depends on the data, and on a CPU on nothing else unless time is up: training takes
    the number of epochs, not the clock, for its measure.

    Args:
        table: what is learned from.
        ranks: per column, its place in the usual order; -1 for the context.
        inputs: of shape (targets, inputs): the columns that each target asks.
        held: which rows are held out.
        terms: who watches, until when, and where to train.
    """
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(terms.device or usual)
    rng = stream(0, "network")
    known = np.flatnonzero(~held)
    planned = effort(len(known), (len(inputs), inputs.shape[1], _most_codes(table)))
    rows = _some(known, planned.rows, rng)
    plan = Plan.of(table, inputs).on(device)
    before = torch.from_numpy(ranks[inputs] < ranks[table.contexts :, None]).to(device)
    lesson, exam = (
        _lesson(table, plan, part, (before, torch.Generator(device)), planned)
        for part in (rows, np.flatnonzero(held))
    )
    weights = {n: w.to(device).requires_grad_() for n, w in initial(plan, rng).items()}
    with _one_thread():
        found, curve = _best(lesson, exam, weights, terms, rng)
    return Trained(exported(plan, found), curve)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several would sum in an order of their own each time, and wait for one another when busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _most_codes(table: Table) -> int:
    """The most codes with support that a target has."""
    return max((int((m > 0).sum()) for m in table.masses[table.contexts :]), default=0)


def _some(rows: Ints, most: int, rng: np.random.Generator) -> Ints:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _best(
    lesson: _Lesson, exam: _Lesson, weights: Weights, terms: Terms, rng: np.random.Generator
) -> tuple[Weights, Floats]:
    """The weights after the best epoch, and what each was worth."""
    began, epochs = time.monotonic(), lesson.effort.epochs
    best, found, curve = 0, weights, np.empty(0)
    for average in _averages(lesson, weights, rng):
        curve = np.append(curve, _loss(exam, average))
        if curve[-1] <= curve.min():
            best, found = len(curve), {n: w.clone() for n, w in average.items()}
        done = len(curve) == epochs or len(curve) - best >= _PATIENCE
        late = not done and terms.late()
        left = (time.monotonic() - began) / len(curve) * (epochs - len(curve))
        told = tuple(map(float, curve))
        terms.watch(Epoch(len(lesson.before), told, epochs, left, done or late, late))
        if done or late:
            break
    return found, curve


def _lesson(
    table: Table, plan: Plan, rows: Ints, how: tuple[Tensor, torch.Generator], planned: Effort
) -> _Lesson:
    outputs = np.empty((len(table.features) - table.contexts, len(rows)), np.int64)
    for j, mass in enumerate(table.masses[table.contexts :]):
        place = np.where(mass > 0, np.cumsum(mass > 0) - 1, -1)
        outputs[j] = place[table.codes[table.contexts + j, rows]]
    codes = torch.from_numpy(table.codes[:, rows].T.astype(np.int64))
    on = plan.inputs.device
    told = torch.from_numpy(outputs).to(on)
    return _Lesson(plan, codes.to(on), told, how[0], table.contexts, how[1], planned)


def _averages(lesson: _Lesson, weights: Weights, rng: np.random.Generator) -> Iterator[Weights]:
    """The running average of the weights after each epoch."""
    count, size, epochs = len(lesson.codes), lesson.effort.batch, lesson.effort.epochs
    steps = -(-count // size)
    decay = lesson.effort.between(_DECAY)
    optimizer = torch.optim.AdamW(list(weights.values()), lr=_RATE, weight_decay=decay)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=epochs * steps)
    average = {name: w.detach().clone() for name, w in weights.items()}
    for epoch in range(epochs):
        order = torch.from_numpy(rng.permutation(count)).to(lesson.codes.device)
        for step, rows in enumerate(torch.split(order, size)):
            optimizer.zero_grad()
            # torch.Tensor.backward has no annotations.
            _batch_loss(lesson, weights, rows).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
            taken = epoch * steps + step
            _approach(average, weights, max(1 - _AVERAGED, 9 / (10 + taken)))
        yield average


@torch.no_grad()
def _approach(average: Weights, weights: Weights, share: float) -> None:
    for name, value in weights.items():
        average[name].lerp_(value, share)


def _batch_loss(lesson: _Lesson, weights: Weights, rows: Tensor) -> Tensor:
    """Nats per row, in random order for some of the rows."""
    targets = len(lesson.before)
    shape = (LAYERS, targets, len(rows), UNITS)
    on, chance = rows.device, lesson.chance
    dropped, hidden = (lesson.effort.between(ends) for ends in (_DROPOUT, _HIDDEN))
    kept = (torch.rand(shape, generator=chance, device=on) >= dropped).float() / (1 - dropped)
    chosen = torch.rand((len(rows), 1, 1), generator=chance, device=on) < _SHUFFLED
    known = torch.where(chosen, _shuffled(lesson, len(rows), chance), lesson.before)
    known = known & (torch.rand(known.shape, generator=chance, device=on) >= hidden)
    return _nats(lesson, weights, rows, known.float(), kept) / len(rows)


@torch.no_grad()
def _loss(exam: _Lesson, weights: Weights) -> float:
    """Nats per row, in the usual order and in random ones in the proportion of training.

    The random orders are the same each time, or a lucky epoch would look like a good one.
    """
    count = len(exam.codes)
    every = torch.arange(count, device=exam.codes.device)
    chance = torch.Generator(every.device)
    total = 0.0
    for rows in torch.split(every, _CHUNK):
        usual = exam.before.float().expand(len(rows), -1, -1)
        for share, known in (
            (1 - _SHUFFLED, usual),
            (_SHUFFLED, _shuffled(exam, len(rows), chance).float()),
        ):
            total += share * float(_nats(exam, weights, rows, known, None))
    return total / max(1, count)


def _shuffled(lesson: _Lesson, rows: int, chance: torch.Generator) -> Tensor:
    """Which inputs are known where each row has an order of its own: (rows, targets, inputs)."""
    ranks = torch.rand((rows, len(lesson.before)), generator=chance, device=chance.device)
    ranks = torch.cat([ranks.new_full((rows, lesson.contexts), -1.0), ranks], 1)
    return ranks[:, lesson.plan.inputs] < ranks[:, lesson.contexts :, None]


def _nats(
    lesson: _Lesson, weights: Weights, rows: Tensor, known: Tensor, kept: Tensor | None
) -> Tensor:
    """Summed over rows and targets; codes without support do not count."""
    found = log_probabilities(lesson.plan, weights, lesson.codes[rows], known, kept)
    own = lesson.outputs[:, rows]
    picked = found.gather(-1, own.clamp(min=0)[..., None])[..., 0]
    return -(picked * (own >= 0)).sum()
