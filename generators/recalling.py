"""Machine code, compiled by numba, for what rows of a turn are drawn given, and where they go.

As in `generators.walking`, rows are the same as those that numpy draws: whole numbers, and the same
floats computed in the same order.
"""

from typing import Any

from generators.walking import compiled


@compiled
def recalled(known: Any, base: Any, turn: Any, before: Any, means: Any) -> None:
    """Codes that rows with an older sibling are drawn given, in place; see `History.past_codes`.

    Args:
        known: what is set: each row's context, the sibling before and the means of all before it.
        base: the context of all rows.
        turn: which rows these are.
        before: codes of all rows, the sums of the averaged ones, which are set too, and how many
            siblings come before.
        means: which codes are averaged, their sizes, and the parts that a mean is told by.
    """
    codes, sums, number = before
    averaged, sizes, parts = means
    siblings, running = base.shape[1], base.shape[1] + codes.shape[1]
    for at in range(len(turn)):
        row, previous = turn[at], turn[at] - 1
        for column in range(siblings):
            known[at, column] = base[row, column]
        for column in range(codes.shape[1]):
            known[at, siblings + column] = codes[previous, column] + 1
        for column in range(len(averaged)):
            total = sums[previous, column] + codes[previous, averaged[column]]
            sums[row, column] = total
            known[at, running + column] = int(total / number / sizes[column] * parts) + 1


@compiled
def settled(found: Any, rows: Any, drawn: Any, places: Any, highest: Any) -> None:
    """Puts what was drawn of some rows into its places, no code above the highest, in place."""
    for at in range(len(rows)):
        row = rows[at]
        for column in range(len(places)):
            found[row, places[column]] = min(drawn[at, column], highest[column])
