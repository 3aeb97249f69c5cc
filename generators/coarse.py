"""Merges the codes of a column to few classes or bins, as a search for splits needs them."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TRUSTED_ROWS = 20
"""Rows of a code from which on its own shares weigh more than the average's."""


def merged(mass: Ints, ordered: bool, most: int) -> Ints:
    """The class of each code: neighbours share one, or the least frequent codes do."""
    if not ordered:
        rank = np.empty(len(mass), np.int64)
        rank[np.argsort(-mass, kind="stable")] = np.arange(len(mass))
        return np.minimum(rank, most - 1)
    if np.count_nonzero(mass) <= most:
        return _by_quantile(mass, most)
    # Code 0 may be null, and then is no neighbour of code 1.
    return np.append(0, 1 + _by_quantile(mass[1:], most - 1))


def _by_quantile(mass: Ints, most: int) -> Ints:
    """Ascending groups of nearly equal mass; a code of large mass has its own."""
    if np.count_nonzero(mass) <= most:
        return np.asarray(np.maximum(np.cumsum(mass > 0) - 1, 0))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.unique(np.floor(middle * most), return_inverse=True)[1].astype(np.int64)


def pooled(codes: Ints, rare: npt.NDArray[np.bool_], units: Ints, k: int) -> Ints:
    """The code that each ordered code counts as: rare neighbours as one that k units hold.

    Neighbours have no code between them that is not rare. Where those between two such codes are
    held by too few units together, each counts as itself; and so does code 0, which may be null.

    Args:
        codes: of each row.
        rare: per code, whether too few units hold it.
        units: of each row.
        k: how many units are enough.
    """
    found = np.arange(len(rare))
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(rare) + 1))
    pools = list[tuple[list[int], set[int]]]()
    for code in range(1, len(rare)):
        if not rare[code]:
            continue
        if not pools or not rare[code - 1] or len(pools[-1][1]) >= k:
            pools.append(([], set()))
        pools[-1][0].append(code)
        pools[-1][1].update(units[order[ends[code] : ends[code + 1]]].tolist())
    for members, held in pools:
        before = members[0] - 1
        if len(held) >= k:
            found[members] = members[0]
        elif rare[before] and found[before] != before:
            found[members] = found[before]
    return found


def together(codes: Ints, rare: npt.NDArray[np.bool_], units: Ints, k: int) -> Ints:
    """The code that each code counts as: all rare ones of these rows as one, if k units hold it.

    Code 0 counts as itself, which may be null. See `pooled`, for codes in an order.
    """
    found = np.arange(len(rare))
    there = np.bincount(codes, minlength=len(rare)) > 0
    members = 1 + np.flatnonzero((rare & there)[1:])
    if len(members) and len(np.unique(units[np.isin(codes, members)])) >= k:
        found[members] = members[0]
    return found


def arranged(profiles: Floats, mass: Ints) -> Ints:
    """The place of each code in an order in which codes with like profiles are neighbours.

    Codes are halved by mass along their first principal axis, and each half again along its own,
    so that nested groups of any size are alike. Codes without mass come last.

    Args:
        profiles: of shape (codes, numbers): what each code tends to come with.
        mass: rows per code.
    """
    held = np.flatnonzero(mass)
    waiting, order = [held], [np.flatnonzero(mass == 0)]
    while waiting:
        codes = waiting.pop()
        if len(codes) < 2:
            order.append(codes)
            continue
        weights = mass[codes] / mass[codes].sum()
        centred = profiles[codes] - weights @ profiles[codes]
        axis = np.linalg.eigh(centred.T @ (centred * weights[:, None]))[1][:, -1]
        ranked = np.argsort(centred @ axis, kind="stable")
        halves = np.cumsum(weights[ranked]) - weights[ranked] / 2 > 0.5
        cut = int(np.clip(len(codes) - halves.sum(), 1, len(codes) - 1))
        waiting += [codes[ranked[:cut]], codes[ranked[cut:]]]
    places = np.empty(len(mass), np.int64)
    places[np.concatenate(order[::-1])] = np.arange(len(mass))
    return places


def profiled(counts: Ints) -> Floats:
    """What each row of a contingency table comes with, as the residuals of its shares.

    In units of Pearson's chi-square, and drawn towards nothing where a row has few counts.
    """
    rows, columns = counts.sum(1), counts.sum(0)
    trust = (rows / (rows + _TRUSTED_ROWS))[:, None]
    average = columns / max(1, columns.sum())
    shares = counts / np.maximum(rows, 1)[:, None]
    return np.asarray((shares - average) / np.sqrt(np.maximum(average, 1e-12)) * trust)


def by_association(counts: Ints, ordered: bool, most: int) -> tuple[Ints, float]:
    """The bin of each row of a contingency table, rows of like shares sharing one, and a price.

    The price is what a split has to gain in log-likelihood to beat noise: the best order of m
    rows gains about the largest eigenvalue of a Wishart matrix there, of which the best cut keeps
    2 / pi, and half of that is log-likelihood. `ordered` says whether the table's columns are.
    """
    mass = counts.sum(1)
    score = np.where(mass > 0, _scores(counts, ordered), np.inf)
    rank = np.argsort(score, kind="stable")
    bins = np.empty(len(mass), np.int64)
    bins[rank] = _by_quantile(mass[rank], most)
    bins[mass == 0] = bins[mass.argmax()]
    free = 0 if ordered else max(0, int(np.count_nonzero(counts.sum(0))) - 2)
    rows = max(0, int(np.count_nonzero(mass)) - 1)
    return bins, float((np.sqrt(rows) + np.sqrt(free)) ** 2 / np.pi)


def _scores(counts: Ints, ordered: bool) -> Floats:
    """A number per row of a contingency table, so that rows of like shares are neighbours.

    The mean rank of ordered classes, else the first axis of a correspondence analysis (Greenacre
    1984), drawn towards the middle where a row has few counts.
    """
    rows, columns = counts.sum(1), counts.sum(0)
    trust = rows / (rows + _TRUSTED_ROWS)
    expected = np.outer(rows, columns) / max(1, rows.sum())
    if ordered:
        ranks = np.cumsum(columns) - columns / 2
        return np.asarray((counts - expected) @ ranks / np.maximum(rows, 1) * trust)
    residuals = (counts - expected) / np.sqrt(np.maximum(expected, 1e-12))
    axis = np.linalg.eigh(residuals.T @ residuals)[1][:, -1]
    return np.asarray(residuals @ axis / np.sqrt(np.maximum(rows, 1)) * trust)
