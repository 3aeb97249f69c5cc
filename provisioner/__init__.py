"""Moves a production database through a learned model into test databases, and proves it.

What a program or a notebook needs is found here by name: `describe_database`, `learn_database`,
`plan_database`, `provision_database` and `verify_database` for databases, `learn_frames`, `sample`,
`read_model` and `write_model` for DataFrames.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.notebook import learn_frames as learn_frames
    from provisioner.notebook import read_model as read_model
    from provisioner.notebook import sample as sample
    from provisioner.notebook import write_model as write_model
    from provisioner.verbs import describe_database as describe_database
    from provisioner.verbs import learn_database as learn_database
    from provisioner.verbs import plan_database as plan_database
    from provisioner.verbs import provision_database as provision_database
    from provisioner.verbs import verify_database as verify_database

_OFFERED = {
    **dict.fromkeys(("learn_frames", "read_model", "sample", "write_model"), "notebook"),
    **{
        f"{verb}_database": "verbs" for verb in ("describe", "learn", "plan", "provision", "verify")
    },
}
"""Each name with the module that has it."""


def __getattr__(name: str) -> object:
    """What a program calls, loaded when it is first asked for, since pandas and torch are slow."""
    if name in _OFFERED:
        return getattr(importlib.import_module(f"provisioner.{_OFFERED[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_OFFERED]
