"""What a file does not know stops learning once more and filling a target, until acknowledged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from querying import query

from connectors.engines import open_source
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from generators.states import table_states
from provisioner.cli import main
from provisioner.drift import schema_drift
from provisioner.errors import WrongRequest
from provisioner.events import Event, Stated
from provisioner.learning import Learning
from provisioner.report import Severity
from provisioner.updating import updated

DECLARED = """
create type state as enum ('open', 'paid');
create table customers (id serial primary key, first_name text not null, email text, city text);
create table orders (id serial primary key, customer_id int not null references customers,
    status state not null, total numeric(8, 2) not null check (total >= 0), code int unique);
create table weather (day date primary key, degrees int, remark text);
"""
ROWS = """
select setseed(0);
insert into customers (first_name, email, city)
    select 'Ann', 'ann' || n || '@shop.net', (array['Rome', 'Oslo', 'Bern'])[1 + n % 3]
    from generate_series(1, 200) n;
insert into orders (customer_id, status, total, code)
    select 1 + n % 200, (array['open', 'paid'])[1 + n % 2]::state, n % 90, n
    from generate_series(1, 600) n;
insert into weather select '2020-01-01'::date + n, n % 30, (array['wet', 'dry'])[1 + n % 2]
    from generate_series(1, 300) n;
analyze;
"""
CUSTOMERS, ORDERS, WEATHER = (TableName("public", n) for n in ("customers", "orders", "weather"))
LEARNING = Learning(units=(CUSTOMERS,))
CHANGES = {
    "alter table weather add wind int": ("column-added", "public.weather.wind (integer)"),
    "alter table weather drop remark": ("column-removed", "public.weather.remark"),
    "alter table weather alter degrees type bigint": (
        "column-type",
        "public.weather.degrees (bigint)",
    ),
    "alter table weather alter remark set not null": (
        "column-type",
        "public.weather.remark (text not null)",
    ),
    "alter type state add value 'lost'": (
        "column-type",
        "public.orders.status (public.state not null)",
    ),
    "create table visits (id int)": ("table-added", "public.visits"),
    "drop table weather": ("table-removed", "public.weather"),
    "alter table orders drop constraint orders_customer_id_fkey": (
        "key-removed",
        "public.orders orders_customer_id_fkey",
    ),
    "create unique index once on weather (degrees, remark)": ("key-added", "public.weather once"),
    "alter table weather add constraint mild check (degrees < 50)": (
        "check-added",
        "public.weather mild",
    ),
}


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any, str]:
    """The exit code of a command, its document and what it said on stderr."""
    capsys.readouterr()
    code = main([*map(str, arguments), "--output", "json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(DECLARED + ROWS)


@pytest.fixture(scope="module")
def archive(source: str, learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(source, LEARNING)


@pytest.fixture
def changing(database: str, learned_archive: Callable[..., Path]) -> tuple[str, Path]:
    """A source that a test may change, and what was learned of it before."""
    query(database, DECLARED + ROWS)
    return database, learned_archive(database, LEARNING)


def test_a_source_that_is_as_the_file_knows_it_has_not_drifted(
    source: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = told(capsys, "drift", archive, "--source", source)
    assert (code, found) == (0, {"source": []})


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_what_is_declared_is_named(
    model: DatabaseModel, database: str, change: str
) -> None:
    query(database, DECLARED)
    query(database, change)
    with open_source(database) as opened:
        found = [d.finding for d in schema_drift(model.schema, opened.schema())]
    assert [(f.kind, f.place) for f in found] == [CHANGES[change]]


def test_what_the_configuration_left_out_is_no_new_table(
    model: DatabaseModel, source: str, learned_archive: Callable[..., Path]
) -> None:
    without = read_archive(learned_archive(source, Learning(skip=frozenset({WEATHER}))))
    assert WEATHER not in without.tables
    assert not list(schema_drift(without.schema, model.schema))


def test_a_column_that_says_something_else_of_people_has_drifted(
    changing: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url, archive = changing
    query(url, "update weather set remark = 'ann' || degrees || '@shop.net'")
    code, found, _ = told(capsys, "drift", archive, "--source", url)
    assert code == 1
    [finding] = found["source"]
    assert (finding["kind"], finding["place"]) == (
        "column-class",
        "public.weather.remark (personal)",
    )


def test_a_new_column_stops_learning_once_more_until_it_is_acknowledged(
    changing: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url, archive = changing
    before, known = fingerprint(archive), read_archive(archive)
    query(url, "alter table orders add note text; update orders set note = 'call ' || id")
    again = ("learn", "--source", url, "--update", archive, "--no-attacks")
    code, stopped, said = told(capsys, *again)
    assert code == 1
    assert "public.orders.note (text): column-added" in stopped["error"]["text"]
    assert "call " not in said
    assert fingerprint(archive) == before
    _, found, _ = told(capsys, "drift", archive, "--source", url)
    code, *_ = told(capsys, *again, "--acknowledge", found["source"][0]["hash"])
    assert code == 0
    learned = read_archive(archive)
    assert "note" in {fitted.column.name for fitted in learned.tables[ORDERS].columns}
    assert learned.classes[ORDERS]["note"].group == "unknown"
    assert states(learned, WEATHER) == states(known, WEATHER)


def states(model: DatabaseModel, name: TableName) -> list[str]:
    """All that was learned of a table, as text."""
    number = list(model.tables).index(name)
    found = [
        f"{path}: {released.value}"
        for path, released in table_states(model)
        if path.startswith(f"{number}/")
    ]
    assert found
    return found


def test_only_what_changed_and_what_keys_tie_to_it_is_learned_once_more(
    changing: tuple[str, Path],
) -> None:
    url, archive = changing
    known = read_archive(archive)
    query(
        url,
        "insert into weather select '2021-01-01'::date + n, 99, 'wet' "
        "from generate_series(1, 200) n; analyze",
    )
    said: list[Event] = []
    with open_source(url) as opened:
        *_, found = updated(known, opened, LEARNING, said.append)
    assert Stated("tables to learn anew: 1 of 3") in said
    assert found.tables[WEATHER].rows.value == 500
    for name in (CUSTOMERS, ORDERS):
        assert states(found, name) == states(known, name)


def test_a_file_is_brought_up_to_date_with_its_own_database_alone(
    changing: tuple[str, Path], archive: Path
) -> None:
    url, _ = changing
    with open_source(url) as opened, pytest.raises(WrongRequest, match="another database"):
        next(updated(read_archive(archive), opened, LEARNING))


def test_a_column_that_the_file_does_not_know_stops_filling_a_target(
    archive: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query(database, DECLARED)
    query(database, "alter table customers add shoe_size int")
    filling = ("provision", archive, "--target", database, "--no-verify")
    code, found, _ = told(capsys, *filling)
    [finding] = found["pilot"]
    assert (code, finding["place"]) == (1, "public.customers.shoe_size (integer)")
    assert count(database) == 0
    assert told(capsys, *filling, "--acknowledge", finding["hash"])[0] == 0
    assert count(database) == 200


def count(url: str) -> int:
    [(rows,)] = query(url, "select count(*) from customers")
    return int(rows)


def test_a_target_that_lacks_a_column_ends_with_1(
    archive: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query(database, DECLARED)
    query(database, "alter table weather drop degrees")
    code, found, _ = told(capsys, "drift", archive, "--target", database)
    assert (code, [f["kind"] for f in found["target"]]) == (1, ["column-removed"])
    code, found, _ = told(capsys, "provision", archive, "--target", database)
    assert (code, found["error"]["kind"]) == (1, "DifferentSchema")


def test_a_wider_type_in_a_target_is_a_warning(
    archive: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query(database, DECLARED)
    query(database, "alter type state add value 'lost'")
    code, found, _ = told(capsys, "drift", archive, "--target", database)
    assert (code, [f["severity"] for f in found["target"]]) == (0, [Severity.WARNING])


def test_drift_without_a_database_is_a_mistake(archive: Path) -> None:
    assert main(["drift", str(archive)]) == 2
