"""What people read: results as tables and lines for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from connectors.embedded import EmbeddedServer
from connectors.schema import TableName
from generators.privacy.attacked import Attacked, Figure
from generators.privacy.audit import Recount
from provisioner.contents import (
    ColumnContents,
    Contents,
    LedgerContents,
    RuleContents,
    TableContents,
)
from provisioner.describe import ColumnDescription, Description, TableDescription
from provisioner.doctor import Diagnosis
from provisioner.feasibility import Met, counted
from provisioner.load import Loaded
from provisioner.plan import Plan
from provisioner.progress import amount_of
from provisioner.report import Finding, Report, Severity, TableReport
from provisioner.sides import PRODUCTION, SYNTHETIC, Compared, Shown, Stage, Tour

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_COUNTS = (
    "rows",
    "shards",
    "planned",
    "orphans",
    "duplicates",
    "violations",
    "leaks",
    "codes",
    "broken",
    *("entries", "fewest units", "held by none"),
    "looks",
)
_SHARES = ("distinct", "nulls", "withheld", "marginals", "size", "seconds", "rows/s")
_RIGHT = frozenset((*_COUNTS, *_SHARES, "production", "synthetic"))


def described(description: Description) -> Iterator[RenderableType]:
    """The tables as owner trees, then the columns of each."""
    yield _table(
        ("table", "rows", "size", "unit", "references"), map(_described, description.tables)
    )
    for table in description.tables:
        yield Text(f"\n{table.name}", "bold")
        columns = ("column", "type", "key", "class", "personal", "nulls", "distinct")
        yield _table(columns, map(_described_column, table.columns))
    for name in description.unreadable:
        yield Text(f"not readable for this role: {name}", "yellow")
    yield Text(f"\nidentity {description.identity[:16]}")


def listed(contents: Contents) -> Iterator[RenderableType]:
    """What a file holds, and what is not promised."""
    yield Text(f"source    {contents.identity[:16]}")
    yield Text(f"file      {contents.fingerprint[:16]}")
    yield Text(f"as of     {contents.as_of or 'not known'}")
    yield Text(f"attacks   {contents.verdict}")
    yield Text(f"k         {contents.k} privacy units behind everything that was learned")
    if contents.ledger is not None:
        yield from _spent(contents.ledger)
    yield _table(("table", "rows", "owner", "unit", "model"), map(_listed, contents.tables))
    for table in contents.tables:
        yield Text(f"\n{table.name}", "bold")
        columns = ("column", "type", "generator", "codes", "class", "withheld")
        yield _table(columns, map(_listed_column, table.columns))
    for sentence in contents.carried:
        yield Text(sentence, "yellow")
    if contents.invariants:
        yield Text("\nRules that nobody declared", "bold")
        yield _table(
            ("table", "rule", "rows", "broken", "kept by"), map(_ruled, contents.invariants)
        )
    yield from attacks_shown(contents.attacks)
    yield Text(
        f"\nfor verify: {contents.seen.traits} dependences and sizes of families, "
        f"the planner's statistics of {contents.seen.tables} tables"
    )
    for name, pattern in contents.seen.queries.items():
        yield Text(f"query {name}: {pattern}")
    total = sum(contents.ddl.values())
    kinds = ", ".join(f"{n} {kind.lower()}" for kind, n in contents.ddl.items())
    yield Text(f"\n{total} statements of the schema travel: {kinds}")
    for thing in contents.unmodelled:
        yield Text(f"not looked at: {thing}", "dim")
    yield Text("\nNot promised:", "bold")
    for sentence in contents.not_promised:
        yield Text(f"- {sentence}")


def recounted(recounts: Sequence[Recount], k: int) -> Iterator[RenderableType]:
    """Who holds what a file has released, place by place; what too few hold stands out."""
    columns = ("place", "what", "entries", "fewest units", "held by none", f"below {k}")
    yield _table(columns, map(_recount, recounts))
    below = sum(one.below for one in recounts)
    entries = sum(one.entries for one in recounts)
    if below:
        yield Text(f"{below} of {entries:,} entries are held by fewer than {k} units", "bold red")
    else:
        yield Text(f"{entries:,} entries counted anew, none below {k} units", "green")


def _recount(one: Recount) -> tuple[str, ...]:
    fewest = "" if one.fewest is None else str(one.fewest)
    return one.place, one.kind, str(one.entries), fewest, str(one.unheld), str(one.below)


def attacks_shown(attacked: Attacked) -> Iterator[RenderableType]:
    """What attacks on a model achieved, beside what they may and what chance achieves."""
    told = f" ({attacked.why})" if attacked.why else ""
    yield Text(f"\nAttacks: {attacked.verdict}{told}", "bold")
    for one in attacked.units:
        yield Text(
            f"{one.unit}: {one.verdict}; {one.learned:,} units learned from, {one.held_out:,} "
            f"held out, {one.drawn:,} drawn"
        )
    if attacked.figures:
        columns = ("attack", "place", "best view", "value", "allowed", "by chance", "passed")
        yield _table(columns, map(_attack_row, attacked.figures))
    for one in attacked.units:
        if one.unseen:
            yield Text(f"not attacked row by row: {', '.join(one.unseen)}", "dim")


def _attack_row(figure: Figure) -> tuple[str, ...]:
    low, high = figure.limits
    allowed = f"to {high:g}" if low <= 0 else f"{low:g} to {high:g}"
    chance = f"{figure.chance[0]:.2f} to {figure.chance[1]:.2f}"
    passed = "yes" if figure.passed else "NO"
    value = f"{figure.value:.2f}"
    return figure.attack, figure.place, figure.view, value, allowed, chance, passed


def _spent(ledger: LedgerContents) -> Iterator[RenderableType]:
    """The guarantee, and what every look at the rows has cost of it."""
    yield Text(
        f"privacy   ({ledger.epsilon:g}, {ledger.delta:g})-DP per unit, ledger attached: "
        f"epsilon {ledger.spent:.4g} is spent, rho {ledger.rho:.4g} in zCDP"
    )
    rows = ((s.what, f"{s.looks:,}", f"{s.rho:.3g}", f"{s.delta:.1g}") for s in ledger.spends)
    yield _table(("spent on", "looks", "rho", "delta"), rows)


def planned(
    plan: Plan, met: tuple[Met, ...] = (), pilot: tuple[Finding, ...] = ()
) -> Iterator[RenderableType]:
    """Rows and shards per table, in load order, how constraints are met, and what cannot be."""
    rows = (
        (_planned(plan, name), f"{layout.total:,}", str(tree.shards), str(tree.tables[0]))
        for tree in plan.trees
        for name, layout in zip(tree.tables, tree.layouts, strict=True)
    )
    yield _table(("table", "rows", "shards", "tree of"), rows)
    if plan.scenarios:
        rows_of = ((str(q.scenario.table), q.scenario.label, f"{q.rows:,}") for q in plan.scenarios)
        yield _table(("table", "scenario", "rows"), rows_of)
    yield Text(
        f"{plan.rows:,} rows, about {_size(plan.bytes)} without indexes, "
        f"scale {plan.scale:g}, seed {plan.seed}"
    )
    if plan.edge_cases:
        yield Text(f"edge cases in {plan.edge_cases:.3g} of the rows")
    if plan.shift is not None:
        moved = sum(len(columns) for _, columns in plan.shift.columns)
        yield Text(f"as of {plan.shift.as_of}: {moved} columns move by {plan.shift.days} days")
    if met:
        ways = ", ".join(f"{count} {way}" for way, count in sorted(counted(met).items()))
        yield Text(f"{len(met)} constraints: {ways}")
    findings = (*plan.findings, *pilot)
    yield from _findings(findings)
    if any(finding.stops for finding in findings):
        yield Text("nothing is written before each error is mended, or acknowledged by its hash")


def _planned(plan: Plan, name: TableName) -> str:
    made = next((f" ({one.rows} by hand)" for one in plan.hand_made if one.table == name), "")
    if name in plan.stands:
        return f"{name} ({'kept' if name in plan.keeps else 'carried'})"
    return f"{name}{made}"


def provisioned(loaded: Loaded, report: Report | None) -> Iterator[RenderableType]:
    """What was written, and what was found in it where it was checked."""
    yield Text(f"loaded {amount_of(loaded.rows, 'rows', loaded.seconds)}")
    yield from _findings(loaded.findings)
    if report is not None:
        yield from verified(report)


def verified(report: Report) -> Iterator[RenderableType]:
    """What was found in each table, and whether that is what was promised."""
    columns = ("table", "planned", "rows", "orphans", "duplicates", "violations", "leaks")
    yield _table((*columns, "marginals"), map(_verified, report.tables))
    if report.scenarios:
        rows = ((p.scenario, f"{p.planned:,}", f"{p.found:,}") for p in report.scenarios)
        yield _table(("scenario", "planned", "rows"), rows)
    yield from _findings(report.findings)
    if report.planner.plans:
        same = sum(p.same for p in report.planner.plans)
        yield Text(f"{same} of {len(report.planner.plans)} queries have the source's plan")
    if report.invariants:
        kept = sum(rule.broken <= rule.allowed for rule in report.invariants)
        yield Text(f"{kept} of {len(report.invariants)} rules that nobody declared are kept")
    if report.marginal is not None:
        yield Text(f"marginals are {report.marginal:.3f} similar on average, of 1")
    yield Text("verified", "green") if report.passed else Text("NOT verified", "bold red")


def diagnosed(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    """What was found, by where, and what is missing."""
    yield _table(("about", "what", "found"), ((f.about, f.name, f.value) for f in diagnosis.facts))
    yield from _findings(diagnosis.findings)
    if not diagnosis.findings:
        yield Text("nothing is missing", "green")


def drifted(found: Mapping[str, tuple[Finding, ...]]) -> Iterator[RenderableType]:
    """How databases differ from what a file knows of them."""
    for side, findings in found.items():
        yield from _findings(findings)
        if not findings:
            yield Text(f"the {side} is as the file knows it", "green")


def toured(tour: Tour, server: EmbeddedServer | None = None) -> Iterator[RenderableType]:
    """Both databases side by side, the findings and the speeds, and what to try next.

    Args:
        tour: what the demo has shown.
        server: the demo's server, where it stays up and people may connect.
    """
    for shown in tour.shown:
        yield Text(f"\n{shown.table}: three rows of each", "bold")
        yield _side_by_side(shown)
    yield Text("\nrows", "bold")
    yield _table(("table", "production", "synthetic"), map(_compared, tour.counts))
    yield Text("\nverification of the synthetic database", "bold")
    yield from verified(tour.report)
    yield Text("\nspeed", "bold")
    yield _table(("stage", "rows", "seconds", "rows/s"), map(_stage, tour.stages))
    yield Text("\nTry next:", "bold")
    yield Text(f"  provisioner show {tour.model}            what left production, for a reviewer")
    yield Text(f"  provisioner plan {tour.model} --scale 9  what nine times as much would be")
    yield Text("  provisioner describe --source URL        your own database")
    yield from _ways_in(server)


def _ways_in(server: EmbeddedServer | None) -> Iterator[Text]:
    """How to connect to both databases, as whole lines that can be copied."""
    if server is None:
        yield Text("  provisioner demo --stay                  look around in both databases")
        return
    yield Text("\nLook around:", "bold")
    for database in (PRODUCTION, SYNTHETIC):
        yield Text(f"  {server.binaries / 'psql'} '{server.url(database)}'", overflow="fold")
    yield Text(f"  other clients: {server.tcp_url(SYNTHETIC)}", overflow="fold")
    yield Text("Ctrl-C stops the server; both databases go with it, the file stays.")


def _described(table: TableDescription) -> tuple[str, ...]:
    name = f"{'  ' * table.depth}{table.name}"
    others = ", ".join(r for r in table.references if r != table.owner)
    return name, f"{table.rows:,}", _size(table.bytes), table.unit or "-", others


def _described_column(column: ColumnDescription) -> tuple[str, ...]:
    distinct = "" if column.distinct is None else f"{column.distinct:,}"
    nulls = f"{column.null_fraction:.1%}" if column.null_fraction else ""
    told = column.group, column.personal or ""
    return column.name, column.type, column.key, *told, nulls, distinct


def _listed(table: TableContents) -> tuple[str, ...]:
    kind = table.generator if table.mode == "synthesize" else table.mode
    return table.name, f"{table.rows:,}", table.owner or "-", table.unit or "-", kind


def _listed_column(column: ColumnContents) -> tuple[str, ...]:
    codes = str(column.codes) if column.codes else ""
    withheld = "" if column.withheld is None else f"{column.withheld:.1%}"
    group = column.group or ("personal" if column.personal else "")
    return column.name, column.type, column.generator, codes, group, withheld


def _ruled(rule: RuleContents) -> tuple[str, ...]:
    broken = "a few" if rule.broken is None else f"{rule.broken:,}"
    return rule.table, rule.rule, f"{rule.spoken:,}", broken, rule.kept_by


def _verified(table: TableReport) -> tuple[str, ...]:
    numbers = (table.planned, table.rows, table.orphans, table.duplicates, table.violations)
    similar = list(table.marginals.values())
    mean = f"{sum(similar) / len(similar):.3f}" if similar else ""
    return (table.table, *(f"{n:,}" for n in (*numbers, table.leaks)), mean)


def _compared(table: Compared) -> tuple[str, ...]:
    return table.table, f"{table.production:,}", f"{table.synthetic:,}"


def _stage(stage: Stage) -> tuple[str, ...]:
    speed = stage.rows / stage.seconds if stage.seconds else 0.0
    return stage.name, f"{stage.rows:,}", f"{stage.seconds:.1f}", f"{speed:,.0f}"


def _side_by_side(shown: Shown) -> Table:
    """A block of lines per row: the column, production's value, the synthetic one's."""
    table = Table("column", box=box.SIMPLE_HEAD, pad_edge=False)
    for side in ("production", "synthetic"):
        table.add_column(side, no_wrap=True, overflow="ellipsis")
    for left, right in zip(shown.production, shown.synthetic, strict=False):
        for column, *values in zip(shown.columns, left, right, strict=True):
            table.add_row(column, *(Text(v or "-") for v in values))
        table.add_section()
    return table


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without frame; numbers stand at the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _RIGHT else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _findings(findings: Sequence[Finding]) -> Iterator[Text]:
    """One line per finding with the hash that acknowledges it, the gravest first."""
    order = list(Severity)
    for finding in sorted(findings, key=lambda f: (order.index(f.severity), f.acknowledged)):
        word = "acknowledged" if finding.acknowledged else finding.severity
        line = f"{word:<8} {finding.hash} {finding.kind}  {finding.place}: {finding.text}"
        yield Text(line, "yellow" if finding.acknowledged else _STYLES[finding.severity])


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
