"""The verbs as functions: they refuse what they do not know, and write nothing then."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import provisioner
from provisioner.config import Config
from provisioner.errors import Infeasible, WrongRequest
from provisioner.events import Event, StageFinished

SCRIPT = """
CREATE TABLE people (id serial PRIMARY KEY, first_name text NOT NULL, age int NOT NULL);
CREATE TABLE visits (id serial PRIMARY KEY, people_id int NOT NULL REFERENCES people, day date);
INSERT INTO people (first_name, age) SELECT 'Ann', 20 + n % 40 FROM generate_series(1, 300) n;
INSERT INTO visits (people_id, day)
    SELECT 1 + n % 300, date '2024-01-01' + n % 90 FROM generate_series(1, 900) n;
ANALYZE;
"""


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(SCRIPT)


@pytest.fixture(scope="module")
def file(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("verbs") / "visits.model"
    provisioner.learn_database(source, file, units=["people"], attacks=False)
    return file


def test_a_database_is_provisioned_again_with_other_rows(
    file: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    target, page, events = new_database(), tmp_path / "report.html", list[Event]()
    first = provisioner.provision_database(file, target, scale=2, html=page, listen=events.append)
    assert first.passed
    assert {t.table: t.rows for t in first.tables}["public.people"] == 600
    assert "Verified" in page.read_text("utf-8")
    assert {e.stage for e in events if isinstance(e, StageFinished)} >= {"load", "verify"}
    again = provisioner.provision_database(file, target, rows={"people": 50}, truncate=True)
    assert {t.table: t.rows for t in again.tables}["public.people"] == 50


def test_a_plan_is_that_of_the_command_line(file: Path) -> None:
    plan = provisioner.plan_database(file, scale=0.5, seed=3)
    assert (plan.scale, plan.seed) == (0.5, 3)
    config = Config.model_validate({"scale": 0.5})
    assert provisioner.plan_database(file, config=config, seed=3) == plan


def test_what_cannot_be_met_is_raised_before_anything_is_written(
    file: Path, new_database: Callable[[], str]
) -> None:
    target = new_database()
    scenario = {"table": "people", "where": "age > 500 and age < 400", "count": 5}
    config = Config.model_validate({"scenarios": [scenario]})
    with pytest.raises(Infeasible):
        provisioner.provision_database(file, target, config=config)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT to_regclass('people')").fetchone() == (None,)


def test_an_unknown_option_is_named_with_those_that_there_are(file: Path) -> None:
    with pytest.raises(WrongRequest, match=r"scael is no option; expected one of .*scale"):
        provisioner.plan_database(file, scael=2)  # type: ignore[call-arg]
    with pytest.raises(WrongRequest, match="workers is no option"):
        provisioner.plan_database(file, workers=2)  # type: ignore[call-arg]


def test_a_file_that_is_no_model_is_not_replaced(source: str, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all,")
    with pytest.raises(WrongRequest):
        provisioner.learn_database(source, letter)
    assert letter.read_text() == "Dear all,"
