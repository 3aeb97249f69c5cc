"""One file per command of the command line, found by its name.

Each ends in a line such as `command: click.Command = learn`.
"""

import importlib
import pkgutil

import click


def names() -> list[str]:
    """The commands that there are, as they are typed."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def named(name: str) -> click.Command | None:
    """The command of that name; None where there is none."""
    if name not in names():
        return None
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command
