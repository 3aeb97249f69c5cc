"""What the name of a column says of values that nobody has seen: their range and their order."""

import re
from dataclasses import dataclass

import numpy as np

from generators.columns import Draw
from generators.feistel import Words, mixed, salt_of
from generators.privacy.support import Floats
from generators.privacy.wording import words


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PAIRS = (
    (
        _listed("created creation inserted registered joined opened ordered order requested"),
        _listed(
            "updated modified changed deleted removed closed completed resolved delivered shipped"
            " paid cancelled canceled expired expires archived due"
        ),
    ),
    (
        _listed("start starts started begin begins began from since departure departs hire hired"),
        _listed("end ends ended finish finished until to till thru arrival arrives termination"),
    ),
    (_listed("min minimum low lower lowest"), _listed("max maximum high higher upper highest")),
)
"""Words for the lower and for the higher of two values of a row."""
_FILLERS = _listed("at on date time timestamp ts datetime dt day utc")


@dataclass(frozen=True, slots=True)
class Place:
    """What a column shares with its partner in a row, and which of the two it is."""

    shared: str
    higher: bool


def place_of(name: str) -> Place | None:
    """A column's place in a pair such as start and end; None where its name tells of none."""
    found = [w for w in words(name) if w not in _FILLERS]
    for number, ends in enumerate(_PAIRS):
        for higher, told in enumerate(ends):
            rest = [w for w in found if w not in told]
            if len(rest) < len(found):
                return Place(f"{number} {' '.join(rest)}", bool(higher))
    return None


def positions(name: str, draw: Draw) -> Floats:
    """Where in its range each row's value lies, 0 to 1.

    Both columns of a pair depend on the row's identity, so that the lower is never above the
    higher, though each is drawn alone.
    """
    place = place_of(name)
    if place is None:
        return draw.rng.random(len(draw.rows))
    lower = _share(draw.identities, place.shared)
    return lower + (1 - lower) * _share(draw.identities, name) if place.higher else lower


def _share(identities: Words, salt: str) -> Floats:
    """A number from 0 to 1 for each identity; 53 bits are what a float holds."""
    bits = mixed(identities, salt_of(f"position {salt}")) >> np.uint64(11)
    return np.asarray(bits.astype(np.float64) / 2.0**53)


_RANGES = (
    (r"lat|latitude", -60, 70),
    (r"lng|lon|long|longitude", -180, 180),
    (r"(birth-)?(year|yr)", 2015, 2024),
    (r"quarter", 1, 4),
    (r"month", 1, 12),
    (r"week", 1, 52),
    (r"day|day-of-month", 1, 28),
    (r"weekday|day-of-week|dow", 1, 7),
    (r"hour", 0, 23),
    (r"minute|second", 0, 59),
    (r"age", 18, 85),
    (r"rating|stars|priority", 1, 5),
    (r"quantity|qty", 1, 10),
    (r"port", 1024, 65_535),
    (r"temperature|temp|celsius", -10, 35),
    (r"probability|confidence|ratio|fraction|share", 0, 1),
)
_RULES = tuple((re.compile(rf"(^|-)({told})(-\d+)?$"), low, high) for told, low, high in _RANGES)
_RATE = re.compile(r"(^|-)(percent|percentage|pct|rate|discount|vat|commission|margin)$")


def number_range(name: str, digits: int, whole: float) -> tuple[float, float] | None:
    """The lowest and the highest number that a name makes plausible; None where it tells nothing.

    Args:
        name: the column's name.
        digits: how many digits its values have after the point.
        whole: the highest whole number that its type holds.
    """
    phrase = "-".join(words(name))
    if _RATE.search(phrase):
        return (0.0, 1.0) if whole < 10 and digits > 1 else (0.0, min(100.0, whole))
    for rule, low, high in _RULES:
        if rule.search(phrase):
            fits = high <= whole and (high > 1 or digits > 0)
            return (float(low), float(high)) if fits else None
    return None


_BORN = re.compile(r"(^|-)(birth(-?(date|day))?|born|dob|geburtsdatum)(-|$)")
_BIRTHS = (-10_957, 13_148)
"""1940-01-01 and 2005-12-31."""
_RECENT = (18_993, 20_088)
"""2022-01-01 and 2024-12-31."""


def day_range(name: str) -> tuple[int, int]:
    """The first and the last day, counted from 1970, that a name makes plausible."""
    return _BIRTHS if _BORN.search("-".join(words(name))) else _RECENT
