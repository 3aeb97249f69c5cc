"""Several workers load what one would: killed, refused, interrupted, here or on a cluster."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest
from querying import query
from threadpoolctl import threadpool_info, threadpool_limits

from connectors.engines import Mark, open_target, open_writer
from connectors.errors import BusyTarget, ForeignLoad, RefusedRow
from generators.archive import fingerprint
from generators.model import DatabaseModel
from provisioner import plan as plans
from provisioner.errors import BrokenWorker, DeadWorker, Infeasible, MissingRay
from provisioner.events import Advanced, Event, Listener, StageFinished, StageStarted, silent
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.report import Finding, Severity
from provisioner.request import Request
from provisioner.workers.crews import Workers, headcount
from provisioner.workers.shards import portable

ROOT = Path(__file__).parent.parent.parent
SHOP = (ROOT / "tests" / "databases" / "shop.sql").read_text("utf-8")
SOAK = int(os.environ.get("PROVISIONER_SOAK", "0"))
KILLS = 25
PHRASE = "Geheim5t"

Checksums = Mapping[str, str]


@pytest.fixture(scope="module")
def archive(filled_database: Callable[[str], str], learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(filled_database(SHOP))


@pytest.fixture(scope="module")
def planned(archive: Path, model: DatabaseModel) -> Plan:
    """A plan of many small shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_SHARD_ROWS", 1_500)
        return plan(model, fingerprint(archive), Request(scale=3.0, seed=3))


def checksums(url: str) -> Checksums:
    with open_target(url) as target:
        return {str(t.name): target.checksum(t).digest for t in target.schema().tables}


@pytest.fixture(scope="module")
def calm(model: DatabaseModel, planned: Plan, lasting_database: Callable[[], str]) -> Checksums:
    """What one process loads that nobody disturbs."""
    url = lasting_database()
    provisioned(model, planned, Workers(url, 1))
    return checksums(url)


def provisioned(
    model: DatabaseModel, planned: Plan, workers: Workers, listen: Listener = silent
) -> int:
    with open_target(workers.url) as target:
        return load(model, planned, target, listen, workers=workers).rows


def test_two_workers_load_the_rows_of_one_and_tell_of_each(
    model: DatabaseModel, planned: Plan, calm: Checksums, database: str
) -> None:
    heard: list[Event] = []
    rows = provisioned(model, planned, Workers(database, 2), heard.append)
    assert checksums(database) == calm
    told = sum(e.amount for e in heard if isinstance(e, Advanced) and e.stage == "load")
    [ended] = [e.amount for e in heard if isinstance(e, StageFinished) and e.stage == "load"]
    assert rows == planned.rows == told == ended
    assert query(database, "select sum(rows) from provisioner.shard") == [(rows,)]
    assert not active_children()


def test_linear_algebra_takes_one_thread_while_rows_are_drawn(
    model: DatabaseModel, planned: Plan, database: str
) -> None:
    def threads() -> list[int]:
        return [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]

    meanwhile = []
    with threadpool_limits(limits=2, user_api="blas"):

        def listen(event: Event) -> None:
            if isinstance(event, StageFinished) and event.stage == "load":
                meanwhile.extend(threads())

        before = threads()
        provisioned(model, planned, Workers(database, 1), listen)
        assert threads() == before
    assert set(meanwhile) == {1}


def test_a_small_plan_and_triggers_that_fire_need_one_worker(planned: Plan) -> None:
    marks = [Mark(0, 0)] * 50
    assert headcount(Workers("url"), planned, marks[:2]) == 1
    assert headcount(Workers("url", 7), planned, marks) == 7
    assert headcount(Workers("url", 7), planned, marks[:3]) == 3
    assert headcount(Workers("url", 7), planned, marks, 4) == 4
    firing = replace(planned, fire=planned.trees[0].tables[:1])
    assert headcount(Workers("url", 7), firing, marks) == 1


@contextmanager
def slaughter() -> Iterator[None]:
    """Kills every worker soon after it has started, while the context lasts."""
    enough = Flag()

    def kill() -> None:
        while not enough.wait(0.02):
            for child in active_children():
                child.kill()

    thread = Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_a_worker_killed_in_a_copy_is_replaced_and_its_shard_repeated(
    model: DatabaseModel, planned: Plan, calm: Checksums, database: str
) -> None:
    killed = list[int]()
    tables = ", ".join(str(t) for tree in planned.trees for t in tree.tables)
    with psycopg.connect(database) as held:

        def kill_in_copy() -> None:
            with held:
                while len(query(database, COPYING)) < 2:  # both wait for the lock
                    time.sleep(0.01)
                killed.append(int(active_children()[0].pid or 0))
                os.kill(killed[0], signal.SIGKILL)

        thread = Thread(target=kill_in_copy)

        def lock(event: Event) -> None:
            if isinstance(event, StageStarted) and event.stage == "load":
                held.execute(f"LOCK TABLE {tables}".encode())
                thread.start()

        provisioned(model, planned, Workers(database, 2), lock)
        thread.join()
    assert killed
    assert checksums(database) == calm


COPYING = (
    "select 1 from pg_stat_activity where datname = current_database() and query like 'COPY%'"
    " and state = 'active'"
)


def test_a_shard_that_two_workers_die_on_stops_the_run_and_can_be_resumed(
    model: DatabaseModel, planned: Plan, calm: Checksums, database: str
) -> None:
    said = r"shard \d+ of tree \d+ \(shop\.\w+\): two workers died on it, the last one by signal 9"
    with slaughter(), pytest.raises(DeadWorker, match=said):
        provisioned(model, planned, Workers(database, 2))
    assert not active_children()
    provisioned(model, planned, Workers(database, 2))
    assert checksums(database) == calm


def test_a_refused_row_stops_the_run_with_shard_and_constraint_but_no_value(
    model: DatabaseModel, planned: Plan, database: str
) -> None:
    def forbid(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "load":
            query(database, "alter table shop.orders add constraint absurd check (id < 0)")

    with pytest.raises(RefusedRow) as refused:
        provisioned(model, planned, Workers(database, 2), forbid)
    assert re.match(
        r"shard \d+ of tree \d+ \(shop\.\w+\): loading shop\.orders: ", str(refused.value)
    )
    assert "constraint 'absurd' table 'orders'" in str(refused.value)
    assert not active_children()


def test_workers_start_while_the_target_is_made_ready_and_go_where_it_cannot_be(
    model: DatabaseModel, planned: Plan, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def refuse(*_: object) -> tuple[Finding, ...]:
        while len(active_children()) < 2:
            time.sleep(0.01)
        started.append(len(active_children()))
        raise Infeasible((Finding("pilot", Severity.ERROR, "shop.orders", "refused"),))

    monkeypatch.setattr("provisioner.load.pilot", refuse)
    with pytest.raises(Infeasible):
        provisioned(model, planned, Workers(database, 2))
    assert started == [2]
    assert not active_children()


def test_a_writer_is_let_in_only_to_its_own_load_and_keeps_other_runs_out(
    model: DatabaseModel, planned: Plan, database: str
) -> None:
    with pytest.raises(ForeignLoad), open_writer(database, planned.fingerprint):
        pass
    provisioned(model, planned, Workers(database, 2))
    with pytest.raises(ForeignLoad), open_writer(database, "another"):
        pass
    with open_writer(database, planned.fingerprint) as writer:
        with pytest.raises(BusyTarget), open_target(database):
            pass
        assert writer.write(iter(()), model.schema, Mark(0, 0)) == 0


def command(archive: Path, *more: str) -> list[str]:
    line = [sys.executable, "-m", "provisioner.cli", "provision", str(archive), "--scale", "25"]
    return [*line, "--no-verify", *more]


def environment(url: str) -> dict[str, str]:
    """The environment of a run whose target's URL holds a password that the server never asks."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    secret = parts._replace(netloc=f"{user.partition(':')[0] or 'postgres'}:{PHRASE}@{place}")
    password = {} if parts.password else {"PROVISIONER_TARGET": secret.geturl()}
    python = {"PYTHONPATH": str(ROOT), "PROVISIONER_TARGET": url}
    return {**os.environ, **python, **password}


def processes() -> Mapping[int, str]:
    """The command line of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_text("utf-8", "replace")
        except OSError:
            continue
    return found


def spawned(run: int) -> set[int]:
    """Workers of a run, and what they are forked from; other tests have workers at the time."""
    return {n for n, line in processes().items() if "forkserver" in line and led(n) == run}


def led(process: int) -> int:
    """The leader of a process's session; 0 where it has just ended."""
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker_and_is_resumed_by_another_number_of_them(
    archive: Path, database: str, undisturbed: Checksums, number: signal.Signals
) -> None:
    with subprocess.Popen(
        command(archive, "--workers", "2"),
        env=environment(database),
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as run:
        while not loaded(database):
            assert run.poll() is None
            time.sleep(0.01)
        assert len(spawned(run.pid)) == 1 + 2
        assert PHRASE not in "".join(processes().values())
        if number is signal.SIGINT:
            os.killpg(run.pid, number)  # a terminal's Ctrl-C reaches the workers too
        else:
            run.send_signal(number)
        _, said = run.communicate()
    assert PHRASE not in said.decode()
    if number is signal.SIGKILL:
        while spawned(run.pid):
            time.sleep(0.01)
    else:
        assert run.returncode == 130
        assert said.decode().count("run the same command to resume") == 1
        assert b"Traceback" not in said
    assert not spawned(run.pid)
    line, known = command(archive, "--workers", "1"), environment(database)
    subprocess.run(line, env=known, check=True, capture_output=True)
    assert checksums(database) == undisturbed


@pytest.fixture(scope="module")
def undisturbed(archive: Path, lasting_database: Callable[[], str]) -> Checksums:
    """What the command loads that nobody disturbs."""
    url = lasting_database()
    subprocess.run(command(archive), env=environment(url), check=True, capture_output=True)
    return checksums(url)


def loaded(url: str) -> bool:
    """Whether a shard is committed."""
    if query(url, "select to_regclass('provisioner.shard')") == [(None,)]:
        return False
    return query(url, "select count(*) > 2 from provisioner.shard") == [(True,)]


def test_a_ray_cluster_loads_the_rows_of_one_process(
    model: DatabaseModel, planned: Plan, calm: Checksums, database: str
) -> None:
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    with open_target(database) as target:
        load(model, planned, target, workers=Workers(database, 2, "local"))
    assert checksums(database) == calm


def test_a_missing_ray_is_named_with_the_extra_that_brings_it(
    model: DatabaseModel, planned: Plan, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingRay, match=r"pip install 'dbprovisioner\[ray\]'"):
        provisioned(model, planned, Workers(database, 2, "local"))


@pytest.mark.skipif(not SOAK, reason="optional: `make soak` kills for minutes")
def test_workers_and_runs_killed_at_random_end_in_the_same_rows(
    archive: Path, database: str, undisturbed: Checksums
) -> None:
    chance = np.random.default_rng(KILLS)
    for number in range(KILLS):
        line = command(archive, "--workers", str(1 + number % 3))
        with subprocess.Popen(line, env=environment(database), start_new_session=True) as run:
            time.sleep(float(chance.uniform(2, 8)))
            victims = [run.pid, *sorted(spawned(run.pid))]
            os.kill(int(chance.choice(victims)), signal.SIGKILL)
            time.sleep(float(chance.uniform(0, 2)))
            run.kill()
    subprocess.run(command(archive), env=environment(database), check=True)
    assert checksums(database) == undisturbed


def test_an_error_that_no_pipe_carries_is_told_all_the_same() -> None:
    with pytest.raises(Infeasible) as lost:
        raise Infeasible([Finding("check", Severity.ERROR, "public.shop", "nothing keeps it")])
    told = portable(lost.value)
    assert isinstance(told, BrokenWorker)
    assert "Infeasible" in str(told)
    assert portable(RefusedRow("no")).args == ("no",)
