"""What a person sees of a command: its answer on stdout, its progress on stderr."""
# ruff: noqa: PLC0415 - imports inside functions are what keeps the start short

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from provisioner.errors import Stopped
from provisioner.events import Listener

if TYPE_CHECKING:
    from rich.console import RenderableType

DONE, FOUND = 0, 1

Renderables = Iterable["RenderableType"]


def answer(
    output: str, renderables: Callable[[], Renderables], document: Callable[[], object]
) -> None:
    """Prints a result on stdout, in the form that was asked for."""
    if output == "json":
        print_json(document())
        return
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 200
    console = Console(width=wide, markup=False, highlight=False, emoji=False)
    for renderable in renderables():
        console.print(renderable)


@contextmanager
def listening(output: str, totals: Mapping[str, int] | None = None) -> Iterator[Listener]:
    """Progress on stderr: bars on a terminal, else lines; objects beside a JSON document."""
    if output == "json":
        from provisioner.documents import as_line, event_document

        yield lambda event: click.echo(as_line(event_document(event)), err=True)
        return
    from rich.console import Console

    from provisioner.progress import Lines, bars

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        yield Lines(partial(click.echo, err=True), totals)
        return
    with bars(console, totals) as listen:
        yield listen


@contextmanager
def keeping(kept: str) -> Iterator[None]:
    """Lets an interrupt say what was kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(kept) from None


def print_json(document: object) -> None:
    """Prints a document on stdout."""
    from provisioner.documents import as_text

    click.echo(as_text(document))
