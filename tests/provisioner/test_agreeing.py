"""What determines a value goes with the one that was drawn, and so with all else of its row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from keeping import filled, learned, of
from querying import query

from generators.model import DatabaseModel
from provisioner.learning import Learning
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

Floats = npt.NDArray[np.float64]

RULE = "tail -> carrier"
BROKEN = "SELECT tail FROM flights GROUP BY tail HAVING count(DISTINCT carrier) > 1"
SCHEMA = """
CREATE TABLE carriers (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE flights (
    id int PRIMARY KEY, carrier text NOT NULL REFERENCES carriers, tail text NOT NULL,
    number int NOT NULL
);
INSERT INTO carriers SELECT 'C' || n, 'carrier ' || n FROM generate_series(0, 7) AS n;
INSERT INTO flights
SELECT row_number() OVER (), 'C' || p % 8, 'N' || abs(hashtext('plane ' || p)) % 100000,
    100 * (p % 8) + abs(hashtext(p || ' ' || f)) % 300
FROM generate_series(1, 400) AS p, generate_series(1, 15) AS f;
"""

SPREAD_OUT = """
CREATE TABLE carriers (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE flights (
    id int PRIMARY KEY, carrier text NOT NULL REFERENCES carriers, tail text NOT NULL
);
INSERT INTO carriers SELECT 'C' || n, 'carrier ' || n FROM generate_series(0, 7) AS n;
INSERT INTO flights
SELECT row_number() OVER (), 'C' || CASE WHEN abs(hashtext('own ' || p)) % 4 < 3 THEN p / 150
    ELSE abs(hashtext('any ' || p)) % 8 END, 'N' || 1000 + p
FROM generate_series(0, 1199) AS p, LATERAL generate_series(1, 15 + p % 10) AS f;
"""


def test_flights_stay_those_of_their_carrier_though_its_planes_are_told(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, SCHEMA)
    model = learned(url, Learning(), tmp_path)
    assert RULE in of(model, "flights")
    plain = _told(replace(model, invariants=()))
    assert plain > 0.5
    assert _told(model) > 0.9 * plain
    assert filled(model, database, tmp_path).passed
    assert query(database, BROKEN) == []


def test_planes_of_a_carrier_are_spelled_as_differently_as_they_were(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, SPREAD_OUT)
    model = learned(url, Learning(), tmp_path)
    assert RULE in of(model, "flights")
    plain, drawn = _spelled(replace(model, invariants=())), _spelled(model)
    assert abs(drawn - plain) < 0.06


def _spelled(model: DatabaseModel) -> float:
    """The share of the variance of how flights' tails are spelled that lies between carriers."""
    drawn = _flights(model)
    known = np.array([int(tail[1:]) if tail[1:].isdigit() else 0 for tail in drawn["tail"]])
    return _between(known.astype(np.float64), drawn["carrier"])


def _told(model: DatabaseModel) -> float:
    """The share of the variance of flights' numbers that lies between carriers."""
    drawn = _flights(model)
    return _between(np.array(drawn["number"], np.float64), drawn["carrier"])


def _between(numbers: Floats, of: list[str]) -> float:
    _, carriers = np.unique(of, return_inverse=True)
    means = np.bincount(carriers, numbers) / np.bincount(carriers)
    return float(means[carriers].var() / numbers.var())


def _flights(model: DatabaseModel) -> dict[str, list[Any]]:
    planned = plan(model, "0" * 64, Request())
    drawing = Synthesizer(model, planned)
    shards = (drawing.shard(tree, 0) for tree in range(len(planned.trees)))
    drawn: list[dict[str, list[Any]]] = [
        b.rows.to_pydict() for s in shards for b in s if b.table.name == "flights"
    ]
    return drawn[0]
