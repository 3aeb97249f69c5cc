"""Which rows of a target hold values at the edge."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner import opening, options, terminal

if TYPE_CHECKING:
    from provisioner.config import Config


@click.command("edge-cases")
@options.archive
@options.config
@options.database("target")
def edge_cases(config: "Config", file: Path, target: str) -> int:
    """Tell the rows of a filled target that hold values at the edge, one as JSON per line."""
    from connectors.engines import open_target
    from provisioner.documents import as_line
    from provisioner.handmade import hand_made
    from provisioner.labels import edge_rows
    from provisioner.verify import finished_plan

    model, _ = opening.opened(file)
    with open_target(target) as opened:
        plan, _ = finished_plan(opened)
        given = hand_made(config, model.schema, plan.seed, os.environ)
        for batch in edge_rows(model, opened, given):
            for key in batch.rows.to_pylist():
                click.echo(as_line({"table": str(batch.table), "key": key}))
    return terminal.DONE


command: click.Command = edge_cases
