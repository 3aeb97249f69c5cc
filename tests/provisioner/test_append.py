"""Rows are added to a load that is finished: keys go on, and what was there stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.engines import open_target
from connectors.errors import ForeignLoad, NotEmptyTarget
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from provisioner.appending import append, grown
from provisioner.errors import DifferentSchema, SameDatabase, WrongRequest
from provisioner.events import Event, StageStarted, silent
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.verify import verify

SCRIPT = """
CREATE TABLE kinds (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE clients (id serial PRIMARY KEY, email text NOT NULL UNIQUE, sponsor integer);
CREATE TABLE visits (id serial PRIMARY KEY, client_id integer NOT NULL, kind_id integer NOT NULL,
    guest_of integer NOT NULL, minutes integer NOT NULL CHECK (minutes > 0));
INSERT INTO kinds SELECT n, 'kind ' || n FROM generate_series(1, 5) AS n;
INSERT INTO clients (email) SELECT 'c' || n || '@example.com' FROM generate_series(1, 300) AS n;
INSERT INTO visits (client_id, kind_id, guest_of, minutes)
    SELECT 1 + (hashint4(n + 5000) & 1023) % 300, 1 + n % 5,
        1 + (hashint4(n) & 1023) % 300, 1 + n % 60 FROM generate_series(1, 900) AS n;
ALTER TABLE visits ADD FOREIGN KEY (client_id) REFERENCES clients;
ALTER TABLE visits ADD FOREIGN KEY (kind_id) REFERENCES kinds;
ALTER TABLE visits ADD FOREIGN KEY (guest_of) REFERENCES clients;
CREATE INDEX visits_minutes ON visits (minutes);
"""
OBJECTS = (
    "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    " UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
)
CLIENTS = "SELECT id, email FROM clients ORDER BY id"


class Interrupted(Exception):
    """What ends a load in the middle."""


def query(url: str, order: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(order.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(SCRIPT)


@pytest.fixture(scope="module")
def archive(source: str, learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(source)


@pytest.fixture
def planned(model: DatabaseModel, archive: Path) -> Callable[..., Plan]:
    def made(scale: float = 1.0, seed: int = 0) -> Plan:
        return plan(model, fingerprint(archive), Request(scale=scale, seed=seed))

    return made


@pytest.fixture
def loaded(
    model: DatabaseModel, planned: Callable[..., Plan], new_database: Callable[[], str]
) -> str:
    url = new_database()
    with open_target(url) as target:
        load(model, planned(), target)
    return url


def appended(model: DatabaseModel, plan: Plan, url: str, until: str = "") -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == until:
            raise Interrupted

    with open_target(url) as target:
        load(model, append(model, plan, target, silent), target, listen if until else silent)


def test_keys_go_on_and_old_rows_stay(
    model: DatabaseModel, planned: Callable[..., Plan], loaded: str
) -> None:
    before, objects = query(loaded, CLIENTS), query(loaded, OBJECTS)
    appended(model, planned(0.5), loaded)
    after = query(loaded, CLIENTS)
    assert after[: len(before)] == before
    assert [row[0] for row in after] == list(range(1, 451))
    assert query(loaded, OBJECTS) == objects
    assert query(loaded, "SELECT count(*) FROM kinds") == [(5,)]


def test_new_rows_refer_to_old_ones_too(
    model: DatabaseModel, planned: Callable[..., Plan], loaded: str
) -> None:
    appended(model, planned(), loaded)
    order = "SELECT DISTINCT least(client_id, guest_of) <= 300 FROM visits WHERE id > 900"
    found = query(loaded, order)
    assert sorted(found) == [(False,), (True,)]


def test_the_database_of_both_is_verified(
    model: DatabaseModel, planned: Callable[..., Plan], loaded: str
) -> None:
    appended(model, planned(0.5), loaded)
    appended(model, planned(0.5), loaded)
    with open_target(loaded) as target:
        report = verify(model, target)
    assert [(f.place, f.text) for f in report.findings if f.stops] == []
    assert query(loaded, "SELECT count(*) FROM clients") == [(600,)]


@pytest.mark.parametrize("until", ["load", "finish"])
def test_what_was_interrupted_goes_on(
    model: DatabaseModel,
    planned: Callable[..., Plan],
    loaded: str,
    new_database: Callable[[], str],
    until: str,
) -> None:
    objects, other = query(loaded, OBJECTS), new_database()
    with pytest.raises(Interrupted):
        appended(model, planned(0.5), loaded, until)
    appended(model, planned(0.5), loaded)
    with open_target(other) as target:
        load(model, planned(), target)
    appended(model, planned(0.5), other)
    for order in (CLIENTS, "SELECT * FROM visits ORDER BY id"):
        assert query(loaded, order) == query(other, order)
    assert query(loaded, OBJECTS) == objects


def test_other_rows_are_not_appended_before_the_first_ones_are_there(
    model: DatabaseModel, planned: Callable[..., Plan], loaded: str
) -> None:
    with pytest.raises(Interrupted):
        appended(model, planned(0.5), loaded, "load")
    with pytest.raises(ForeignLoad, match="not finished"):
        appended(model, planned(0.25), loaded)


def test_a_database_that_nothing_was_loaded_into_is_refused(
    model: DatabaseModel, planned: Callable[..., Plan], new_database: Callable[[], str]
) -> None:
    with pytest.raises(WrongRequest, match="no load"):
        appended(model, planned(), new_database())


def test_the_source_is_refused(
    model: DatabaseModel, planned: Callable[..., Plan], source: str
) -> None:
    with pytest.raises(SameDatabase):
        appended(model, planned(), source)


def test_rows_of_another_model_are_refused(model: DatabaseModel, loaded: str) -> None:
    with pytest.raises(ForeignLoad, match="another model"):
        appended(model, plan(model, "other", Request()), loaded)


def test_another_seed_is_refused(
    model: DatabaseModel, planned: Callable[..., Plan], loaded: str
) -> None:
    with pytest.raises(ForeignLoad, match="seed 0"):
        appended(model, planned(seed=1), loaded)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DELETE FROM visits WHERE id = 7", NotEmptyTarget),
        ("ALTER TABLE visits ALTER minutes TYPE bigint", DifferentSchema),
    ],
)
def test_a_target_that_somebody_changed_is_refused_and_stays(
    model: DatabaseModel,
    planned: Callable[..., Plan],
    loaded: str,
    change: str,
    error: type[Exception],
) -> None:
    query(loaded, change)
    objects = query(loaded, OBJECTS)
    with pytest.raises(error):
        appended(model, planned(), loaded)
    assert query(loaded, OBJECTS) == objects


def test_rows_whose_key_speaks_of_all_rows_are_refused(
    filled_database: Callable[[str], str],
    learned_archive: Callable[..., Path],
    new_database: Callable[[], str],
) -> None:
    script = "CREATE TABLE slots (id serial PRIMARY KEY, room integer, hour integer,"
    script += " UNIQUE (room, hour)); INSERT INTO slots (room, hour)"
    script += " SELECT n % 40, n / 40 FROM generate_series(0, 399) AS n"
    path = learned_archive(filled_database(script))
    found, url = read_archive(path), new_database()
    asked = plan(found, fingerprint(path), Request())
    with open_target(url) as target:
        load(found, asked, target)
    with pytest.raises(WrongRequest, match="all rows at once"):
        appended(found, asked, url)


def test_rows_of_the_first_load_are_counted_alike_however_often_others_are_added(
    model: DatabaseModel, planned: Callable[..., Plan]
) -> None:
    """What keys follow from must not change once rows are there."""
    first, name = planned(), TableName("public", "clients")
    second = grown(model, first, planned(0.5))
    third = grown(model, second, planned(2.0))
    assert first.layout(name).total < second.layout(name).total < third.layout(name).total
    counts = [one.begun(name) for one in (first, second, third)]
    assert counts == [first.layout(name).total] * 3
