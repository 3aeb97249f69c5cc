"""What a server's settings cost a load, and what to write in their place."""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.server import ServerFacts, Setting
from provisioner.report import Finding, Severity

_OWN = "ALTER ROLE CURRENT_USER SET"
_MOST_LOCKS = 2
"""Locks that a table may need while a schema is created, with its indexes and keys."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a setting should be at least, and why."""

    least: float
    text: str
    why: str


_LEAST = {
    "max_wal_size": Advice(4 << 30, "4GB", "or a load stops for checkpoints"),
    "checkpoint_timeout": Advice(900, "15min", "or pages are written more than once"),
    "shared_buffers": Advice(256 << 20, "256MB", "or rows leave the cache before they are indexed"),
}


def advised(facts: ServerFacts) -> Iterator[Finding]:
    """What a person may change before a load, with the statement that does it."""
    for name, advice in _LEAST.items():
        found = facts.settings.get(name)
        if found is not None and found.number is not None and found.number < advice.least:
            told = f"{advice.text} or more loads faster, {advice.why}: "
            yield _note(name, found, f"{told}{_order(name, advice.text, found)}")
    yield from _waits(facts)
    yield from _limits(facts)


def _waits(facts: ServerFacts) -> Iterator[Finding]:
    """Settings that make each commit, or the whole load, wait for something else."""
    settings = facts.settings
    if settings.get("synchronous_standby_names", _NONE).text:
        told = "each shard waits for a standby; for the load alone: "
        yield _note(
            "synchronous_standby_names",
            settings["synchronous_standby_names"],
            f"{told}{_OWN} synchronous_commit = local",
        )
    elif settings.get("synchronous_commit", _NONE).text not in {"", "off"}:
        told = "off spares a wait for each shard, and a load can be repeated: "
        yield _note(
            "synchronous_commit",
            settings["synchronous_commit"],
            f"{told}{_OWN} synchronous_commit = off",
        )
    if settings.get("archive_mode", _NONE).text not in {"", "off"}:
        told = (
            "all that a load writes is archived too: leave room for as much log as rows and indexes"
        )
        yield _note("archive_mode", settings["archive_mode"], told)
    if settings.get("autovacuum", _NONE).number == 1:
        told = (
            "it may read tables while they are filled; a load vacuums them itself, so for one "
            f"of hours: {_order('autovacuum', 'off', settings['autovacuum'])}, and on afterwards"
        )
        yield _note("autovacuum", settings["autovacuum"], told)


def _limits(facts: ServerFacts) -> Iterator[Finding]:
    """Settings that end a load."""
    settings = facts.settings
    if settings.get("default_transaction_read_only", _NONE).number == 1:
        yield Finding(
            "read-only",
            Severity.ERROR,
            "target default_transaction_read_only",
            "on found; nothing can be written: expected a primary, or "
            f"{_OWN} default_transaction_read_only = off",
        )
    if settings.get("statement_timeout", _NONE).number:
        told = "a COPY or an index that takes longer ends the load: "
        order = f"{_OWN} statement_timeout = 0"
        yield Finding(
            "short-timeout",
            Severity.WARNING,
            "target statement_timeout",
            f"{settings['statement_timeout'].text} found; {told}{order}",
        )
    locks = settings.get("max_locks_per_transaction", _NONE).number
    room = (locks or 0) * (settings.get("max_connections", _NONE).number or 0)
    if locks is not None and 0 < room < _MOST_LOCKS * facts.tables:
        setting = settings["max_locks_per_transaction"]
        yield _note(
            "max_locks_per_transaction",
            setting,
            f"{facts.tables} tables are created at once: "
            f"{_order('max_locks_per_transaction', '256', setting)}",
        )


_NONE = Setting("", None, "")


def _note(name: str, found: Setting, told: str) -> Finding:
    return Finding("slow-setting", Severity.NOTE, f"target {name}", f"{found.text} found; {told}")


def _order(name: str, text: str, setting: Setting) -> str:
    """The statement that changes a setting, and what makes it count."""
    after = "a restart" if setting.context == "postmaster" else "SELECT pg_reload_conf()"
    return f"ALTER SYSTEM SET {name} = '{text}', then {after}"
