"""A filled database held against its file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner import closing, opening, options, terminal

if TYPE_CHECKING:
    from provisioner.config import Config


@click.command()
@options.archive
@options.config
@options.database("target")
@options.html
@options.acknowledge
@options.queries("The SELECTs that were learned with --queries, to compare their plans.")
@options.result("--json", "Write what --output json prints to a file too.")
@options.result("--junit", "Write checks and findings as JUnit's XML, for CI.")
@options.output
def verify(
    config: "Config",
    file: Path,
    target: str,
    output: str,
    *,
    acknowledge: tuple[str, ...],
    queries: Path | None,
    json: Path | None,
    junit: Path | None,
    html: Path | None,
) -> int:
    """Check integrity, fidelity, leaks and the planner's view; 1 where that finds an error."""
    from connectors.engines import open_target
    from provisioner import documents, rendering
    from provisioner.estimating import given_queries
    from provisioner.gate import to_gate
    from provisioner.junit import as_junit
    from provisioner.verify import verify as verified

    model, fingerprint = opening.opened(file)
    gate = to_gate(config, acknowledge, given_queries(queries))
    with terminal.listening(output) as listen, open_target(target) as opened:
        report = verified(model, opened, listen, gate)
        if html is not None:
            closing.write_page(html, (model, fingerprint), (opened, report))
    if json is not None:
        json.write_text(documents.as_text(documents.report_document(report)) + "\n", "utf-8")
    if junit is not None:
        junit.write_text(as_junit(report), "utf-8")
    terminal.answer(
        output, lambda: rendering.verified(report), lambda: documents.report_document(report)
    )
    return terminal.DONE if report.passed else terminal.FOUND


command: click.Command = verify
