"""Claims about plans: what cannot be met is named with the most that can, before any row."""

import re
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source
from connectors.schema import Table, TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel, TableModel
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.plan import Plan, is_local, plan
from provisioner.report import Severity
from provisioner.request import Request

MOOD = "CREATE TYPE mood AS ENUM ('a', 'b', 'c', 'd', 'e');"


def planned(url: str, path: Path, schema: str, rows: int) -> tuple[DatabaseModel, Plan]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(schema.encode())
    with open_source(url) as source:
        write_archive(learn(source, Learning()), path)
    model = read_archive(path)
    return model, plan(model, fingerprint(path), Request(cold=rows))


@pytest.mark.parametrize(
    ("columns", "place", "most"),
    [
        ("m mood NOT NULL UNIQUE", "public.t.m", 5),
        ("n integer PRIMARY KEY CHECK (n BETWEEN 1 AND 500)", "public.t.n", 500),
        ("k text NOT NULL UNIQUE CHECK (k IN ('x', 'y'))", "public.t.k", 2),
        ("m mood NOT NULL, b boolean NOT NULL, UNIQUE (m, b)", "public.t t_m_b_key", 10),
        ("d numeric(3,1) NOT NULL UNIQUE CHECK (d > 0 AND d < 1)", "public.t.d", 9),
    ],
)
def test_a_thousand_rows_for_a_narrow_unique_key_are_refused_with_the_most_possible(
    database: str, tmp_path: Path, columns: str, place: str, most: int
) -> None:
    _, found = planned(database, tmp_path / "a.model", f"{MOOD} CREATE TABLE t ({columns})", 1_000)
    errors = [f for f in found.findings if f.severity is Severity.ERROR]
    assert [(f.kind, f.place) for f in errors] == [("unmeetable", place)]
    assert re.search(rf"at most {most}\b", errors[0].text)


def test_a_narrow_unique_column_that_may_be_null_has_room_for_any_number(
    database: str, tmp_path: Path
) -> None:
    schema = f"{MOOD} CREATE TABLE t (m mood UNIQUE)"
    _, found = planned(database, tmp_path / "a.model", schema, 1_000)
    assert not [f for f in found.findings if f.severity is Severity.ERROR]


def test_an_exclusion_that_nothing_keeps_is_named_before_any_row(
    database: str, tmp_path: Path
) -> None:
    schema = "CREATE TABLE t (id integer PRIMARY KEY, b box, EXCLUDE USING gist (b WITH &&))"
    _, found = planned(database, tmp_path / "a.model", schema, 10)
    [error] = [f for f in found.findings if f.severity is Severity.ERROR]
    assert (error.kind, error.place) == ("unmeetable", "public.t t_b_excl")
    assert "EXCLUDE USING gist (b WITH &&)" in error.text


def test_a_column_that_mending_may_change_keeps_no_key_across_shards(
    database: str, tmp_path: Path
) -> None:
    schema = "CREATE TABLE t (email text UNIQUE CHECK (length(email) < 60), note text)"
    model, _ = planned(database, tmp_path / "a.model", schema, 10)
    table, fitted = parts(model)
    unique = table.uniques[0]
    assert is_local(table, fitted, unique, frozenset())
    assert not is_local(table, fitted, unique, frozenset({"email"}))


def parts(model: DatabaseModel) -> tuple[Table, TableModel]:
    name = TableName("public", "t")
    return model.schema.table(name), model.tables[name]


def test_a_column_of_a_type_that_cannot_be_written_is_named(database: str, tmp_path: Path) -> None:
    schema = "CREATE TYPE odd AS (r regclass); CREATE TABLE t (id int, o odd, g int[][])"
    _, found = planned(database, tmp_path / "a.model", schema, 10)
    named = [(f.place, f.text) for f in found.findings if f.kind == "unwritable"]
    assert [place for place, _ in named] == ["public.t.o"]
    assert "become NULL" in named[0][1]
