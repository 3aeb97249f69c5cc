"""What can go wrong while learning or drawing.

GeneratorError
├── Unmeetable         a declared constraint cannot be met with the rows asked for
├── NotAnArchive       a file is no model archive
├── BrokenArchive      a model archive is truncated, or was tampered with
├── NewerArchive       a model archive was written by a newer version
├── OlderArchive       a model archive was written by a version too old to be read
└── OverBudget         a look at the rows costs more than is left of epsilon and delta
"""

from collections.abc import Mapping


class GeneratorError(Exception):
    """Root of all errors raised by `generators`."""


class Unmeetable(GeneratorError):
    """A declared constraint that cannot be met, with the most that is possible.

    Attributes:
        places: what is broken, by place ("table constraint"); empty where only the text says it.
    """

    def __init__(self, text: str, places: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.places: Mapping[str, str] = places or {}


class NotAnArchive(GeneratorError):
    """The file is no model archive."""


class BrokenArchive(GeneratorError):
    """The archive is truncated, or its parts differ from its checksums."""


class NewerArchive(GeneratorError):
    """The archive was written by a newer version of the product."""


class OlderArchive(GeneratorError):
    """The archive was written by a version whose models mean something else."""


class OverBudget(GeneratorError):
    """A look at the rows costs more than is left of the budget for differential privacy."""
