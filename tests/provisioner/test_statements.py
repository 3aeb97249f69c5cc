"""Statements that a source counts: their plans are compared without anybody giving them again."""

from collections.abc import Callable
from pathlib import Path

import pytest

import provisioner
from connectors.dialect.queries import open_queries
from connectors.engines import open_source
from connectors.schema import TableName
from generators.archive import write_archive
from provisioner.cli import main
from provisioner.learn import learn
from provisioner.learning import Learning

SCRIPT = """
CREATE TABLE people (id serial PRIMARY KEY, first_name text NOT NULL, age int NOT NULL);
CREATE TABLE visits (id serial PRIMARY KEY, people_id int NOT NULL REFERENCES people, day date);
INSERT INTO people (first_name, age) SELECT 'Ann', 20 + n % 40 FROM generate_series(1, 300) n;
INSERT INTO visits (people_id, day)
    SELECT 1 + n % 300, date '2024-01-01' + n % 90 FROM generate_series(1, 900) n;
ANALYZE;
"""
COUNTED = (
    "SELECT count(*) FROM people JOIN visits ON people_id = people.id WHERE age = $1",
    "SELECT * FROM people WHERE id = $1",
)


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(SCRIPT)


def test_plans_for_whatever_values_are_compared_without_the_queries(
    source: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    file, queries = tmp_path / "counted.model", tuple(open_queries(COUNTED))
    with open_source(source) as opened:
        units = (TableName("public", "people"),)
        write_archive(learn(opened, Learning(units=units, queries=queries)), file)
    report = provisioner.provision_database(file, new_database())
    assert {plan.query: plan.same for plan in report.planner.plans} == {
        query.name: True for query in queries
    }


def test_a_source_that_counts_nothing_is_told_apart_from_a_file(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "counted.model"
    options = ["--source", source, "-o", str(file), "--queries", "pg_stat_statements"]
    assert main(["learn", *options]) == 2
    assert "CREATE EXTENSION pg_stat_statements" in capsys.readouterr().err
    assert not file.exists()


def test_nothing_is_counted_under_differential_privacy(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--source", source, "-o", str(tmp_path / "m"), "--queries", "pg_stat_statements"]
    assert main(["learn", *options, "--unit", "people", "--epsilon", "0.01"]) == 3
    assert "pg_stat_statements" not in capsys.readouterr().err
