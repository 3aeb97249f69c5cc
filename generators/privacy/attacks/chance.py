"""How well an attack does, and how well it would do if membership were drawn by lot.

Entities learned from and entities held out come from one population, so that under the hypothesis
that the model holds nothing of anybody their labels can be exchanged: a permutation test.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOTS = 1_000
_TAIL = 0.001
_AT_ONCE = 100
_FALSE_POSITIVES = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """A statistic, and the ends of all but one in a thousand of its values by lot.

    Attributes:
        best: the number of the view that gave it, where it is the best of several.
    """

    value: float
    chance: tuple[float, float]
    best: int = 0


Statistic = Callable[[Bools], Floats]
"""Of labellings, of shape (labellings, entities), a value each; True stands for learned."""


def outcome(statistic: Statistic, members: Bools, rng: np.random.Generator) -> Outcome:
    """A statistic of the true labels, beside those of labels drawn by lot."""
    by_lot = [
        statistic(np.stack([rng.permutation(members) for _ in range(_AT_ONCE)]))
        for _ in range(_LOTS // _AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(by_lot), [_TAIL, 1 - _TAIL])
    return Outcome(float(statistic(members[None])[0]), (float(low), float(high)))


def best_outcome(
    statistic: Callable[[Floats], Statistic],
    views: Floats,
    members: Bools,
    rng: np.random.Generator,
) -> Outcome:
    """The best of several views, of shape (views, entities), beside the best ones by lot."""
    each = [statistic(view) for view in views]
    values = [float(one(members[None])[0]) for one in each]
    found = outcome(lambda labels: np.max([one(labels) for one in each], axis=0), members, rng)
    return Outcome(found.value, found.chance, int(np.argmax(values)))


def area(scores: Floats) -> Statistic:
    """The area under the ROC curve: how often a member scores higher (Mann and Whitney 1947)."""
    ranks = mid_ranks(scores)

    def found(labels: Bools) -> Floats:
        ones = labels.sum(axis=1)
        sums = labels.astype(np.float64) @ ranks - ones * (ones + 1) / 2
        return np.asarray(sums / (ones * (labels.shape[1] - ones)))

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
        return np.asarray(with_members / ones - rest / (labels.shape[1] - ones))

    return found


def mid_ranks(scores: Floats) -> Floats:
    """Ranks from 1; equal scores share the mean of theirs."""
    ordered = np.sort(scores)
    low, high = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return np.asarray((low + high + 1) / 2)
