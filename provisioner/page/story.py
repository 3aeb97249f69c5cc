"""What the page says in words and tables: each part as plain values, whatever draws it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.schema import ForeignKey
from generators.model import DatabaseModel
from generators.privacy.attacked import Verdict
from provisioner.contents import Contents, TableContents
from provisioner.page.data import all_keys, role
from provisioner.plan import Plan
from provisioner.report import (
    Aspect,
    Finding,
    Kept,
    PlannerReport,
    Played,
    Report,
    Severity,
    TableReport,
)

_DEPENDENCES = frozenset({Aspect.PAIR, Aspect.PARENT, Aspect.SIBLINGS})


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of the summary and what it means; its tone is "good", "warning" or "bad"."""

    name: str
    value: str
    meaning: str
    tone: str = "good"


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding with the number of the table that it speaks of, where it is one's."""

    finding: Finding
    table: int | None

    @property
    def severity(self) -> str:
        """Its severity, or that somebody knows of it."""
        return "acknowledged" if self.finding.acknowledged else self.finding.severity.value


@dataclass(frozen=True, slots=True)
class Line:
    """A table of the target.

    Attributes:
        number: its place in the schema.
        report: what was found; None where its rows were not looked at.
        similar: mean similarity of its columns; None where none was learned.
        worst: its least similar column and how similar that is.
        severity: of its gravest finding; empty without any.
    """

    number: int
    told: TableContents
    report: TableReport | None
    similar: float | None
    worst: tuple[str, float] | None
    severity: str
    columns: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A foreign key: rows per parent, as they were learned and as they were found."""

    key: ForeignKey
    role: str
    child: int
    parent: int | None
    learned: float | None
    found: float | None


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page says.

    Attributes:
        contents: what the file holds, for the privacy part.
        invented: personal columns by the kind that they are invented as.
        withheld: columns of which values were withheld, and the share of rows.
    """

    passed: bool
    headline: str
    facts: tuple[Fact, ...]
    findings: tuple[Noted, ...]
    tables: tuple[Line, ...]
    keys: tuple[KeyLine, ...]
    rules: tuple[Kept, ...]
    scenarios: tuple[Played, ...]
    contents: Contents
    plan: Plan
    invented: Mapping[str, int]
    withheld: tuple[tuple[str, str, float], ...]
    planner: PlannerReport

    @property
    def sees_planner(self) -> bool:
        """Whether the planner's view was compared at all."""
        return self.planner != PlannerReport()


def story(model: DatabaseModel, contents: Contents, report: Report, plan: Plan) -> Story:
    """Tells a report on a target that was filled by a plan from a model."""
    numbers = {table.name: n for n, table in enumerate(contents.tables)}
    findings = tuple(_noted(report.findings, numbers))
    reports = {t.table: t for t in report.tables}
    columns = [(t.name, c) for t in contents.tables for c in t.columns]
    return Story(
        report.passed,
        _headline(report),
        tuple(_facts(report, contents)),
        findings,
        tuple(_lines(contents, reports, findings)),
        tuple(_key_lines(model, reports, numbers)),
        report.invariants,
        report.scenarios,
        contents,
        plan,
        dict(sorted(Counter(c.generator for _, c in columns if c.personal).items())),
        tuple((name, c.name, c.withheld) for name, c in columns if c.withheld),
        report.planner,
    )


def _headline(report: Report) -> str:
    rows, tables = sum(t.rows for t in report.tables), len(report.tables)
    what = f"{rows:,} synthetic rows in {tables:,} tables"
    stopping = sum(f.stops for f in report.findings)
    if report.passed:
        return f"{what} passed every check that stops a run."
    errors = "one error" if stopping == 1 else f"{stopping:,} errors"
    return f"{what} were checked, and {errors} stand in the way."


def _facts(report: Report, contents: Contents) -> Iterator[Fact]:
    planned, rows = (sum(getattr(t, side) for t in report.tables) for side in ("planned", "rows"))
    yield Fact("Rows", f"{rows:,}", f"of {planned:,} planned", _tone(rows == planned))
    broken = sum(t.orphans + t.duplicates + t.violations for t in report.tables)
    yield Fact(
        "Broken keys and checks", f"{broken:,}", "counted in the database", _tone(not broken)
    )
    if report.marginal is not None:
        text = "mean over all learned columns; 1 is the same distribution"
        yield Fact("Similarity of columns", f"{report.marginal:.3f}", text)
    yield from _dependences(report)
    if report.planner.same_plans is not None:
        value = f"{report.planner.same_plans:.0%}"
        yield Fact("Same plans", value, f"of {len(report.planner.plans):,} queries of yours")
    if report.invariants:
        kept = sum(rule.broken <= rule.allowed for rule in report.invariants)
        text = "of those that real rows obey and nobody declared"
        every = len(report.invariants)
        yield Fact(
            "Rules kept", f"{kept:,} of {every:,}", text, "good" if kept == every else "warning"
        )
    leaks = sum(t.leaks for t in report.tables)
    text = "values of invented contacts outside the space reserved for them"
    yield Fact("Leaks", f"{leaks:,}", text, _tone(not leaks))
    yield Fact(
        "k", f"{contents.k:,}", "privacy units, at least, behind each value that was learned"
    )
    if contents.ledger is None:
        yield _attacks(contents)
    else:
        text = f"is what a unit may lose, with delta {contents.ledger.delta:g}; see the ledger"
        yield Fact("Epsilon", f"{contents.ledger.epsilon:g}", text)


def _dependences(report: Report) -> Iterator[Fact]:
    found = [one.similarity for one in report.likenesses if one.aspect in _DEPENDENCES]
    if found:
        text = f"of the association learned is left, on average over {len(found):,} dependences"
        yield Fact("Dependences", f"{sum(found) / len(found):.0%}", text)


def _attacks(contents: Contents) -> Fact:
    tones = {Verdict.PASSED: "good", Verdict.FAILED: "bad"}
    worst = contents.attacks.worst_auc
    text = f"on the model; 0.5 is guessing, the best reached {worst or 0:.2f}"
    if worst is None:
        tried = contents.verdict is not Verdict.NOT_ATTACKED
        text = f"on the model; {'too few units to tell' if tried else 'nobody tried'}"
    return Fact("Attacks", contents.verdict.value, text, tones.get(contents.verdict, "warning"))


def _tone(good: bool) -> str:
    return "good" if good else "bad"


def _noted(findings: tuple[Finding, ...], numbers: Mapping[str, int]) -> Iterator[Noted]:
    order = list(Severity)
    for finding in sorted(findings, key=lambda f: (f.acknowledged, order.index(f.severity))):
        yield Noted(finding, _table_of(finding.place, numbers))


def _table_of(place: str, numbers: Mapping[str, int]) -> int | None:
    """The table whose name a place begins with; the longest, where one begins with another."""
    ends = [place] + [place[:at] for at, letter in enumerate(place) if letter in ".: "]
    return next((numbers[e] for e in sorted(ends, key=len, reverse=True) if e in numbers), None)


def _lines(
    contents: Contents, reports: Mapping[str, TableReport], findings: tuple[Noted, ...]
) -> Iterator[Line]:
    gravest: dict[int | None, str] = {}
    for noted in findings:
        gravest.setdefault(noted.table, noted.severity)
    for number, told in enumerate(contents.tables):
        report = reports.get(told.name)
        similar = {} if report is None else report.marginals
        worst = min(similar.items(), key=lambda item: item[1], default=None)
        mean = sum(similar.values()) / len(similar) if similar else None
        severity = gravest.get(number, "")
        yield Line(number, told, report, mean, worst, severity, len(told.columns))


def _key_lines(
    model: DatabaseModel, reports: Mapping[str, TableReport], numbers: Mapping[str, int]
) -> Iterator[KeyLine]:
    learned = {str(name): rows for name, rows in model.rows.items()}
    found = {name: report.rows for name, report in reports.items()}
    for key in all_keys(model.schema):
        child, parent = str(key.table), str(key.parent)
        per = [_ratio(side.get(child), side.get(parent)) for side in (learned, found)]
        yield KeyLine(key, role(model, key), numbers[child], numbers.get(parent), per[0], per[1])


def _ratio(children: int | None, parents: int | None) -> float | None:
    return children / parents if children is not None and parents else None
