"""What this machine and these databases offer."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

import click

from provisioner import options, terminal


@click.command()
@options.database("source", required=False)
@options.database("target", required=False)
@options.output
def doctor(source: str | None, target: str | None, output: str) -> int:
    """Say what this machine and these databases offer."""
    from provisioner import documents, rendering
    from provisioner.doctor import diagnose

    found = diagnose(source, target)
    terminal.answer(
        output, lambda: rendering.diagnosed(found), lambda: documents.diagnosis_document(found)
    )
    return terminal.DONE if found.passed else terminal.FOUND


command: click.Command = doctor
