"""Literals of types without a form of their own are read by the server they are meant for."""

from xml.etree import ElementTree as ET

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.columns import Draw, Sample
from generators.columns.other import Other
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
