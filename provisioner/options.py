"""The options of the command line, each told once.

They are decorators, so that a command lists what it takes above its function.
"""
# ruff: noqa: PLC0415 - imports inside functions are what keeps the start short

import os
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from provisioner.replacing import Kept, why_not_written

if TYPE_CHECKING:
    from provisioner.config import Config
    from provisioner.differential.asking import Privacy

_LARGEST_SEED = 2**63 - 1

Command = TypeVar("Command", bound=Callable[..., Any])


def seed(command: Command) -> Command:
    """The option that tells one run from another."""
    kind = click.IntRange(0, _LARGEST_SEED)
    text = "Another one makes other rows; the same one the same."
    return click.option("--seed", type=kind, default=0, show_default=True, help=text)(command)


def size(command: Command) -> Command:
    """The options that say how many rows to make, and which ones stay."""
    kind = click.FloatRange(0, 1_000_000, min_open=True)
    scale = click.option(
        "--scale", type=kind, default=1.0, show_default=True, help="Factor on the rows learned."
    )
    rows = click.option(
        "--rows",
        multiple=True,
        metavar="TABLE=N|N",
        help="Rows of a root table, or of each empty one.",
    )
    text = "Rows that are in the target stay, and are referenced; repeatable."
    keep = click.option("--keep", multiple=True, metavar="TABLE", help=text)
    return scale(seed(rows(keep(command))))


def limits(command: Command) -> Command:
    """The options that spare a target that others use as well."""
    rate = click.option(
        "--max-rate",
        type=click.FloatRange(0, min_open=True),
        metavar="ROWS",
        help="Rows per second to write at most, all workers together.",
    )
    connections = click.option(
        "--max-connections",
        type=click.IntRange(2, 10_000),
        metavar="N",
        help="Connections to hold at most, while rows are loaded and indexes built.",
    )
    return rate(connections(command))


def _day(_context: click.Context, _option: click.Parameter, text: str | None) -> date | None:
    """A day as ISO 8601 writes it."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day; expected one such as 2026-01-31") from None


def duration(
    context: click.Context, option: click.Parameter, value: str | timedelta | None
) -> timedelta | None:
    """How long something may take, as the configuration reads it."""
    from pydantic import TypeAdapter, ValidationError

    from provisioner.sections import Duration

    if value is None:
        return None
    chosen = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    if chosen and context.params["table_model"] != "auto":
        raise click.BadParameter("it counts for --table-model auto alone; add that, or drop it")
    try:
        return TypeAdapter(Duration).validate_python(value)
    except ValidationError:
        told = f"{value!r} found; expected a duration of at most 30 days, such as 90s, 5m or 1h30m"
        raise click.BadParameter(told) from None


def differential(command: Command) -> Command:
    """The options that ask for differential privacy."""
    kind = click.FloatRange(0, 1_000, min_open=True)
    epsilon = click.option(
        "--epsilon", type=kind, help="Differential privacy for each unit; not reproducible."
    )
    rare = click.FloatRange(0, 1, min_open=True, max_open=True)
    delta = click.option(
        "--delta", type=rare, help="Chance of losing more than epsilon; 1e-6 without it."
    )
    return epsilon(delta(command))


def privacy(epsilon: float | None, delta: float | None) -> "Privacy | None":
    """What these options ask for."""
    from generators.privacy.accountant import DELTA, Budget
    from provisioner.differential.asking import Privacy

    if epsilon is None:
        if delta is not None:
            raise click.UsageError("--delta counts beside --epsilon alone; add that, or drop it")
        return None
    return Privacy(Budget(epsilon, DELTA if delta is None else delta))


def as_of(text: str) -> Callable[[Command], Command]:
    """The option that names a day; `text` says what for."""
    return click.option("--as-of", metavar="DATE", callback=_day, help=text)


acknowledge = click.option(
    "--acknowledge",
    multiple=True,
    metavar="HASH",
    help="Go on in spite of a finding; repeatable.",
)

accept_risk = click.option(
    "--accept-risk",
    default="",
    metavar="WHY",
    help="Use a model whose attacks failed; the reason is kept in the target's ledger.",
)


def output(command: Command) -> Command:
    """The option between words for people and JSON."""
    kind = click.Choice(["text", "json"])
    return click.option(
        "--output", type=kind, default="text", show_default=True, help="What goes to stdout."
    )(command)


def queries(said: str, *, or_counted: bool = False) -> Callable[[Command], Command]:
    """The option that names a file with the user's own queries, or the source's count of them."""
    kind = _Queries(path_type=Path, exists=True, dir_okay=False)
    words = "FILE|pg_stat_statements" if or_counted else "FILE"
    plain = click.Path(path_type=Path, exists=True, dir_okay=False)
    return click.option("--queries", type=kind if or_counted else plain, metavar=words, help=said)


class _Queries(click.Path):
    """A file that is there, or the word that stands for none."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        return value if value == "pg_stat_statements" else super().convert(value, param, ctx)


def database(side: str, *, required: bool = True) -> Callable[[Command], Command]:
    """The option --source or --target, which the environment may give as well."""
    return click.option(
        f"--{side}",
        envvar=f"PROVISIONER_{side.upper()}",
        show_envvar=True,
        required=required,
        metavar="URL",
        help="postgresql://user@host:port/database",
    )


def _configured(context: click.Context, _option: click.Parameter, path: Path | None) -> "Config":
    """The configuration, whose words stand in for options that neither line nor shell gives."""
    from provisioner.config import found_config

    config = found_config(path)
    required = {option.name for option in context.command.params if option.required}
    context.default_map = {
        name: value
        for name, value in config.options(os.environ).items()
        if not callable(value) or name in required
    }
    return config


config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_configured,
    is_eager=True,
    help="What to do by default; ./provisioner.yaml where there is one.",
)


def _writable(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Refuses a file that could not be written, before any work is done for it."""
    why = None if path is None else why_not_written(path)
    if why is not None:
        raise click.BadParameter(why)
    return path


def result(name: str, said: str) -> Callable[[Command], Command]:
    """An option that names a file to write beside the answer."""
    file = click.Path(path_type=Path, dir_okay=False)
    return click.option(name, type=file, metavar="FILE", callback=_written_where_named, help=said)


def _written_where_named(
    _context: click.Context, _option: click.Parameter, path: Path | None
) -> Path | None:
    """Refuses a file that could not be written; one that is there is written over."""
    if path is not None and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written; name a file in a folder that is there")
    return path


archive = click.argument("file", type=click.Path(path_type=Path))
written = partial(click.option, "-o", "model", type=click.Path(path_type=Path), callback=_writable)


def _page(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """As `_writable`, for a page that nobody has to ask for."""
    why = None if path is None else why_not_written(path, Kept.PAGE)
    if why is not None:
        raise click.BadParameter(why)
    return path


html = click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    callback=_page,
    help="Write the report as one page that opens from disk.",
)
