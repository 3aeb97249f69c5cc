"""A database filled from a file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner import closing, opening, options, terminal
from provisioner.errors import Infeasible
from provisioner.events import Listener, Stated

if TYPE_CHECKING:
    from connectors.engines import Target
    from generators.model import DatabaseModel
    from provisioner.plan import Plan
    from provisioner.report import Finding


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
@options.html
@click.option("--no-verify", is_flag=True, help="Do not check the target at the end.")
@click.option("--truncate", is_flag=True, help="Empty what an earlier load filled; start over.")
@click.option("--abort", is_flag=True, help="Take back a load into a schema that was there.")
@options.output
def provision(
    file: Path,
    target: str,
    output: str,
    *,
    workers: int | None,
    ray: str | None,
    html: Path | None,
    no_verify: bool,
    truncate: bool,
    abort: bool,
    **request: Any,
) -> int:
    """Fill a database without rows and verify it.

    Creates the schema, or uses the one there; has some rows judged, then generates and loads them
    all. Run again after a stop, it resumes.
    """
    from connectors.engines import open_target
    from provisioner import documents, rendering
    from provisioner.gate import to_gate
    from provisioner.load import load
    from provisioner.verify import verify as verified
    from provisioner.workers.crews import Workers

    if abort:
        return _aborted(target, output)
    model, planned, given = opening.planned(file, target=target, **request)
    if any(finding.stops for finding in planned.findings):
        return _not_begun(output, planned)
    try:
        with terminal.listening(output, _totals(planned)) as listen, open_target(target) as opened:
            if truncate:
                _emptied(model, planned, opened, listen)
            with terminal.keeping("shards already committed stay; run the same command to resume"):
                crew = Workers(target, workers, ray)
                loaded = load(model, planned, opened, listen, given, crew)
            with terminal.keeping("the load is complete; run `provisioner verify` to check it"):
                strict = to_gate(request["config"])
                report = None if no_verify else verified(model, opened, listen, strict)
                if html is not None and report is not None:
                    closing.write_page(html, (model, planned.model), (opened, report), listen)
    except Infeasible as found:
        return _not_begun(output, planned, found.findings)
    terminal.answer(
        output,
        lambda: rendering.provisioned(loaded, report),
        lambda: documents.provision_document(planned, loaded, report),
    )
    return terminal.DONE if report is None or report.passed else terminal.FOUND


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
