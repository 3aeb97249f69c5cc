"""Literals of types without a form of their own are read by the server they are meant for."""

from xml.etree import ElementTree as ET

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.engines import open_source
from connectors.schema import Column
from generators.columns import Draw, Sample
from generators.columns.other import Other
from generators.literals import invented_literals
from generators.numbered import numbered
from generators.privacy.support import Support

TYPES = [
    *("inet", "cidr", "macaddr", "macaddr8", "money", "bit(7)", "bit", "bit varying(5)", "varbit"),
    *("tsvector", "tsquery", "name", "jsonpath", "point", "lseg", "box", "path", "polygon"),
    *("line", "circle", "interval", "time with time zone", "pg_lsn", "oid", "xid", "tid"),
    *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    *("int4multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange"),
]


def invented(sql: str, values: list[str]) -> list[str]:
    """Three hundred literals from a generator that saw these values, each of its own unit."""
    column = Column("c", DataType(Kind.OTHER, sql))
    sample = Sample(pa.array(values, pa.string()), np.arange(len(values)))
    generator = Other.fit(column, sample, Support())
    rows = np.arange(300)
    draw = Draw(np.random.default_rng(3), rows, rows.astype(np.uint64))
    found: list[str] = generator.decode((rows % generator.size).astype(np.int32), draw).to_pylist()
    return found


def test_the_server_reads_every_invented_literal(database: str) -> None:
    with psycopg.connect(database) as connection:
        for sql in TYPES:
            connection.execute("SELECT set_config('IntervalStyle', 'postgres', true)")
            order = f"SELECT count(v::{sql}) FROM unnest(%s::text[]) AS t (v)"  # noqa: S608 - a type of the list above
            row = connection.execute(order.encode(), [invented(sql, [])]).fetchone()
            assert row == (300,), sql


def test_every_invented_xml_is_well_formed() -> None:
    # The embedded server is built without XML, so that the server cannot be asked.
    for literal in invented("xml", []):
        ET.fromstring(literal)  # noqa: S314 - our own literals, not a stranger's


@pytest.mark.parametrize("sql", ["public.inet", "pg_catalog.inet", '"inet"'])
def test_a_type_is_known_by_its_bare_name(sql: str) -> None:
    assert all(literal.startswith("198.") for literal in invented(sql, []))


def test_a_supported_literal_comes_back_and_a_single_one_does_not() -> None:
    drawn = invented("public.price", ["(5,EUR)"] * 300 + ["(6,XXX)"])
    assert set(drawn) == {"(5,EUR)"}


COMPOSED = """
    create type mood as enum ('a', 'b "x"');
    create domain percent as numeric(3, 2) check (value >= 0);
    create type inner_row as (
        word varchar(5), n smallint, day date, amount numeric(4, 2), p percent);
    create type outer_row as (
        one inner_row, words text[], at timestamptz, mood mood, host inet, id uuid, doc jsonb,
        raw bytea, clock time, span interval, share real, flag boolean, during daterange);
    create type numbers as range (subtype = float8);
    create type clocks as range (subtype = time);
    create type words as range (subtype = text);
    create table t (a inner_row, b outer_row, c numbers, d clocks, e words, f integer[][],
        g text[][], h inner_row[]);
"""


def test_the_server_reads_literals_of_composed_types(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(COMPOSED.encode())
        with open_source(database) as source:
            (table,) = source.schema().tables
        for column in table.columns[:-1]:
            made = invented_literals(column.datatype, 300, np.random.default_rng(1))
            assert made is not None
            texts = made.to_pylist()
            order = f"SELECT count(v::{column.datatype.sql}) FROM unnest(%s::text[]) AS t (v)"  # noqa: S608 - a type of the table above
            assert connection.execute(order.encode(), [texts]).fetchone() == (300,), column.name
            assert len(set(texts)) > 100


NUMBERED = ["int4range", "numrange", "daterange", "tsrange", "tstzrange", "inet", "cidr", "macaddr"]
NUMBERED += ["macaddr8", "oid", "money", "pg_lsn", "tsvector"]
EXTENSIONS = {
    "isn": ("isbn", "isbn13", "issn", "issn13", "ismn", "ismn13", "ean13", "upc"),
    "ltree": ("ltree",),
    "hstore": ("hstore",),
    "cube": ("cube",),
}


def test_the_server_reads_every_numbered_literal_as_another_value(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        offered = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
        names = [name for name in EXTENSIONS if (name,) in offered]
        for name in names:
            connection.execute(f"CREATE EXTENSION {name}".encode())
        for sql in [*NUMBERED, *(kind for name in names for kind in EXTENSIONS[name])]:
            known = numbered(sql)
            assert known is not None
            numbers = np.append(np.arange(200), known.count - 1)
            order = f"SELECT count(DISTINCT v::{sql}) FROM unnest(%s::text[]) AS t (v)"  # noqa: S608 - a type of the list above
            texts = known.write(numbers).to_pylist()
            assert connection.execute(order.encode(), [texts]).fetchone() == (201,), sql
