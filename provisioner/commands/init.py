"""A source's configuration, drafted or brought up to date."""
# ruff: noqa: PLC0415 - imports inside commands are what keeps the start short

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner import options, terminal

if TYPE_CHECKING:
    from provisioner.drafting import Draft


@click.command()
@options.database("source", required=False)
@click.option(
    "-o",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("provisioner.yaml"),
    show_default=True,
    help="The configuration to write.",
)
@click.option("--update", is_flag=True, help="Bring a configuration up to date; edits stay.")
@click.option("--no-rules", is_flag=True, help="Do not look for rules; reads less.")
@click.option(
    "--schema",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a JSON Schema of the configuration, for editors.",
)
@options.output
def init(
    source: str | None,
    file: Path,
    output: str,
    *,
    update: bool,
    no_rules: bool,
    schema: Path | None,
) -> int:
    """Draft a configuration: modes of tables, units, personal columns, rules."""
    from provisioner import documents, replacing

    if source is None and schema is None:
        raise click.UsageError("nothing to do; give --source URL, --schema FILE or both")
    if source is not None and file.exists() != update:
        why = "is there; add --update, or" if file.exists() else "is not there; drop --update, or"
        raise click.UsageError(f"{file} {why} name another with -o")
    if schema is not None:
        from provisioner.grammar import grammar

        replacing.write(schema, documents.as_text(grammar()) + "\n")
    lines = [f"wrote {schema}"] if schema is not None else []
    told: dict[str, object] = {"schema": None if schema is None else str(schema)}
    if source is not None:
        draft = _draft(source, file, output, rules=not no_rules, schema=schema)
        replacing.write(file, draft.text)
        lines += _words(draft, file, update=update)
        told.update({"file": str(file), "diff": draft.diff, "gone": list(draft.gone)})
    terminal.answer(output, lambda: lines, lambda: told)
    return terminal.DONE


def _draft(source: str, file: Path, output: str, *, rules: bool, schema: Path | None) -> "Draft":
    """The file as it shall be, from what is in the source and what the file says of it."""
    from connectors.engines import open_source
    from provisioner.config import Config, found_config
    from provisioner.drafting import drafted, updated
    from provisioner.proposing import propose

    config = found_config(file) if file.exists() else Config()
    with terminal.listening(output) as listen, open_source(source) as opened:
        proposal = propose(opened, _without_secrets(source), config, listen, rules=rules)
    if file.exists():
        return updated(file.read_text("utf-8"), str(file), proposal)
    return drafted(proposal, str(schema or ""))


def _without_secrets(url: str) -> str:
    """The URL; nothing where it holds a password, which is to be in no file."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return "" if parts.password is not None or "password" in parts.query else url


def _words(draft: "Draft", file: Path, *, update: bool) -> list[str]:
    if not update:
        return [f"wrote {file}; read it, change it, then: provisioner learn -o FILE"]
    changed = draft.diff.splitlines() or [f"{file} is up to date"]
    return [*changed, *draft.gone]


command: click.Command = init
