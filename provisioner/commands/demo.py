"""The whole tour on an embedded server."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

import threading
from typing import Any

import click

from provisioner import options, terminal


@click.command()
@click.option(
    "--scale",
    type=click.FloatRange(0, 100, min_open=True),
    default=1.0,
    show_default=True,
    help="Factor on passengers, in the synthetic database.",
)
@options.written(
    default="demo.model", show_default=True, metavar="FILE", help="The model to write."
)
@click.option(
    "--passengers",
    type=click.IntRange(100),
    default=20_000,
    show_default=True,
    help="In the production database.",
)
@click.option("--flights", type=click.IntRange(100), help="Of 336,776; all without it.")
@click.option("--stay", is_flag=True, help="Keep the server up until Ctrl-C.")
@options.seed
@options.output
def demo(output: str, *, stay: bool, **sizes: Any) -> int:
    """Take the whole tour on an embedded server."""
    from provisioner import documents, rendering
    from provisioner.demo import Outing
    from provisioner.demo import demo as taken

    with terminal.listening(output) as listen, taken(Outing(**sizes), listen) as (tour, server):
        terminal.answer(
            output,
            lambda: rendering.toured(tour, server if stay else None),
            lambda: documents.tour_document(tour),
        )
        if stay:
            _until_interrupted()
    return terminal.DONE if tour.report.passed else terminal.FOUND


def _until_interrupted() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


command: click.Command = demo
