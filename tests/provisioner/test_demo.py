"""The demo's whole tour, on a small airline."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.cli import main
from provisioner.demo import Outing, tour
from provisioner.sides import Tour

PASSENGERS, FLIGHTS = 500, 5_000


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


def test_the_command_takes_the_tour_and_keeps_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tour.model"
    sizes = ["--passengers", str(PASSENGERS), "--flights", str(FLIGHTS), "-o", str(path)]
    assert main(["demo", *sizes, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["passed"] is True
    assert path.is_file()
