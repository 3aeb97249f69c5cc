"""A database is split into the judge's two halves by entity, and shrunk to one of them."""

import csv
import json
from pathlib import Path

import psycopg
import pytest

from benchmarks.split import Cut, Dataset, export, split

SCHEMA = """
CREATE TABLE region (country text, code integer, PRIMARY KEY (code, country));
CREATE TABLE person (
    id integer PRIMARY KEY,
    email text,
    joined date NOT NULL,
    country text,
    region integer,
    FOREIGN KEY (region, country) REFERENCES region (code, country)
);
CREATE TABLE visit (
    person integer REFERENCES person,
    year integer,
    clerk integer NOT NULL REFERENCES person,
    stay interval,
    PRIMARY KEY (person, year)
);
CREATE TABLE bill (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person integer,
    year integer,
    paid timestamptz NOT NULL,
    FOREIGN KEY (person, year) REFERENCES visit ON DELETE CASCADE
) PARTITION BY RANGE (id);
CREATE TABLE bill_first PARTITION OF bill FOR VALUES FROM (0) TO (100);
CREATE TABLE bill_other PARTITION OF bill DEFAULT;
CREATE TABLE clerk (person integer PRIMARY KEY REFERENCES person);
CREATE TABLE note (
    person integer,
    year integer,
    line integer,
    part integer NOT NULL,
    PRIMARY KEY (person, year, line),
    FOREIGN KEY (person, year) REFERENCES visit
);
CREATE TABLE feast (day date PRIMARY KEY, name text);
INSERT INTO region SELECT 'land', i FROM generate_series(1, 4) i;
INSERT INTO person SELECT i, 'x@example.org', '2020-01-01'::date + i, 'land', 1 + i % 4
    FROM generate_series(1, 60) i;
INSERT INTO clerk SELECT generate_series(1, 3);
INSERT INTO visit SELECT i, 2000 + j, 1 + i % 3, '1 day' FROM generate_series(1, 60) i,
    generate_series(1, 3) j;
INSERT INTO bill (person, year, paid)
    SELECT person, year, '9999-01-01 12:00+00'::timestamptz FROM visit UNION ALL
    SELECT NULL, NULL, '2020-01-01 12:00+00' FROM generate_series(1, 20);
INSERT INTO note SELECT person, year, j, j % 2 FROM visit, generate_series(1, 2) j;
INSERT INTO feast VALUES ('2020-05-01', 'spring'), ('2020-10-01', 'harvest');
"""
CUT = Cut(("person",), ("clerk",))


@pytest.fixture
def source(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    return database


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def halves(out: Path, table: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    return rows(out / "train", table), rows(out / "holdout", table)


def test_an_entity_and_all_rows_below_it_are_in_one_half(source: str, tmp_path: Path) -> None:
    done = split(source, tmp_path, CUT)

    train, holdout = ({r["id"] for r in half} for half in halves(tmp_path, "person"))
    assert train & holdout == {"1", "2", "3"}, "only those whom the hub names"
    assert len(train | holdout) == 60
    assert abs(len(train) - len(holdout)) <= 3
    for table in ("visit", "bill"):
        for half, entities in zip(halves(tmp_path, table), (train, holdout), strict=True):
            assert {r["person"] for r in half} - {""} == entities
    assert done.split["dropped"] == 0
    assert done.split["orphans"] == {"train": 0, "holdout": 0}


def test_rows_that_lead_to_no_entity_are_split_too(source: str, tmp_path: Path) -> None:
    split(source, tmp_path, CUT)

    loose = [sum(not r["person"] for r in half) for half in halves(tmp_path, "bill")]
    assert sum(loose) == 20
    assert min(loose) >= 1


def test_tables_without_entities_are_the_same_in_both_halves(source: str, tmp_path: Path) -> None:
    split(source, tmp_path, CUT)

    train, holdout = halves(tmp_path, "feast")
    tables = json.loads((tmp_path / "metadata.json").read_text())["tables"]
    assert train == holdout
    assert {name for name, table in tables.items() if table["shared"]} == {
        *("region", "clerk", "feast")
    }


def test_rows_between_two_halves_are_left_out_and_counted(source: str, tmp_path: Path) -> None:
    done = split(source, tmp_path, Cut(("person",)))

    kept = sum(len(half) for half in halves(tmp_path, "visit"))
    assert done.split["rows"]["visit"]["dropped"] == 180 - kept > 0
    assert done.split["orphans"] == {"train": 0, "holdout": 0}


def test_keys_of_several_columns_get_one_of_text(source: str, tmp_path: Path) -> None:
    split(source, tmp_path, CUT)

    found = json.loads((tmp_path / "metadata.json").read_text())
    assert found["tables"]["region"]["primary_key"] == "code+country"
    assert {"table": "person", "column": "region+country", "parent": "region"} in found[
        "foreign_keys"
    ]
    keys = {r["code+country"] for r in rows(tmp_path / "train", "region")}
    assert {r["region+country"] for r in rows(tmp_path / "train", "person")} <= keys
    assert {k["parent"] for k in found["foreign_keys"] if k["table"] == "bill"} == {"visit"}


def test_kinds_and_order_follow_the_stated_rules(source: str, tmp_path: Path) -> None:
    split(source, tmp_path, CUT)

    tables = json.loads((tmp_path / "metadata.json").read_text())["tables"]
    assert tables["person"]["columns"] == {
        "id": "id",
        "email": "id",
        "joined": "datetime",
        "country": "categorical",
        "region": "id",
        "region+country": "id",
    }
    assert tables["note"]["columns"] == {
        "person": "id",
        "year": "numeric",
        "line": "numeric",
        "part": "numeric",
        "line+person+year": "id",
        "person+year": "id",
    }
    assert tables["clerk"]["columns"] == {"person": "id", "person->person": "id"}
    assert [tables[t]["order_by"] for t in ("person", "visit", "bill")] == [
        *("joined", "year", "paid")
    ]
    assert {r["stay"] for r in rows(tmp_path / "train", "visit")} == {"86400.000000"}
    assert max(r["paid"] for r in rows(tmp_path / "train", "bill")).startswith("2200-01-01")


def test_a_shrunk_database_holds_the_training_half_alone(source: str, tmp_path: Path) -> None:
    done = split(source, tmp_path, CUT, shrink=True)
    export(source, tmp_path / "again", done)

    for table in done.tables:
        again, train = rows(tmp_path / "again", table), rows(tmp_path / "train", table)
        assert sorted(map(str, again)) == sorted(map(str, train))


def test_the_same_database_is_split_the_same_way_twice(source: str, tmp_path: Path) -> None:
    one, two = (split(source, tmp_path / n, CUT) for n in ("one", "two"))

    assert written(tmp_path / "one", one) == written(tmp_path / "two", two)


def written(out: Path, done: Dataset) -> dict[str, bytes]:
    return {t: (out / "train" / f"{t}.csv").read_bytes() for t in done.tables}


def test_a_root_that_is_no_table_is_named(source: str, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no table persons; expected one of bill, clerk"):
        split(source, tmp_path, Cut(("persons",)))
