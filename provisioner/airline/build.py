"""Builds the airline in an empty PostgreSQL database."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pyarrow as pa
from pyarrow import csv

from connectors.engines.postgresql.seed import Seed, seed
from connectors.schema import TableName
from provisioner.airline import published
from provisioner.airline.bookings import Booked, Seats, book, bookings_table, seats_table
from provisioner.airline.feedback import answered, feedback_table
from provisioner.airline.passengers import (
    Travellers,
    ages,
    birthdays,
    loyalty_table,
    passengers_table,
    settle,
)
from provisioner.airline.payments import payments_table
from provisioner.airline.staff import staff_table
from provisioner.airline.trips import Timetable, habits, trips
from provisioner.errors import WrongRequest

_SEED = 20_130_101
_LIFE, _TRIPS, _BOOKINGS, _PASSENGERS, _PAYMENTS, _STAFF, _FEEDBACK = range(7)
_ROWS_AT_ONCE = 40_000
_PASSENGERS_PER_STAFF, _FEWEST_STAFF = 50, 40


@dataclass(frozen=True, slots=True)
class _World:
    """All that the invented tables are read from."""

    travellers: Travellers
    booked: Booked
    seats: Seats
    timetable: Timetable
    flights: pa.Table


def build_airline(url: str, passengers: int = 20_000, flights: int | None = None) -> None:
    """Creates the schema `airline` with all its rows, constraints and statistics.

    The same numbers make the same rows. It is all one transaction: a build that fails leaves the
    database as it was.

    Args:
        url: a database without a schema `airline`, as postgresql://...
        passengers: how many; all other invented tables grow with them.
        flights: how many of the 336,776 real ones, spread evenly over the year; None for all.

    Raises:
        WrongRequest: passengers or flights are below 1.
        ConnectorError: the database cannot be reached, or refuses the schema or a row.
    """
    if passengers < 1 or (flights is not None and flights < 1):
        raise WrongRequest(
            f"found passengers={passengers} and flights={flights}; "
            "both must be 1 or more (flights may be None for all)"
        )
    with seed(url) as target:
        target.run(_script("schema.sql"))
        _load(target, _tables(passengers, flights))
        target.run(_script("constraints.sql"))


def _script(name: str) -> str:
    return files("provisioner.airline").joinpath(name).read_text("utf-8")


def _load(target: Seed, tables: Iterator[tuple[str, pa.Table]]) -> None:
    """Copies some rows while the next ones are made and encoded; the server works meanwhile."""
    with ThreadPoolExecutor(1) as sender:
        sent: Future[None] | None = None
        for name, rows in _slices(tables):
            data = _csv(rows)
            if sent is not None:
                sent.result()
            table = TableName("airline", name)
            sent = sender.submit(target.copy_csv, table, rows.column_names, data)
        if sent is not None:
            sent.result()


def _slices(tables: Iterator[tuple[str, pa.Table]]) -> Iterator[tuple[str, pa.Table]]:
    return (
        (name, rows.slice(start, _ROWS_AT_ONCE))
        for name, rows in tables
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    )


def _csv(rows: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
    return memoryview(sink.getvalue())


def _tables(passengers: int, flights: int | None) -> Iterator[tuple[str, pa.Table]]:
    """Every table with its rows; the largest first, so that the server starts early."""
    real = published.flights(flights)
    yield "flights", real
    yield "weather", published.weather()
    yield "airlines", published.airlines()
    yield "airports", published.airports()
    yield "planes", published.planes()
    yield from _invented(_world(passengers, real))


def _world(passengers: int, flights: pa.Table) -> _World:
    timetable = Timetable.of(flights)
    born = birthdays(_rng(_LIFE), passengers)
    usual = habits(_rng(_LIFE, 1), ages(born), timetable)
    taken = trips(_rng(_TRIPS), usual, timetable)
    booked, seats = book(_rng(_BOOKINGS), usual, taken, timetable)
    travellers, owned = settle(_rng(_PASSENGERS), born, usual, booked)
    return _World(travellers, owned, seats, timetable, flights)


def _invented(world: _World) -> Iterator[tuple[str, pa.Table]]:
    who, booked, seats = world.travellers, world.booked, world.seats
    people = passengers_table(_rng(_PASSENGERS, 1), who, world.timetable)
    yield "passengers", people
    flown = (seats, world.timetable)
    yield "loyalty_accounts", loyalty_table(_rng(_PASSENGERS, 2), who, booked, flown)
    yield "bookings", bookings_table(_rng(_BOOKINGS, 1), booked, who.habits, seats)
    yield "booking_seats", seats_table(seats)
    yield "payments", payments_table(_rng(_PAYMENTS), booked, len(people))
    staff = staff_table(_rng(_STAFF), max(_FEWEST_STAFF, len(people) // _PASSENGERS_PER_STAFF))
    yield "staff", staff
    written = feedback_table(_rng(_FEEDBACK), booked, seats, world.flights, people)
    yield "feedback", answered(_rng(_FEEDBACK, 1), written, len(staff))


def _rng(part: int, step: int = 0) -> np.random.Generator:
    """A generator of its own for each part, so that a change of one leaves the others alone."""
    return np.random.Generator(np.random.Philox(key=[_SEED, part * 16 + step]))
