"""What would be written, and what cannot be met."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from pathlib import Path
from typing import Any

import click

from provisioner import opening, options, terminal


@click.command()
@options.archive
@options.config
@options.database("target", required=False)
@options.size
@options.as_of("Day that the rows shall look like; times move by whole weeks.")
@options.acknowledge
@options.accept_risk
@options.output
def plan(file: Path, output: str, **request: Any) -> int:
    """Say what would be written, and what cannot be met."""
    from provisioner import documents, rendering
    from provisioner.feasibility import constraints_met

    model, planned, _ = opening.planned(file, **request)
    met = constraints_met(model)
    terminal.answer(
        output,
        lambda: rendering.planned(planned, met),
        lambda: documents.plan_document(planned, met),
    )
    return terminal.FOUND if any(f.stops for f in planned.findings) else terminal.DONE


command: click.Command = plan
