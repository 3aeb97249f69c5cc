"""Indexes and keys are built side by side, and end as one session would have built them."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from querying import query

from connectors.ddl import DdlItem, Section
from connectors.engines import open_source, open_target, open_writer
from connectors.errors import RefusedRow
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.events import Advanced, Event, StageStarted
from provisioner.finishing import groups
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.workers.crews import Workers

SHOP = (Path(__file__).parent.parent / "databases" / "shop.sql").read_text("utf-8")
DECLARED = (
    "select conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
    " from pg_constraint where connamespace <> 'pg_catalog'::regnamespace"
    " and connamespace <> 'information_schema'::regnamespace"
    " and connamespace::regnamespace::text <> 'provisioner'"
    " union all select pg_get_indexdef(indexrelid) from pg_index i join pg_class c"
    " on c.oid = i.indrelid where c.relnamespace::regnamespace::text not in"
    " ('pg_catalog', 'pg_toast', 'provisioner') order by 1"
)


@pytest.fixture(scope="module")
def source(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    query(url, SHOP)
    return url


@pytest.fixture(scope="module")
def archive(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "shop.model"
    with open_source(source) as opened:
        write_archive(learn(opened, Learning(invariants=False)), path)
    return path


@pytest.fixture(scope="module")
def model(archive: Path) -> DatabaseModel:
    return read_archive(archive)


@pytest.fixture(scope="module")
def planned(archive: Path, model: DatabaseModel) -> Plan:
    return plan(model, fingerprint(archive), Request())


def items(*kinds: str) -> Iterator[DdlItem]:
    for number, kind in enumerate(kinds, 1):
        yield DdlItem(number, Section.POST_DATA, kind, "public", f"n{number}", "SELECT 1;")


def test_steps_go_together_only_with_their_kind_and_without_what_they_depend_on() -> None:
    steps = list(items("CONSTRAINT", "INDEX", "INDEX ATTACH", "TRIGGER", *["FK CONSTRAINT"] * 2))
    assert [len(group) for group in groups(steps)] == [2, 1, 1, 2]
    one, other = items("INDEX", "INDEX")
    depending = DdlItem(2, other.section, "INDEX", "", "n", "SELECT 1;", depends_on=(one.number,))
    assert [len(group) for group in groups([one, depending])] == [1, 1]
    assert not list(groups([]))


def test_several_sessions_leave_the_declarations_and_statistics_of_the_source(
    source: str, model: DatabaseModel, planned: Plan, database: str
) -> None:
    heard: list[Event] = []
    with open_target(database) as target:
        load(model, planned, target, heard.append, workers=Workers(database, 3))
    assert query(database, DECLARED) == query(source, DECLARED)
    told = sum(e.amount for e in heard if isinstance(e, Advanced) and e.stage == "finish")
    [started] = [e for e in heard if isinstance(e, StageStarted) and e.stage == "finish"]
    assert told == started.total
    bare = (
        "select relname from pg_class where relkind = 'r' and relpages > 0 and reltuples <= 0"
        " and relnamespace::regnamespace::text = 'shop'"
    )
    assert query(database, bare) == []


def test_a_step_that_fails_ends_the_others_and_is_all_that_a_resumed_run_repeats(
    source: str, model: DatabaseModel, planned: Plan, database: str
) -> None:
    keys = [i for i in model.ddl if i.kind == "FK CONSTRAINT"]

    def spoil(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "finish":
            query(database, "create table shop.kept as select * from shop.label")
            query(database, "delete from shop.label")

    workers = Workers(database, 3)
    with pytest.raises(RefusedRow), open_target(database) as target:
        load(model, planned, target, spoil, workers=workers)
    assert keys
    done = query(database, "select count(*) from provisioner.step where number is not null")
    query(database, "insert into shop.label select * from shop.kept")
    query(database, "drop table shop.kept")
    again: list[Event] = []
    with open_target(database) as target:
        load(model, planned, target, again.append, workers=workers)
    [started] = [e for e in again if isinstance(e, StageStarted) and e.stage == "finish"]
    left = sum(i.section is Section.POST_DATA for i in model.ddl) - int(str(done[0][0]))
    assert started.total == left + 1
    assert query(database, DECLARED) == query(source, DECLARED)


def test_steps_that_wait_for_each_other_are_tried_again(planned: Plan, database: str) -> None:
    with open_target(database) as target:
        target.begin(planned.fingerprint, planned.as_json(), ())
        query(database, "create table one (n integer); create table two (n integer)")
        meeting = "SELECT pg_catalog.pg_sleep(0.5);"
        steps = [
            f"LOCK TABLE public.one; {meeting} LOCK TABLE public.two;",
            f"LOCK TABLE public.two; {meeting} LOCK TABLE public.one;",
        ]
        with (
            open_writer(database, planned.fingerprint) as first,
            open_writer(database, planned.fingerprint) as second,
        ):
            threads = [
                threading.Thread(
                    target=writer.finish_step,
                    args=(DdlItem(number, Section.POST_DATA, "INDEX", "", "x", text),),
                )
                for number, (writer, text) in enumerate(zip((first, second), steps, strict=True))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert target.ledger().steps == {0, 1}  # type: ignore[union-attr] # it was begun above
