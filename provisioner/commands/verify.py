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
@options.output
def verify(config: "Config", file: Path, target: str, html: Path | None, output: str) -> int:  # noqa: ARG001 - its words are the options' defaults
    """Check integrity, row counts, marginals and leaks."""
    from connectors.engines import open_target
    from provisioner import documents, rendering
    from provisioner.verify import verify as verified

    model, fingerprint = opening.opened(file)
    with terminal.listening(output) as listen, open_target(target) as opened:
        report = verified(model, opened, listen)
        if html is not None:
            closing.write_page(html, (model, fingerprint), (opened, report), listen)
    terminal.answer(
        output, lambda: rendering.verified(report), lambda: documents.report_document(report)
    )
    return terminal.DONE if report.passed else terminal.FOUND


command: click.Command = verify
