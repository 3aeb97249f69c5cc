"""A source learned into one file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioner import options, terminal

if TYPE_CHECKING:
    from provisioner.config import Config


@click.command()
@options.config
@options.database("source")
@options.written(required=True, metavar="FILE", help="The model to write.")
@click.option(
    "--k", type=click.IntRange(1), default=11, show_default=True, help="Units behind each value."
)
@click.option(
    "--table-model",
    type=click.Choice(["trees", "network", "auto", "independent"]),
    default="trees",
    is_eager=True,
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
@click.option("--unit", multiple=True, metavar="TABLE", help="Whose data it is; repeatable.")
@options.as_of("Day that the source's rows stand for; today without it.")
@options.acknowledge
@options.queries("Your own SELECTs, whose plans are kept, without literals, for `verify`.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out tables the role may not read.")
@click.option("--no-attacks", is_flag=True, help="Do not attack the model at the end.")
@options.seed
@options.output
def learn(
    config: "Config", source: str, model: Path, output: str, *, no_attacks: bool, **learning: Any
) -> int:
    """Learn a source, attack what was learned, and write it to one file."""
    from connectors.engines import open_source
    from generators.archive import fingerprint, write_archive
    from provisioner.apply import to_learning
    from provisioner.carrying import Carrying
    from provisioner.estimating import given_queries
    from provisioner.learn import Learning, models

    units, queries = learning.pop("unit"), given_queries(learning.pop("queries"))
    carrying = Carrying(acknowledged=frozenset(learning.pop("acknowledge")))
    attack = None if no_attacks else config.privacy.attacks.limits
    kind = learning.pop("table_model")
    chosen = Learning(kind=kind, carrying=carrying, attack=attack, queries=queries, **learning)
    with terminal.listening(output) as listen, open_source(source) as opened:
        better = models(opened, to_learning(config, opened, chosen, units), listen)
        found = next(better)
        write_archive(found, model)
        with terminal.keeping(
            f"{model} is there, with trees for every table or better ones, not attacked"
        ):
            for found in better:
                write_archive(found, model)
    rows = sum(table.rows.value for table in found.tables.values())
    facts = {"file": str(model), "fingerprint": fingerprint(model), "k": found.k}
    verdict = found.attacked.verdict
    terminal.answer(
        output,
        lambda: [
            f"learned {len(found.tables)} tables with {rows:,} rows into {model}",
            f"attacks: {verdict}",
            f"review it: provisioner show {model}",
        ],
        lambda: {**facts, "tables": len(found.tables), "rows": rows, "attacks": verdict},
    )
    return terminal.DONE


command: click.Command = learn
