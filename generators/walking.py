"""Machine code that walks trees row by row, compiled by numba; see `generators.forest`.

numba compiles the loops on first use and keeps what it compiled for the next run. Machine code
checks no index: trees are checked when they are planted, and codes before they are walked. Only
whole numbers are computed, so that rows are the same as those that numpy draws.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

from generators.columns import Codes

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
def _reached(known: Codes, row: int, node: Any, nodes: Any, bins: Any) -> Any:
    """The leaf of one row, from a tree's root."""
    while nodes[node, 4] < 0:
        code = known[row, nodes[node, 0]]
        node = nodes[node, 3] + (bins[nodes[node, 1] + code] > nodes[node, 2])
    return nodes[node, 4]


@compiled
def _picked(leaf: Any, grain: Any, leaves: Any) -> Any:
    """The code that a number stands for in a leaf."""
    starts, cumulative, guide, shift = leaves
    code = int(guide[leaf, grain >> shift])
    while cumulative[starts[leaf] + code] <= grain:
        code += 1
    return code


@compiled
def drawn(known: Codes, asked: Any, trees: Any, leaves: Any) -> None:
    """Draws every row, tree by tree, in place; see `Forest.draw`."""
    contexts, order, grains = asked
    nodes, bins, roots = trees
    for row in range(len(known)):
        for tree in order:
            leaf = _reached(known, row, roots[tree], nodes, bins)
            known[row, contexts + tree] = _picked(leaf, grains[row, tree], leaves)
