"""Processes that learn side by side learn what one learns, tell of it, and are gone afterwards."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chores import Answer, Death, Failure

from connectors.engines import open_source
from generators.abreast import Alone, Chore
from generators.archive import fingerprint, write_archive
from generators.errors import GeneratorError
from generators.model import DatabaseModel
from provisioner.errors import BrokenWorker, DeadWorker
from provisioner.events import Advanced, EpochFinished, Event
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.workers.learners import headcount, hired

ROOT = Path(__file__).parent.parent.parent
SHOP = (ROOT / "tests" / "databases" / "shop.sql").read_text("utf-8")
SCRIPT = """
from connectors.engines import open_source
from provisioner.learn import Learning, learn

print("begun", flush=True)

def listen(event):
    if type(event).__name__ == "EpochFinished":
        print("training", flush=True)

with open_source({url!r}) as source:
    learn(source, Learning(kind="network", learners=2), listen)
"""


@pytest.fixture(scope="module")
def shop(filled_database: Callable[[str], str]) -> str:
    return filled_database(SHOP)


def learners_of(number: int) -> list[int]:
    """Processes that learn for another one."""
    found = list[int]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text("utf-8", "replace")
            parent = int((folder / "stat").read_text("utf-8").rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == number and "learner()" in line:
            found.append(int(folder.name))
    return found


def learned(url: str, processes: int, told: list[Event]) -> DatabaseModel:
    with open_source(url) as source:
        return learn(source, Learning(kind="network", learners=processes), told.append)


def test_two_processes_learn_what_one_learns(shop: str, tmp_path: Path) -> None:
    told: tuple[list[Event], ...] = ([], [])
    for processes, events in zip((1, 2), told, strict=True):
        write_archive(learned(shop, processes, events), tmp_path / str(processes))
    assert fingerprint(tmp_path / "1") == fingerprint(tmp_path / "2")
    trained = [{e.place for e in part if isinstance(e, EpochFinished)} for part in told]
    tables = [{e.place for e in part if isinstance(e, Advanced)} for part in told]
    assert trained[0] == trained[1] != set()
    assert tables[0] == tables[1] > trained[0]
    assert not learners_of(os.getpid())


def test_the_longest_chore_comes_first_and_each_is_told_of_by_its_number() -> None:
    epochs = list[tuple[int, int]]()
    with hired(1, []) as nobody:
        assert isinstance(nobody, Alone)
    with hired(2, [Answer("a"), Answer("b")]) as crew:
        numbers = [crew.give(Answer("a" * n, n)) for n in range(1, 9)]
        heard = [crew.heard(lambda number, epoch: epochs.append((number, epoch.columns)))]
        heard += [crew.heard(lambda _, __: None) for _ in numbers[1:]]
        learners = learners_of(os.getpid())
    assert len(learners) == 2
    assert {number: len(word) for number, (word, _) in heard} == {n: n for n in numbers}
    assert epochs[0][0] == epochs[0][1]
    done = [[len(w) for _, (w, who) in heard if who == one] for one in learners]
    assert {each[0] for each in done} == {7, 8}
    assert all(each == sorted(each, reverse=True) for each in done)
    assert os.getpid() not in learners
    assert not learners_of(os.getpid())


@pytest.mark.parametrize(
    ("chore", "error", "text"),
    [
        (Failure(GeneratorError("a fact")), GeneratorError, "^a fact$"),
        (Failure(ValueError("a value")), BrokenWorker, "chores.py"),
        (Death(), DeadWorker, "exit code 7"),
    ],
)
def test_errors_cross_and_end_all(chore: Chore, error: type[Exception], text: str) -> None:
    with hired(2, [Answer("a"), Answer("b")]) as crew:
        crew.give(chore)
        with pytest.raises(error, match=text) as raised:
            crew.heard(lambda _, __: None)
    assert "a value" not in str(raised.value)
    assert not learners_of(os.getpid())


def test_an_interrupt_leaves_no_process(shop: str) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, EpochFinished):
            assert len(learners_of(os.getpid())) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_source(shop) as source:
        learn(source, Learning(kind="network", learners=2), listen)
    assert not learners_of(os.getpid())


def test_a_script_learns_once_and_none_outlives_it_however_it_ends(
    shop: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(url=shop))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "training\n"]
        learners = learners_of(process.pid)
        assert len(learners) == 2
        process.kill()
        rest = process.stdout.read()
    assert "begun" not in rest
    end = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in learners):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_processes_are_started_where_they_save_time() -> None:
    assert headcount(None, []) == headcount(None, [500.0]) == 1
    assert headcount(None, [3.0] * 4) == headcount(None, [500.0, 3.0]) == 1
    assert headcount(2, [1.0, 1.0, 1.0]) == 2
    assert headcount(8, [1.0, 1.0, 1.0]) == 3
    assert headcount(1, [500.0] * 9) == 1


def test_there_is_a_process_for_each_processor_but_few_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for processors, processes in ((1, 1), (2, 2), (64, 3)):
        monkeypatch.setattr(
            "provisioner.workers.learners.processors", lambda count=processors: count
        )
        assert headcount(None, [60.0] * 9) == processes
