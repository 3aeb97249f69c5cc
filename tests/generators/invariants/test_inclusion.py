"""Columns that hold keys of another table are found, and drawn values become such keys."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

FLEET = """
CREATE TABLE planes (tail text PRIMARY KEY, seats int);
CREATE TABLE crews (id int PRIMARY KEY, name text);
CREATE TABLE trips (id int PRIMARY KEY, tail_number text, crew_id int, legs int NOT NULL);
INSERT INTO planes SELECT 'N' || md5(n::text), n FROM generate_series(1, 120) AS n;
INSERT INTO crews SELECT n, 'c' || n FROM generate_series(1, 90) AS n;
INSERT INTO trips SELECT n,
    CASE WHEN n % 10 = 0 THEN 'X' || md5(n::text)
    ELSE 'N' || md5((1 + abs(hashtext('t' || n)) % 120)::text) END,
    1 + abs(hashtext('c' || n)) % 90, 1 + n % 40 FROM generate_series(1, 3000) AS n;
"""


def test_keys_are_found_by_text_or_name_and_other_numbers_are_not(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(FLEET).found("inclusion", "trips").keys() == {
        "tail_number in (public.planes.tail)",
        "crew_id in (public.crews.id)",
    }


def test_drawn_values_become_keys_but_for_the_learned_share(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(FLEET)
    for rule in place.found("inclusion", "trips").values():
        column, before = rule.columns[0], place.tally(rule)
        kind = place.view("trips").values(rule.terms[0]).type
        strange = pa.array([str(n) for n in range(10_000, 13_000)]).cast(kind)
        drawn = place.with_values("trips", column, strange)
        fresh = place.remade(rule, column, drawn=drawn)
        place.store("trips", column, fresh)
        assert place.tally(rule).share <= before.share + 0.03 * bool(before.broken)
