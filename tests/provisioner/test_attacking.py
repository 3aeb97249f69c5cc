"""A model is attacked when it is learned, and what attacks find decides whether it is used."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from connectors.engines import open_source, open_target
from generators.archive import read_archive, write_archive
from generators.model import DatabaseModel
from generators.privacy.attacked import NOT_ATTACKED, Attacked, Limits, Verdict
from provisioner.attacking import Evidence, attacked
from provisioner.cli import main
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.sampling import sampled
from provisioner.verify import finished_plan

CLUB = """
SELECT setseed(0.5);
CREATE TABLE members (id serial PRIMARY KEY, age int NOT NULL, fee numeric(8, 2) NOT NULL,
    town text NOT NULL, joined date NOT NULL);
CREATE TABLE visits (id serial PRIMARY KEY, member_id int NOT NULL REFERENCES members,
    minutes int NOT NULL, sport text NOT NULL);
INSERT INTO members (age, fee, town, joined)
    SELECT a, round((a * 3 + random() * 100)::numeric, 2),
        (ARRAY['north', 'south', 'east', 'west', 'centre'])[1 + (random() * random() * 5)::int % 5],
        date '2015-01-01' + (random() * 3000)::int
    FROM (SELECT 18 + (random() * 60)::int AS a FROM generate_series(1, 5200)) AS drawn;
INSERT INTO visits (member_id, minutes, sport)
    SELECT m.id, (m.age + random() * 60)::int, (ARRAY['swim', 'run', 'row'])[1 + m.age % 3]
    FROM members m, generate_series(1, 3) n WHERE random() < 0.5;
ANALYZE;
"""
WHY = "the staff of this club alone see it"


@pytest.fixture(scope="module")
def club(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(CLUB)
    return url


@pytest.fixture(scope="module")
def archive(club: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The club's model, learned and attacked by the command."""
    path = tmp_path_factory.mktemp("models") / "club.model"
    assert main(["learn", "--source", club, "-o", str(path), "--unit", "members"]) == 0
    return path


@pytest.fixture(scope="module")
def overfitted(club: str) -> DatabaseModel:
    """A model of one unit a leaf, whose trees grow as long as any question parts their rows."""
    with pytest.MonkeyPatch.context() as changed, open_source(club) as source:
        for name in ("growth._COST", "growth._CAUTION", "shares._SHRINKAGE"):
            changed.setattr(f"generators.{name}", 0.0)
        changed.setattr("generators.shares._DOUBT", 1e-9)
        changed.setattr("generators.growth._FEWEST_ROWS", 2)
        units = (next(t.name for t in source.schema().tables if t.name.name == "members"),)
        learning = Learning(k=1, units=units, invariants=False, attack=Limits())
        return learn(source, learning)


@pytest.fixture(scope="module")
def risky(overfitted: DatabaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "risky.model"
    write_archive(overfitted, path)
    return path


def test_a_learned_model_passes_and_its_file_says_so(archive: Path) -> None:
    found = read_archive(archive).attacked
    assert found.verdict is Verdict.PASSED, [f for f in found.figures if not f.passed]
    [units] = found.units
    assert units.unit == "public.members"
    assert min(units.learned, units.held_out) >= 200
    assert {f.place for f in found.figures} == {"public.members", "public.visits"}
    assert all(f.value == round(f.value, 2) for f in found.figures)


def test_a_model_of_one_unit_a_value_and_overfitted_on_purpose_leaks(
    overfitted: DatabaseModel,
) -> None:
    found = overfitted.attacked
    assert found.verdict is Verdict.FAILED
    assert "membership" in {f.attack for f in found.figures if not f.passed}


def test_training_rows_handed_back_are_found_whole_however_many_they_are(
    club: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than what is looked at of a model: those left out would pass for unlearned ones."""
    monkeypatch.setattr("provisioner.attacking.MOST_ENTITIES", 1000)
    with open_source(club) as source:
        units = (next(t.name for t in source.schema().tables if t.name.name == "members"),)
        sample = sampled(source, Learning(units=units))
        back = {name: part.rows for name, part in sample.training.items()}
        evidence = Evidence(source, sample.split, sample.training, Limits(), 0, back)
        found = attacked(read_archive(archive), evidence)
    assert found.verdict is Verdict.FAILED
    assert found.worst_auc is not None
    assert found.worst_auc >= 0.95


def test_show_tells_what_attacks_found(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(archive)]) == 0
    assert "Attacks: passed" in capsys.readouterr().out
    assert main(["show", str(archive), "--output", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "passed"
    assert shown["attacks"]["units"][0]["figures"][0]["attack"] == "membership"


def test_a_model_that_nobody_attacked_is_said_to_be_that_and_stops_nothing(
    club: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "club.model")
    options = ["--source", club, "-o", path, "--unit", "members", "--no-attacks"]
    assert main(["learn", *options]) == 0
    assert "attacks: not attacked" in capsys.readouterr().out
    assert main(["plan", path]) == 0
    assert "the model was not attacked" in capsys.readouterr().out


def test_a_failed_model_is_refused_before_anything_is_written(
    risky: Path, new_database: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    target = new_database()
    assert main(["plan", str(risky)]) == 1
    assert "attacks on the model succeeded" in capsys.readouterr().out
    assert main(["provision", str(risky), "--target", target]) == 1
    with open_target(target) as opened:
        assert not opened.schema().tables
        assert opened.ledger() is None


def test_no_hash_acknowledges_a_failed_model(overfitted: DatabaseModel) -> None:
    [found] = [f for f in plan(overfitted, "", Request()).findings if f.stops]
    again = plan(overfitted, "", Request(acknowledged=frozenset({found.hash})))
    assert [f.hash for f in again.findings if f.stops] == [found.hash]


def test_an_accepted_risk_is_in_the_ledger_and_in_what_verify_says(
    risky: Path, new_database: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    target = new_database()
    assert main(["provision", str(risky), "--target", target, "--accept-risk", WHY]) == 0
    capsys.readouterr()
    with open_target(target) as opened:
        assert finished_plan(opened)[0].accepted_risk == WHY
    assert main(["verify", str(risky), "--target", target, "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert any(f["kind"] == "attacks" and WHY in f["text"] for f in found)


def test_a_reason_changes_no_rows(overfitted: DatabaseModel) -> None:
    accepted = plan(overfitted, "", Request(accept_risk=WHY))
    assert not any(f.stops for f in accepted.findings)
    assert accepted.fingerprint == plan(overfitted, "", Request()).fingerprint


def test_inconclusive_attacks_are_a_warning(archive: Path) -> None:
    model = read_archive(archive)
    [units] = model.attacked.units
    unsure = replace(units, verdict=Verdict.INCONCLUSIVE, figures=(), held_out=7)
    found = plan(replace(model, attacked=Attacked((unsure,))), "", Request()).findings
    [warning] = [f for f in found if f.kind == "attacks"]
    assert warning.severity == "warning"
    assert "7 units" in warning.text


def test_a_file_of_before_attacks_was_not_attacked(archive: Path, tmp_path: Path) -> None:
    model = replace(read_archive(archive), attacked=NOT_ATTACKED)
    path = tmp_path / "old.model"
    write_archive(model, path)
    assert read_archive(path).attacked.verdict is Verdict.NOT_ATTACKED


def test_limits_come_from_the_configuration(
    club: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("provisioner.yaml").write_text("privacy:\n  attacks:\n    fewest: 100000\n")
    options = ["--source", club, "-o", "club.model", "--unit", "members"]
    assert main(["learn", *options]) == 0
    assert "attacks: inconclusive" in capsys.readouterr().out
