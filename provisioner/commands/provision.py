"""A database filled from a file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner import closing, opening, options, terminal
from provisioner.errors import Drifted, Infeasible
from provisioner.events import Listener, Stated

if TYPE_CHECKING:
    from connectors.engines import Target
    from connectors.schema import TableName
    from generators.model import DatabaseModel
    from provisioner.gate import Gate
    from provisioner.given import Given
    from provisioner.load import Loaded
    from provisioner.plan import Plan
    from provisioner.report import Finding, Report
    from provisioner.workers.crews import Workers

_RESUMED = "shards already committed stay; run the same command to resume"
_COMPLETE = "the load is complete; run `provisioner verify` to check it"


@click.command()
@options.archive
@options.config
@options.database("target")
@options.size
@options.as_of("Day that the rows shall look like; times move by whole weeks.")
@options.acknowledge
@options.accept_risk
@click.option(
    "--workers", type=click.IntRange(1, 1_000), help="Processes that load; by size and processors."
)
@click.option("--ray", metavar="ADDRESS|local", help="Load on a Ray cluster.")
@options.limits
@options.html
@click.option("--trust-ddl", is_flag=True, help="Create functions in untrusted languages, too.")
@click.option("--no-verify", is_flag=True, help="Do not check the target at the end.")
@click.option("--truncate", is_flag=True, help="Empty what an earlier load filled; start over.")
@click.option("--append", is_flag=True, help="Add rows to those that an earlier load wrote.")
@click.option(
    "--swap", is_flag=True, help="Build beside the target; replace it once that is verified."
)
@click.option("--abort", is_flag=True, help="Take back a load into a schema that was there.")
@options.output
def provision(
    file: Path,
    target: str,
    output: str,
    *,
    workers: int | None,
    ray: str | None,
    max_rate: float | None,
    max_connections: int | None,
    html: Path | None,
    no_verify: bool,
    truncate: bool,
    append: bool,
    swap: bool,
    abort: bool,
    **request: Any,
) -> int:
    """Fill a database without rows and verify it.

    Creates the schema or uses the one there, has some rows judged, loads all; run again, resumes.
    """
    from provisioner import documents, rendering
    from provisioner.gate import to_gate
    from provisioner.workers.crews import Workers

    _check_alone((swap, append, no_verify), (truncate, abort, request["keep"]))
    if abort:
        return _aborted(target, output)
    planning = _planned(file, target, request, several=ray is None and (workers or 1) > 1)
    model, planned, _ = planning
    if any(finding.stops for finding in planned.findings):
        return _not_begun(output, planned)
    url = _aside(model, target) if swap else target
    crew = Workers(url, workers, ray, max_rate, max_connections)
    try:
        with terminal.listening(output, _totals(planned)) as listen:
            asked = _Asked(
                truncate, append, None if no_verify else to_gate(request["config"]), html
            )
            loaded, report = _filled(planning, crew, asked, listen)
            if swap and report is not None:
                _swapped(target, report, listen)
    except (Infeasible, Drifted) as found:
        return _not_begun(output, planned, found.findings)
    terminal.answer(
        output,
        lambda: rendering.provisioned(loaded, report),
        lambda: documents.provision_document(planned, loaded, report),
    )
    return terminal.DONE if report is None or report.passed else terminal.FOUND


def _planned(
    file: Path, target: str, request: Mapping[str, Any], *, several: bool
) -> "tuple[DatabaseModel, Plan, Mapping[TableName, Given]]":
    """What to load; meanwhile, what several workers need is loaded for them."""
    from provisioner.workers import nursery

    if several:
        nursery.begun(target)
    if click.get_current_context().obj:  # others in this process may have a use for it
        from connectors.unaided import without_pandas

        without_pandas()
    return opening.planned(file, target=target, **request)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for beside the load itself."""

    truncate: bool
    append: bool
    gate: "Gate | None"
    html: Path | None


def _filled(
    planning: "tuple[DatabaseModel, Plan, Mapping[TableName, Given]]",
    crew: "Workers",
    asked: _Asked,
    listen: Listener,
) -> "tuple[Loaded, Report | None]":
    """Loads, then verifies."""
    from connectors.engines import open_target
    from provisioner.load import load
    from provisioner.verify import verify

    model, planned, given = planning
    report = None
    with open_target(crew.url) as opened:
        if asked.truncate:
            _emptied(model, planned, opened, listen)
        if asked.append or not opened.ledger():
            _check_room(planned, crew.url, listen)
        if asked.append:
            planned = _appended(model, planned, opened, listen)
        with terminal.keeping(_RESUMED):
            loaded = load(model, planned, opened, listen, given, crew)
        with terminal.keeping(_COMPLETE):
            if asked.gate is not None:
                report = verify(model, opened, listen, asked.gate)
            if asked.html is not None and report is not None:
                closing.write_page(asked.html, (model, planned.model), (opened, report))
    return loaded, report


def _check_alone(asked: tuple[bool, bool, bool], others: tuple[object, ...]) -> None:
    swap, append, unverified = asked
    if append and any(others):
        raise click.UsageError("--append adds rows; leave out --truncate, --abort and --keep")
    if swap and (append or unverified or any(others)):
        raise click.UsageError(
            "--swap makes a new database and verifies it; leave out --no-verify, --truncate, "
            "--append, --abort and --keep"
        )


def _aside(model: "DatabaseModel", target: str) -> str:
    from provisioner.migrated import aside

    return aside(model, target)


def _swapped(target: str, report: "Report", listen: Listener) -> None:
    from connectors.engines import exchange

    if report.passed:
        listen(Stated(f"the new database is in place; the one before is {exchange(target)!r}"))
    else:
        listen(Stated("the target was not replaced, since the new database was not verified"))


def _check_room(planned: "Plan", target: str, listen: Listener) -> None:
    from connectors.engines import server_facts
    from provisioner.disk import check_room

    said = check_room(planned, server_facts(target))
    if said is not None:
        listen(Stated(said))


def _appended(
    model: "DatabaseModel", planned: "Plan", target: "Target", listen: Listener
) -> "Plan":
    from provisioner.appending import append

    return append(model, planned, target, listen)


def _emptied(model: "DatabaseModel", planned: "Plan", target: "Target", listen: Listener) -> None:
    from provisioner.migrated import start_over

    emptied = start_over(model, planned, target)
    listen(Stated(f"tables emptied to start over: {len(emptied)}"))


def _aborted(target: str, output: str) -> int:
    from connectors.engines import open_target
    from provisioner.migrated import take_back

    with open_target(target) as opened:
        emptied = [str(name) for name in take_back(opened)]
    terminal.answer(
        output,
        lambda: [f"took the load back; its schema is as it was, {len(emptied)} tables are empty"],
        lambda: {"emptied": emptied},
    )
    return terminal.DONE


def _not_begun(output: str, planned: "Plan", pilot: "tuple[Finding, ...]" = ()) -> int:
    """Shows what plan and pilot found, and that it stopped the run before its first row."""
    from provisioner import documents, rendering

    terminal.answer(
        output,
        lambda: rendering.planned(planned, pilot=pilot),
        lambda: documents.provision_document(planned, pilot=pilot),
    )
    return terminal.FOUND


def _totals(planned: "Plan") -> Mapping[str, int]:
    """Rows to load by table."""
    return {
        str(name): layout.total
        for tree in planned.trees
        for name, layout in zip(tree.tables, tree.layouts, strict=True)
    }


command: click.Command = provision
