"""What was checked, found and expected."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters; an error makes a command exit with 1."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know.

    Attributes:
        kind: a stable word for what was found: orphan, duplicate, row-count ...
        place: table, constraint or column; never a value.
        text: what was found and what was expected.
        acknowledged: whether a person knows of it and wants the run to go on.
    """

    kind: str
    severity: Severity
    place: str
    text: str
    acknowledged: bool = False

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that stay the same while kind and place do."""
        return hashlib.sha256(f"{self.kind}\n{self.place}".encode()).hexdigest()[:12]

    @property
    def stops(self) -> bool:
        """Whether it stops a run: an error that nobody acknowledged."""
        return self.severity is Severity.ERROR and not self.acknowledged


def acknowledged(findings: Iterable[Finding], hashes: Collection[str]) -> tuple[Finding, ...]:
    """The findings, the errors among them marked whose hash is listed."""
    return tuple(
        replace(f, acknowledged=f.severity is Severity.ERROR and f.hash in hashes) for f in findings
    )


def unmatched(
    findings: Iterable[Finding], hashes: Collection[str], where: str
) -> Iterator[Finding]:
    """A note for each acknowledged hash that is no finding's; `where` says where it may be one."""
    known = {f.hash for f in findings}
    for missing in sorted(set(hashes) - known):
        text = f"acknowledged, but no finding has this hash; {where}"
        yield Finding("unknown-hash", Severity.NOTE, missing, text)


@dataclass(frozen=True, slots=True)
class TableReport:
    """What `verify` found in one table.

    Attributes:
        planned: rows that the plan asked for.
        rows: rows that are there.
        orphans: rows whose foreign key leads nowhere, over all keys; of an imperfect undeclared key
            those that pass its share.
        duplicates: rows that repeat a unique key, over all keys.
        violations: rows that break a check, over all checks.
        marginals: per learned column, 1 - total variation distance of codes, 0 to 1.
        leaks: values outside the space reserved for invented contacts.
        dangling: rows of each undeclared key that lead nowhere, by its name.
    """

    table: str
    planned: int
    rows: int
    orphans: int
    duplicates: int
    violations: int
    marginals: dict[str, float] = field(default_factory=dict)
    leaks: int = 0
    dangling: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """What `verify` found of a scenario: its place, and rows that enact it."""

    scenario: str
    planned: int
    found: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What `verify` found of a rule that nobody declared.

    Attributes:
        spoken: rows of the target that it speaks of.
        broken: how many of them break it.
        allowed: how many may, as in the source, and one in a thousand.
    """

    table: str
    rule: str
    spoken: int
    broken: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of `verify`."""

    tables: tuple[TableReport, ...]
    findings: tuple[Finding, ...]
    scenarios: tuple[Played, ...] = ()
    invariants: tuple[Kept, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing of severity error was found."""
        return not any(f.stops for f in self.findings)

    @property
    def marginal(self) -> float | None:
        """Mean similarity over all learned columns of all tables; None where there are none."""
        values = [v for t in self.tables for v in t.marginals.values()]
        return sum(values) / len(values) if values else None
