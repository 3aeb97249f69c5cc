"""A source learned into one file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner import options, terminal
from provisioner.events import Listener

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connectors.engines import Source
    from generators.model import DatabaseModel
    from generators.privacy.audit import Recount
    from provisioner.config import Config
    from provisioner.learning import Learning


@click.command()
@options.config
@options.database("source")
@options.written(metavar="FILE", help="The model to write; by default the one to update.")
@click.option(
    "--update",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Learn only what changed since this model was learned.",
)
@click.option(
    "--k", type=click.IntRange(1), default=11, show_default=True, help="Units behind each value."
)
@click.option(
    "--table-model",
    type=click.Choice(["trees", "network", "auto", "independent"]),
    default="trees",
    show_default=True,
    is_eager=True,
    help="How a row's columns are drawn together; auto takes longer and is likelier.",
)
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Choose each owner's rows among several drawn; by default with network and auto.",
)
@click.option(
    "--budget",
    type=click.UNPROCESSED,
    metavar="DURATION",
    callback=options.duration,
    help="How long auto may train networks, such as 90s, 5m or 1h; chosen by size without it.",
)
@options.differential
@click.option("--unit", multiple=True, metavar="TABLE", help="Whose data it is; repeatable.")
@options.as_of("Day that the source's rows stand for; today without it.")
@options.acknowledge
@options.queries(
    "Your own SELECTs, whose plans are kept, without literals, for `verify`.", or_counted=True
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out tables the role may not read.")
@click.option("--audit", is_flag=True, help="Count anew who holds each thing in the file.")
@click.option("--no-attacks", is_flag=True, help="Do not attack the model at the end.")
@options.seed
@options.output
def learn(
    config: "Config",
    source: str,
    model: Path | None,
    update: Path | None,
    output: str,
    *,
    no_attacks: bool,
    audit: bool,
    **learning: Any,
) -> int:
    """Learn a source, attack what was learned, and write it to one file."""
    file = model or update
    if file is None:
        raise click.UsageError("no file to write; name it with -o FILE")
    from connectors.engines import open_source
    from provisioner.apply import to_learning
    from provisioner.carrying import Carrying
    from provisioner.estimating import COUNTED, counted_queries, given_queries
    from provisioner.learning import Learning

    units, queries = learning.pop("unit"), learning.pop("queries")
    counted = queries == COUNTED
    carrying = Carrying(acknowledged=frozenset(learning.pop("acknowledge")))
    attack = None if no_attacks else config.privacy.attacks.limits
    kind = learning.pop("table_model")
    asked = Learning(
        kind=kind,
        carrying=carrying,
        attack=attack,
        queries=() if counted else given_queries(queries),
        privacy=options.privacy(learning.pop("epsilon"), learning.pop("delta")),
        **learning,
    )
    if audit and asked.privacy is not None:
        raise click.UsageError("--audit counts real rows; under --epsilon none were learned")
    with terminal.listening(output) as listen, open_source(source) as opened:
        if counted and asked.privacy is None:
            asked = replace(asked, queries=counted_queries(opened))
        chosen = to_learning(config, opened, asked, units)
        found = _written(_models(opened, update, chosen, listen), file)
        recounts = _audited(opened, file, chosen, listen) if audit else ()
    terminal.answer(
        output, lambda: _told(found, file, recounts), lambda: _document(found, file, recounts)
    )
    return terminal.FOUND if any(one.below for one in recounts) else terminal.DONE


def _models(
    source: "Source", update: Path | None, chosen: "Learning", listen: Listener
) -> "Iterator[DatabaseModel]":
    from generators.archive import read_archive
    from provisioner.learn import models
    from provisioner.updating import updated

    if update is None:
        return models(source, chosen, listen)
    return updated(read_archive(update), source, chosen, listen)


def _written(better: "Iterator[DatabaseModel]", file: Path) -> "DatabaseModel":
    """The best model, written like each one before it."""
    from generators.archive import write_archive

    found = next(better)
    write_archive(found, file)
    told = f"{file} is there, with trees for every table or better ones, not attacked"
    with terminal.keeping(told):
        for found in better:
            write_archive(found, file)
    return found


def _audited(
    source: "Source", file: Path, chosen: "Learning", listen: Listener
) -> "tuple[Recount, ...]":
    from provisioner.auditing import audited

    return audited(source, file, chosen, listen)


def _told(
    found: "DatabaseModel", file: Path, recounts: "tuple[Recount, ...]"
) -> "Iterator[RenderableType]":
    from provisioner.rendering import recounted
    from provisioner.risks import risks

    yield f"learned {len(found.tables)} tables with {_rows(found):,} rows into {file}"
    units = sorted({str(table.unit) for table in found.tables.values() if table.unit is not None})
    told = f"whose data it is: {', '.join(units)}" if units else "every row stands for itself"
    yield f"{told} (--unit TABLE says it otherwise)"
    yield f"attacks: {found.attacked.verdict}"
    yield from (f"  {finding.text}" for finding in risks(found.attacked, ""))
    if recounts:
        yield from recounted(recounts, found.k)
    yield f"review it: provisioner show {file}"


def _document(
    found: "DatabaseModel", file: Path, recounts: "tuple[Recount, ...]"
) -> dict[str, Any]:
    from generators.archive import fingerprint

    return {
        "file": str(file),
        "fingerprint": fingerprint(file),
        "k": found.k,
        "epsilon": None if found.ledger is None else found.ledger.budget.epsilon,
        "tables": len(found.tables),
        "rows": _rows(found),
        "attacks": found.attacked.verdict,
        "audit": [asdict(one) for one in recounts],
    }


def _rows(found: "DatabaseModel") -> int:
    return sum(table.rows.value for table in found.tables.values())


command: click.Command = learn
