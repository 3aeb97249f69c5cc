"""What a person or a machine is told of a run that did not end as asked."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from connectors.errors import ConnectorError
from generators.errors import GeneratorError
from provisioner.errors import (
    DifferentSchema,
    Drifted,
    NotPublic,
    ProvisionerError,
    Stopped,
    Telling,
    Untrusted,
    WrongRequest,
)

FOUND, USAGE, COULD_NOT, STOPPED = 1, 2, 3, 130
DEBUG = "PROVISIONER_DEBUG"


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a run ended.

    Attributes:
        kind: the error's name.
        text: one line for people.
        code: the exit code.
    """

    kind: str
    text: str
    code: int


def complaint(error: BaseException) -> Complaint:
    """What went wrong, in one line; a bug by its place alone, for its text may hold values."""
    text, code = _told(error)
    return Complaint(type(error).__name__, " ".join(text.split()), code)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether arguments ask for JSON, told before they are parsed: they may be what is wrong."""
    return "--output=json" in arguments or ("--output", "json") in pairwise(arguments)


def _told(error: BaseException) -> tuple[str, int]:
    if isinstance(error, Stopped):
        return f"stopped; {error}", STOPPED
    if isinstance(error, KeyboardInterrupt):
        return "stopped; nothing was written", STOPPED
    if isinstance(error, NotPublic | Telling | Untrusted | Drifted | DifferentSchema):
        return f"error: {error}", FOUND
    if isinstance(error, ConnectorError | GeneratorError | ProvisionerError):
        return f"error: {error}", USAGE if isinstance(error, WrongRequest) else COULD_NOT
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"error: {error.strerror or 'input or output failed'}{place}", COULD_NOT
    return f"error: {bug(error)}", COULD_NOT


def bug(error: BaseException) -> str:
    """Where an error arose that nobody foresaw, without its text, which may hold values."""
    spot = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__} in {Path(spot.filename).name}, line {spot.lineno}"
    return f"a bug: {said}; run again with {DEBUG}=1 to see where it comes from, and report it"
