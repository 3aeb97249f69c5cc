"""A server that is stopped at once, or any process that is killed, costs no row and no key."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql
from querying import query

from connectors.embedded import EmbeddedServer, embedded_server
from connectors.engines import open_source, open_target
from connectors.errors import ConnectorError
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.events import Advanced, Event, Listener, silent
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.workers.crews import Workers

ROOT = Path(__file__).parent.parent.parent
SHOP = (ROOT / "tests" / "databases" / "shop.sql").read_text("utf-8")
SOAK = int(os.environ.get("PROVISIONER_SOAK", "0"))
KILLS = 100
ROWS = 2_000_000
DECLARED = (
    "select conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
    " || convalidated from pg_constraint where conrelid::regclass::text like 'shop.%'"
    " union all select indexdef from pg_indexes where schemaname = 'shop'"
    " union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1"
)

State = Mapping[str, object]


def state(url: str) -> State:
    """Checksums of all tables, and the definitions of their indexes, keys and triggers."""
    with open_target(url) as target:
        sums: dict[str, object] = {str(t.name): target.checksum(t) for t in target.schema().tables}
    return {**sums, "": query(url, DECLARED)}


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A folder for the data of a server that is stopped and started again."""
    with tempfile.TemporaryDirectory(prefix="provisioner-kills-") as folder:
        Path(folder).chmod(0o711)  # a server of root's runs as another user
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def archive(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, path = lasting_database(), tmp_path_factory.mktemp("models") / "shop.model"
    query(source, SHOP)
    with open_source(source) as opened:
        write_archive(learn(opened, Learning()), path)
    return path


def stop_at_once(data: Path) -> None:
    """An immediate shutdown: every server process ends without a word, as after a crash."""
    os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


def created(server: EmbeddedServer, name: str) -> str:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.url(name)


def stopping_at(data: Path, place: str) -> Listener:
    """Stops the server when a load has come to some place."""

    def listen(event: Event) -> None:
        if isinstance(event, Advanced) and event.place.startswith(place):
            stop_at_once(data)

    return listen


def test_a_server_stopped_at_once_among_rows_indexes_and_keys_costs_nothing(
    archive: Path, data: Path
) -> None:
    model = read_archive(archive)
    planned = plan(model, fingerprint(archive), Request(seed=3))
    with embedded_server(data) as server:
        url = created(server, "calm")
        with open_target(url) as target:
            load(model, planned, target, workers=Workers(url, 2))
        calm = state(url)
        created(server, "harried")
    for place in ("shop.orders", "constraint", "index", "fk constraint"):
        with embedded_server(data) as server:
            url, listen = server.url("harried"), stopping_at(data, place)
            with pytest.raises(ConnectorError), open_target(url) as target:
                load(model, planned, target, listen, workers=Workers(url, 2))
    with embedded_server(data) as server:
        url = server.url("harried")
        with open_target(url) as target:
            load(model, planned, target, silent, workers=Workers(url, 2))
        assert state(url) == calm


def workers_of(number: int) -> list[int]:
    """Workers of a process that run now, and what they are forked from; nobody else's."""
    parents, forked = dict[int, int](), set[int]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text("utf-8", "replace")
            parent = int((folder / "stat").read_text("utf-8").rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        parents[int(folder.name)] = parent
        forked |= {int(folder.name)} if "forkserver" in line else set()
    return sorted(n for n in forked if number in {parents[n], parents.get(parents[n])})


def command(archive: Path, workers: int) -> list[str]:
    rows = sum(table.rows.value for table in read_archive(archive).tables.values())
    line = [sys.executable, "-m", "provisioner.cli", "provision", str(archive), "--no-verify"]
    return [*line, "--scale", repr(ROWS / rows), "--workers", str(workers)]


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PROVISIONER_TARGET": url}


@pytest.mark.skipif(not SOAK, reason="optional: `make soak` kills for an hour")
def test_a_hundred_kills_of_processes_and_servers_end_in_the_same_database(
    archive: Path, data: Path
) -> None:
    chance = np.random.default_rng(KILLS)
    with embedded_server(data) as server:
        url, began = created(server, "undisturbed"), time.monotonic()
        subprocess.run(command(archive, 2), env=environment(url), check=True)
        seconds, undisturbed = time.monotonic() - began, state(url)
        created(server, "soaked")
    kills = loads = 0
    while kills < KILLS:
        with embedded_server(data) as server:
            url = server.url("soaked")
            killed = _killed(archive, url, data, chance, seconds)
            kills += killed
            if killed:
                continue
            assert state(url) == undisturbed
            loads += 1
            query(server.url(), "drop database soaked with (force)")
            created(server, "soaked")
    with embedded_server(data) as server:
        url = server.url("soaked")
        subprocess.run(command(archive, 2), env=environment(url), check=True)
        assert state(url) == undisturbed
    assert loads


def _killed(
    archive: Path, url: str, data: Path, chance: np.random.Generator, seconds: float
) -> bool:
    """Runs a load and kills something at a random moment; False where it ended before."""
    line = command(archive, int(chance.integers(1, 4)))
    with subprocess.Popen(line, env=environment(url), stderr=subprocess.DEVNULL) as run:
        try:
            run.wait(float(chance.uniform(0.05, 1.2)) * seconds)
        except subprocess.TimeoutExpired:
            victim = chance.choice(["run", "worker", "server"])
            workers = workers_of(run.pid)
            if victim == "server":
                stop_at_once(data)
            else:
                chosen = run.pid if victim == "run" or not workers else int(chance.choice(workers))
                os.kill(chosen, signal.SIGKILL)
            time.sleep(float(chance.uniform(0, 2)))
            run.kill()
            return True
    assert run.returncode == 0
    return False
