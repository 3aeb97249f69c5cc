"""What can go wrong in a command, beside the errors of connectors and generators.

ProvisionerError
├── WrongRequest       an option, table or number that does not fit
├── SameDatabase       the target is the database that the model was learned from
├── Stopped            a run was interrupted; its text says what was kept
└── Unprovable         verify found no plan to verify against
"""


class ProvisionerError(Exception):
    """Root of all errors raised by `provisioner`."""


class WrongRequest(ProvisionerError):
    """An option that does not fit the model or the databases."""


class SameDatabase(ProvisionerError):
    """The target is the source."""


class Stopped(ProvisionerError):
    """The run was interrupted."""


class Unprovable(ProvisionerError):
    """There is nothing to verify against."""
