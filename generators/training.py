"""Trains the layers of a network on a table's rows, until rows held out no longer gain."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generators.dependence import Table
from generators.layers import (
    LAYERS,
    UNITS,
    WIDTH,
    Plan,
    Weights,
    exported,
    initial,
    log_probabilities,
)
from generators.randomness import stream

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_EPOCHS = (25, 16)
"""Where rows are many for what is to be learned, and where they are few; so are pairs below."""
_DECAY = (0.01, 1.0)
"""Weight decay (Loshchilov and Hutter 2019), which counts most where rows are few."""
_DROPOUT = (0.1, 0.2)
_HIDDEN = (0.0, 0.1)
"""Share of the inputs that a row of training does not show, against learning rows by heart."""
_CROWDED = 2.5
"""Weights per row in the first layer of a target from which on rows are few."""
_FEWEST_EPOCHS = 6
_MOST_WORK = 4e11
"""Multiplications of forward passes in training: some two minutes of one core."""
_BATCHES = 64
"""Batches per epoch that are aimed at; a batch is a power of two of 128 to 1024 rows."""
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

    `before` (targets, inputs) says which inputs are known in the usual order, and `crowding`, from
    0 to 1, how few rows there are for what is to be learned.
    """

    plan: Plan
    codes: Tensor
    outputs: Tensor
    before: Tensor
    contexts: int
    chance: torch.Generator
    crowding: float = 0.0

    def between(self, ends: tuple[float, float]) -> float:
        """A value between two ends, by how crowded it is."""
        return ends[0] + self.crowding * (ends[1] - ends[0])


def work(table: Table, inputs: Ints) -> float:
    """Multiplications of a forward pass over one row."""
    targets, asked = inputs.shape
    outputs = max((int((m > 0).sum()) for m in table.masses[table.contexts :]), default=0)
    return float(targets * UNITS * (asked * WIDTH + LAYERS * UNITS + outputs))


def trained(table: Table, ranks: Ints, inputs: Ints, held: Bools) -> Trained:
    """Trains on the rows that are not `held`, and keeps the weights that suit the others best.

    The result depends on the data, and on a CPU on nothing else; training takes the number of
    epochs, not the clock, for its measure. Runs on a GPU where there is one.

    Args:
        table: what is learned from.
        ranks: per column, its place in the usual order; -1 for the context.
        inputs: of shape (targets, inputs): the columns that each target asks.
        held: which rows are held out.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rng = stream(0, "network")
    rows, visits = _affordable(work(table, inputs), np.flatnonzero(~held), rng)
    plan = Plan.of(table, inputs).on(device)
    before = torch.from_numpy(ranks[inputs] < ranks[table.contexts :, None]).to(device)
    lesson, exam = (
        _lesson(table, plan, part, before, torch.Generator(device))
        for part in (rows, np.flatnonzero(held))
    )
    crowded = inputs.shape[1] * WIDTH * UNITS / max(1, len(rows)) / _CROWDED
    lesson = replace(lesson, crowding=min(1.0, crowded))
    most = round(lesson.between(_MOST_EPOCHS))
    epochs = int(np.clip(visits // max(1, len(rows)), _FEWEST_EPOCHS, most))
    weights = {n: w.to(device).requires_grad_() for n, w in initial(plan, rng).items()}
    best, found, curve = 0, weights, np.empty(0)
    for average in _averages(lesson, weights, epochs, rng):
        curve = np.append(curve, _loss(exam, average))
        if curve[-1] <= curve.min():
            best, found = len(curve), {n: w.clone() for n, w in average.items()}
        if len(curve) - best >= _PATIENCE:
            break
    return Trained(exported(plan, found), curve)


def _affordable(cost: float, rows: Ints, rng: np.random.Generator) -> tuple[Ints, int]:
    """The rows to train on, fewer where the work would be too much, and how many visits to rows."""
    visits = int(_MOST_WORK / cost)
    most = max(1000, visits // _FEWEST_EPOCHS)
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    return rows, visits


def _lesson(
    table: Table, plan: Plan, rows: Ints, before: Tensor, chance: torch.Generator
) -> _Lesson:
    outputs = np.empty((len(table.features) - table.contexts, len(rows)), np.int64)
    for j, mass in enumerate(table.masses[table.contexts :]):
        place = np.where(mass > 0, np.cumsum(mass > 0) - 1, -1)
        outputs[j] = place[table.codes[table.contexts + j, rows]]
    codes = torch.from_numpy(table.codes[:, rows].T.astype(np.int64))
    on = plan.inputs.device
    return _Lesson(
        plan, codes.to(on), torch.from_numpy(outputs).to(on), before, table.contexts, chance
    )


def _averages(
    lesson: _Lesson, weights: Weights, epochs: int, rng: np.random.Generator
) -> Iterator[Weights]:
    """The running average of the weights after each epoch."""
    count = len(lesson.codes)
    size = 1 << int(np.clip(np.rint(np.log2(max(1, count) / _BATCHES)), 7, 10))
    steps = -(-count // size)
    decay = lesson.between(_DECAY)
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
    dropped, hidden = lesson.between(_DROPOUT), lesson.between(_HIDDEN)
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
