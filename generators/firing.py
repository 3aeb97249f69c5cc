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
    columns, places, limits, summands, bias = asked
    lines = np.empty(len(columns), np.int64)
    for at in range(len(rows)):
        if not _placed(lines, given, rows[at], (columns, places, limits)):
            return False
        own = found[at]
        own[:] = bias
        _add_up(own, lines, summands)
        for unit in range(len(own)):
            own[unit] = _activated(own[unit], steps)
    return True


@compiled
def _placed(lines: Any, given: Any, row: Any, asked: Any) -> bool:
    """Which line of the summands each code of a row adds, in place; False where there is none."""
    context, codes = given
    columns, places, limits = asked
    behind = context.shape[1]
    for number in range(len(columns)):
        column = columns[number]
        code = context[row, column] if column < behind else codes[row, column - behind]
        if code < 0 or code >= limits[number]:
            return False
        lines[number] = places[number] + code
    return True


@compiled
def _add_up(own: Any, lines: Any, summands: Any) -> None:
    """Adds some lines, four at a time, so that sums are read and written less often."""
    whole = len(lines) - len(lines) % 4
    for number in range(0, whole, 4):
        one, two = summands[lines[number]], summands[lines[number + 1]]
        three, four = summands[lines[number + 2]], summands[lines[number + 3]]
        for unit in range(len(own)):
            own[unit] += (one[unit] + two[unit]) + (three[unit] + four[unit])
    for number in range(whole, len(lines)):
        one = summands[lines[number]]
        for unit in range(len(own)):
            own[unit] += one[unit]


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
    steps, totals = np.empty(len(bias), np.int32), np.empty(len(bias), np.int32)
    last = np.float32(len(exponentials) - 1)
    for at in range(len(rows)):
        own = logits[at]
        highest = own[0] + bias[0]
        for output in range(len(bias)):
            own[output] += bias[output]
            highest = max(highest, own[output])
        for output in range(len(bias)):
            below = np.rint((highest - own[output]) * coarse)
            steps[output] = np.int32(min(below, last))
        total = np.int32(0)
        for output in range(len(bias)):
            total += exponentials[steps[output]]
            totals[output] = total
        point = int(uniform[at] * total)
        output = 0
        while totals[output] <= point:
            output += 1
        codes[rows[at]] = names[output]


@compiled
def _activated(value: Any, steps: Any) -> Any:
    """Rectified and rounded."""
    coarse, most, none = steps
    return min(np.rint(max(value, none) * coarse) / coarse, most)
