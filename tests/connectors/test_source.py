"""A source is read, never written, and what it says of itself is true."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from connectors.datatypes import INFINITE, arrow_type, endless
from connectors.engines import Source, open_source
from connectors.errors import (
    LostConnection,
    MissingDatabase,
    MissingPrivilege,
    RefusedLogin,
    RefusedStatement,
    UnknownEngine,
    UnreachableServer,
)
from connectors.profile import Split, UnitPath, whole
from connectors.schema import Schema, TableName

DATABASES = Path(__file__).parent.parent / "databases"
HOLDOUT = 0.1
PEOPLE = 3000
SECRET = "hunter2"  # noqa: S105 - the password of a role that lives for one test


def named(name: str) -> TableName:
    return TableName("public", name)


@contextmanager
def filled(url: str, *scripts: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        for script in scripts:
            connection.execute(script.encode())
        yield connection


PEOPLE_SQL = """
    create table person (id integer primary key, name text);
    create table account (id integer primary key, person_id integer not null references person);
    create table movement (account_id integer not null references account, amount integer);
    insert into person select n, 'p' || n from generate_series(1, 3000) n;
    insert into account select n, 1 + n % 3000 from generate_series(1, 6000) n;
    insert into movement select 1 + n % 6000, n from generate_series(1, 12000) n;
"""


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def people_split(schema: Schema, salt: int = 7, share: float = 1.0) -> Split:
    keys = {f.table.name: f for f in schema.foreign_keys}
    paths = {
        named("person"): UnitPath(named("person")),
        named("account"): UnitPath(named("person"), (keys["account"],)),
        named("movement"): UnitPath(named("person"), (keys["movement"], keys["account"])),
    }
    return Split(paths, salt, HOLDOUT, dict.fromkeys(paths, share))


def units(source: Source, split: Split, table: str) -> list[int]:
    return [r["unit"] for r in rows_of(source.training(source.schema().table(named(table)), split))]


def test_the_server_itself_refuses_to_write_in_a_snapshot(database: str) -> None:
    with filled(database, "create table t (a int)"), open_source(database) as source:
        session: psycopg.Connection[Any] = getattr(source, "session")  # noqa: B009 - no protocol has it
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.execute("insert into public.t values (1)")


def test_a_session_that_has_lost_its_snapshot_may_not_write_either(database: str) -> None:
    with filled(database, "create table t (a int)"), open_source(database) as source:
        session: psycopg.Connection[Any] = getattr(source, "session")  # noqa: B009 - no protocol has it
        session.execute("rollback")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.execute("insert into public.t values (1)")


def test_a_snapshot_does_not_see_what_others_write_meanwhile(database: str) -> None:
    with filled(database, "create table t (a int); insert into t values (1)") as other:
        with open_source(database) as source:
            table = source.schema().table(named("t"))
            before = source.checksum(table)
            other.execute("insert into t values (2)")
            other.execute("delete from t where a = 1")
            assert source.rows(table) == 1
            assert rows_of(source.read(table)) == [{"a": 1}]
            assert source.checksum(table) == before
            assert (
                source.profile(source.schema(), whole(source.schema())).tables[table.name].rows == 1
            )
        with open_source(database) as later:
            assert rows_of(later.read(table)) == [{"a": 2}]


def test_a_source_blocks_no_writer(database: str) -> None:
    with filled(database, "create table t (a int)") as other, open_source(database) as source:
        source.rows(source.schema().table(named("t")))
        other.execute("set lock_timeout = '1s'")
        assert other.execute("insert into t values (1)").rowcount == 1


@pytest.fixture
def role(server_url: str) -> Iterator[str]:
    """A role that may log in and owns nothing."""
    name = f"test_role_{id(object())}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        order = "create role {} login password {}"
        connection.execute(sql.SQL(order).format(sql.Identifier(name), sql.Literal(SECRET)))
        yield name
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:{SECRET}@{place}").geturl()


def test_rows_hidden_by_a_policy_are_an_error_and_not_silence(database: str, role: str) -> None:
    script = """
        create table t (a int); insert into t values (1), (2);
        alter table t enable row level security;
        create policy odd on t using (a % 2 = 1);
    """
    with filled(database, script, f"grant select on t to {role}") as owner:
        with open_source(as_role(database, role)) as source:
            table = source.schema().table(named("t"))
            with pytest.raises(MissingPrivilege):
                rows_of(source.read(table))
            with pytest.raises(MissingPrivilege):
                source.rows(table)
        owner.execute("drop table t")


def test_a_table_with_rows_that_a_policy_hides_is_not_readable(database: str, role: str) -> None:
    script = f"""
        create table veiled (a int); create table bare (a int);
        alter table veiled enable row level security; grant select on veiled, bare to {role};
    """
    with filled(database, script) as owner:
        with open_source(as_role(database, role)) as source:
            assert source.unreadable(source.schema()) == {
                named("veiled"): "row security hides rows of it"
            }
        with open_source(database) as source:
            assert not source.unreadable(source.schema())
        owner.execute("drop table veiled, bare")


def test_tables_that_may_not_be_read_are_named(database: str, role: str) -> None:
    script = f"""
        create table open (a int); create table shut (a int);
        create schema hidden; create table hidden.t (a int);
        grant select on open to {role}; grant select on hidden.t to {role};
    """
    with filled(database, script) as owner:
        with open_source(as_role(database, role)) as source:
            found = source.unreadable(source.schema())
            assert set(found) == {TableName("hidden", "t"), named("shut")}
            with pytest.raises(MissingPrivilege, match="privilege"):
                source.rows(source.schema().table(named("shut")))
        owner.execute("drop table open; drop schema hidden cascade")


def test_a_unit_is_on_one_side_in_all_tables(database: str) -> None:
    with filled(database, PEOPLE_SQL), open_source(database) as source:
        split = people_split(source.schema())
        person, account, movement = (
            set(units(source, split, t)) for t in ("person", "account", "movement")
        )
        assert person == account == movement


def test_about_a_tenth_of_the_units_is_held_out(database: str) -> None:
    with filled(database, PEOPLE_SQL), open_source(database) as source:
        split = people_split(source.schema())
        kept = len(set(units(source, split, "person")))
        deviation = sqrt(PEOPLE * HOLDOUT * (1 - HOLDOUT))
        assert abs(PEOPLE - kept - HOLDOUT * PEOPLE) < 4 * deviation
        everyone = len(set(units(source, whole(source.schema()), "person")))
        assert everyone == PEOPLE


def test_training_and_holdout_partition_the_rows(database: str) -> None:
    with filled(database, PEOPLE_SQL), open_source(database) as source:
        schema = source.schema()
        split = people_split(schema)
        everything = Split(split.paths, split.salt, 0.0)
        for name in ("person", "account", "movement"):
            whole_units = units(source, everything, name)
            training = units(source, split, name)
            learned = set(training)
            held = [u for u in whole_units if u not in learned]
            rows = rows_of(source.held_out(schema.table(named(name)), split))
            assert sorted(r["unit"] for r in rows) == sorted(held)
            assert len(whole_units) == source.rows(schema.table(named(name)))
            assert len(training) + len(held) == len(whole_units)
            assert held
            profile = source.profile(schema, split).tables[named(name)]
            assert (profile.rows, profile.training_rows) == (len(whole_units), len(training))


def test_another_salt_holds_out_others(database: str) -> None:
    with filled(database, PEOPLE_SQL), open_source(database) as source:
        schema = source.schema()
        person = schema.table(named("person"))
        first, second = (
            {r["id"] for r in rows_of(source.training(person, people_split(schema, salt)))}
            for salt in (1, 2)
        )
        held = PEOPLE - len(first & second)
        expected = PEOPLE * (1 - (1 - HOLDOUT) ** 2)
        assert abs(held - expected) < 4 * sqrt(PEOPLE * 0.19 * 0.81)


def test_a_share_of_the_units_brings_all_their_rows(database: str) -> None:
    with filled(database, PEOPLE_SQL), open_source(database) as source:
        split = people_split(source.schema(), share=0.5)
        person, movement = (units(source, split, t) for t in ("person", "movement"))
        expected = PEOPLE * (1 - HOLDOUT) * 0.5
        assert abs(len(person) - expected) < 4 * sqrt(PEOPLE * 0.45 * 0.55)
        assert set(person) == set(movement)
        assert len(movement) == 4 * len(person)


def test_a_profile_counts_nulls_and_children(database: str) -> None:
    script = """
        create table p (id int primary key); insert into p select generate_series(1, 10);
        create table c (p_id int references p, a text);
        insert into c select case when n % 4 > 0 then 1 + n % 3 end, 'x'
        from generate_series(1, 40) n;
    """
    with filled(database, script), open_source(database) as source:
        schema = source.schema()
        profile = source.profile(schema, whole(schema), distinct=True)
        column = profile.tables[named("c")].columns["p_id"]
        assert (column.null_frac, column.n_distinct) == (0.25, 3)
        [key] = schema.table(named("c")).foreign_keys
        fan_out = profile.fan_out(key)
        assert (fan_out.parents, fan_out.parents_with_children, fan_out.children) == (10, 3, 30)
        assert fan_out.most == 10


VALUES: dict[str, Any] = {
    "true::boolean as a_flag": True,
    "32767::smallint as a_small": 32767,
    "(-2147483648)::integer as a_middle": -(2**31),
    "9223372036854775807::bigint as a_large": 2**63 - 1,
    "1.5::real as a_single": 1.5,
    "0.1::double precision as a_double": 0.1,
    "12.3456::numeric(12,4) as a_decimal": Decimal("12.3456"),
    "7::numeric(6) as a_whole": Decimal(7),
    "1234.5::numeric as a_free": Decimal("1234.500000000000"),
    "'nä€𝄞'::text as a_text": "nä€𝄞",
    "'ab'::varchar(5) as a_short": "ab",
    "'ab'::char(5) as a_fixed": "ab",
    "'b'::mood as a_mood": "b",
    "'2024-02-29'::date as a_day": date(2024, 2, 29),
    "'12:34:56.789'::time as a_clock": time(12, 34, 56, 789000),
    "'2024-02-29 01:02:03.000004'::timestamp as a_moment": datetime(2024, 2, 29, 1, 2, 3, 4),  # noqa: DTZ001 - the type has no zone
    "'2024-02-29 01:02:03+02'::timestamptz as a_zoned": datetime(2024, 2, 28, 23, 2, 3, tzinfo=UTC),
    "'1 day 02:00:00.5'::interval as a_span": timedelta(days=1, hours=2, microseconds=500_000),
    "'00112233-4455-6677-8899-aabbccddeeff'::uuid as an_id": UUID(
        "00112233-4455-6677-8899-aabbccddeeff"
    ).bytes,
    """'{"a": [1, null]}'::json as a_document""": '{"a": [1, null]}',
    """'{"b":1}'::jsonb as a_tree""": '{"b": 1}',
    r"'\x00ff'::bytea as some_bytes": b"\x00\xff",
    "array[1, null, 3]::integer[] as numbers": [1, None, 3],
    "array['a', 'b,c']::text[] as texts": ["a", "b,c"],
    "array['a', 'b']::mood[] as moods": ["a", "b"],
    "'10.0.0.1/8'::inet as an_address": "10.0.0.1/8",
    "'[2024-01-01,2024-02-01)'::daterange as a_range": "[2024-01-01,2024-02-01)",
    "null::integer as nothing": None,
}


def test_every_kind_is_read_as_its_exact_arrow_type(database: str) -> None:
    scripts = (
        "create type mood as enum ('a', 'b')",
        f"create table t as select {', '.join(VALUES)}",
        "insert into t select from generate_series(1, 1)",
    )
    with filled(database, *scripts), open_source(database) as source:
        table = source.schema().table(named("t"))
        batches = list(source.read(table))
        for batch in batches:
            assert [f.type for f in batch.schema] == [arrow_type(c.datatype) for c in table.columns]
        rows = rows_of(iter(batches))
        expected = {text.rpartition(" as ")[2]: value for text, value in VALUES.items()}
        assert rows[0] == expected
        assert rows[1] == dict.fromkeys(expected)


def test_a_decimal_that_is_no_number_is_read_as_null(database: str) -> None:
    script = "create table t as select 'NaN'::numeric n, 'NaN'::numeric(5, 2) m"
    with filled(database, script), open_source(database) as source:
        rows = rows_of(source.read(source.schema().table(named("t"))))
        assert rows == [dict.fromkeys("nm")]


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_an_infinite_time_is_read_as_the_ends_of_its_arrow_type(database: str, kind: str) -> None:
    moments = ("infinity", "-infinity", "2024-01-02")
    found = " union all ".join(f"select '{moment}'::{kind} v" for moment in moments)
    with filled(database, f"create table t as {found}"), open_source(database) as source:
        (batch,) = source.read(source.schema().table(named("t")))
        bits = batch.column(0).type.bit_width
        counts = batch.column(0).view(pa.int32() if bits == 32 else pa.int64()).to_pylist()
        assert counts[:2] == [INFINITE[bits], -INFINITE[bits]]
        assert endless(batch.column(0)).to_pylist() == [True, True, False]


ELEMENTS = {
    "uuid[]": ("00112233-4455-6677-8899-aabbccddeeff", UUID(int=0x112233445566778899AABBCCDDEEFF)),
    "interval[]": ("30:00:00", timedelta(hours=30)),
    "date[]": ("2024-01-02", date(2024, 1, 2)),
    "timestamptz[]": ("2024-01-02 03:04:05+00", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    "numeric[]": ("1.25", Decimal("1.25")),
    "bytea[]": ("\\xff", b"\xff"),
}


@pytest.mark.parametrize("array", ELEMENTS)
def test_elements_are_read_like_values_of_their_type(database: str, array: str) -> None:
    text, value = ELEMENTS[array]
    row = f"array['{text}', null]::{array} as v"
    script = f"create table t as select {row} union all select null"
    with filled(database, script), open_source(database) as source:
        rows = rows_of(source.read(source.schema().table(named("t"))))
        known = value.bytes if isinstance(value, UUID) else value
        assert [row["v"] for row in rows] == [[known, None], None]


def test_infinite_elements_are_read_as_null(database: str) -> None:
    script = """create table t as select array['infinity'::date] d, array['NaN'::numeric] n"""
    with filled(database, script), open_source(database) as source:
        rows = rows_of(source.read(source.schema().table(named("t"))))
        assert rows == [{"d": [None], "n": [None]}]


def test_a_number_of_more_digits_than_arrow_holds_loses_the_last_or_is_cut(database: str) -> None:
    script = """create table t (a numeric, b numeric(100, 20), c numeric(78, 0));
        insert into t values (1e-300, 1e60 + 0.25, 1.2e77), ('Infinity', 0.75, -1.2e77)"""
    with filled(database, script), open_source(database) as source:
        rows = rows_of(source.read(source.schema().table(named("t"))))
        assert [row["a"] for row in rows] == [0, None]
        assert [row["b"] for row in rows] == [Decimal("1e60"), 1]
        assert [row["c"] for row in rows] == [Decimal("9e75"), Decimal("-9e75")]


def test_at_most_so_many_rows_are_read(database: str) -> None:
    script = "create table t as select generate_series(1, 50) a"
    with filled(database, script), open_source(database) as source:
        table = source.schema().table(named("t"))
        assert len(rows_of(source.read(table, 7))) == 7
        assert len(rows_of(source.read(table))) == 50


def test_generated_columns_are_left_out(database: str) -> None:
    script = """create table t (a int, b int generated always as (a * 2) stored);
        insert into t values (3)"""
    with filled(database, script), open_source(database) as source:
        assert rows_of(source.read(source.schema().table(named("t")))) == [{"a": 3}]


def test_identity_is_that_of_the_database_and_not_of_its_address(
    new_database: Callable[[], str], server_url: str
) -> None:
    first, second = new_database(), new_database()
    parts = urlsplit(first)
    elsewhere = parts._replace(netloc=parts.netloc.replace("127.0.0.1", "localhost")).geturl()
    assert elsewhere != first or "127.0.0.1" not in first
    found = []
    for url in (first, elsewhere, first.replace("postgresql://", "postgres://"), second):
        with open_source(url) as source:
            found.append(source.identity)
    assert found[0] == found[1] == found[2] != found[3]
    assert urlsplit(server_url).hostname not in found


def test_violations_counts_what_is_broken(database: str) -> None:
    script = """
        create table p (a int, b text, primary key (a, b)); insert into p values (1, 'x'), (2, 'y');
        create table c (id int, a int, b text, n int, code text, gone boolean);
        insert into c values
            (1, 1, 'x', 5, 'A', false), (2, 1, 'y', 6, 'a', false), (3, null, 'q', -1, 'b', true),
            (4, 2, 'y', null, 'B', true), (4, 2, 'y', 7, null, false), (4, 9, 'z', -5, null, false);
        alter table c add foreign key (a, b) references p not valid;
        alter table c add constraint positive check (n > 0) not valid;
        create domain percent as int check (value <= 100);
        create table d (share percent, "VALUE" int); insert into d values (5, 1), (null, 2);
    """
    with filled(database, script), open_source(database) as source:
        table = source.schema().table(named("c"))
        [key], [check] = table.foreign_keys, table.checks
        assert not key.validated
        assert not check.validated
        assert source.violations(table, key) == 2
        assert source.violations(table, check) == 2
        domain = source.schema().table(named("d"))
        assert [source.violations(domain, c) for c in domain.checks] == [0]


def test_a_broken_domain_is_counted(database: str) -> None:
    script = """
        create domain percent as int check (value <> 0);
        create table d (share percent); insert into d values (5), (null), (700), (800);
        alter domain percent add constraint top check (value <= 100) not valid;
    """
    with filled(database, script), open_source(database) as source:
        table = source.schema().table(named("d"))
        assert sorted(source.violations(table, c) for c in table.checks) == [0, 2]


def test_violations_compares_by_the_operator_that_a_key_was_declared_with(database: str) -> None:
    script = """
        create schema "Of Types";
        create operator "Of Types".== (leftarg = int, rightarg = int, function = int4eq);
        create operator class "Of Types".own for type int using btree as
            operator 1 <, operator 2 <=,
            operator 3 "Of Types".==, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
        create table up (id int); create unique index on up (id "Of Types".own);
        create table down (id int references up (id));
        insert into up values (1); insert into down values (1);
    """
    with filled(database, script), open_source(database) as source:
        down = source.schema().table(named("down"))
        [key] = down.foreign_keys
        assert key.operators == ('OPERATOR("Of Types".==)',)
        assert source.violations(down, key) == 0


def test_violations_counts_duplicates_of_every_kind_of_unique(database: str) -> None:
    script = """
        create table t (a int, b text, unique (a, b));
        create unique index lowered on t (lower(b)) where a > 0;
        create unique index nothing on t (a) nulls not distinct where b = 'never';
        insert into t values (1, 'x'), (2, 'y'), (null, 'x'), (null, 'x'), (-1, 'X'), (-1, 'Y');
    """
    with filled(database, script) as owner, open_source(database) as source:
        uniques = {u.name: u for u in source.schema().table(named("t")).uniques}
        owner.execute("alter table t drop constraint t_a_b_key; drop index lowered, nothing")
        owner.execute("insert into t values (1, 'x'), (1, 'x'), (3, 'X')")
        with open_source(database) as later:
            table = later.schema().table(named("t"))
            assert later.violations(table, uniques["t_a_b_key"]) == 2
            assert later.violations(table, uniques["lowered"]) == 3
            assert later.violations(table, uniques["nothing"]) == 0


def test_nulls_that_count_as_equal_are_duplicates(database: str) -> None:
    script = "create table t (a int); create unique index one on t (a) nulls not distinct;"
    with filled(database, script) as owner, open_source(database) as source:
        [unique] = source.schema().table(named("t")).uniques
        owner.execute("drop index one; insert into t values (null), (null), (1)")
        with open_source(database) as later:
            assert later.violations(later.schema().table(named("t")), unique) == 1


def test_unmatched_counts_the_values_that_a_pattern_does_not_know(database: str) -> None:
    script = "create table t (a text); insert into t values ('x1'), ('y'), (null)"
    with filled(database, script), open_source(database) as source:
        assert source.unmatched(source.schema().table(named("t")), "a", "^x[0-9]$") == 1


def test_a_checksum_does_not_depend_on_the_order_of_rows(database: str) -> None:
    script = """create table a as select n, 'x' || n t from generate_series(1, 100) n;
        create table b as select n, 'x' || n t from generate_series(100, 1, -1) n;
        create table c as select n, 'x' || nullif(n, 5) t from generate_series(1, 100) n;
        create table d as select n, 'x' || n t from generate_series(1, 99) n"""
    with filled(database, script), open_source(database) as source:
        a, b, c, d = (source.checksum(source.schema().table(named(n))) for n in "abcd")
        assert a == b
        assert len({a.digest, c.digest, d.digest}) == 3
        assert (a.rows, d.rows) == (100, 99)


def test_a_wrong_password_is_told_and_never_quoted(database: str, role: str) -> None:
    url = as_role(database, "nobody_" + role)
    with pytest.raises(RefusedLogin) as caught, open_source(url):
        pass
    assert SECRET not in "".join(_chain(caught.value))


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__


def test_a_database_that_is_not_there_is_told(database: str) -> None:
    url = urlsplit(database)._replace(path="/no_such_database").geturl()
    with pytest.raises(MissingDatabase, match="no_such_database"), open_source(url):
        pass


def test_a_server_that_is_not_there_is_told() -> None:
    url = f"postgresql://someone:{SECRET}@127.0.0.1:1/x"
    with pytest.raises(UnreachableServer) as caught, open_source(url):
        pass
    assert SECRET not in "".join(_chain(caught.value))


def test_a_source_whose_session_was_ended_is_told(database: str) -> None:
    with filled(database, "create table t (a int)") as other, open_source(database) as source:
        table = source.schema().table(named("t"))
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'provisioner' and datname = current_database()"
        )
        for _ in range(2):
            with pytest.raises(LostConnection):
                rows_of(source.read(table))
            with pytest.raises(LostConnection):
                source.rows(table)


@pytest.mark.parametrize("url", ["oracle://x", "nonsense", "", "../postgresql://x"])
def test_a_database_product_without_an_engine_is_told(url: str) -> None:
    with pytest.raises(UnknownEngine, match="postgresql://"):
        open_source(url)


def test_a_url_that_cannot_be_read_is_told() -> None:
    with pytest.raises(UnreachableServer, match="cannot be read"):
        open_source("postgresql://host:port/x").__enter__()


def test_a_statement_that_takes_too_long_is_told(database: str) -> None:
    script = "create table t as select generate_series(1, 300000) a"
    with filled(database, script), open_source(database) as source:
        table = source.schema().table(named("t"))
        session: psycopg.Connection[Any] = getattr(source, "session")  # noqa: B009 - no protocol has it
        session.execute("set statement_timeout = '1ms'")
        with pytest.raises(RefusedStatement, match="timeout"):
            source.checksum(table)


def test_a_sample_of_many_rows_comes_from_every_partition(database: str) -> None:
    script = """
        create table event (day integer not null) partition by range (day);
        create table early partition of event for values from (0) to (1);
        create table late partition of event for values from (1) to (2);
        insert into event select n % 2 from generate_series(1, 20000) n;
    """
    with filled(database, script), open_source(database) as source:
        event = next(t for t in source.schema().tables if t.name.name == "event")
        days = [row["day"] for row in rows_of(source.read(event, most=2_000))]
    # Six standard deviations of the binomials of 20,000 rows at a tenth, and of a fair half.
    assert abs(len(days) - 2_000) < 6 * (20_000 * 0.1 * 0.9) ** 0.5
    assert abs(sum(days) - len(days) / 2) < 6 * (len(days) / 4) ** 0.5
