"""What is inside a file."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from pathlib import Path

import click

from provisioner import opening, options, terminal


@click.command()
@options.archive
@options.output
def show(file: Path, output: str) -> int:
    """Tell a reviewer what is inside a file."""
    from provisioner import rendering
    from provisioner.contents import contents

    found = contents(*opening.opened(file))
    terminal.answer(output, lambda: rendering.listed(found), lambda: found)
    return terminal.DONE


command: click.Command = show
