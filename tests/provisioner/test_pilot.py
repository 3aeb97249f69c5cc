"""Before the first row stays in a target, all that it would refuse is found, by name and SQL."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.errors import RefusedRow
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.cli import main
from provisioner.errors import Infeasible
from provisioner.events import Event, StageStarted
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.report import Finding, Severity
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

GAUGES = """
CREATE SCHEMA odd;
CREATE FUNCTION odd.abs(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN 325 - $1; END';
CREATE FUNCTION is_near(integer) RETURNS boolean LANGUAGE sql IMMUTABLE
    SET search_path = odd, pg_catalog AS 'SELECT abs($1) < 250';
CREATE TABLE gauges (id integer PRIMARY KEY, level integer NOT NULL,
    CONSTRAINT near CHECK (is_near(level)));
CREATE TABLE plain (id integer PRIMARY KEY, name text);
"""
"""The body of is_near reads as if it called PostgreSQL's abs, and calls another one."""

SCREWS = """
CREATE TABLE screws (id integer PRIMARY KEY, wide integer NOT NULL, long integer NOT NULL,
    CONSTRAINT matching CHECK (wide % 10007 = long % 10007 AND wide > long + 3
        AND wide < long + 10000));
"""
MOODS = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'calm', 'angry');
CREATE TABLE people (id integer PRIMARY KEY);
CREATE TABLE days (id integer PRIMARY KEY, feels mood NOT NULL, rainy boolean NOT NULL,
    CONSTRAINT one_each UNIQUE (feels, rainy));
CREATE TABLE votes (id integer PRIMARY KEY, person integer NOT NULL REFERENCES people,
    choice text NOT NULL CHECK (choice IN ('yes', 'no', 'none')), UNIQUE (person, choice));
CREATE TABLE free (id integer PRIMARY KEY, feels mood, rainy boolean NOT NULL,
    UNIQUE (feels, rainy));
"""

Told = Callable[..., tuple[int, str, str]]
Learned = Callable[[str], Path]


@pytest.fixture
def learned(new_database: Callable[[], str], tmp_path: Path) -> Learned:
    """Creates a source from SQL and answers the file of its model."""

    def made(order: str) -> Path:
        url, path = new_database(), tmp_path / "made.model"
        query(url, order)
        with open_source(url) as source:
            write_archive(learn(source, Learning()), path)
        return path

    return made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def left_behind(url: str) -> list[tuple[Any, ...]]:
    """Schemas, tables, types and functions that no empty database has."""
    return query(
        url,
        """SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_'
            AND nspname NOT IN ('public', 'information_schema')
        UNION ALL SELECT relname::text FROM pg_class WHERE oid >= 16384
            AND relnamespace::regnamespace::text NOT LIKE 'pg_toast%'
        UNION ALL SELECT typname::text FROM pg_type WHERE oid >= 16384
        UNION ALL SELECT proname::text FROM pg_proc WHERE oid >= 16384""",
    )


def requested(path: Path, **request: Any) -> tuple[DatabaseModel, Any]:
    model = read_archive(path)
    return model, plan(model, fingerprint(path), Request(**request))


def named(findings: tuple[Finding, ...], kind: str) -> Finding:
    [found] = [f for f in findings if f.kind == kind]
    return found


def test_a_check_that_the_server_judges_differently_stops_the_run_with_nothing_written(
    told: Told, learned: Learned, database: str
) -> None:
    path = learned(GAUGES)
    assert told("plan", path, "--rows", 400)[0] == 0
    code, out, _ = told("provision", path, "--target", database, "--rows", 400)
    assert code == 1
    assert "pilot  public.gauges near: the target refuses " in out
    assert "of 400 rows" in out
    assert "is_near(level)" in out
    assert left_behind(database) == []


def test_the_pilot_counts_the_rows_that_the_server_refuses(
    learned: Learned, new_database: Callable[[], str]
) -> None:
    model, planned = requested(learned(GAUGES), cold=400)
    with open_target(new_database()) as target, pytest.raises(Infeasible) as stopped:
        load(model, planned, target)
    found = named(stopped.value.findings, "pilot")
    tree = planned.tree(TableName("public", "gauges"))
    [batch] = Synthesizer(model, planned).shard(tree, 0)
    level = batch.rows.column("level").to_numpy()
    wrong = int((325 - level.astype(np.int64) >= 250).sum())
    assert 0 < wrong < 400
    assert f"refuses {wrong} of 400 rows" in found.text


def test_an_acknowledged_finding_lets_the_run_go_on_to_the_server(
    told: Told, learned: Learned, database: str
) -> None:
    path = learned(GAUGES)
    code, out, _ = told("provision", path, "--target", database, "--rows", 400, "--output", "json")
    [finding] = json.loads(out)["pilot"]
    assert (code, finding["acknowledged"]) == (1, False)
    code, _, err = told(
        "provision", path, "--target", database, "--rows", 400, "--acknowledge", finding["hash"]
    )
    assert code == 3
    assert "loading public.gauges: the server refused a row" in err
    assert "constraint 'near'" in err
    assert query(database, "SELECT count(*) FROM provisioner.plan") == [(1,)]


def test_a_load_goes_on_where_the_pilot_finds_nothing_and_keeps_none_of_its_rows(
    learned: Learned, database: str
) -> None:
    path = learned(GAUGES.replace("325 - $1", "0"))
    model, planned = requested(path, cold=400)
    events: list[Event] = []
    with open_target(database) as target:
        loaded = load(model, planned, target, events.append)
    assert (loaded.rows, loaded.findings) == (800, ())
    assert query(database, "SELECT count(*) FROM gauges") == [(400,)]
    assert [e.total for e in events if isinstance(e, StageStarted) and e.stage == "pilot"] == [1]


def test_a_resumed_load_has_no_pilot(learned: Learned, database: str) -> None:
    model, planned = requested(learned(GAUGES.replace("325 - $1", "0")), cold=400)
    for expected in (1, 0):
        events: list[Event] = []
        with open_target(database) as target:
            load(model, planned, target, events.append)
        assert len([e for e in events if isinstance(e, StageStarted) and e.stage == "pilot"]) == (
            expected
        )


def test_a_hopeless_check_is_named_with_its_rate_before_anything_is_written(
    learned: Learned, database: str
) -> None:
    model, planned = requested(learned(SCREWS), cold=5000)
    with open_target(database) as target, pytest.raises(Infeasible) as stopped:
        load(model, planned, target)
    found = named(stopped.value.findings, "unmeetable")
    assert found.place == "public.screws matching"
    assert " of 1000 rows break matching: " in found.text
    assert "% 10007" in found.text
    assert left_behind(database) == []


def test_an_acknowledged_check_is_drawn_as_well_as_can_be_and_left_to_the_server(
    learned: Learned, database: str
) -> None:
    place = Finding("unmeetable", Severity.ERROR, "public.screws matching", "")
    path = learned(SCREWS)
    model, planned = requested(path, cold=300, acknowledged=frozenset({place.hash}))
    tree = planned.tree(TableName("public", "screws"))
    [batch] = Synthesizer(model, planned).shard(tree, 0)
    assert batch.rows.num_rows == 300
    assert planned.fingerprint == requested(path, cold=300)[1].fingerprint
    server = Finding("pilot", Severity.ERROR, "public.screws matching", "")
    both = frozenset({place.hash, server.hash})
    with open_target(database) as target, pytest.raises(Infeasible):
        load(model, planned, target)
    with open_target(database) as target, pytest.raises(RefusedRow, match="matching"):
        load(*requested(path, cold=300, acknowledged=both), target)


def test_combinations_that_run_out_are_named_with_the_most_that_is_possible(
    told: Told, learned: Learned
) -> None:
    path = learned(MOODS)
    code, out, _ = told("plan", path, "--rows", 1000, "--rows", "people=20", "--output", "json")
    found = {f["place"]: f for f in json.loads(out)["findings"]}
    assert code == 1
    assert set(found) == {"model", "public.days one_each", "public.votes votes_person_choice_key"}
    assert found["model"]["kind"] == "attacks"
    days = found["public.days one_each"]["text"]
    assert "1000 rows asked for, each with another combination of (feels, rainy)" in days
    assert "at most 10 are possible (5 values of feels x 2 values of rainy)" in days
    votes = found["public.votes votes_person_choice_key"]["text"]
    assert "at most 60 are possible (20 rows of public.people x 3 values of choice)" in votes


@pytest.mark.parametrize(("rows", "expected"), [(10, 0), (11, 1)])
def test_as_many_rows_as_combinations_are_planned_and_written(
    told: Told, learned: Learned, database: str, rows: int, expected: int
) -> None:
    path = learned(MOODS)
    sizes = ("--rows", f"days={rows}", "--rows", "people=5")
    code, _, _ = told("provision", path, "--target", database, *sizes)
    assert code == expected
    if not expected:
        assert query(database, "SELECT count(*) FROM days") == [(10,)]
    else:
        assert left_behind(database) == []


def test_a_finding_is_shown_with_the_hash_that_acknowledges_it(
    told: Told, learned: Learned
) -> None:
    path = learned(MOODS)
    code, out, _ = told("plan", path, "--rows", "days=11")
    [line] = [line for line in out.splitlines() if line.startswith("error")]
    assert (code, line.split()[2:4]) == (1, ["unmeetable", "public.days"])
    known = line.split()[1]
    code, out, _ = told("plan", path, "--rows", "days=11", "--acknowledge", known)
    assert code == 0
    assert f"acknowledged {known} unmeetable" in out
    assert "nothing is written" not in out


def test_an_acknowledged_hash_that_is_no_findings_is_a_note(told: Told, learned: Learned) -> None:
    path = learned(MOODS)
    code, out, _ = told("plan", path, "--acknowledge", "0123456789ab", "--output", "json")
    [attacks, found] = sorted(json.loads(out)["findings"], key=lambda f: f["place"] != "model")
    assert (attacks["kind"], attacks["place"]) == ("attacks", "model")
    assert (code, found["severity"], found["place"]) == (0, "note", "0123456789ab")


def test_a_role_that_may_make_no_temporary_tables_is_warned_and_loads_all_the_same(
    told: Told, learned: Learned, database: str
) -> None:
    path, role = learned(GAUGES.replace("325 - $1", "0")), f"test_role_{secrets.token_hex(4)}"
    name = urlsplit(database).path[1:]
    query(database, f"CREATE ROLE {role}; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    query(
        database, f"GRANT CREATE ON DATABASE {name} TO {role}; GRANT ALL ON SCHEMA public TO {role}"
    )
    plain = urlsplit(database)
    options = f"{plain.query}&options=-crole%3D{role}".lstrip("&")
    limited = plain._replace(query=options).geturl()
    try:
        code, out, err = told("provision", path, "--target", limited, "--rows", 50, "--no-verify")
    finally:
        query(database, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
    assert code == 0, err
    assert "no-pilot" in out
    assert "the role lacks a privilege" in out


def test_what_was_acknowledged_is_told_after_the_load(
    told: Told, learned: Learned, database: str
) -> None:
    path = learned(GAUGES.replace("325 - $1", "0"))
    code, out, _ = told("provision", path, "--target", database, "--acknowledge", "0123456789ab")
    assert code == 0
    assert "unknown-hash  0123456789ab" in out
