"""A source or a target held against a file, before anything is learned or written."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner import opening, options, terminal
from provisioner.events import Listener

if TYPE_CHECKING:
    from generators.model import DatabaseModel
    from provisioner.config import Config
    from provisioner.learning import Learning
    from provisioner.report import Finding

SOURCE, TARGET = "source", "target"


@click.command()
@options.archive
@options.config
@options.database(SOURCE, required=False)
@options.database(TARGET, required=False)
@options.acknowledge
@click.option("--unit", multiple=True, metavar="TABLE", help="As given to learn; repeatable.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out tables the role may not read.")
@options.seed
@options.output
def drift(
    config: "Config",
    file: Path,
    source: str | None,
    target: str | None,
    output: str,
    *,
    acknowledge: tuple[str, ...],
    unit: tuple[str, ...],
    skip_unreadable: bool,
    seed: int,
) -> int:
    """List how databases differ from what a file knows; 1 where they do.

    Of a source, that is what it declares, whose its rows are and what its columns say of people.
    """
    from provisioner import documents, rendering
    from provisioner.carrying import Carrying
    from provisioner.learning import Learning
    from provisioner.report import acknowledged

    if source is None and target is None and config.source is not None:
        source = config.url("source", os.environ)
    if source is None and target is None:
        raise click.UsageError("nothing to compare; give --source URL, --target URL or both")
    model, _ = opening.opened(file)
    known = frozenset(acknowledge) | set(config.acknowledge)
    found: dict[str, tuple[Finding, ...]] = {}
    with terminal.listening(output) as listen:
        if source is not None:
            carrying = Carrying(acknowledged=known)
            asked = Learning(model.k, skip_unreadable=skip_unreadable, seed=seed, carrying=carrying)
            found[SOURCE] = _of_source(model, source, (config, asked, unit), listen)
        if target is not None:
            found[TARGET] = acknowledged(_of_target(model, target), known)
    terminal.answer(
        output, lambda: rendering.drifted(found), lambda: documents.drift_document(found)
    )
    stops = any(one.stops for findings in found.values() for one in findings)
    return terminal.FOUND if stops else terminal.DONE


def _of_source(
    model: "DatabaseModel",
    source: str,
    asked: "tuple[Config, Learning, tuple[str, ...]]",
    listen: Listener,
) -> "tuple[Finding, ...]":
    from connectors.engines import open_source
    from provisioner.apply import to_learning
    from provisioner.updating import compared

    config, learning, units = asked
    with open_source(source) as opened:
        chosen = to_learning(config, opened, learning, units)
        return compared(model, opened, chosen, listen).findings


def _of_target(model: "DatabaseModel", target: str) -> "tuple[Finding, ...]":
    from connectors.engines import open_source
    from provisioner.migrated import target_drift

    with open_source(target) as opened:
        return tuple(target_drift(model, opened.schema()))


command: click.Command = drift
