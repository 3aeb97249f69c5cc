"""What was booked: prices by distance, cabin and lead time, and what became of each booking."""

import json
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provisioner.airline.published import instants
from provisioner.airline.trips import Habits, Timetable, Trips

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STATUSES = ("flown", "no_show", "cancelled", "refunded")
CABINS = ("economy", "premium", "business")
FLOWN, NO_SHOW, CANCELLED, REFUNDED = range(4)

_DAY, _HOUR = 86_400, 3600
_LONGEST_LEAD = 330  # days
_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 signs, without I, O, 0 and 1
_CABIN_FACTORS = np.array([1.0, 1.65, 3.2])
_MONTH_FACTORS = np.array([0.9, 0.88, 1.0, 1.0, 1.02, 1.12, 1.2, 1.16, 0.95, 0.95, 1.02, 1.15])
_ENDINGS = np.array([0, 49, 99])  # cents
_CHANNELS = ("app", "web", "agency", "phone")
_MEALS = (None, "standard", "vegetarian", "vegan", "halal", "kosher", "gluten_free")
_MEAL_SHARES = (0.0, 0.62, 0.16, 0.09, 0.06, 0.03, 0.04)
_BAGS = 4
_PLACES = (None, "aisle", "window")


@dataclass(frozen=True, slots=True)
class Booked:
    """The bookings as arrays, in the order of their keys; money in cents, times in seconds.

    Attributes:
        owner: position of the passenger.
        status: a position in STATUSES.
        booked: when.
        cancelled: when; meaningless for the statuses before CANCELLED.
        total: the sum of the fares.
        departs: departure of the first flight.
    """

    owner: Ints
    status: Ints
    booked: Ints
    cancelled: Ints
    total: Ints
    departs: Ints


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of all bookings, ordered by booking; positions from 0 on, fares in cents."""

    booking: Ints
    flight: Ints
    cabin: Ints
    fare: Ints
    seat: pa.Array


def book(
    rng: np.random.Generator, who: Habits, taken: Trips, timetable: Timetable
) -> tuple[Booked, Seats]:
    """Books every trip; bookings are numbered by the time they were made."""
    starts = np.flatnonzero(np.diff(taken.booking, prepend=-1))
    business = who.business[taken.owner]
    departs = timetable.departs[taken.flight[starts]]
    booked = _booking_times(rng, business, departs)
    fare = _fares(rng, taken, timetable, ((departs - booked) / _DAY)[taken.booking])
    fare[(rng.random(len(starts)) < 0.012)[taken.booking]] = 0  # paid with points
    dropped = np.logical_or.reduceat(timetable.cancelled[taken.flight], starts)
    status = _statuses(rng, business, dropped)
    cancelled = _cancellations(rng, status, booked, departs)
    total = np.add.reduceat(fare, starts)
    bookings = Booked(taken.owner, status, booked, cancelled, total, departs)
    return _numbered(bookings, Seats(taken.booking, taken.flight, taken.cabin, fare, taken.seat))


def bookings_table(rng: np.random.Generator, booked: Booked, who: Habits, seats: Seats) -> pa.Table:
    """Rows of `bookings`."""
    called_off = booked.status >= CANCELLED
    return pa.table(
        {
            "booking_id": np.arange(1, len(booked.owner) + 1),
            "reference": _references(rng, len(booked.owner)),
            "passenger_id": booked.owner + 1,
            "status": pa.array(STATUSES).take(pa.array(booked.status)),
            "channel": _channels(rng, who.business[booked.owner]),
            "booked_at": instants(booked.booked),
            "cancelled_at": instants(booked.cancelled, ~called_off),
            "total_price": money(booked.total),
            "extras": _extras(rng, booked, who, seats),
        }
    )


def seats_table(seats: Seats) -> pa.Table:
    """Rows of `booking_seats`."""
    return pa.table(
        {
            "booking_id": seats.booking + 1,
            "flight_id": seats.flight + 1,
            "seat": seats.seat,
            "cabin": pa.array(CABINS).take(pa.array(seats.cabin)),
            "fare": money(seats.fare),
        }
    )


def money(cents: Ints) -> pa.Array:
    """Cents as dollars with two digits after the point."""
    hundredth = pa.scalar("0.01").cast(pa.decimal128(3, 2))
    return pc.multiply(pa.array(cents).cast(pa.decimal128(19, 0)), hundredth)


def _booking_times(rng: np.random.Generator, business: Bools, departs: Ints) -> Ints:
    """Days before departure by purpose, at hours when people are awake."""
    shape, scale = np.where(business, 1.3, 1.7), np.where(business, 8.0, 27.0)
    lead = np.minimum(rng.gamma(shape, scale), _LONGEST_LEAD).astype(np.int64)
    evening = rng.random(len(business)) < np.where(business, 0.15, 0.5)
    hour = np.where(
        evening, rng.normal(20.5, 1.5, len(business)), rng.normal(12.5, 2.6, len(business))
    )
    midnight = (departs - 5 * _HOUR) // _DAY * _DAY + 5 * _HOUR
    wished = midnight - lead * _DAY + (hour.clip(0, 23.9) * _HOUR).astype(np.int64)
    latest = departs - _HOUR - rng.exponential(5 * _HOUR, len(departs)).astype(np.int64)
    return np.asarray(np.minimum(wished, latest))


def _fares(rng: np.random.Generator, taken: Trips, timetable: Timetable, lead: Floats) -> Ints:
    """Cents by distance, cabin, route, season and lead time in days."""
    flight = taken.flight
    month = (
        timetable.departs[flight].astype("datetime64[s]").astype("datetime64[M]").astype(int) % 12
    )
    routes = np.exp(0.16 * rng.standard_normal(int(timetable.route.max()) + 1))
    level = 42 + 0.105 * timetable.miles[flight] * _CABIN_FACTORS[taken.cabin]
    hurry = 1 + 0.8 * np.exp(-lead / 9)
    noise = np.exp(0.1 * rng.standard_normal(len(flight)))
    dollars = level * routes[timetable.route[flight]] * _MONTH_FACTORS[month] * hurry * noise
    return np.asarray(
        dollars.astype(np.int64) * 100 + rng.choice(_ENDINGS, len(flight), p=(0.3, 0.25, 0.45))
    )


def _statuses(rng: np.random.Generator, business: Bools, dropped: Bools) -> Ints:
    """Refunded where the airline cancelled a flight; else mostly flown."""
    luck = rng.random(len(business))
    plain = np.where(luck < np.where(business, 0.085, 0.045), CANCELLED, FLOWN)
    plain[luck > 0.986] = NO_SHOW
    return np.asarray(np.where(dropped, REFUNDED, plain), np.int64)


def _cancellations(rng: np.random.Generator, status: Ints, booked: Ints, departs: Ints) -> Ints:
    """A passenger cancels at any time before departure, the airline in the last hours."""
    share = rng.beta(1.6, 1.0, len(status))
    by_choice = booked + (share * (departs - booked)).astype(np.int64)
    by_airline = departs - rng.exponential(4 * _HOUR, len(status)).astype(np.int64)
    return np.maximum(booked + 60, np.where(status == REFUNDED, by_airline, by_choice))


def _numbered(bookings: Booked, seats: Seats) -> tuple[Booked, Seats]:
    """Orders bookings by time, and their seats with them."""
    order = np.argsort(bookings.booked, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    place = np.argsort(rank[seats.booking], kind="stable")
    b = bookings
    columns = (b.owner, b.status, b.booked, b.cancelled, b.total, b.departs)
    moved = Booked(*(column[order] for column in columns))
    numbers = (rank[seats.booking], seats.flight, seats.cabin, seats.fare)
    booking, flight, cabin, fare = (column[place] for column in numbers)
    return moved, Seats(booking, flight, cabin, fare, seats.seat.take(pa.array(place)))


def _references(rng: np.random.Generator, number: int) -> pa.Array:
    """Distinct codes of six signs."""
    values = rng.choice(32**6, number, replace=False)
    places = 32 ** np.arange(5, -1, -1)
    signs = np.array([ord(sign) for sign in _CODE], np.uint8)[values[:, None] // places % 32]
    return pa.array(signs.view("S6").ravel().astype("U6"))


def _channels(rng: np.random.Generator, business: Bools) -> pa.Array:
    work = rng.choice(4, len(business), p=(0.35, 0.25, 0.36, 0.04))
    leisure = rng.choice(4, len(business), p=(0.38, 0.46, 0.1, 0.06))
    return pa.array(_CHANNELS).take(pa.array(np.where(business, work, leisure)))


def _extras(rng: np.random.Generator, booked: Booked, who: Habits, seats: Seats) -> pa.Array:
    """What was ordered with each booking, as JSON; a meal is usual in the better cabins."""
    best = np.maximum.reduceat(seats.cabin, np.flatnonzero(np.diff(seats.booking, prepend=-1)))
    business, number = who.business[booked.owner], len(booked.owner)
    hungry = rng.random(number) < np.array([0.25, 0.55, 0.8])[best]
    meal = np.where(hungry, rng.choice(len(_MEALS), number, p=_MEAL_SHARES), 0)
    bags = np.minimum(rng.poisson(np.where(business, 0.4, 1.1)), _BAGS - 1)
    lead = (booked.departs - booked.booked) / _DAY
    insured = rng.random(number) < np.where(business, 0.06, 0.12 + 0.3 * (lead > 30))
    place = rng.choice(len(_PLACES), number, p=(0.5, 0.28, 0.22))
    lounge = rng.random(number) < np.array([0.01, 0.05, 0.6])[best]
    code = np.ravel_multi_index(
        (meal, bags, insured.astype(np.int64), place, lounge.astype(np.int64)),
        (len(_MEALS), _BAGS, 2, len(_PLACES), 2),
    )
    return _orders().take(pa.array(code))


def _orders() -> pa.Array:
    """The JSON of every combination; what was not ordered is left out, but for bags."""
    keys = ("meal", "bags", "insurance", "place", "lounge")
    combinations = product(_MEALS, range(_BAGS), (False, True), _PLACES, (False, True))
    wanted = (
        {k: v for k, v in zip(keys, c, strict=True) if v or k == "bags"} for c in combinations
    )
    return pa.array([json.dumps(order) for order in wanted])
