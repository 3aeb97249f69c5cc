"""What determines a value goes with the one that was drawn, and so with all else of its row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from keeping import filled, learned, of
from querying import query

from generators.model import DatabaseModel
from provisioner.learn import Learning
from provisioner.plan import Request, plan
from provisioner.synthesize import Synthesizer

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


def _told(model: DatabaseModel) -> float:
    """The share of the variance of flights' numbers that lies between carriers."""
    planned = plan(model, "0" * 64, Request())
    drawing = Synthesizer(model, planned)
    shards = (drawing.shard(tree, 0) for tree in range(len(planned.trees)))
    [drawn] = (b.rows.to_pydict() for s in shards for b in s if b.table.name == "flights")
    numbers = np.array(drawn["number"], np.float64)
    _, carriers = np.unique(drawn["carrier"], return_inverse=True)
    means = np.bincount(carriers, numbers) / np.bincount(carriers)
    return float(means[carriers].var() / numbers.var())
