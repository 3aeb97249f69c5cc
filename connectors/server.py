"""What a server offers to a role, for `provisioner doctor`."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.schema import TableName


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a server that decides how a load goes.

    Attributes:
        text: as the server prints it.
        number: the same in bytes or seconds, 1 for on and 0 for off; None for texts.
        context: when a change counts, as in `pg_settings`: `postmaster` where the server has to be
            started anew.
    """

    text: str
    number: float | None
    context: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What one login to one database finds.

    Attributes:
        version: as the server spells it, "15.4" say.
        major: the major version, which decides what tools can read the server.
        role: the role that is logged in.
        tables: how many tables the database holds, our own ledger left out.
        unreadable: those that the role may not read.
        may_create: whether the role may create schemas in the database.
        holds_load: whether the database holds a load of this product, finished or not.
        settings: those that decide how a load goes, by name.
        size: of the database, in bytes.
        free: bytes left on the disk of the server's data; None where they cannot be seen.
        foreign: tables that belong to another role.
        may_create_databases: whether the role may create databases, as building aside needs.
    """

    version: str
    major: int
    role: str
    tables: int
    unreadable: tuple[TableName, ...]
    may_create: bool
    holds_load: bool
    settings: Mapping[str, Setting]
    size: int
    free: int | None
    foreign: int = 0
    may_create_databases: bool = False
