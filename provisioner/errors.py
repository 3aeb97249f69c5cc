"""What can go wrong in a command, beside the errors of connectors and generators.

ProvisionerError
├── WrongRequest       an option, table or number that does not fit
├── WrongFrame         a DataFrame that no table can hold, or that breaks a key given for it
├── WrongConfig        a configuration file that cannot be read or does not fit
├── Unlearned          what was found before anything was learned, and has to be acknowledged
│   ├── NotPublic      a table that shall be copied holds personal data
│   └── Telling        the schema's statements tell of people, or hold a secret
├── Untrusted          the file's schema brings code in untrusted languages
├── SameDatabase       the target is the database that the model was learned from
├── Drifted            a database is not as the file knows it, and nobody acknowledged that
│   └── Unasked        so is the source of an update
├── Infeasible         the pilot found what stops a load before its first row
├── DifferentSchema    the target's tables are not those that the model writes
├── HopelessBudget     noise would drown a table; its text says which epsilon would do
├── Stopped            a run was interrupted; its text says what was kept
├── DeadWorker         a worker was killed; twice on the same shard, where it ends a run
├── BrokenWorker       a worker met a bug
├── MissingRay         the library that runs workers on a cluster is not installed
└── Unprovable         verify found no plan to verify against
"""

from collections.abc import Sequence
from typing import ClassVar

from provisioner.report import Finding


class ProvisionerError(Exception):
    """Root of all errors raised by `provisioner`."""


class WrongRequest(ProvisionerError):
    """An option that does not fit the model or the databases."""


class WrongFrame(ProvisionerError):
    """A DataFrame that no table can hold, or that breaks a key given for it."""


class WrongConfig(ProvisionerError):
    """A configuration file that cannot be read, or does not fit the databases."""


class Unlearned(ProvisionerError):
    """Findings for which nothing was learned.

    Attributes:
        findings: all of them; those too that somebody acknowledged.
        reason: why they stop it.
        way_out: what to do.
    """

    reason: ClassVar[str]
    way_out: ClassVar[str]

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        told = "; ".join(f"{f.place}: {f.text} ({f.hash})" for f in findings if f.stops)
        super().__init__(f"nothing was learned, since {self.reason}: {told}; {self.way_out}")


class NotPublic(Unlearned):
    """Tables that shall be copied, and are not public by what is known.

    Attributes:
        findings: why, for each table; those too that somebody acknowledged.
    """

    reason: ClassVar[str] = "rows shall travel that are not public"
    way_out: ClassVar[str] = (
        "use mode mask or synthesize, or acknowledge the finding by its hash: the rows are then "
        "public"
    )


class Telling(Unlearned):
    """Statements of a schema that tell of people, or hold a secret.

    Attributes:
        findings: one for each such statement; those too that somebody acknowledged.
    """

    reason: ClassVar[str] = "the schema travels as it is declared"
    way_out: ClassVar[str] = (
        "change the object, leave out its table with mode skip, or acknowledge the finding by its "
        "hash"
    )


class Untrusted(ProvisionerError):
    """The schema of a file brings code that may do what the server's own user may."""


class SameDatabase(ProvisionerError):
    """The target is the source."""


class Infeasible(ProvisionerError):
    """The pilot found what stops a load before its first row.

    Attributes:
        findings: all that it found, acknowledged ones too.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        told = "; ".join(f"{f.place}: {f.text} ({f.hash})" for f in findings if f.stops)
        super().__init__(
            f"nothing was written, since not every constraint can be met: {told}; change the "
            "constraint or the rows, or acknowledge the finding by its hash"
        )


class Drifted(ProvisionerError):
    """A database is not as the file knows it.

    Attributes:
        findings: every difference, acknowledged ones too.
    """

    _way: ClassVar[str] = "learn again with `learn --update`, or migrate the database"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        told = "; ".join(f"{f.place}: {f.kind}, {f.text} ({f.hash})" for f in findings if f.stops)
        super().__init__(
            f"the database is not as the file knows it: {told}; {self._way}, or acknowledge each "
            "finding by its hash"
        )


class Unasked(Drifted):
    """The source that a file is brought up to date with is not as the file knows it."""

    _way: ClassVar[str] = "learn it anew without `--update`"


class DifferentSchema(ProvisionerError):
    """The target has a schema that the model's rows do not fit."""


class HopelessBudget(ProvisionerError):
    """An epsilon so small that noise would drown a table."""


class Stopped(ProvisionerError):
    """The run was interrupted."""


class DeadWorker(ProvisionerError):
    """A worker went without a word; it ends a run where a second one does on the same shard."""


class BrokenWorker(ProvisionerError):
    """A worker met an error that nobody foresaw."""


class MissingRay(ProvisionerError):
    """Ray is asked for and not installed, or does not answer."""


class Unprovable(ProvisionerError):
    """There is nothing to verify against."""
