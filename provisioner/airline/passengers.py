"""The passengers' own rows, and the points that some of them collect."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provisioner.airline import people
from provisioner.airline.bookings import FLOWN, Booked, Seats
from provisioner.airline.published import instants
from provisioner.airline.trips import Habits, Timetable

Ints = npt.NDArray[np.int64]

_DAY = 86_400
_YEAR_ENDS = int(np.datetime64("2014-01-01", "s").astype(np.int64))
_TODAY = np.datetime64("2013-12-31", "D")
_AGES = ((31, 7, 0.41), (47, 9, 0.39), (67, 8, 0.2))  # mean, deviation, share
_YOUNGEST, _OLDEST = 18, 94
_POINTS_PER_MILE = np.array([1.0, 1.5, 2.5])
_TIERS = ("basic", "silver", "gold", "platinum")
_TIER_POINTS = (6_000, 18_000, 45_000)
_OLDEST_ACCOUNT = 9 * 365 * _DAY
_REWARD = 500  # points are spent in multiples of it


@dataclass(frozen=True, slots=True)
class Travellers:
    """What a passenger is like before any name is given, in the order of the keys.

    Attributes:
        born: days since 1970.
        habits: how they travel.
        created: when the account was made, in seconds.
    """

    born: Ints
    habits: Habits
    created: Ints


def birthdays(rng: np.random.Generator, number: int) -> Ints:
    """Days since 1970; two generations of adults, and the old."""
    mean, deviation, shares = (np.array(part) for part in zip(*_AGES, strict=True))
    kind = rng.choice(len(_AGES), number, p=shares)
    age = rng.normal(mean[kind], deviation[kind]).clip(_YOUNGEST, _OLDEST)
    return np.asarray(int(_TODAY.astype(np.int64)) - (age * 365.25).astype(np.int64))


def ages(born: Ints) -> Ints:
    """Whole years at the end of 2013."""
    return np.asarray((int(_TODAY.astype(np.int64)) - born) / 365.25, np.int64)


def settle(
    rng: np.random.Generator, born: Ints, habits: Habits, booked: Booked
) -> tuple[Travellers, Booked]:
    """Dates every account before its first booking, and numbers passengers by that date."""
    first = np.full(len(born), _YEAR_ENDS)
    np.minimum.at(first, booked.owner, booked.booked)
    since = rng.gamma(0.8, 260 * _DAY, len(born)).astype(np.int64)
    created = first - 120 - np.minimum(since, _OLDEST_ACCOUNT)
    order = np.argsort(created, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    travellers = Travellers(born[order], habits.taken(order), created[order])
    return travellers, replace(booked, owner=rank[booked.owner])


def passengers_table(rng: np.random.Generator, who: Travellers, timetable: Timetable) -> pa.Table:
    """Rows of `passengers`."""
    number = len(who.born)
    countries = rng.choice(len(people.COUNTRIES), number, p=people.COUNTRY_SHARES)
    women = rng.random(number) < 0.5
    names = people.people(rng, countries, women)
    years = who.born.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    abroad = rng.random(number) < np.where(countries == 0, 0.72, 0.97)
    mute = rng.random(number) < 0.07
    return pa.table(
        {
            "passenger_id": np.arange(1, number + 1),
            "first_name": names.first,
            "last_name": names.last,
            "gender": pa.array(["m", "f"]).take(pa.array(women.astype(np.int64))),
            "date_of_birth": pa.array(who.born.astype("datetime64[D]")),
            "email": people.emails(rng, names, years),
            "phone": pc.if_else(pa.array(mute), None, people.phones(rng, countries)),
            "passport_number": pc.if_else(pa.array(abroad), people.passports(rng, number), None),
            **people.addresses(rng, countries),
            "home_airport": timetable.origin.take(pa.array(who.habits.usual_flight)),
            "newsletter": rng.random(number) < np.where(who.habits.business, 0.22, 0.41),
            "created_at": instants(who.created),
        }
    )


def loyalty_table(
    rng: np.random.Generator, who: Travellers, booked: Booked, flown: tuple[Seats, Timetable]
) -> pa.Table:
    """Rows of `loyalty_accounts`; the tier follows from the points."""
    points = _points(booked, *flown, len(who.born))
    share = 1 / (1 + np.exp(1.6 - 0.45 * who.habits.bookings - 0.9 * who.habits.business))
    member = np.flatnonzero(rng.random(len(share)) < share)
    joined = who.created[member] // _DAY + rng.gamma(0.5, 60, len(member)).astype(np.int64)
    spent = points[member] * rng.beta(0.5, 2.5, len(member))
    serial = people.digits(rng.choice(100_000_000, len(member), replace=False), 8)
    return pa.table(
        {
            "passenger_id": member + 1,
            "member_number": pc.binary_join_element_wise("NY", serial, ""),
            "tier": pa.array(_TIERS).take(pa.array(np.digitize(points[member], _TIER_POINTS))),
            "joined_on": pa.array(
                np.minimum(joined, int(_TODAY.astype(np.int64))).astype("datetime64[D]")
            ),
            "points_earned": points[member],
            "points_spent": (spent // _REWARD * _REWARD).astype(np.int64),
        }
    )


def _points(booked: Booked, seats: Seats, timetable: Timetable, passengers: int) -> Ints:
    """Points of each passenger: miles flown, more in better cabins."""
    flown = booked.status[seats.booking] == FLOWN
    worth = timetable.miles[seats.flight] * _POINTS_PER_MILE[seats.cabin] * flown
    owners = booked.owner[seats.booking]
    return np.bincount(owners, worth, passengers).astype(np.int64)
