"""Who flies when, where and in which seat: habits, seasons and a heavy tail of frequent flyers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_DAY, _HOUR = 86_400, 3600
_NEW_YEAR = int(np.datetime64("2013-01-01T05", "s").astype(np.int64))  # midnight in New York
_MOST_BOOKINGS = 150
_MOST_LEGS = 4
_LONGEST_WAIT = 4 * _DAY  # without a flight on the route for so long, any route will do
_ROUTE_STRIDE = 1 << 32  # above any instant of the year
_BUSINESS_MONTHS = (1.0, 1.05, 1.1, 1.05, 1.1, 1.0, 0.7, 0.6, 1.15, 1.2, 1.1, 0.6)
_LEISURE_MONTHS = (0.6, 0.7, 0.95, 1.0, 0.95, 1.3, 1.6, 1.55, 0.8, 0.8, 1.0, 1.5)
_BUSINESS_WEEKDAYS = (1.3, 1.2, 1.2, 1.3, 1.0, 0.3, 0.7)
_LEISURE_WEEKDAYS = (0.8, 0.7, 0.8, 1.1, 1.4, 1.3, 1.2)
# Of each cabin: first row, rows, letters.
_CABINS = ((10, 26, "ABCDEF"), (5, 5, "ABCDEF"), (1, 4, "ACDF"))


@dataclass(frozen=True, slots=True)
class Timetable:
    """The flights as arrays, in the order of the table.

    Attributes:
        departs: seconds since 1970.
        route: a number for each carrier, origin and destination.
        miles: distance.
        cancelled: whether it never left.
        origin: code of the airport.
    """

    departs: Ints
    route: Ints
    miles: Ints
    cancelled: Bools
    origin: pa.Array

    @staticmethod
    def of(flights: pa.Table) -> "Timetable":
        """Reads the table of `published.flights`."""
        route = pc.binary_join_element_wise(
            *(flights[c] for c in ("carrier", "origin", "destination")), ""
        ).combine_chunks()
        return Timetable(
            flights["scheduled_departure"].cast(pa.int64()).to_numpy(),
            route.dictionary_encode().indices.to_numpy().astype(np.int64),
            flights["distance_miles"].to_numpy(),
            pc.is_null(flights["departed_at"]).to_numpy(),
            flights["origin"].combine_chunks(),
        )


@dataclass(frozen=True, slots=True)
class Habits:
    """How each passenger travels.

    Attributes:
        business: whether mostly for work.
        bookings: how many bookings in the year.
        usual_flight: a flight on the route that is taken most.
        comfort: inclination to pay for a better cabin, about standard normal.
    """

    business: Bools
    bookings: Ints
    usual_flight: Ints
    comfort: Floats

    def taken(self, order: Ints) -> "Habits":
        """The same in another order of passengers."""
        return Habits(
            self.business[order],
            self.bookings[order],
            self.usual_flight[order],
            self.comfort[order],
        )


@dataclass(frozen=True, slots=True)
class Trips:
    """Seats taken, ordered by booking and departure; one entry per seat but for `owner`.

    Attributes:
        owner: the passenger's position, one entry per booking.
        booking: position of the booking, ascending, each with at least one seat.
        flight: position of the flight.
        cabin: 0 economy, 1 premium, 2 business.
        seat: row and letter.
    """

    owner: Ints
    booking: Ints
    flight: Ints
    cabin: Ints
    seat: pa.Array


def habits(rng: np.random.Generator, ages: Ints, timetable: Timetable) -> Habits:
    """Habits by age; the number of bookings is lognormal-Poisson, highest around 45."""
    business = rng.random(len(ages)) < 0.34 * np.exp(-(((ages - 44) / 14) ** 2))
    bump = 0.6 * np.exp(-(((ages - 45) / 16) ** 2))
    rate = np.exp(0.05 + bump + 1.1 * business + 0.85 * rng.standard_normal(len(ages)))
    bookings = np.minimum(rng.poisson(rate), _MOST_BOOKINGS)
    comfort = 0.7 * business + 0.012 * (ages - 40) + 0.8 * rng.standard_normal(len(ages))
    usual = rng.integers(0, len(timetable.departs), len(ages))
    return Habits(business, bookings, usual, comfort)


def trips(rng: np.random.Generator, who: Habits, timetable: Timetable) -> Trips:
    """Flights and seats of every booking; no seat is sold twice."""
    owner = np.repeat(np.arange(len(who.bookings)), who.bookings)
    booking, flight = _legs(rng, who, owner, timetable)
    cabin = _cabins(rng, who.comfort[owner[booking]], timetable.miles[flight])
    seat, free = _seats(flight, cabin)
    kept, booking = np.unique(booking[free], return_inverse=True)
    return Trips(owner[kept], booking, flight[free], cabin[free], seat.filter(pa.array(free)))


def _legs(
    rng: np.random.Generator, who: Habits, owner: Ints, timetable: Timetable
) -> tuple[Ints, Ints]:
    """Booking and flight of each leg, distinct and in order of departure."""
    business = who.business[owner]
    legs = np.minimum(1 + rng.poisson(np.where(business, 0.2, 0.5)), _MOST_LEGS)
    booking = np.repeat(np.arange(len(owner)), legs)
    nth = np.arange(len(booking)) - np.repeat(np.cumsum(legs) - legs, legs)
    wished = _starts(rng, business)[booking] + _gaps(rng, business[booking], nth)
    loyal = rng.random(len(booking)) < np.where(business, 0.6, 0.35)[booking] * 0.6**nth
    anyone = rng.integers(0, len(timetable.route), len(booking))
    route = timetable.route[np.where(loyal, who.usual_flight[owner[booking]], anyone)]
    flight = _next_flights(timetable, route, wished)
    found = flight >= 0
    pairs = np.unique(booking[found] * len(timetable.route) + flight[found])
    return pairs // len(timetable.route), pairs % len(timetable.route)


def _starts(rng: np.random.Generator, business: Bools) -> Ints:
    """When each trip shall begin: season, weekday and hour fit its purpose."""
    work = _days(rng, len(business), _BUSINESS_MONTHS, _BUSINESS_WEEKDAYS)
    leisure = _days(rng, len(business), _LEISURE_MONTHS, _LEISURE_WEEKDAYS)
    peak = np.where(rng.random(len(business)) < 0.55, 7.0, 17.0)
    hour = np.where(business, rng.normal(peak, 1.3), rng.uniform(5.5, 20.5, len(business)))
    day = np.where(business, work, leisure)
    return np.asarray(_NEW_YEAR + day * _DAY + (hour.clip(5, 22) * _HOUR).astype(np.int64))


def _days(
    rng: np.random.Generator, number: int, months: tuple[float, ...], weekdays: tuple[float, ...]
) -> Ints:
    """Days of 2013, from 0 on, by the weights of month and weekday (Monday first)."""
    days = np.arange("2013-01-01", "2014-01-01", dtype="datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    weekday = (np.arange(365) + 1) % 7  # 2013 began on a Tuesday
    weights = np.array(months)[month] * np.array(weekdays)[weekday]
    return rng.choice(365, number, p=weights / weights.sum())


def _gaps(rng: np.random.Generator, business: Bools, nth: Ints) -> Ints:
    """Seconds from a trip's beginning to its nth leg."""
    days = rng.gamma(2.0, np.where(business, 2.0, 6.0)) * nth
    return np.asarray((days * _DAY).astype(np.int64))


def _next_flights(timetable: Timetable, route: Ints, wished: Ints) -> Ints:
    """Positions of the next flights on their routes, else on any; -1 after the year's last."""
    order = np.lexsort((timetable.departs, timetable.route))
    keys = timetable.route[order] * _ROUTE_STRIDE + timetable.departs[order]
    at = np.searchsorted(keys, route * _ROUTE_STRIDE + wished).clip(max=len(keys) - 1)
    late = keys[at] - (route * _ROUTE_STRIDE + wished) > _LONGEST_WAIT
    # The table is in order of departure, so that the next flight of all is found directly.
    anywhere = np.searchsorted(timetable.departs, wished)
    flight = np.where(late | (order[at] < anywhere), anywhere, order[at])
    return np.where(flight < len(keys), flight, -1)


def _cabins(rng: np.random.Generator, comfort: Floats, miles: Ints) -> Ints:
    """Cabin by inclination; longer flights tempt more."""
    wish = comfort + 0.25 * (miles - 1000) / 1000 + 0.5 * rng.standard_normal(len(comfort))
    return np.asarray(np.digitize(wish, [1.35, 2.0]).astype(np.int64))


def _seats(flight: Ints, cabin: Ints) -> tuple[pa.Array, Bools]:
    """A seat for each entry, distinct on its flight, and whether the cabin had one left."""
    group = flight * len(_CABINS) + cabin
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    sizes = np.array([rows * len(letters) for _, rows, letters in _CABINS])
    # 7 is prime to every cabin's size, so that the walk from a flight's own start meets each once.
    place = (group * 31 + rank * 7) % sizes[cabin]
    names = [
        f"{first + i}{x}" for first, rows, letters in _CABINS for i in range(rows) for x in letters
    ]
    offset = np.cumsum([0, *sizes[:-1]])
    return pa.array(names).take(pa.array(offset[cabin] + place)), np.asarray(rank < sizes[cabin])
