"""Tells synthetic entities from held out ones, and asks which of them learned ones are like.

What a model holds of an entity makes synthetic ones more frequent around it than real ones are:
the ratio of both densities is the attack (van Breugel et al. 2023), and a classifier learns it.
"""
# ruff: noqa: PLC0415 - scikit-learn takes longer to load than what else these modules do

import numpy as np

from generators.privacy.attacks.chance import Bools, mid_ranks
from generators.privacy.attacks.space import Floats, Points

_MOST_AXES = 100


def synthetic_odds(real: Points, members: Bools, drawn: Points, rng: np.random.Generator) -> Floats:
    """How much each real entity looks like a synthetic one, as a rank from 0 to 1.

    Half of the held out entities teach the classifier what real ones are like; it is asked of the
    other half and of half of the members, and then the halves change places.
    """
    telling = np.argsort(-drawn.std(axis=0), kind="stable")[:_MOST_AXES]
    side = rng.permuted(np.arange(len(real)) % 2)
    found = np.zeros(len(real))
    for half in (0, 1):
        asked = np.flatnonzero(side == half)
        teachers = real[(side != half) & ~members][:, telling]
        some = rng.choice(len(drawn), min(len(drawn), len(teachers)), replace=False)
        odds = _odds(teachers, drawn[some][:, telling], real[asked][:, telling])
        found[asked] = mid_ranks(odds) / len(asked)
    return found


def _odds(real: Points, drawn: Points, asked: Points) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    model.fit(np.concatenate([real, drawn]), np.repeat([0, 1], [len(real), len(drawn)]))
    return np.asarray(model.decision_function(asked), np.float64)
