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
    surname text, floor int, code text, club text, phone text);
INSERT INTO people SELECT n, 'p' || n || '@real.net', (ARRAY['Rome', 'Oslo'])[1 + n % 2],
    'person ' || n || ' said a thing worth telling', jsonb_build_object('nick', 'nick' || n),
    CASE WHEN n < 9 THEN 'Rome' WHEN n < 14 THEN 'Shared' END,
    CASE WHEN n < 50 THEN 70 END, CASE n WHEN 1 THEN '70' WHEN 2 THEN '80' END,
    'club' || n % 150, 200 + n / 100 || '-555-01' || lpad((n % 100)::text, 2, '0')
    FROM generate_series(1, 300) n;
"""
NUMBER = "abs(hashtextextended('public.people' || chr(31) || ({})::text, 1) % 1000)"
"""What decides whether somebody is learned from: below a thousand times the share held out not."""
LEARNED = NUMBER.format("n") + " >= 100"
BOTH_LEARNED = f"{NUMBER.format('n')} >= 500 AND {NUMBER.format('n + 150')} >= 500"
TARGET = "CREATE TABLE copies (id int, said text, facts jsonb)"


@pytest.fixture
def found(new_database: Callable[[], str], tmp_path: Path) -> Callable[..., Leaks]:
    """What is found where a target holds some rows, and a file some JSON and some bytes."""

    def look(planted: str, told: object, content: bytes = b"", holdout: float = 0.1) -> Leaks:
        source, target, file = new_database(), new_database(), tmp_path / "m.model"
        for url, script in ((source, SOURCE), (target, TARGET + planted)):
            with psycopg.connect(url) as connection:
                connection.execute(script.encode())
        with zipfile.ZipFile(file, "w") as opened:
            opened.writestr("model.json", json.dumps(told))
            opened.writestr("schema.json", json.dumps({"name": "p2@real.net"}))
            opened.writestr("weights.safetensors", content)
        with open_source(source) as opened_source:
            [table] = opened_source.schema().tables
            split = Split({table.name: UnitPath(table.name)}, 1, holdout)
            return leaks(opened_source, split, file, target, 11)

    return look


def test_nothing_is_found_where_nothing_is(found: Callable[..., Leaks]) -> None:
    planted = """; INSERT INTO copies VALUES (1, 'Rome', '{"nick": "none"}')"""
    none = found(planted, {"town": ["Oslo"]})
    assert none.total == 0
    assert none.literals == 904 + 150 + 300


def test_identifiers_long_texts_and_literals_are_found(
    found: Callable[..., Leaks],
) -> None:
    planted = """; INSERT INTO copies VALUES (1, 'p7@real.net', null),
        (2, 'person 9 said a thing worth telling', null)"""
    leaked = found(planted, {"deep": [{"values": ["p8@real.net"]}], "declared": "p2@real.net"})
    assert (leaked.identifiers, leaked.long, leaked.archive, leaked.ddl) == (1, 1, 1, 1)


def test_a_literal_that_enough_units_share_elsewhere_is_listed_apart(
    found: Callable[..., Leaks],
) -> None:
    told = {"of": ["Rome", "Shared", "70", "80"]}
    apart = found("; INSERT INTO copies VALUES (1, 'Shared', null)", told)
    assert (apart.archive, apart.shared) == (2, 2)
    assert apart.excess == {}


def test_what_turns_up_of_units_held_out_as_well_is_chance(
    found: Callable[..., Leaks],
) -> None:
    """Some 30 of 300 are held out; a target that holds half of all has learned of nobody."""
    planted = "; INSERT INTO copies SELECT n, null, jsonb_build_object('x', 'nick' || n)"
    half = found(f"{planted} FROM generate_series(1, 300) n WHERE n % 2 > 0", {})
    assert half.excess == {}
    only = found(f"{planted} FROM generate_series(1, 300) n WHERE {LEARNED}", {})
    assert only.excess.keys() == {"public.people.facts"}


def test_what_several_people_hold_is_a_leak_where_only_that_of_learned_people_turns_up(
    found: Callable[..., Leaks],
) -> None:
    """Two people of each club: about 37 of 150 clubs have both learned, as many both held out."""
    planted = "; INSERT INTO copies SELECT n, 'club' || n, null FROM generate_series(0, 149) n"
    chance = found(f"{planted} WHERE n % 2 > 0", {}, holdout=0.5)
    assert chance.excess == {}
    leaked = found(f"{planted} WHERE n > 0 AND {BOTH_LEARNED}", {}, holdout=0.5)
    assert leaked.excess.keys() == {"public.people.club"}
    met = leaked.met[2]
    assert leaked.excess["public.people.club"] == met.learned_met
    assert met.learned_met >= met.learned - 1  # club 0 is 150 and 300
    assert met.unseen_met == 0


def test_where_nobody_is_held_out_chance_is_told_by_how_texts_are_written(
    found: Callable[..., Leaks],
) -> None:
    planted = """; INSERT INTO copies VALUES (1, null, '{"x": "nick123"}')"""
    none = found(planted, {}, holdout=0.0)
    assert none.met == {}
    assert none.alone == {"public.people.facts": (300, 1, 0.0)}


def test_a_literal_inside_of_another_text_or_among_other_bytes_is_found(
    found: Callable[..., Leaks],
) -> None:
    inside = found("", {"words": ["see p8@real.net there"]}, b"\x00\x01p9@real.net\xff")
    assert inside.archive == 2
    apart = found("", {"words": ["p2@real.net or so"]})  # what is declared is said anyway
    assert (apart.archive, apart.ddl) == (0, 1)


def test_a_number_reserved_for_examples_may_be_met_by_chance_and_no_other_identifier(
    found: Callable[..., Leaks],
) -> None:
    planted = """; INSERT INTO copies SELECT n,
        200 + n / 100 || '-555-01' || lpad((n % 100)::text, 2, '0'), null
        FROM generate_series(1, 300) n"""
    chance = found(f"{planted} WHERE n % 2 > 0", {})
    assert (chance.identifiers, chance.excess) == (0, {})
    leaked = found(f"{planted} WHERE {LEARNED}", {})
    assert leaked.identifiers == 0
    assert leaked.excess.keys() == {"public.people.phone"}
