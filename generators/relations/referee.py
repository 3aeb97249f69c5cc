"""Tells drawn histories from learned ones, so that what is kept of several drawn looks learned.

Trees are added one by one: each tells learned histories from those that the trees before it would
choose among the drawn ones, and its leaves' odds weigh what is chosen next: sampling importance
resampling (Rubin 1988) with weights that are boosted (Grover and Ermon 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes, State
from generators.forest import EFFORT
from generators.growth import Sample, grown
from generators.privacy.support import Support, unit_counts

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CANDIDATES = 24
"""Histories drawn for an owner at most, of which one is kept: long ones are rarely right."""
_FEWEST = 6
_MOST_DRAWN = 480_000
"""Rows drawn in all from which on each owner draws fewer histories."""
CEILING = 2.0
"""Odds at which a history is kept for sure, so that an owner takes two or three on average; what is
likelier yet is drawn too seldom by so much."""
_ROUNDS = 60
_RATE = 0.5
"""Share of a tree's log odds that counts, so that no tree decides alone."""
_DOUBT = 20.0
"""Histories of either kind that each leaf is given: a few that it holds are chance."""
_HELD_OUT = 0.3
_FEW = 3_000
"""Owners up to which those held out are learned from: of more, they add little, and odds that are
surer yet have each owner draw more histories before one is kept."""
_FIELDS = ("split", "threshold", "left", "odds")


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree over bins, as in `generators.growth`, with the log odds of each node."""

    split: Ints
    threshold: Ints
    left: Ints
    odds: Floats

    def of(self, binned: Bytes) -> Floats:
        """The log odds of each history; `binned` is of shape (inputs, histories)."""
        places = np.arange(binned.shape[1])
        node = np.zeros(len(places), np.int64)
        while (inner := self.left[node] != node).any():
            above = binned[self.split[node], places] > self.threshold[node]
            node = np.where(inner, self.left[node] + above, node)
        return np.asarray(self.odds[node])


@dataclass(frozen=True, slots=True)
class Referee:
    """The odds that a history was learned and not drawn.

    Attributes:
        trees: each with its part of the log odds.
        sealed: all that was learned, by field, as it may leave.
        scores: how often a learned history has higher odds than one drawn for the same owner, as
            told to owners held out by what was learned from the others: for any drawn one, and for
            the one chosen.
        tilts: by the place of a feature, what a row's code adds to its history's log odds, so that
            chosen rows have the margins learned.
    """

    trees: tuple[Tree, ...]
    sealed: State
    scores: tuple[float, float]
    tilts: Mapping[int, Floats] = field(default_factory=dict)

    def odds(self, binned: Bytes) -> Floats:
        """The log odds of each history."""
        if self.trees and EFFORT.is_repaid:
            return self._told(binned)
        parts = [_RATE * tree.of(binned) for tree in self.trees]
        return np.asarray(np.sum([np.zeros(binned.shape[1]), *parts], axis=0))

    def _told(self, binned: Bytes) -> Floats:
        """The same by machine code."""
        from generators.walking import told  # noqa: PLC0415 - see `EFFORT`

        nodes = [np.stack([t.split, t.threshold, t.left]) for t in self.trees]
        roots = np.cumsum([0, *(n.shape[1] for n in nodes)])[:-1]
        parts = np.concatenate([_RATE * t.odds for t in self.trees])
        asked = np.concatenate(nodes, axis=1), roots, parts
        return np.asarray(told(np.ascontiguousarray(binned.T), *asked))

    def tilted(self, codes: Codes, starts: Ints) -> Floats:
        """What the rows' own codes add to the log odds of the histories that begin at `starts`."""
        return tilted(self.tilts, codes, starts)

    def tilting(self, tilts: Mapping[int, Floats], behind: int, support: Support) -> "Referee":
        """The same with tilts that so many units are behind; without where these are too few."""
        plain = {
            "tilts": np.concatenate([np.empty(0), *tilts.values()]),
            "tilted": np.array([list(tilts), [len(t) for t in tilts.values()]], np.int64),
        }
        sealed = {name: support.seal(value, behind) for name, value in plain.items()}
        kept = {name: value for name, value in sealed.items() if value is not None}
        if len(kept) < len(sealed):
            return self
        return replace(self, sealed={**self.sealed, **kept}, tilts=tilts)

    def released(self) -> State:
        """All that was learned, by field."""
        return self.sealed

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The referee whose `released()` held these values."""
        sealed = {name: Support().declared(value) for name, value in state.items()}
        if "nodes" not in state:
            return cls((), {}, (0.5, 0.5))
        ends = np.cumsum(state["nodes"])[:-1]
        split, threshold, left, odds = (np.split(state[name], ends) for name in _FIELDS)
        trees = tuple(
            Tree(s.astype(np.int64), t.astype(np.int64), n.astype(np.int64), o)
            for s, t, n, o in zip(split, threshold, left, odds, strict=True)
            if len(n)
        )
        scores = float(state["scores"][0]), float(state["scores"][1])
        places, sizes = state["tilted"] if "tilted" in state else np.empty((2, 0), np.int64)
        parts = np.split(state.get("tilts", np.empty(0)), np.cumsum(sizes)[:-1])
        return cls(trees, sealed, scores, dict(zip(places.tolist(), parts, strict=False)))


@dataclass(slots=True)
class Choice:
    """Which of the histories that are drawn for owners, one after another, are kept.

    Rejection sampling (von Neumann 1951); where none is accepted at last, as in `chosen`.

    Attributes:
        rng: decides.
        best: per owner, how high the history that it keeps drew.
        undecided: per owner, whether it goes on drawing.
    """

    rng: np.random.Generator
    best: Floats
    undecided: Bools

    @classmethod
    def among(cls, owners: int, rng: np.random.Generator) -> Self:
        """The choice of so many owners that have drawn nothing."""
        return cls(rng, np.full(owners, -np.inf), np.ones(owners, np.bool_))

    def offered(self, owners: Ints, odds: Floats) -> Bools:
        """Whether each of some owners keeps the history whose log odds these are, so far."""
        accepted = self.rng.random(len(odds)) * CEILING < np.exp(np.minimum(odds, CEILING))
        drew = odds + self.rng.gumbel(size=len(odds))
        kept = accepted | (drew > self.best[owners])
        self.best[owners] = np.maximum(self.best[owners], drew)
        self.undecided[owners[accepted]] = False
        return np.asarray(kept)


def candidates(rows: int) -> int:
    """How many histories each owner draws at most, of so many rows in all."""
    return max(_FEWEST, min(CANDIDATES, _MOST_DRAWN // max(1, rows)))


def chosen(odds: Floats, rng: np.random.Generator) -> Ints:
    """Which of several candidates (first axis) to keep for each owner (second axis).

    As likely as their odds say; adding Gumbel noise and taking the greatest draws just so.
    """
    return np.asarray((odds + rng.gumbel(size=odds.shape)).argmax(axis=0))


def tilted(tilts: Mapping[int, Floats], codes: Codes, starts: Ints) -> Floats:
    """The sum over the rows of each history of what their codes are tilted by."""
    total = np.zeros(len(codes))
    for place, tilt in tilts.items():
        total += tilt.take(codes[:, place])
    return np.asarray(np.add.reduceat(total, starts) if len(starts) else np.zeros(0))


def fit_referee(
    real: Bytes, drawn: Sequence[Bytes], widths: Ints, units: Ints, support: Support
) -> Referee:
    """Learns to tell histories apart; without trees where owners held out do not confirm it.

    Where they do and owners are few, they are learned from as well.

    Args:
        real: learned histories, of shape (inputs, owners).
        drawn: as many histories drawn for the same owners, several times.
        widths: bins per input.
        units: each owner's privacy unit.
        support: the rule of release.
    """
    rng = np.random.default_rng(0)  # which owners are held out says nothing of any of them
    held = np.asarray(rng.random(real.shape[1]) < _HELD_OUT)
    pool, kept = np.stack(drawn), np.flatnonzero(~held)
    trees = tuple(_boosted(real[:, kept], pool[:, :, kept], (widths, units[kept]), support))
    scores = _scores(Referee(trees, {}, (0.5, 0.5)), real[:, held], pool[:, :, held], rng)
    # No leaf tells of fewer than k units, so that those held out are the fewest behind anything.
    behind = len(np.unique(units[held]))
    told = scores[0] - 0.5 > 1 / np.sqrt(max(1, int(held.sum())))
    if not told or behind < support.k:
        trees, scores = (), scores if behind >= support.k else (0.5, 0.5)
    elif real.shape[1] <= _FEW:
        trees = tuple(_boosted(real, pool, (widths, units), support))
    return Referee(trees, _sealed(trees, scores, max(behind, support.k), support), scores)


def _sealed(
    trees: tuple[Tree, ...], scores: tuple[float, float], behind: int, support: Support
) -> State:
    plain: dict[str, Any] = {
        name: np.concatenate([np.empty(0), *(getattr(t, name) for t in trees)]) for name in _FIELDS
    }
    plain["nodes"] = np.array([len(t.left) for t in trees], np.int64)
    plain["scores"] = np.array(scores)
    sealed = {name: support.seal(value, behind) for name, value in plain.items()}
    return {name: value for name, value in sealed.items() if value is not None}


def _boosted(real: Bytes, pool: Bytes, of: tuple[Ints, Ints], support: Support) -> list[Tree]:
    """The trees; a leaf with histories of fewer than k units of a kind counts none of that kind."""
    (widths, units), owners = of, np.arange(real.shape[1])
    rng = np.random.default_rng(1)
    odds, classes = np.zeros((len(pool), len(owners))), np.repeat([0, 1], len(owners))
    both, trees = np.concatenate([units, units]), list[Tree]()
    for _ in range(_ROUNDS if len(owners) else 0):
        fake = pool[chosen(odds, rng), :, owners].T
        binned = np.concatenate([real, fake], axis=1)
        # Both kinds of one unit stand side by side, so that units say nothing of a kind.
        sample = Sample(binned, widths, np.zeros(len(widths)), classes, 2, both, in_turn=True)
        growth = grown(sample, support)
        if len(growth.left) == 1:
            break
        told_by = ((classes == kind, growth.node[classes == kind]) for kind in (0, 1))
        counts = [_held(node, both[kind], len(growth.left), support) for kind, node in told_by]
        told = np.log(counts[0] + _DOUBT) - np.log(counts[1] + _DOUBT)
        trees.append(Tree(growth.split, growth.threshold, growth.left, told))
        odds += _RATE * np.stack([trees[-1].of(candidate) for candidate in pool])
    return trees


def _held(node: Ints, units: Ints, nodes: int, support: Support) -> Ints:
    """How many histories each node holds; none where they are those of fewer than k units."""
    held = np.bincount(node, minlength=nodes)
    return np.where(unit_counts(node, units, nodes) < support.k, 0, held)


def _scores(
    referee: Referee, real: Bytes, pool: Bytes, rng: np.random.Generator
) -> tuple[float, float]:
    owners = np.arange(real.shape[1])
    if not len(owners):
        return 0.5, 0.5
    odds = np.stack([referee.odds(candidate) for candidate in pool])
    own, kept = referee.odds(real), odds[chosen(odds, rng), owners]
    return _higher(own, odds[0]), _higher(own, kept)


def _higher(one: Floats, other: Floats) -> float:
    """The share of pairs of any two in which the first is higher; ties count half."""
    ranked = np.sort(other)
    low, high = (np.searchsorted(ranked, one, side) for side in ("left", "right"))
    return float(((low + high) / 2).mean() / len(other))
