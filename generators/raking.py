"""Tilts the odds of histories until the rows of those chosen have the margins that were learned."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.privacy.support import Released
from generators.relations.referee import tilted
from generators.tables import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ITERATIONS = 15
_STEP = 0.2
"""Share of the log ratio of margins by which one iteration tilts the odds."""
_SLIGHT = 1e-3
"""Share of rows that each code is given, so that a rare one tilts nothing by chance."""


def raked(
    odds: Floats, drawn: Sequence[Codes], starts: Ints, shares: Mapping[int, Floats]
) -> dict[int, Floats]:
    """What each code adds to the log odds of a history, by the place of its feature.

    By raking (Deming and Stephan 1940), in small steps since a history has many rows.

    Args:
        odds: log odds of several histories of each owner, of shape (candidates, owners).
        drawn: the codes of their rows, one matrix per candidate, owners in turn.
        starts: where each owner's rows begin.
        shares: the margins that rows are to have.
    """
    tilts = {place: np.zeros(len(learned)) for place, learned in shares.items()}
    sizes = np.diff(np.append(starts, len(drawn[0])))
    for _ in range(_ITERATIONS):
        told = odds + np.stack([tilted(tilts, codes, starts) for codes in drawn])
        weights = np.exp(told - told.max(axis=0))
        weights = np.repeat(weights / weights.sum(axis=0), sizes, axis=1)
        for place, learned in shares.items():
            columns = [codes[:, place] for codes in drawn]
            tilts[place] += _STEP * _log_ratio(columns, weights, learned)
    return tilts


def margins(
    features: Sequence[Feature], histograms: Mapping[str, Released[Floats]]
) -> dict[int, Floats]:
    """The learned share of each code of features, by their places, as far as it is known."""
    found = {
        place: histograms[feature.name].value
        for place, feature in enumerate(features)
        if feature.name in histograms
    }
    return {place: shares for place, shares in found.items() if shares.any()}


def _log_ratio(columns: list[Codes], weights: Floats, learned: Floats) -> Floats:
    """How much rarer each code is among the weighted rows than it was; 0 where that is unknown."""
    held = np.zeros(len(learned))
    for column, weight in zip(columns, weights, strict=True):
        held += np.bincount(column, weight, minlength=len(learned))
    share = held / max(1e-12, float(held.sum()))
    return np.where(learned > 0, np.log((learned + _SLIGHT) / (share + _SLIGHT)), 0.0)
