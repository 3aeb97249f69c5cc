"""Which categories follow from another one of the same row, so that they repeat only what it does.

A team has its league. Were a row to go back to an earlier team and to an earlier league, each
chosen by itself, it would hardly ever be the league of the team.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.relations.histories import NEW, Repeats
from generators.tables import Feature

Bools = npt.NDArray[np.bool_]

_LEFT = 0.1
"""Share of a category's rows unlike the most frequent that another must leave unexplained."""
_TOLD = 0.9
"""Share of rows with the code of the sibling before that must have its value, for codes to tell
values; nulls have none."""


def led(
    features: Sequence[Feature], codes: Codes, repeats: Repeats, later: Bools
) -> frozenset[str]:
    """Names of the categories that follow from another of them, which follows from none.

    Args:
        features: what may repeat older siblings.
        codes: of the rows, siblings side by side.
        repeats: how each row repeats older siblings, of the same shape.
        later: which rows have a sibling before them.
    """
    places = [i for i, f in enumerate(features) if not f.ordered and f.size > 1]
    found = set[int]()
    for place in sorted(places, key=lambda i: len(np.unique(codes[:, i]))):
        if not _tells(codes[:, place], repeats[:, place], later):
            continue
        leaders = (i for i in places if i != place and i not in found)
        if any(_follows(codes[:, place], codes[:, leader]) for leader in leaders):
            found.add(place)
    return frozenset(features[i].name for i in found)


def _tells(codes: Codes, repeats: Repeats, later: Bools) -> bool:
    """Whether rows with the code of the sibling before have its value."""
    same = later & np.append(False, codes[1:] == codes[:-1])
    return bool(same.any()) and float((repeats[same] != NEW).mean()) >= _TOLD


def _follows(codes: Codes, leader: Codes) -> bool:
    """Whether a code is hardly ever another than the one that most rows of its leader have."""
    width = int(codes.max(initial=0)) + 1
    both = leader.astype(np.int64) * width + codes
    held = np.bincount(both, minlength=(int(leader.max(initial=0)) + 1) * width).reshape(-1, width)
    most = int(np.bincount(codes, minlength=width).max(initial=0))
    unexplained = len(codes) - int(held.max(axis=1).sum())
    return unexplained <= _LEFT * (len(codes) - most)
