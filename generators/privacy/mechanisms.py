"""Noise and choices for differential privacy: exact, discrete, and from the operating system.

All arithmetic is on whole numbers, since floats leak what they round (Mironov, "On significance
of the least significant bits for differential privacy", 2012). Nothing here can be seeded.
"""

import math
import secrets
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from generators.privacy.support import Ints

_GRAIN = 1 << 10


def noised(counts: Ints, variance: Fraction) -> Ints:
    """Counts, each with discrete Gaussian noise of its own.

    With squared L2 sensitivity D, that is D / (2 variance)-zCDP: Canonne, Kamath and Steinke, "The
    Discrete Gaussian for Differential Privacy" (2020), theorem 14.
    """
    noise = (gaussian(variance) for _ in range(counts.size))
    return counts + np.fromiter(noise, np.int64, counts.size).reshape(counts.shape)


def variance_of(sensitivity: int, rho: float) -> Fraction:
    """The variance, rounded up, for which a squared L2 sensitivity costs at most rho."""
    exact = Fraction(sensitivity) / (2 * Fraction(rho))
    return Fraction(math.ceil(exact * _GRAIN), _GRAIN)


def gaussian(variance: Fraction) -> int:
    """One draw of the discrete Gaussian (algorithm 3 of the same paper): exp(-x^2 / 2 variance)."""
    top, bottom = variance.numerator, variance.denominator
    scale = math.isqrt(top // bottom) + 1
    while True:
        drawn = _laplace(scale)
        distance = (abs(drawn) * scale * bottom - top) ** 2
        if _survives(distance, 2 * top * bottom * scale * scale):
            return drawn


def chosen(scores: Sequence[int], sensitivity: int, rho: float) -> int:
    """The exponential mechanism: the place of a score, likelier the higher it is.

    A place is proposed evenly and kept with probability exp(-epsilon (best - score) / 2
    sensitivity), which gives exactly the mechanism's distribution. It is epsilon^2 / 8-zCDP: Cesar
    and Rogers, "Bounding, concentrating, and truncating" (2021).
    """
    epsilon = Fraction(math.floor(math.sqrt(8 * rho) * _GRAIN**2), _GRAIN**2)
    best = max(scores)
    bottom = 2 * sensitivity * epsilon.denominator
    while True:
        place = secrets.randbelow(len(scores))
        if _survives((best - scores[place]) * epsilon.numerator, bottom):
            return place


def threshold(units: int, variance: Fraction, delta: float) -> int:
    """The noisy count that values held by one unit alone reach with probability at most delta.

    The unit holds at most `units` values, each counted once; a draw of the discrete Gaussian is
    at least m with no more probability than a Gaussian is at least m - 1 (proposition 25 of
    Canonne, Kamath and Steinke), and that with at most exp(-(m - 1)^2 / 2 variance) / 2.
    """
    tail = math.sqrt(2 * float(variance) * max(0.0, math.log(units / (2 * delta))))
    return 2 + math.ceil(tail)


def _laplace(scale: int) -> int:
    """One draw of the discrete Laplace (algorithm 2): proportional to exp(-|x| / scale)."""
    while True:
        within = secrets.randbelow(scale)
        if not _survives(within, scale):
            continue
        beyond = 0
        while _survives(1, 1):
            beyond += 1
        size, negative = within + scale * beyond, secrets.randbits(1)
        if size or not negative:
            return -size if negative else size


def _survives(top: int, bottom: int) -> bool:
    """True with probability exp(-top / bottom) (algorithm 1), for top >= 0."""
    while top > bottom:
        if not _survives_part(1, 1):
            return False
        top -= bottom
    return _survives_part(top, bottom)


def _survives_part(top: int, bottom: int) -> bool:
    """The same for top <= bottom: how long a row of ever rarer events goes on."""
    length = 1
    while secrets.randbelow(bottom * length) < top:
        length += 1
    return length % 2 == 1
