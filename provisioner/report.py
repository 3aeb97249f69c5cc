"""What was checked, found and expected."""

import hashlib
from dataclasses import dataclass, field
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
    """

    kind: str
    severity: Severity
    place: str
    text: str

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that stay the same while kind and place do."""
        return hashlib.sha256(f"{self.kind}\n{self.place}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class TableReport:
    """What `verify` found in one table.

    Attributes:
        planned: rows that the plan asked for.
        rows: rows that are there.
        orphans: rows whose foreign key leads nowhere, over all keys.
        duplicates: rows that repeat a unique key, over all keys.
        violations: rows that break a check, over all checks.
        marginals: per learned column, 1 - total variation distance of codes, 0 to 1.
        leaks: values outside the space reserved for invented contacts.
    """

    table: str
    planned: int
    rows: int
    orphans: int
    duplicates: int
    violations: int
    marginals: dict[str, float] = field(default_factory=dict)
    leaks: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of `verify`."""

    tables: tuple[TableReport, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing of severity error was found."""
        return all(f.severity is not Severity.ERROR for f in self.findings)

    @property
    def marginal(self) -> float | None:
        """Mean similarity over all learned columns of all tables; None where there are none."""
        values = [v for t in self.tables for v in t.marginals.values()]
        return sum(values) / len(values) if values else None
