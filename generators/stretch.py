"""Whole steps between two bounds, counted from a start or in an order that looks random."""

from dataclasses import dataclass

import numpy as np

from generators.feistel import LARGEST, Rows, permute


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


@dataclass(frozen=True, slots=True)
class Scatter:
    """The numbers of a range in an order that looks random, then those above, then those below.

    Attributes:
        first: the lowest number of the range; `last` is its highest.
        least: the lowest number of all; `most` is the highest.
        salt: chooses the order.
    """

    first: int
    last: int
    least: int
    most: int
    salt: int

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return min(LARGEST, max(0, self.most - self.least + 1))

    def at(self, rows: Rows) -> Rows:
        """The number of each row, 0 to count - 1."""
        size = min(LARGEST, self.last - self.first + 1)
        inside = rows < size
        found = np.where(rows < self.most - self.first + 1, self.first + rows, 0)
        below = rows - (self.most - self.first + 1)
        found = np.where(below >= 0, self.first - 1 - below, found)
        found[inside] = self.first + permute(rows[inside], size, self.salt)
        return np.asarray(found, dtype=np.int64)


def scatter(ends: tuple[int, int], bounds: tuple[int, int], salt: int) -> Scatter:
    """The numbers between two bounds, those between two ends among them first.

    Ends beyond the bounds are moved to them; of more than 2**62 numbers the lowest are taken.
    """
    least, most = bounds
    most = max(least, min(most, least + LARGEST - 1))
    first, last = (min(max(end, least), most) for end in ends)
    return Scatter(first, max(first, last), least, most, salt)
