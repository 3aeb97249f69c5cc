"""How well attacks do, and how well all of them do together if membership is drawn by lot.

Entities learned from and entities held out come from one population, so that under the hypothesis
that the model holds nothing of anybody their labels can be exchanged: a permutation test. A model
meets dozens of attacks, of which some would succeed by chance, were each held against its own lots.
All of them see the same lots, and what counts is how far the farthest of them lies from what is
usual: the single-step maxT procedure of Westfall and Young (1993, section 2.3), which keeps the
chance that any attack succeeds falsely below `_LEVEL`, however the attacks depend on each other.
Each is measured in units of its own tails first, so that all are judged as strictly (Beran 1988).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOTS = 1_000
"""Labellings: the true one, and others by lot."""
_LEVEL = 0.01
_TAIL = 0.01
_AT_ONCE = 100
_FALSE_POSITIVES = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """A statistic of every labelling, that of the true one first.

    Attributes:
        best: the number of the view that gave the first, where it is the best of several.
    """

    values: Floats
    best: int = 0

    @property
    def value(self) -> float:
        """That of the true labels."""
        return float(self.values[0])


Statistic = Callable[[Bools], Floats]
"""Of labellings, of shape (labellings, entities), a value each; True stands for learned."""


def labellings(members: Bools, rng: np.random.Generator) -> Bools:
    """The true labels and `LOTS` - 1 others, of shape (`LOTS`, entities)."""
    return np.stack([members, *(rng.permutation(members) for _ in range(LOTS - 1))])


def outcome(statistic: Statistic, labels: Bools) -> Outcome:
    """A statistic of the true labels, beside those of labels drawn by lot."""
    parts = range(0, len(labels), _AT_ONCE)
    return Outcome(np.concatenate([statistic(labels[at : at + _AT_ONCE]) for at in parts]))


def best_outcome(statistic: Callable[[Floats], Statistic], views: Floats, labels: Bools) -> Outcome:
    """The best of several views, of shape (views, entities), beside the best ones by lot."""
    each = [statistic(view) for view in views]
    found = outcome(lambda some: np.max([one(some) for one in each], axis=0), labels)
    values = [float(one(labels[:1])[0]) for one in each]
    return Outcome(found.values, int(np.argmax(values)))


def by_chance(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """The ends between which all of these lie together, but for one model in a hundred.

    The true labels are one of the lots: that they rank among the `_LEVEL` farthest has that
    probability exactly, whatever the statistics are (Phipson and Smyth 2010).
    """
    if not outcomes:
        return []
    values = np.stack([one.values for one in outcomes])
    middle = np.median(values, axis=1, keepdims=True)
    above, below = _tail(values - middle), _tail(middle - values)
    tails = np.where(values > middle, above, below)
    apart = np.abs(values - middle)
    farthest = np.max(np.divide(apart, tails, where=tails > 0, out=np.zeros_like(apart)), axis=0)
    far = np.sort(farthest)[-1 - int(_LEVEL * len(farthest))]
    ends = np.hstack([middle - far * below, middle + far * above])
    return [(float(low), float(high)) for low, high in ends]


def _tail(apart: Floats) -> Floats:
    """Where the farthest hundredth begins, of each row; the farthest of all where that is 0."""
    begins = np.quantile(apart, 1 - _TAIL, axis=1, keepdims=True, method="lower")
    return np.asarray(np.where(begins > 0, begins, apart.max(axis=1, keepdims=True)))


def area(scores: Floats) -> Statistic:
    """The area under the ROC curve: how often a member scores higher (Mann and Whitney 1947)."""
    ranks = mid_ranks(scores)

    def found(labels: Bools) -> Floats:
        ones = labels.sum(axis=1)
        sums = labels.astype(np.float64) @ ranks - ones * (ones + 1) / 2
        pairs = ones * (labels.shape[1] - ones)
        return np.where(pairs > 0, sums / np.maximum(1, pairs), 0.5)

    return found


def found_at_one_percent(scores: Floats) -> Statistic:
    """The share of members above all but 1 % of the others (Carlini et al. 2022).

    Equal scores are put in an order by lot, the same for all labels.
    """
    lot = np.random.default_rng(len(scores)).random(len(scores))
    order = np.lexsort((lot, -scores))

    def found(labels: Bools) -> Floats:
        ranked = labels[:, order]
        others = np.cumsum(~ranked, axis=1, dtype=np.int32)
        allowed = int(_FALSE_POSITIVES * others[0, -1])
        above = ranked & (others <= allowed)
        return np.asarray(above.sum(axis=1) / ranked.sum(axis=1))

    return found


def advantage(success: Floats) -> Statistic:
    """How much more success there is with members than with others."""

    def found(labels: Bools) -> Floats:
        ones = labels.sum(axis=1)
        with_members = labels.astype(np.float64) @ success
        rest = success.sum() - with_members
        others = np.maximum(1, labels.shape[1] - ones)
        return np.asarray(with_members / np.maximum(1, ones) - rest / others)

    return found


def mid_ranks(scores: Floats) -> Floats:
    """Ranks from 1; equal scores share the mean of theirs."""
    ordered = np.sort(scores)
    low, high = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return np.asarray((low + high + 1) / 2)
