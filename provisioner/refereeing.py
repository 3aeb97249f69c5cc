"""Draws several histories for each owner and keeps one: the likeliest that fit the margins."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from generators.relations.casts import Cast, Turns
from generators.relations.lives import lives
from generators.relations.referee import CANDIDATES, Referee, chosen
from generators.relations.turns import take_turns
from provisioner.job import Floats, Ints, Job

_ITERATIONS = 15
_STEP = 0.2
"""Share of the log ratio of margins by which one iteration tilts the odds."""
_SLIGHT = 1e-3
"""Share of rows that each code is given, so that a rare one tilts nothing by chance."""
_FEWEST_OWNERS = 200
"""Histories from which on a shard is large enough to have the margins of the whole."""


def refereed(job: Job, cast: Cast, referee: Referee, rng: np.random.Generator) -> Turns:
    """All rows of some owners, each owner's as one of several histories that were drawn.

    The odds of each are the referee's, tilted until the codes of each column are about as
    frequent as they were learned to be (raking, Deming and Stephan 1940).
    """
    candidates = [take_turns(cast, rng) for _ in range(CANDIDATES)]
    starts = np.flatnonzero(np.diff(cast.owners, prepend=-1))
    base, history = job.context.features, cast.history
    odds = np.stack(
        [
            referee.odds(lives(history, base, (turns.context, turns.codes), starts).binned)
            for turns in candidates
        ]
    )
    if len(starts) >= _FEWEST_OWNERS and not _is_kept(job):
        odds = _tilted(job, odds, candidates, starts)
    sizes = np.diff(np.append(starts, len(cast.owners)))
    return _picked(candidates, np.repeat(chosen(odds, rng), sizes))


def _is_kept(job: Job) -> bool:
    """Whether the owners are no drawn ones, so that their rows may well be other than learned."""
    return job.owner is not None and job.owner.parent in job.setting.plan.stands


def _tilted(job: Job, odds: Floats, candidates: list[Turns], starts: Ints) -> Floats:
    """The odds, until chosen rows have the margins learned."""
    margins = _margins(job)
    sizes = np.diff(np.append(starts, len(candidates[0].codes)))
    for _ in range(_ITERATIONS):
        weights = np.exp(odds - odds.max(axis=0))
        weights = np.repeat(weights / weights.sum(axis=0), sizes, axis=1)
        for place, learned in margins.items():
            codes = [turns.codes[:, place] for turns in candidates]
            tilt = _STEP * _log_ratio(codes, weights, learned)
            odds = odds + np.stack([np.add.reduceat(tilt[c], starts) for c in codes])
    return odds


def _margins(job: Job) -> Mapping[int, Floats]:
    """The learned share of each code, by the column's place among the features."""
    features = job.model.history.features if job.model.history else ()
    found = {
        place: job.model.histograms[feature.name].value
        for place, feature in enumerate(features)
        if feature.name in job.model.histograms
    }
    return {place: shares for place, shares in found.items() if shares.any()}


def _log_ratio(codes: list[npt.NDArray[np.int32]], weights: Floats, learned: Floats) -> Floats:
    """How much rarer each code is among the weighted rows than it was; 0 where that is unknown."""
    held = np.zeros(len(learned))
    for column, weight in zip(codes, weights, strict=True):
        held += np.bincount(column, weight, minlength=len(learned))
    share = held / max(1e-12, float(held.sum()))
    return np.where(learned > 0, np.log((learned + _SLIGHT) / (share + _SLIGHT)), 0.0)


def _picked(candidates: list[Turns], which: Ints) -> Turns:
    """The rows of those candidates that are kept; `which` is one number per row."""
    rows = np.arange(len(which))
    fields = (f for f in Turns.__dataclass_fields__)
    return Turns(**{f: np.stack([getattr(c, f) for c in candidates])[which, rows] for f in fields})
