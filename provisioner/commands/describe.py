"""What a source holds."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

import click

from provisioner import options, terminal


@click.command()
@options.database("source")
@click.option("--distinct", is_flag=True, help="Count distinct values too; reads more.")
@options.output
def describe(source: str, output: str, *, distinct: bool) -> int:
    """List tables, owners, privacy units and personal columns."""
    from connectors.engines import open_source
    from provisioner import rendering
    from provisioner.describe import describe as described

    with terminal.listening(output) as listen, open_source(source) as opened:
        found = described(opened, listen, distinct=distinct)
    terminal.answer(output, lambda: rendering.described(found), lambda: found)
    return terminal.DONE


command: click.Command = describe
