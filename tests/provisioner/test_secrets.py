"""Passwords show up nowhere, and what a run writes on its way is private and goes with it."""

import os
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from querying import query

from connectors.computing import query as computed
from provisioner import replacing

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2-secret"  # noqa: S105 - a server that trusts its users does not look at it
ROWS = """
create table customers (id serial primary key, first_name text not null, city text);
create table orders (id serial primary key, customer_id int not null references customers,
    total int not null check (total >= 0));
insert into customers (first_name, city)
    select 'Ann', (array['Rome', 'Oslo'])[1 + n % 2] from generate_series(1, 300) n;
insert into orders (customer_id, total) select 1 + n % 300, n % 90 from generate_series(1, 900) n;
"""
RUNS = (
    ("learn", "-o", "shop.model", "--no-attacks"),
    ("provision", "shop.model", "--scale", "100", "--workers", "2", "--no-verify"),
    ("provision", "shop.model", "--output", "json"),
    ("verify", "shop.model", "--json", "found.json", "--junit", "found.xml", "--html", "page.html"),
)
"""The third is refused, since the target holds the rows of another plan."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What some runs left behind, and what others could see of them."""

    said: str
    files: Mapping[str, bytes]
    ledger: str
    commands: frozenset[bytes]


def secret(url: str) -> str:
    """The same URL with a password."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user or 'postgres'}:{PASSWORD}@{place}").geturl()


def environment(folder: Path, **urls: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **urls}


def started(folder: Path, arguments: tuple[str, ...], **urls: str) -> "subprocess.Popen[str]":
    """A command of its own session, in a folder that is its temporary one as well."""
    return subprocess.Popen(
        [sys.executable, "-m", "provisioner.cli", *arguments],
        cwd=folder,
        env=environment(folder, **urls),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=0,
    )


@contextmanager
def watched(look: Callable[[], None]) -> Iterator[None]:
    """Looks again and again for as long as it lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def command_lines() -> Iterator[bytes]:
    """What anybody may read of every process of this machine."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield place.read_bytes()
        except OSError:
            continue


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files below a folder by name; of zip files, their members."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as opened:
                yield from ((f"{path.name}/{n}", opened.read(n)) for n in opened.namelist())


@pytest.fixture(scope="module")
def traces(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Traces:
    source, target, folder = lasting_database(), lasting_database(), tmp_path_factory.mktemp("run")
    query(source, ROWS)
    seen: set[bytes] = set()
    said = []
    for arguments in RUNS:
        urls = {"PROVISIONER_SOURCE": secret(source), "PROVISIONER_TARGET": secret(target)}
        with watched(lambda: seen.update(command_lines())):
            said.append(started(folder, arguments, **urls).communicate()[0])
    tables = query(target, "select tablename from pg_tables where schemaname = 'provisioner'")
    ledger = "".join(str(query(target, f"table provisioner.{name}")) for (name,) in tables)
    return Traces("".join(said), dict(files(folder)), ledger, frozenset(seen))


def test_no_password_is_in_what_commands_say(traces: Traces) -> None:
    assert "marginals are" in traces.said
    assert '"kind": "ForeignLoad"' in traces.said
    assert PASSWORD not in traces.said


def test_no_password_is_in_a_model_page_or_report(traces: Traces) -> None:
    expected = {"shop.model", "shop.model/ddl.json", "page.html", "found.json", "found.xml"}
    assert expected <= traces.files.keys()
    assert not {name for name, held in traces.files.items() if PASSWORD.encode() in held}


def test_no_password_is_in_the_ledger_of_a_target(traces: Traces) -> None:
    assert "customers" in traces.ledger
    assert PASSWORD not in traces.ledger


def test_no_password_is_on_the_command_line_of_a_command_its_workers_or_tools(
    traces: Traces,
) -> None:
    spawned = {line for line in traces.commands if b"forkserver" in line}
    tools = {line for line in traces.commands if b"pg_dump" in line}
    assert spawned
    assert tools
    assert not {line for line in traces.commands if PASSWORD.encode() in line}


def test_an_interrupted_run_leaves_nothing_and_nobody_else_could_read_it(
    database: str, tmp_path: Path
) -> None:
    query(database, ROWS)
    open_to_others: set[str] = set()

    def look() -> None:
        for path in tmp_path.rglob("*"):
            try:
                mode = path.lstat().st_mode
            except OSError:
                continue
            if stat.S_IMODE(mode) & 0o077:
                open_to_others.add(path.name)

    arguments = ("learn", "-o", "shop.model", "--no-attacks")
    with watched(look), started(tmp_path, arguments, PROVISIONER_SOURCE=database) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("learn"))
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert not open_to_others
    assert not list(tmp_path.rglob("*"))


def test_a_result_that_could_not_be_written_leaves_no_part_of_it(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        replacing.write(tmp_path / "page.html", "\ud800")
    assert not list(tmp_path.iterdir())
    replacing.write(tmp_path / "page.html", "<!")
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600


def test_rows_that_are_computed_on_never_lie_in_a_file() -> None:
    found = computed(["current_setting('temp_directory')"], pa.table({"a": [1]}))
    assert found.column(0).to_pylist() == [""]
