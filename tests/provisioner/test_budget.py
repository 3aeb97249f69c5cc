"""Learning within a budget: trees at once, networks as planned, and never less than there was."""

import json
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.cli import main
from provisioner.events import EpochFinished, Event, Stated
from provisioner.learn import learn, models
from provisioner.learning import Learning

RACES = """
CREATE TABLE runners (
    id serial PRIMARY KEY, first_name text NOT NULL, age int NOT NULL, town text NOT NULL);
CREATE TABLE races (
    id serial PRIMARY KEY, runner_id int NOT NULL REFERENCES runners, day date NOT NULL,
    distance int NOT NULL, climb int NOT NULL, seconds int NOT NULL, place int NOT NULL);
INSERT INTO runners (first_name, age, town)
    SELECT 'Ann', 18 + n * 7 % 50, (ARRAY['Rome', 'Oslo', 'Bern'])[1 + n * 5 % 3]
    FROM generate_series(1, 600) n;
INSERT INTO races (runner_id, day, distance, climb, seconds, place)
    SELECT 1 + n % 600, date '2024-01-01' + n * 13 % 300, 1 + n * 11 % 9, n * 17 % 10,
           (1 + n * 11 % 9) * 300 + n * 17 % 10 * 60 + n * 7 % 600 % 50 * 9,
           1 + ((1 + n * 11 % 9) + n * 17 % 10 + n * 7 % 600 % 50) / 4
    FROM generate_series(1, 3000) n;
ANALYZE;
"""
RACE = TableName("public", "races")


@pytest.fixture(scope="module")
def races(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(RACES)
    return url


@pytest.fixture(scope="module")
def learned(races: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Event]]:
    """The files of the model that is there first and the one that is there last."""
    folder, files, told = tmp_path_factory.mktemp("models"), list[Path](), list[Event]()
    with open_source(races) as source:
        for model in models(source, Learning(kind="auto"), told.append):
            files.append(folder / str(len(files)))
            write_archive(model, files[-1])
    return files, told


def plain(races: str, path: Path) -> str:
    """The fingerprint of a model of trees."""
    with open_source(races) as source:
        write_archive(learn(source, Learning()), path)
    return fingerprint(path)


def test_a_model_of_trees_is_there_before_any_network(
    races: str, learned: tuple[list[Path], list[Event]], tmp_path: Path
) -> None:
    first, last = learned[0]
    assert fingerprint(first) == plain(races, tmp_path / "m")
    assert {n.name: m.generator.kind for n, m in read_archive(last).tables.items()} == {
        "races": "auto",
        "runners": "auto",
    }
    assert "network.shares" in read_archive(last).tables[RACE].generator.released()


def test_the_budget_and_each_epoch_are_told(learned: tuple[list[Path], list[Event]]) -> None:
    _, told = learned
    [planned] = [e.text for e in told if isinstance(e, Stated) and "--budget" in e.text]
    assert "networks for 2 of the 2 tables" in planned
    before = told.index(Stated(planned))
    epochs = [e for e in told if isinstance(e, EpochFinished)]
    assert {e.place for e in epochs} >= {"public.races"}
    assert before < told.index(epochs[0])
    curve = read_archive(learned[0][-1]).tables[RACE].generator.released()["network.curve"].value
    assert tuple(curve) in {e.curve for e in epochs if e.last}


def test_the_same_budget_learns_the_same_model_byte_for_byte(
    races: str, learned: tuple[list[Path], list[Event]], tmp_path: Path
) -> None:
    with open_source(races) as source:
        write_archive(learn(source, Learning(kind="auto")), tmp_path / "again")
    assert fingerprint(tmp_path / "again") == fingerprint(learned[0][-1])


def test_training_that_takes_too_long_is_cut_short_and_said(
    races: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Event] = []

    def deadline(_: float) -> Callable[[], bool]:
        return lambda: sum(isinstance(e, EpochFinished) for e in asked) >= 2

    monkeypatch.setattr("generators.fit._deadline", deadline)
    with open_source(races) as source:
        model = learn(source, Learning(kind="auto"), asked.append)
    epochs = [e for e in asked if isinstance(e, EpochFinished)]
    assert [e.late for e in epochs] == [False, False, True]
    [said] = [e.text for e in asked if isinstance(e, Stated) and "is spent" in e.text]
    assert {str(n) in said for n in model.tables} == {True}
    assert set(model.tables) == {RACE, TableName("public", "runners")}


def test_a_budget_of_nothing_leaves_trees(races: str, tmp_path: Path) -> None:
    told: list[Event] = []
    with open_source(races) as source:
        nothing = Learning(kind="auto", budget=timedelta(0))
        write_archive(learn(source, nothing, told.append), tmp_path / "none")
    assert fingerprint(tmp_path / "none") == plain(races, tmp_path / "m")
    assert any("races" in e.text and "keep trees" in e.text for e in told if isinstance(e, Stated))


def test_an_interrupt_during_networks_keeps_the_trees(
    races: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("generators.fit.improving", interrupted)
    path = tmp_path / "m"
    asked = ["learn", "--source", races, "-o", str(path), "--table-model", "auto"]
    assert main([*asked, "--budget", "10m", "--output", "json"]) == 130
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (error["kind"], error["code"]) == ("Stopped", 130)
    assert "with trees for every table" in error["text"]
    told = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert "StageStarted" in {event["event"] for event in told}
    assert any("have 600 s" in event.get("text", "") for event in told)
    assert {m.generator.kind for m in read_archive(path).tables.values()} == {"trees"}
    assert list(tmp_path.iterdir()) == [path]


def test_curves_are_shown_in_lines(
    races: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["learn", "--source", races, "-o", str(tmp_path / "m"), "--table-model", "auto"]
    assert main([*asked, "--no-refine", "--budget", "1h"]) == 0
    err = capsys.readouterr().err
    assert "have 3,600 s, the budget" in err
    assert "network: public.races, " in err
    assert "nats per row held out: " in err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--table-model", "auto", "--budget", "5x"], "such as 90s, 5m or 1h30m"),
        (["--table-model", "auto", "--budget", "-5m"], "such as 90s, 5m or 1h30m"),
        (["--budget", "5m"], "--table-model auto alone"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(
    races: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    part: str,
) -> None:
    assert main(["learn", "--source", races, "-o", str(tmp_path / "m"), *options]) == 2
    assert part in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
