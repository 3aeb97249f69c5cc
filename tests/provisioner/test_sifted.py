"""Rows that own others are chosen among several, so that their columns go together as learned."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from provisioner import refereeing
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

SOURCE = """
CREATE TABLE shop (id integer PRIMARY KEY, size integer NOT NULL, staff integer NOT NULL);
INSERT INTO shop SELECT n, n % 7, n % 7 FROM generate_series(1, 2000) n;
CREATE TABLE sale (
    id integer PRIMARY KEY, shop integer NOT NULL REFERENCES shop, day date NOT NULL
);
INSERT INTO sale SELECT row_number() over (), shop.id, date '2024-01-01' + shop.id % 300 + n
FROM shop, generate_series(1, 1 + shop.id % 3) n;
"""
ALIKE = "SELECT avg((size = staff)::int) FROM shop"
SHOP = TableName("public", "shop")


@pytest.mark.parametrize("many", [20_000, 0], ids=["of few rows", "of many rows"])
def test_rows_whose_columns_are_drawn_apart_go_together(
    many: int,
    lasting_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, target, path = lasting_database(), lasting_database(), tmp_path / "shops.model"
    with psycopg.connect(source) as connection:
        connection.execute(SOURCE.encode())
    # Columns are drawn apart, so that one row in seven would have two that are equal.
    learning = Learning(kind="independent", refine=True, invariants=False)
    with open_source(source) as opened:
        write_archive(learn(opened, learning), path)
    model = read_archive(path)
    referee = model.tables[SHOP].referee
    assert referee is not None
    assert referee.scores[0] > referee.scores[1]
    monkeypatch.setattr(refereeing, "_MANY_ROWS", many)
    with open_target(target) as opened_target:
        load(model, plan(model, fingerprint(path), Request()), opened_target)
    with psycopg.connect(target) as connection:
        row = connection.execute(ALIKE.encode()).fetchone()
    assert row is not None
    # One in seven would be by chance; where rows are many, one is kept for sure at odds of two.
    assert row[0] > 0.4
