"""What a server offers to a role, for `provisioner doctor`."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.schema import TableName


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
        settings: settings that decide how fast a load is, as the server prints them.
        settings_in_bytes: the same settings, as numbers.
        size: of the database, in bytes.
        free: bytes left on the disk of the server's data; None where they cannot be seen.
    """

    version: str
    major: int
    role: str
    tables: int
    unreadable: tuple[TableName, ...]
    may_create: bool
    holds_load: bool
    settings: Mapping[str, str]
    settings_in_bytes: Mapping[str, int]
    size: int
    free: int | None
