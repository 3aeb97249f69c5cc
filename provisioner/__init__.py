"""Moves a production database through a learned model into test databases, and proves it.

What a notebook needs is found here by name: `learn_frames`, `sample`, `read_model`, `write_model`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.notebook import learn_frames as learn_frames
    from provisioner.notebook import read_model as read_model
    from provisioner.notebook import sample as sample
    from provisioner.notebook import write_model as write_model

_OFFERED = ("learn_frames", "read_model", "sample", "write_model")


def __getattr__(name: str) -> object:
    """What a notebook calls, loaded when it is first asked for, since pandas and torch are slow."""
    if name in _OFFERED:
        return getattr(importlib.import_module("provisioner.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_OFFERED]
