"""What was checked, found and expected."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median


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


class Aspect(StrEnum):
    """What of the rows is held against what was learned; also the kind of a finding about it."""

    MARGINAL = "marginal"
    """The values of a column."""
    PAIR = "pair"
    """How two columns of a row depend on each other."""
    PARENT = "parent"
    """How a column depends on one of the row that a foreign key leads to."""
    SIBLINGS = "siblings"
    """How a column depends on itself in the sibling before."""
    GAP = "gap"
    """The time between siblings that follow each other."""
    COUNT = "count"
    """How many rows have the same parent."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike one aspect of the target's rows is to what was learned.

    Attributes:
        table: the rows'.
        key: name of the foreign key; empty for an aspect of single rows.
        columns: one, or the two that depend on each other, the parent's second.
        similarity: of shares, 1 - total variation distance; of dependence, the found part of the
            learned association, at most 1.
        least: the similarity below which it is an error.
        rows: how many rows, or parents for counts, it was found in.
        shape: of `learned` and `found`: one number of bins, or two, in row-major order.
        learned: share of the source's rows in each bin.
        found: share of the target's rows in each bin.
        association: learned and found, Cramer's V of 0 to 1; None for what has one column.
    """

    aspect: Aspect
    table: str
    key: str
    columns: tuple[str, ...]
    similarity: float
    least: float
    rows: int
    shape: tuple[int, ...]
    learned: tuple[float, ...]
    found: tuple[float, ...]
    association: tuple[float, float] | None = None

    @property
    def place(self) -> str:
        """Where it is, for a finding."""
        by = f" ({self.key})" if self.key else ""
        return f"{self.table}{'.' if self.columns else ''}{' ~ '.join(self.columns)}{by}"


@dataclass(frozen=True, slots=True)
class Estimated:
    """One number that the planner knows of a column.

    Attributes:
        number: n_distinct, null_frac, common (the share of the most common values) or correlation,
            in PostgreSQL's meaning; n_distinct as a number of values.
        learned: in the source, rounded.
        found: in the target.
        alike: whether they differ by no more than plans bear.
    """

    table: str
    column: str
    number: str
    learned: float
    found: float
    alike: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """How the planner would answer one of the user's queries.

    Attributes:
        same: whether the plans have the same shape.
        ratio: of the rows expected at the root, the larger by the smaller number; 1 for equal.
        learned: the source's plan without numbers, one step a line.
        found: the target's.
    """

    query: str
    same: bool
    ratio: float
    learned: str
    found: str


@dataclass(frozen=True, slots=True)
class Sized:
    """Bytes of a table, long values included, or of an index.

    Attributes:
        index: its name; empty for the table itself.
        learned: as many as the source's rows would take if there were as many as planned.
    """

    table: str
    index: str
    learned: int
    found: int


@dataclass(frozen=True, slots=True)
class PlannerReport:
    """How alike the planner sees source and target.

    Attributes:
        estimates: numbers of columns.
        plans: of the user's own queries.
        sizes: on disk.
    """

    estimates: tuple[Estimated, ...] = ()
    plans: tuple[Planned, ...] = ()
    sizes: tuple[Sized, ...] = ()

    @property
    def same_plans(self) -> float | None:
        """Share of queries with plans of the same shape; None without queries."""
        return sum(p.same for p in self.plans) / len(self.plans) if self.plans else None

    @property
    def ratio(self) -> float | None:
        """Median ratio of expected rows; None without queries."""
        return median(p.ratio for p in self.plans) if self.plans else None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of `verify`."""

    tables: tuple[TableReport, ...]
    findings: tuple[Finding, ...]
    scenarios: tuple[Played, ...] = ()
    invariants: tuple[Kept, ...] = ()
    likenesses: tuple[Likeness, ...] = ()
    planner: PlannerReport = PlannerReport()

    @property
    def passed(self) -> bool:
        """Whether nothing of severity error was found."""
        return not any(f.stops for f in self.findings)

    @property
    def marginal(self) -> float | None:
        """Mean similarity over all learned columns of all tables; None where there are none."""
        values = [v for t in self.tables for v in t.marginals.values()]
        return sum(values) / len(values) if values else None
