"""The demo's whole tour, on a small airline."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.cli import main
from provisioner.demo import Outing, tour
from provisioner.report import Severity
from provisioner.sides import Tour

PASSENGERS, FLIGHTS = 500, 5_000
DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = re.findall(
    r"^(provisioner .+)$", (DOCS / "tutorial.md").read_text("utf-8"), re.MULTILINE
)


@pytest.fixture(scope="module")
def toured(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """One tour for all tests, with twice as many passengers on the synthetic side."""
    path = tmp_path_factory.mktemp("models") / "demo.model"
    outing = Outing(scale=2, passengers=PASSENGERS, flights=FLIGHTS, model=path)
    return tour(lasting_database(), lasting_database(), outing)


def test_the_synthetic_airline_is_verified(toured: Tour) -> None:
    assert toured.report.passed, [f for f in toured.report.findings if f.stops]
    assert toured.model.is_file()


def test_both_sides_are_counted(toured: Tour) -> None:
    counts = {c.table: (c.production, c.synthetic) for c in toured.counts}
    assert counts["airline.passengers"] == (PASSENGERS, 2 * PASSENGERS)
    assert counts["airline.airports"] == (1_462, 1_462)
    assert [s.name for s in toured.stages] == ["build", "learn", "provision", "verify"]


def test_three_rows_of_each_side_are_shown_and_none_is_copied(toured: Tour) -> None:
    for shown in toured.shown:
        assert len(shown.production) == len(shown.synthetic) == 3
        assert not set(shown.production) & set(shown.synthetic)


def test_the_commands_of_the_tutorial_take_the_tour_and_read_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in TUTORIAL:
        assert main([*shlex.split(command)[1:], "--output", "json"]) == 0, command
        told = json.loads(capsys.readouterr().out)
        assert told.get("report", {"passed": True})["passed"] is True
    assert Path("demo.model").is_file()


def test_all_the_flights_of_a_year_end_verified(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    outing = Outing(model=tmp_path / "whole.model")
    report = tour(lasting_database(), lasting_database(), outing).report
    assert report.passed, [f.place for f in report.findings if f.stops]
    assert sum(table.rows for table in report.tables) > 600_000
    rules = [f for f in report.findings if f.kind == "invariant"]
    assert [f.place for f in rules if f.severity is not Severity.NOTE] == []
