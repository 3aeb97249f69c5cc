"""Machine code, compiled by numba, for what a large load does most with networks: add up and pick.

As in `generators.walking`, rows are the same as those that numpy draws: sums are exact in any order
(see `generators.fixedpoint`), and all else is computed from the same numbers in the same order.
"""

from typing import Any

import numpy as np

from generators.walking import compiled


@compiled
def summed(found: Any, given: Any, rows: Any, asked: Any, steps: Any) -> bool:
    """The first layer of some rows, in place; False at a code that a network knows nothing of.

    Each code that is asked for adds a row of what embeddings and weights amount to, so that nothing
    is multiplied.
    """
    context, codes = given
    columns, places, limits, summands, bias = asked
    behind = context.shape[1]
    for at in range(len(rows)):
        row = rows[at]
        found[at] = bias
        for number in range(len(columns)):
            column = columns[number]
            code = context[row, column] if column < behind else codes[row, column - behind]
            if code < 0 or code >= limits[number]:
                return False
            place = places[number] + code
            for unit in range(found.shape[1]):
                found[at, unit] += summands[place, unit]
        for unit in range(found.shape[1]):
            found[at, unit] = _activated(found[at, unit], steps)
    return True


@compiled
def added(state: Any, product: Any, bias: Any, steps: Any) -> None:
    """A residual layer whose products are known, added to what it was given, in place."""
    for at in range(len(state)):
        for unit in range(state.shape[1]):
            fired = _activated(product[at, unit] + bias[unit], steps)
            state[at, unit] = min(state[at, unit] + fired, steps[1])


@compiled
def picked(codes: Any, rows: Any, logits: Any, uniform: Any, outputs: Any) -> None:
    """The code that each row's number stands for among the weights of its outputs, in place."""
    bias, names, exponentials, coarse = outputs
    total = np.empty(len(bias), np.int64)
    last = np.float32(len(exponentials) - 1)
    for at in range(len(rows)):
        highest = logits[at, 0] + bias[0]
        for output in range(len(bias)):
            logits[at, output] += bias[output]
            highest = max(highest, logits[at, output])
        for output in range(len(bias)):
            below = np.rint((highest - logits[at, output]) * coarse)
            total[output] = exponentials[int(min(below, last))]
        for output in range(1, len(bias)):
            total[output] += total[output - 1]
        point = int(uniform[at] * total[-1])
        output = 0
        while total[output] <= point:
            output += 1
        codes[rows[at]] = names[output]


@compiled
def _activated(value: Any, steps: Any) -> Any:
    """Rectified and rounded."""
    coarse, most, none = steps
    return min(np.rint(max(value, none) * coarse) / coarse, most)
