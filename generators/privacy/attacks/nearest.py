"""Which points lie nearest to some, and how far away."""
# ruff: noqa: PLC0415 - scikit-learn takes longer to load than what else these modules do

from generators.privacy.attacks.space import Floats, Ints, Points

SAME = 1e-3
"""Distances that differ by less are equal: coordinates are floats of 32 bits."""


def nearest(asked: Points, among: Points, k: int = 1) -> tuple[Floats, Ints]:
    """Distances and positions of the k nearest, ascending, each of shape (asked, k)."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among)
    return search.kneighbors(asked)  # type: ignore[no-any-return]
