"""Declared expressions mean to DuckDB what they mean to PostgreSQL, row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.engines import open_source
from connectors.rules import (
    Scope,
    Unevaluable,
    compiled,
    evaluate,
)
from connectors.schema import SqlFunction, Table, TableName

TODAY = date(2024, 6, 15)
DDL = r"""
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN code AS varchar(8) CHECK (VALUE ~ '^[A-Z]+$');
CREATE FUNCTION padded(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT btrim($1) <> $1';
CREATE FUNCTION tidy(words text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT NOT padded(words) AND words !~ E''[[:space:]]{2,}''';
CREATE TABLE kinds (
    id integer PRIMARY KEY, small smallint, other integer, big bigint, real4 real, real8 float8,
    price numeric(10,2), free numeric, flag boolean, words text, short varchar(12), fixed char(5),
    feeling mood, day date, until date, hour time, made timestamp, seen timestamptz, span interval,
    key uuid, data jsonb, raw bytea, tags text[], numbers integer[], ranges int4range,
    label code, type "char", "Straße ""1"". x" integer, "select" integer, "Select" integer,
    total numeric(12,1) GENERATED ALWAYS AS (price * other) STORED,
    full_name text GENERATED ALWAYS AS (words || ' ' || short) STORED
)"""
ROWS = r"""
INSERT INTO kinds
SELECT n, pick(n * 3, ARRAY[-32768, -3, 0, 1, 2, 7, 32767, NULL]),
    pick(n * 5, ARRAY[-1000, -7, 0, 1, 2, 3, 9, NULL]),
    pick(n * 7, ARRAY[-9000000000, 0, 1, 5, NULL]),
    pick(n, ARRAY[-1.5, 0, 0.1, 2.5, NULL]), pick(n * 11, ARRAY[-1.5, 0, 0.1, 2.5, 3.5, NULL]),
    pick(n * 13, ARRAY[-0.01, 0, 0.01, 1.5, 99.99, 12345678.90, NULL]),
    pick(n * 3, ARRAY[-0.001, 0, 1.25, 1000000, NULL]),
    pick(n, ARRAY[true, false, NULL]),
    pick(n * 3, ARRAY['', ' ', 'a', 'abc', 'ABC', ' a  b ', 'x%y', 'a\b', 'Zoë', E'a\nb',
        'a.b@c.de', '007', 'O''Hara', 'aaa', NULL]),
    pick(n * 7, ARRAY['', 'M', 'F', 'm', 'abc', 'two  words', '(12) 345', NULL]),
    pick(n * 5, ARRAY['', 'a', 'ab', 'abcde', '12345', NULL]),
    pick(n, ARRAY['sad', 'ok', 'happy', NULL])::mood,
    pick(n * 11, ARRAY['1900-01-01', '2000-02-29', '2024-06-14', '2024-06-15', '2024-12-31',
        NULL])::date,
    pick(n * 7, ARRAY['1950-05-05', '2000-03-01', '2024-06-16', NULL])::date,
    pick(n, ARRAY['00:00', '09:30', '23:59:59.999999', NULL])::time,
    pick(n * 3, ARRAY['1999-12-31 23:59:59.5', '2024-06-15 00:00', '2030-01-01 12:00',
        NULL])::timestamp,
    pick(n * 5, ARRAY['1999-12-31 23:59:59+00', '2024-06-14 00:00+00', '2030-01-01 12:00+02',
        NULL])::timestamptz,
    pick(n, ARRAY['0', '1 hour', '25 hours', '-1 day', NULL])::interval,
    pick(n, ARRAY['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        NULL])::uuid,
    pick(n * 7, ARRAY['{}', '[]', '{"a": 1}', '{"a": null, "b c": "x"}', '{"a": {"b": true}}',
        '[1, "a"]', '"text"', '12', 'null', NULL])::jsonb,
    pick(n, ARRAY['', '\xdead', '\x00ff00', NULL])::bytea,
    pick(n * 11, ARRAY['{}', '{a}', '{a,b}', '{b,NULL}', '{c,c,c}', NULL])::text[],
    pick(n * 13, ARRAY['{}', '{1}', '{1,2,3}', '{5,NULL}', NULL])::integer[],
    pick(n, ARRAY['[1,5)', 'empty', NULL])::int4range,
    pick(n * 3, ARRAY['A', 'ABC', NULL]), pick(n, ARRAY['d', 'i', 'u', NULL])::"char",
    pick(n * 7, ARRAY[0, 1, 2, NULL]), pick(n, ARRAY[1, 2]), pick(n, ARRAY[5, 6, NULL])
FROM generate_series(1, 400) AS n"""
PICK = """
CREATE FUNCTION pick(n integer, choices anyarray) RETURNS anyelement LANGUAGE sql AS
    'SELECT choices[1 + abs(hashint4(n)) % array_length(choices, 1)]'"""

BOOLEANS = r"""
small >= 0
(small > 0) AND (other <> 0)
small BETWEEN -3 AND 2
other IN (1, 2, 3)
other NOT IN (1, 2)
other = ANY (ARRAY[1, 2, NULL])
other <> ALL (ARRAY[1, 2, NULL])
other < ANY (ARRAY[0, 2])
other >= ALL ('{0,2}'::integer[])
(other + small) > 3
(other - 3) * 2 = -1
(other / 2) = 1
(other % 3) = -1
mod(other, 2) = 1
(other = 0) OR ((10 / other) > 2)
(other <> 0) AND ((10 % other) = 1)
abs(other) < 8
- other > 2
big > 2147483648
big / 2 = 0
(price / 3) > 0.5
price >= 0 AND price <= 99.99
price >= (0)::numeric
price > 0.005
(price * other) <= total
total > 3.05
round(price, 1) = 1.5
round(real8) = 2
round(price) = 2
trunc(price) = 99
real8::integer = 2
price::integer = 2
(price)::double precision > real8
real4 = 2.5
real4 < 0.1
real8 = 0.1
free > 1.2499
free = 1.25
(free * price) > 10
floor(real8) = -2
ceil(price) = 2
sign(other) = -1
greatest(small, other) > 1
least(small, other, 5) = 5
flag
NOT flag
flag IS TRUE
flag IS NOT TRUE
flag IS FALSE
flag IS NOT FALSE
flag IS UNKNOWN
flag = true
flag <> (other > 1)
(flag IS NULL) = (words IS NULL)
words <> ''
words = ''
words IS NULL OR length(words) > 2
char_length(words) <= 3
octet_length(words) = 4
octet_length(raw) = 2
length(raw) = 0
btrim(words) <> ''
btrim(words) = words
btrim(words, 'a') = ''
trim(LEADING FROM words) = 'a  b '
lower(words) = 'abc'
upper(words) = words
words ~ '^[a-z]+$'
words ~ '^[[:alpha:]]{3}$'
words ~ 'a.b'
words ~* '^ABC$'
words !~ '[[:space:]]{2,}'
words !~* 'A'
words ~ '^\d+$'
words ~ '\s'
words ~ '^[^@]+@[^@]+\.[a-z]{2,}$'
words ~ '[]%]'
words LIKE 'a%'
words LIKE '%\%%'
words LIKE '_'
words ILIKE 'AB%'
words NOT LIKE '%b%'
words LIKE ANY (ARRAY['a%', '%y'])
words ~ ANY (ARRAY['^a', 'y$'])
words SIMILAR TO '(a|b)%'
words = ANY (ARRAY['a'::text, 'abc'::text])
short = ANY (ARRAY['M'::varchar, 'F'::varchar])
upper((short)::text) = ANY (ARRAY['M'::text, 'F'::text])
(short)::text ~ '^\([0-9]{2}\) [0-9]{3}$'::text
words::varchar(2) = 'ab'
substr(words, 1, 1) = 'a'
SUBSTRING(words FROM 2 FOR 1) = 'b'
left(words, 2) = 'ab'
right(words, 1) = 'c'
position('b' IN words) > 0
strpos(words, '.') > 0
replace(words, 'a', '') = ''
split_part(words, '.', 2) = 'b@c'
starts_with(words, 'a')
(words || short) = 'abcabc'
concat(words, short) = 'M'
full_name = 'abc abc'
reverse(words) = 'cba'
words COLLATE "C" < 'a'
words IS DISTINCT FROM short
words IS NOT DISTINCT FROM short
COALESCE(words, short, '') = ''
NULLIF(words, '') IS NULL
CASE WHEN flag THEN words ELSE short END = 'M'
CASE flag WHEN true THEN 1 WHEN false THEN 2 END = 2
num_nonnulls(words, short, ranges) = 2
num_nulls(words, data, key) >= 1
fixed = 'a'
fixed = 'ab   '
fixed <> ''
length(fixed) = 5
fixed ~ '^[0-9]{5}$'
fixed ~ '^ab   $'
fixed ~ '^ab$'
fixed LIKE 'ab%'
fixed LIKE 'ab'
(fixed)::text = 'ab'
feeling = 'ok'
feeling > 'sad'
feeling IN ('sad', 'happy')
feeling = ANY (ARRAY['sad'::mood, 'ok'::mood])
(feeling)::text ~ '^s'
day >= '2000-01-01'
day < until
day <= CURRENT_DATE
(until - day) > 365
(day + 30) > until
(until > (day + (365 * 18)))
day > (until - interval '18 years')
day >= '-infinity'::date
day <= (now() - '18 years'::interval)
EXTRACT(year FROM day) >= 2000
date_part('month', day) = 2
EXTRACT(isodow FROM day) = 6
EXTRACT(dow FROM until) = 0
EXTRACT(second FROM made) = 59.5
date_trunc('month', made) = '2024-06-01'
date_trunc('day', day) = day
made::date = '2024-06-15'
made > '2000-01-01 00:00:00'::timestamp without time zone
(made)::text = '1999-12-31 23:59:59.5'
seen <= now()
seen > '2024-01-01 00:00:00+01'::timestamptz
seen < (now() - '1 mon'::interval)
(seen AT TIME ZONE 'Europe/Berlin')::date = '2000-01-01'
(seen - '1999-12-31 00:00:00+00'::timestamptz) > '1 day'::interval
hour >= '09:00'
hour < '23:59:59.999999'::time
EXTRACT(hour FROM hour) = 9
span > '0'::interval
span >= '1 day 01:00:00'::interval
EXTRACT(epoch FROM span) = 3600
isfinite(day)
key = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
key <> '00000000-0000-0000-0000-000000000000'::uuid
(key)::text ~ '^a0'
data = '{}'::jsonb
data <> '[]'
jsonb_typeof(data) = 'object'
jsonb_typeof(data) = ANY (ARRAY['number', 'null', 'string'])
(data ->> 'a') IS NOT NULL
(data -> 'a') IS NOT NULL
(data ->> 'b c') = 'x'
(data -> 'a' ->> 'b') = 'true'
(data ->> 0) = '1'
(jsonb_typeof(data) = 'array') AND (jsonb_array_length(data) > 0)
data ? 'a'
raw = '\xdead'
raw <> ''::bytea
cardinality(tags) > 1
array_length(tags, 1) > 1
array_length(tags, 1) IS NULL
tags @> ARRAY['a']
tags <@ ARRAY['a', 'b']
tags && ARRAY['b', 'c']
'a' = ANY (tags)
'a' <> ALL (tags)
other = ANY (numbers)
tags[1] = 'a'
tags = '{}'::text[]
tags = ARRAY['a', 'b']
array_position(tags, NULL) IS NULL
array_position(numbers, 2) = 2
ranges IS NOT NULL
label ~ '^[A-Z]{3}$'
(label)::text <> 'A'
label = 'A'
type = 'd'
type = ANY (ARRAY['d'::"char", 'i'::"char"])
((words IS NULL) = (type = 'd'::"char"))
"Straße ""1"". x" > 0
"select" < 2
"Select" = 5
("select" + "Select") = 7
tidy(words)
padded(short) OR tidy(words)
(other & 1) = 1
(other ^ 2) = 9
(price)::text = '1.50'
(flag)::text = 'true'
(other)::text ~ '^-'
(flag)::integer = 1
'a' < 'b' COLLATE "C"
true
NULL::boolean
""".strip().splitlines()
OTHERS = """
lower(words)
(other / 2)
lower((short)::text)
COALESCE(key, '00000000-0000-0000-0000-000000000000'::uuid)
(day + 1)
(words || ' '::text)
total
CASE WHEN flag THEN other ELSE small END
((data ->> 'b c'))
""".strip().splitlines()


@dataclass(frozen=True)
class World:
    """A filled table, its rows in the order of `id`, and the server that holds it."""

    connection: psycopg.Connection[tuple[Any, ...]]
    table: Table
    rows: pa.Table

    @property
    def scope(self) -> Scope:
        """The table's columns and the two functions that are declared beside it."""
        functions = self.connection.execute(
            "SELECT 'public.' || proname, coalesce(proargnames, '{\"\"}'), prosrc FROM pg_proc"
            " WHERE proname IN ('tidy', 'padded')"
        ).fetchall()
        return Scope(self.table, None, TODAY, tuple(SqlFunction(*found) for found in functions))

    def printed(self, sql: str) -> str:
        """A test as the catalog prints it for a check."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(
                f"ALTER TABLE kinds ADD CONSTRAINT probe CHECK ({sql}) NOT VALID".encode()
            )
            self.connection.execute("SET LOCAL search_path = ''")
            found = self.connection.execute(
                "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'probe'"
            ).fetchone()
        assert found is not None
        return str(found[0])

    def answers(self, sql: str) -> list[object]:
        """PostgreSQL's value of an expression per row; its clock stands at `TODAY`."""
        fixed = sql.replace("CURRENT_DATE", f"'{TODAY}'::date")
        fixed = fixed.replace("now()", f"'{TODAY} 00:00:00+00'::timestamptz")
        query = f"SELECT ({fixed}) FROM kinds ORDER BY id"  # noqa: S608 - a test's own SQL
        found = self.connection.execute(query.encode())
        return [row[0] for row in found.fetchall()]

    def computed(self, sql: str) -> list[object] | Unevaluable:
        """Our value of an expression per row."""
        expression = compiled(sql, self.scope)
        if isinstance(expression, Unevaluable):
            return expression
        values: list[object] = evaluate([expression], self.rows)[0].to_pylist()
        return [UUID(bytes=value) if isinstance(value, bytes) else value for value in values]

    def differences(self, sqls: list[str]) -> dict[str, object]:
        """What we answer otherwise than PostgreSQL, by the expression that is to blame."""
        found: dict[str, object] = {}
        for sql in sqls:
            ours, theirs = self.computed(sql), self.answers(sql)
            if isinstance(ours, Unevaluable):
                found[sql] = ours.why
            elif ours != theirs:
                rows = zip(range(1, len(theirs) + 1), ours, theirs, strict=True)
                found[sql] = [row for row in rows if row[1] != row[2]][:3]
        return found


@pytest.fixture
def world(database: str) -> Iterator[World]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for statement in (PICK, DDL, ROWS):
            connection.execute(statement.encode())
        with open_source(database) as source:
            table = source.schema().table(TableName("public", "kinds"))
            rows = pa.Table.from_batches(source.read(table)).sort_by("id")
        yield World(connection, table, rows)


def test_every_test_has_the_verdict_of_the_server_for_every_row(world: World) -> None:
    assert len(BOOLEANS) > 150
    assert world.differences([world.printed(sql) for sql in BOOLEANS]) == {}


def test_a_test_as_a_person_writes_it_has_the_same_verdict(world: World) -> None:
    assert world.differences(BOOLEANS) == {}


def test_an_expression_of_another_type_has_the_value_of_the_server(world: World) -> None:
    assert world.differences(OTHERS) == {}


NUMBERS = st.sampled_from(
    ["small", "other", "big", "price", "real8", "free", "0", "1", "-7", "2.5"]
)
TEXTS = st.sampled_from(
    ["words", "(short)::text", "fixed", "'a'::text", "'abc'::text", "NULL::text"]
)
DAYS = st.sampled_from(["day", "until", "(made)::date", "'2024-06-15'::date", "(day + 1)"])
SIGNS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
EQUALITIES = st.sampled_from(["=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
LEAVES = st.one_of(
    st.builds("({} {} {})".format, NUMBERS, SIGNS, NUMBERS),
    st.builds("({} {} {})".format, DAYS, SIGNS, DAYS),
    st.builds("({} {} {})".format, TEXTS, EQUALITIES, TEXTS),
    st.builds("({} {} {})".format, NUMBERS, EQUALITIES, NUMBERS),
    st.builds("({} IS {}NULL)".format, NUMBERS | TEXTS | DAYS, st.sampled_from(["", "NOT "])),
    st.builds("({} = ANY (ARRAY[{}, {}]))".format, NUMBERS, NUMBERS, NUMBERS),
    st.sampled_from(
        ["flag", "NULL::boolean", "true", "(flag IS NOT TRUE)", "(words ~ '^a'::text)"]
    ),
)
TESTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
        st.builds("({} = {})".format, inner, inner),
        st.builds("COALESCE({}, {})".format, inner, inner),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
    ),
    max_leaves=8,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sql=TESTS)
def test_any_test_of_comparisons_and_logic_agrees_with_the_server(world: World, sql: str) -> None:
    assert world.differences([sql]) == {}
