"""Machine code, compiled by numba, for what large loads do most: walk trees, draw inside bins.

numba compiles the loops on first use and keeps what it compiled for the next run. Machine code
checks no index: trees are checked when they are planted, and codes before they are walked. Walking
computes whole numbers alone, but for those drawn, which a power of two makes whole; between knots
the same floats are computed in the same order. So rows are the same as those that numpy draws.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np

_TOGETHER = 64
"""Rows that walk side by side: none waits for where another turns, and all fit the cache."""
_Asked = ParamSpec("_Asked")
_Found = TypeVar("_Found")


def compiled(function: Callable[_Asked, _Found]) -> Callable[_Asked, _Found]:
    """Machine code for a function, kept from run to run where some folder may be written to."""
    try:
        found: Callable[_Asked, _Found] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no such folder
        found = numba.njit(nogil=True)(function)
    return found


@compiled
def drawn(given: Any, asked: Any, trees: Any, leaves: Any) -> bool:
    """Draws every row, tree by tree, in place; False at a code without a bin; see `Forest.draw`."""
    context, codes = given
    order, uniform = asked
    known = np.zeros((_TOGETHER, 1 + context.shape[1] + codes.shape[1]), np.int32)
    nodes = np.zeros(_TOGETHER, np.uint32)
    for start in range(0, len(codes), _TOGETHER):
        rows = slice(start, min(start + _TOGETHER, len(codes)))
        if not _noted(known, context[rows], codes[rows], trees[4]):
            return False
        there = nodes[: len(codes[rows])]
        for tree in order:
            _walk(there, known, tree, trees)
            column = known[:, 1 + context.shape[1] + tree]
            _pick(codes[rows, tree], column, (there, uniform[rows, tree]), trees, leaves)
    return True


@compiled
def _noted(known: Any, context: Any, codes: Any, limits: Any) -> bool:
    """Puts some rows side by side, behind a 0 that leaves ask; False at a code without a bin."""
    behind = 1 + context.shape[1]
    for row in range(len(codes)):
        for column in range(context.shape[1]):
            known[row, 1 + column] = context[row, column]
        for column in range(codes.shape[1]):
            known[row, behind + column] = codes[row, column]
        beyond = False
        for column in range(len(limits)):
            code = known[row, 1 + column]
            beyond |= (code < 0) | (code >= limits[column])
        if beyond:
            return False
    return True


@compiled
def _walk(nodes: Any, known: Any, tree: Any, trees: Any) -> None:
    """The leaf's node of each row, by as many steps as any needs: a leaf leads to itself.

    Places are counted without a sign: numba would ask of each other one whether it is below 0.
    """
    walked, bins, roots, depths, _ = trees
    nodes[:] = np.uint32(roots[tree])
    for _ in range(depths[tree]):
        for row in range(len(nodes)):
            node = nodes[row]
            code = known[row, np.uint32(walked[node, 0] + 1)]
            right = bins[np.uint32(walked[node, 1] + code)] > walked[node, 2]
            nodes[row] = np.uint32(walked[node, 3]) + np.uint32(right)


@compiled
def _pick(codes: Any, column: Any, found: Any, trees: Any, leaves: Any) -> None:
    """The code that a number stands for in each row's leaf, in place."""
    nodes, uniform = found
    starts, cumulative, guide, (grains, shift) = leaves
    for row in range(len(codes)):
        leaf, grain = np.uint32(trees[0][nodes[row], 4]), int(uniform[row] * grains)
        code = int(guide[leaf, np.uint32(grain >> shift)])
        while cumulative[np.uint32(starts[leaf] + code)] <= grain:
            code += 1
        codes[row] = column[row] = code


@compiled
def told(binned: Any, nodes: Any, roots: Any, odds: Any) -> Any:
    """The sum of the odds of the leaves that each history reaches; see `Referee.odds`."""
    found = np.zeros(len(binned))
    places = np.zeros(_TOGETHER, np.uint32)
    for start in range(0, len(binned), _TOGETHER):
        together = binned[start : start + _TOGETHER]
        there = places[: len(together)]
        for root in roots:
            there[:] = 0
            while _stepped(there, together, nodes, np.uint32(root)):
                pass
            for history in range(len(together)):
                found[start + history] += odds[there[history] + np.uint32(root)]
    return found


@compiled
def _stepped(there: Any, binned: Any, nodes: Any, root: Any) -> bool:
    """One step from each history's node in a tree, in place; False where all are at leaves."""
    moved = False
    for history in range(len(there)):
        node = there[history]
        place = np.uint32(root + node)
        left = np.uint32(nodes[2, place])
        if left != node:
            right = binned[history, np.uint32(nodes[0, place])] > nodes[1, place]
            there[history] = left + np.uint32(right)
            moved = True
    return moved


@compiled
def positioned(codes: Any, uniform: Any, knots: Any) -> Any:
    """Where each number lies between the knots of its code's bin; see `Bins.at`."""
    found = np.empty(len(codes))
    segments = knots.shape[1] - 1
    for row in range(len(codes)):
        place = uniform[row] * segments
        segment = int(place)
        left = knots[codes[row], segment]
        found[row] = left + (place - segment) * (knots[codes[row], segment + 1] - left)
    return found
