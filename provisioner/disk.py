"""Whether a target's disk has room for a plan, as far as the server lets us see."""

from connectors.errors import FullDisk
from connectors.server import ServerFacts
from provisioner.plan import Plan

_WITH_INDEXES = 2
"""Bytes of tables, their indexes and the log meanwhile, for each byte of rows."""
_WORTH_A_WORD = 1 << 30


def check_room(plan: Plan, facts: ServerFacts) -> str | None:
    """What a person should know about the room left, before anything is written.

    PostgreSQL tells where its data are to roles with `pg_read_all_settings` alone, and only a
    client on the server's own machine can look how much is free there.

    Raises:
        FullDisk: the rows alone are more than the disk has room for.
    """
    if facts.free is None:
        if plan.bytes < _WORTH_A_WORD:
            return None
        return (
            f"the server does not say how much disk is free; about {_size(plan.bytes)} of rows, "
            "and indexes, are planned"
        )
    if plan.bytes > facts.free:
        raise FullDisk(
            f"about {_size(plan.bytes)} of rows are planned, and the server's disk has "
            f"{_size(facts.free)} free; free space, or ask for fewer rows; nothing was written"
        )
    if plan.bytes * _WITH_INDEXES > facts.free:
        return (
            f"about {_size(plan.bytes)} of rows are planned, and with indexes the "
            f"{_size(facts.free)} that the server's disk has free may not do"
        )
    return None


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
