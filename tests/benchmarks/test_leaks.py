"""A value of the source that turns up in a target or a file is found, whatever column it is in."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from benchmarks.leaks import Leaks, leaks
from connectors.engines import open_source
from connectors.profile import Split, UnitPath

SOURCE = """
CREATE TABLE people (id int PRIMARY KEY, email text, town text, remark text, facts jsonb,
    surname text, floor int, code text);
INSERT INTO people SELECT n, 'p' || n || '@real.net', (ARRAY['Rome', 'Oslo'])[1 + n % 2],
    'person ' || n || ' said a thing worth telling', jsonb_build_object('nick', 'nick' || n),
    CASE WHEN n < 9 THEN 'Rome' WHEN n < 14 THEN 'Shared' END,
    CASE WHEN n < 50 THEN 70 END, CASE n WHEN 1 THEN '70' WHEN 2 THEN '80' END
    FROM generate_series(1, 300) n;
"""
LEARNED = """abs(hashtextextended('public.people' || chr(31) || n::text, 1) % 1000) >= 100"""
TARGET = "CREATE TABLE copies (id int, said text, facts jsonb)"


@pytest.fixture
def found(new_database: Callable[[], str], tmp_path: Path) -> Callable[[str, object], Leaks]:
    """What is found where a target holds some rows, and a file some JSON."""

    def look(planted: str, told: object) -> Leaks:
        source, target, file = new_database(), new_database(), tmp_path / "m.model"
        for url, script in ((source, SOURCE), (target, TARGET + planted)):
            with psycopg.connect(url) as connection:
                connection.execute(script.encode())
        with zipfile.ZipFile(file, "w") as opened:
            opened.writestr("model.json", json.dumps(told))
            opened.writestr("schema.json", json.dumps({"name": "p2@real.net"}))
        with open_source(source) as opened_source:
            [table] = opened_source.schema().tables
            split = Split({table.name: UnitPath(table.name)}, salt=1)
            return leaks(opened_source, split, file, target, 11)

    return look


def test_nothing_is_found_where_nothing_is(found: Callable[[str, object], Leaks]) -> None:
    planted = """; INSERT INTO copies VALUES (1, 'Rome', '{"nick": "none"}')"""
    none = found(planted, {"town": ["Oslo"]})
    assert none.total == 0
    assert none.literals == 904


def test_identifiers_long_texts_and_literals_are_found(
    found: Callable[[str, object], Leaks],
) -> None:
    planted = """; INSERT INTO copies VALUES (1, 'p7@real.net', null),
        (2, 'person 9 said a thing worth telling', null)"""
    leaked = found(planted, {"deep": [{"values": ["p8@real.net"]}], "declared": "p2@real.net"})
    assert (leaked.identifiers, leaked.long, leaked.archive, leaked.ddl) == (1, 1, 1, 1)


def test_a_literal_that_enough_units_share_elsewhere_is_listed_apart(
    found: Callable[[str, object], Leaks],
) -> None:
    told = {"of": ["Rome", "Shared", "70", "80"]}
    apart = found("; INSERT INTO copies VALUES (1, 'Shared', null)", told)
    assert (apart.archive, apart.shared) == (2, 2)
    assert apart.several == {"public.people.surname": 1}


def test_what_turns_up_of_units_held_out_as_well_is_chance(
    found: Callable[[str, object], Leaks],
) -> None:
    """Some 30 of 300 are held out; a target that holds half of all has learned of nobody."""
    planted = "; INSERT INTO copies SELECT n, null, jsonb_build_object('x', 'nick' || n)"
    half = found(f"{planted} FROM generate_series(1, 300) n WHERE n % 2 > 0", {})
    assert half.excess == {}
    only = found(f"{planted} FROM generate_series(1, 300) n WHERE {LEARNED}", {})
    assert only.excess.keys() == {"public.people.facts"}
