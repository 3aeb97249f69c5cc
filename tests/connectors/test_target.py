"""A target is filled completely or not at all, and any stop can be resumed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pytest
from querying import query

from connectors.batch import Batch
from connectors.ddl import DdlItem, Section
from connectors.engines import Mark, Target, open_target
from connectors.engines.postgresql.connection import connected, told
from connectors.engines.postgresql.target import PostgresqlTarget
from connectors.errors import (
    BusyTarget,
    ConnectorError,
    CutShort,
    FullDisk,
    LostConnection,
    MissingPrivilege,
    NotEmptyTarget,
    RefusedRow,
    RefusedStatement,
)
from connectors.schema import Schema, TableName

NAME = TableName("public", "t")
SHARDS, ROWS = 4, 50


def item(number: int, statement: str, section: Section = Section.PRE_DATA) -> DdlItem:
    return DdlItem(number, section, "THING", "public", f"thing {number}", statement)


TABLE = item(1, "CREATE TABLE public.t (a integer, b text);")
SEQUENCE = item(
    2,
    "CREATE SEQUENCE public.s START 5; ALTER SEQUENCE public.s OWNED BY public.t.a;"
    "ALTER TABLE public.t ALTER a SET DEFAULT nextval('public.s'::regclass);",
)
STEPS = (
    item(3, "ALTER TABLE public.t ADD PRIMARY KEY (a);", Section.POST_DATA),
    item(4, "CREATE INDEX by_b ON public.t (b);", Section.POST_DATA),
    item(5, "ALTER TABLE public.t ADD CHECK (a >= 0);", Section.POST_DATA),
)


def batch(shard: int) -> Batch:
    numbers = range(shard * ROWS, (shard + 1) * ROWS)
    texts = [f"x{n % 7}" for n in numbers]
    rows = {"a": pa.array(numbers, pa.int32()), "b": pa.array(texts)}
    return Batch(NAME, pa.RecordBatch.from_pydict(rows))


def resumed(url: str) -> str:
    """Completes a load, as the product does it, and answers the table's digest."""
    with open_target(url) as target:
        if target.ledger() is None:
            target.begin("f", "{}", [TABLE, SEQUENCE])
        ledger = target.ledger()
        assert ledger is not None
        schema = target.schema()
        for shard in range(SHARDS):
            if Mark(0, shard) not in ledger.marks:
                assert target.write(iter([batch(shard)]), schema, Mark(0, shard)) == ROWS
        for step in STEPS:
            if step.number not in ledger.steps:
                target.finish_step(step)
        target.settle(schema)
        return target.checksum(target.schema().table(NAME)).digest


@pytest.fixture
def expected(new_database: Callable[[], str]) -> str:
    """The digest of a load that nothing disturbed."""
    return resumed(new_database())


def begun(target: Target) -> Schema:
    target.begin("f", "{}", [TABLE, SEQUENCE])
    return target.schema()


def test_beginning_is_all_or_nothing(database: str) -> None:
    with open_target(database) as target:
        with pytest.raises(RefusedStatement):
            target.begin("f", "{}", [TABLE, item(2, "CREATE TABLE public.t (again integer);")])
        assert target.ledger() is None
        assert target.schema().tables == ()
        target.begin("f", "{}", [TABLE])
    assert query(database, "select fingerprint, plan from provisioner.plan") == [("f", "{}")]


def test_a_target_with_tables_is_refused_and_left_alone(database: str) -> None:
    query(database, "create table precious (a int); insert into precious values (42)")
    with open_target(database) as target, pytest.raises(NotEmptyTarget, match="precious"):
        target.begin("f", "{}", [TABLE])
    assert query(database, "select a from precious") == [(42,)]
    assert query(database, "select to_regclass('provisioner.plan'), to_regclass('t')") == [
        (None, None)
    ]


def test_an_extension_that_a_server_brings_along_is_no_table_of_the_user(database: str) -> None:
    query(database, "create schema tools; create function tools.f() returns int return 1")
    with open_target(database) as target:
        begun(target)
        assert target.ledger() is not None


def test_a_second_run_is_refused_while_the_first_one_lasts(database: str) -> None:
    with open_target(database):
        with pytest.raises(BusyTarget), open_target(database):
            pass
        with pytest.raises(BusyTarget), open_target(database):
            pass
    with open_target(database) as target:
        assert target.ledger() is None


def test_a_run_that_ends_a_moment_later_is_waited_for(database: str) -> None:
    ending = ExitStack()
    ending.enter_context(open_target(database))
    threading.Timer(0.2, ending.close).start()
    with open_target(database) as target:
        assert target.ledger() is None


def test_two_databases_of_one_server_are_filled_at_once(new_database: Callable[[], str]) -> None:
    with open_target(new_database()) as first, open_target(new_database()) as second:
        assert begun(first) == begun(second)


def test_a_shard_is_committed_with_its_mark(database: str) -> None:
    with open_target(database) as target:
        schema = begun(target)
        target.write(iter([batch(0)]), schema, Mark(0, 0))
        assert query(database, "select count(*) from t") == [(ROWS,)]
        assert query(database, "select tree, shard, rows from provisioner.shard") == [(0, 0, ROWS)]
        ledger = target.ledger()
        assert ledger is not None
        assert ledger.marks == {Mark(0, 0)}
        assert not ledger.finished


def test_a_shard_that_fails_leaves_neither_rows_nor_a_mark(database: str, expected: str) -> None:
    def failing() -> Iterator[Batch]:
        yield batch(0)
        raise KeyError("the generator broke")

    with open_target(database) as target:
        schema = begun(target)
        with pytest.raises(KeyError):
            target.write(failing(), schema, Mark(0, 0))
        assert target.rows(schema.table(NAME)) == 0
        ledger = target.ledger()
        assert ledger is not None
        assert not ledger.marks
    assert resumed(database) == expected


def test_a_refused_row_names_the_constraint_and_quotes_no_value(database: str) -> None:
    with open_target(database) as target:
        schema = begun(target)
        target.finish_step(item(3, "ALTER TABLE public.t ADD CONSTRAINT low CHECK (a < 60);"))
        target.write(iter([batch(0)]), schema, Mark(0, 0))
        with pytest.raises(RefusedRow, match="'low'") as caught:
            target.write(iter([batch(1)]), schema, Mark(0, 1))
        assert "60" not in str(caught.value)
        assert "x4" not in str(caught.value)
        assert target.rows(schema.table(NAME)) == ROWS


def test_a_shard_is_not_written_twice(database: str) -> None:
    with open_target(database) as target:
        schema = begun(target)
        assert target.write(iter([batch(0)]), schema, Mark(0, 0)) == ROWS
        assert target.write(iter([batch(0)]), schema, Mark(0, 0)) == 0
        assert target.rows(schema.table(NAME)) == ROWS


def test_a_step_that_fails_leaves_the_target_as_it_was(database: str, expected: str) -> None:
    with open_target(database) as target:
        schema = begun(target)
        target.write(iter([batch(0)]), schema, Mark(0, 0))
        both = item(9, "CREATE INDEX i ON public.t (a); CREATE INDEX j ON public.t (nothing);")
        with pytest.raises(RefusedStatement, match="creating thing thing 9"):
            target.finish_step(both)
        ledger = target.ledger()
        assert ledger is not None
        assert not ledger.steps
        assert target.schema() == schema
    assert resumed(database) == expected


@pytest.mark.parametrize("stopped_after", range(1 + SHARDS + len(STEPS)))
def test_a_load_that_stopped_anywhere_ends_in_the_same_rows(
    database: str, expected: str, stopped_after: int
) -> None:
    with open_target(database) as target:
        schema = begun(target)
        for shard in range(min(stopped_after, SHARDS)):
            target.write(iter([batch(shard)]), schema, Mark(0, shard))
        for step in STEPS[: max(0, stopped_after - SHARDS)]:
            target.finish_step(step)
    assert resumed(database) == expected
    marks = query(database, "select count(*), sum(rows) from provisioner.shard")
    assert marks == [(SHARDS, SHARDS * ROWS)]


def ended(url: str) -> None:
    """Has the server end the product's sessions, as an administrator or a restart does."""
    query(
        url,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'provisioner' and datname = current_database()",
    )


def disturbed(url: str) -> None:
    """Loads one shard, and is cut off in the middle of the second."""

    def batches() -> Iterator[Batch]:
        yield batch(1)
        ended(url)
        yield batch(2)

    with open_target(url) as target:
        schema = begun(target)
        target.write(iter([batch(0)]), schema, Mark(0, 0))
        target.write(batches(), schema, Mark(0, 1))


def test_a_session_ended_by_the_server_is_told_and_resumed(database: str, expected: str) -> None:
    with pytest.raises(LostConnection, match="resume"):
        disturbed(database)
    assert query(database, "select count(*) from t") == [(ROWS,)]
    assert resumed(database) == expected


def cut_off_while_idle(url: str) -> None:
    with open_target(url) as target:
        schema = begun(target)
        ended(url)
        target.rows(schema.table(NAME))


def test_an_idle_session_ended_by_the_server_is_told(database: str) -> None:
    with pytest.raises(LostConnection):
        cut_off_while_idle(database)


def cut_off_while_settling_in(url: str) -> None:
    with connected(url) as connection:
        ended(url)
        PostgresqlTarget(url, connection).settle_in()


def test_a_session_ended_by_the_server_before_it_has_begun_is_told(database: str) -> None:
    with pytest.raises(LostConnection):
        cut_off_while_settling_in(database)


def test_a_sequence_goes_on_after_the_largest_key(database: str) -> None:
    resumed(database)
    assert query(database, "insert into t (b) values ('new') returning a") == [(SHARDS * ROWS,)]


def test_the_sequence_of_an_empty_table_starts_at_its_beginning(database: str) -> None:
    with open_target(database) as target:
        target.settle(begun(target))
    assert query(database, "insert into t (b) values ('new') returning a") == [(1,)]


def test_settling_marks_the_end_and_collects_statistics(database: str) -> None:
    resumed(database)
    with open_target(database) as target:
        ledger = target.ledger()
        assert ledger is not None
        assert ledger.finished
        assert ledger.steps == {s.number for s in STEPS}
        assert target.sizes()[NAME].rows == SHARDS * ROWS


def test_materialised_views_are_refreshed_in_the_order_of_their_needs(database: str) -> None:
    views = item(
        2,
        "CREATE MATERIALIZED VIEW public.z AS SELECT count(*) AS n FROM public.t WITH NO DATA;"
        "CREATE MATERIALIZED VIEW public.a AS SELECT n + 1 AS m FROM public.z WITH NO DATA;",
    )
    with open_target(database) as target:
        target.begin("f", "{}", [TABLE, views])
        schema = target.schema()
        target.write(iter([batch(0)]), schema, Mark(0, 0))
        target.settle(schema)
    assert query(database, "select m from a") == [(ROWS + 1,)]


def test_the_ledger_is_no_part_of_the_schema(database: str) -> None:
    with open_target(database) as target:
        assert [str(t.name) for t in begun(target).tables] == ["public.t"]


STATES: dict[str, type[ConnectorError]] = {
    "53100": FullDisk,
    "53200": FullDisk,
    "23505": RefusedRow,
    "22001": RefusedRow,
    "42501": MissingPrivilege,
    "25006": MissingPrivilege,
    "57P01": LostConnection,
    "57P03": LostConnection,
    "08006": LostConnection,
    "57014": CutShort,
    "55P03": CutShort,
    "0A000": RefusedStatement,
    "XX001": RefusedStatement,
}


@pytest.mark.parametrize("state", STATES)
def test_what_the_server_says_becomes_an_error_of_ours(database: str, state: str) -> None:
    order = (
        f"DO $$ BEGIN RAISE EXCEPTION 'it was 4711' USING ERRCODE = '{state}', DETAIL = 's3cret';"
        " END $$"
    )
    with psycopg.connect(database) as connection:
        with pytest.raises(STATES[state], match=state) as caught, told("loading t"):
            connection.execute(order.encode())
        assert type(caught.value) is STATES[state]
        assert str(caught.value).startswith("loading t: ")
        assert "s3cret" not in str(caught.value)
        assert ("4711" in str(caught.value)) == (state[:2] not in {"22", "23"})


def test_every_error_of_the_driver_becomes_one_of_ours() -> None:
    known = [e for e in vars(psycopg.errors).values() if _is_driver_error(e)]
    assert len(known) > 200
    for error in known:
        with pytest.raises(ConnectorError), told("something"):
            raise error("oh")


def _is_driver_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, psycopg.Error)


def test_a_target_that_is_read_only_is_told(database: str) -> None:
    name = urlsplit(database).path[1:]
    query(database, f'alter database "{name}" set default_transaction_read_only = on')
    with open_target(database) as target, pytest.raises(MissingPrivilege, match="read-only"):
        begun(target)
