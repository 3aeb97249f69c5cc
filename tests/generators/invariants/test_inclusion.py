"""Columns that hold keys of another table are found, and drawn values become such keys."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from connectors.invariants import Term

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
        for many in (3_000, 20):
            strange = pa.array([str(10_000 + n % many) for n in range(3_000)]).cast(kind)
            drawn = place.with_values("trips", column, strange)
            place.store("trips", column, place.remade(rule, column, drawn=drawn))
            share = place.tally(rule).share
            assert before.share - 0.001 <= share <= before.share, many


PARTS = """
CREATE TABLE parts (code uuid PRIMARY KEY, number bigint NOT NULL UNIQUE);
CREATE TABLE uses (id int PRIMARY KEY, part uuid NOT NULL, parts_number int NOT NULL);
INSERT INTO parts SELECT md5(n::text)::uuid, n * 4294967296 + 7 FROM generate_series(1, 50) AS n;
INSERT INTO parts SELECT md5('s' || n)::uuid, n * 17 FROM generate_series(1, 50) AS n;
INSERT INTO uses SELECT n, md5((1 + n % 50)::text)::uuid, (1 + n % 50) * 17
FROM generate_series(1, 600) AS n;
"""


def test_uuids_and_narrower_numbers_become_keys_that_there_are(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PARTS)
    found = place.found("inclusion", "uses")
    by_code = found["part in (public.parts.code)"]
    strange = pa.array([bytes([200, n % 256]) * 8 for n in range(600)], pa.binary(16))
    fresh = place.remade(by_code, "part", drawn=place.with_values("uses", "part", strange))
    codes = set(place.view("parts").values(Term("code")).to_pylist())
    assert set(fresh.to_pylist()) <= codes
    by_number = found["parts_number in (public.parts.number)"]
    sevens = place.with_values("uses", "parts_number", pa.array([7] * 600, pa.int32()))
    numbers = set(place.remade(by_number, "parts_number", drawn=sevens).to_pylist())
    assert numbers <= {17 * n for n in range(1, 51)}
