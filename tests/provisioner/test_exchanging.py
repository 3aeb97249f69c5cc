"""What is computed from a time of many goes with the row as it was drawn to."""

from collections.abc import Callable
from pathlib import Path

from keeping import filled, learned, of
from querying import query

from provisioner.learning import Learning

RULE = "hour = extract(hour from at)"
WARMER = """
SELECT avg(degrees) FILTER (WHERE hour BETWEEN 10 AND 14)
    - avg(degrees) FILTER (WHERE hour NOT BETWEEN 4 AND 20) FROM weather
"""
SCHEMA = """
CREATE TABLE weather (
    station text NOT NULL, at timestamp NOT NULL, hour int NOT NULL, degrees int NOT NULL,
    PRIMARY KEY (station, at)
);
INSERT INTO weather SELECT 'S' || s, at, extract(hour FROM at),
    15 - 9 * cos(extract(hour FROM at) * pi() / 12) + abs(hashtext(s || ' ' || at)) % 5
FROM generate_series(1, 2) AS s,
    generate_series(timestamp '2023-01-01', '2023-06-30 23:00', '1 hour') AS at;
"""


def test_days_are_warmer_than_nights_though_the_hour_is_told_by_the_time(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, SCHEMA)
    model = learned(url, Learning(), tmp_path)
    assert RULE in of(model, "weather")
    assert filled(model, database, tmp_path).passed
    [[real]], [[drawn]] = query(url, WARMER), query(database, WARMER)
    assert float(real) > 15
    assert float(drawn) > 0.7 * float(real)
    assert query(database, "SELECT FROM weather WHERE hour <> extract(hour FROM at)") == []
