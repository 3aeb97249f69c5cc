"""Whole steps between two bounds, counted from a start, and from the lowest one when used up."""

from dataclasses import dataclass

from generators.feistel import LARGEST, Rows


@dataclass(frozen=True, slots=True)
class Stretch:
    """The numbers first, first + step, ... of which there are `count`.

    Attributes:
        offset: the place of the number that comes first.
    """

    first: int
    step: int
    count: int
    offset: int

    def at(self, rows: Rows) -> Rows:
        """The number of each row, 0 to count - 1."""
        return (rows + self.offset) % max(1, self.count) * self.step + self.first


def stretch(start: int, step: int, least: int, most: int) -> Stretch:
    """The multiples of a step, counted from a start where that lies between the bounds.

    Of more than 2**62 numbers the lowest are taken, so that places fit a signed word.
    """
    first = start - (start - least) // step * step
    count = min(LARGEST, max(0, (most - first) // step + 1))
    place = (start - first) // step
    return Stretch(first, step, count, place if 0 <= place < count else 0)
