"""Whether texts that a model has seen turn up in a target more often than texts that it has not.

Whatever invents words meets some of the source's by chance, short and common ones most of all. The
units that a model was learned from were chosen by lot. So of the texts that equally many units
hold, those whose holders were all learned and those whose holders were all held out are samples of
one population: an independent generator, which has seen neither, meets either as often. Their
numbers are compared by column and number of holders (Cochran 1954; Mantel and Haenszel 1959).

Where no unit was held out, there are only the texts themselves: of three capital letters there are
17,576, and who invents 1,458 such codes meets one of twelve.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from math import sqrt

_DEVIATIONS = 4
"""Of a sum of hypergeometric numbers: chance goes beyond in about one of 30,000 columns."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Texts that equally many units hold.

    Attributes:
        learned: texts of learned units alone.
        unseen: texts of units held out alone.
        learned_met: those of `learned` that a target holds.
        unseen_met: those of `unseen` that it holds.
    """

    learned: int = 0
    unseen: int = 0
    learned_met: int = 0
    unseen_met: int = 0

    def __add__(self, other: "Stratum") -> "Stratum":
        """Those of another column as well."""
        return Stratum(
            self.learned + other.learned,
            self.unseen + other.unseen,
            self.learned_met + other.learned_met,
            self.unseen_met + other.unseen_met,
        )

    @property
    def expected(self) -> float:
        """How many of the texts that were met are learned ones by chance."""
        return self._met * self.learned / max(1, self._texts)

    @property
    def variance(self) -> float:
        """That of the number expected: of drawing the learned ones without replacement."""
        sides, rest = self.learned * self.unseen, self._met * (self._texts - self._met)
        return sides * rest / max(1, self._texts**2 * (self._texts - 1))

    @property
    def beyond(self) -> float:
        """How many learned texts were met beyond the share of those that were not learned."""
        return self.learned_met - self.learned * self.unseen_met / max(1, self.unseen)

    @property
    def tells(self) -> bool:
        """Whether there are texts of both kinds."""
        return self.learned > 0 and self.unseen > 0

    @property
    def _texts(self) -> int:
        return self.learned + self.unseen

    @property
    def _met(self) -> int:
        return self.learned_met + self.unseen_met


def strata(
    texts: Iterable[tuple[str, int]], learned: frozenset[str], met: frozenset[str]
) -> Iterator[tuple[int, Stratum]]:
    """The texts of one kind of unit alone, with how many hold each, by that number."""
    counts: dict[int, list[int]] = {}
    for text, holders in texts:
        places = counts.setdefault(holders, [0, 0, 0, 0])
        side = text not in learned
        places[side] += 1
        places[2 + side] += text in met
    for holders in sorted(counts):
        yield holders, Stratum(*counts[holders])


def alike(texts: Iterable[str], met: Collection[str]) -> float:
    """How many texts are met by chance if each text written like one is as likely as any other."""
    written = Counter(map(_shape, met))
    shapes = Counter(map(_shape, texts))
    return sum(n * min(1.0, written[shape] / _size(shape)) for shape, n in shapes.items())


def _shape(text: str) -> str:
    """A text with a sign of its own for capitals, other letters and digits."""
    return re.sub(r"[0-9]", "9", re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", text)))


def _size(shape: str) -> float:
    """How many texts are written like this."""
    return 26.0 ** (shape.count("A") + shape.count("a")) * 10.0 ** shape.count("9")


def excess(found: Iterable[Stratum]) -> int:
    """Learned texts that were met beyond chance; 0 where chance explains all."""
    telling = [one for one in found if one.tells]
    apart = sum(one.learned_met - one.expected for one in telling)
    deviation = sqrt(sum(one.variance for one in telling))
    if apart <= _DEVIATIONS * deviation or not telling:
        return 0
    return max(1, round(sum(one.beyond for one in telling)))
