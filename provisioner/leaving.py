"""What stays behind: what never travels, and what names a table in mode `skip`."""

from collections.abc import Iterator, Sequence

from connectors.ddl import DdlItem
from connectors.schema import Schema, TableName, Unmodelled
from provisioner.report import Finding, Severity

_TOLD = frozenset(
    {
        *("TABLE", "VIEW", "MATERIALIZED VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE"),
        *("FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "STATISTICS"),
    }
)
"""Kinds of objects that a person may miss; the columns and indexes of a table go without saying."""


def left_out(
    everything: Sequence[DdlItem], kept: Sequence[DdlItem], skipped: frozenset[TableName]
) -> Iterator[Unmodelled]:
    """Each skipped table, and each object of others that stays behind with it."""
    for name in sorted(skipped):
        yield Unmodelled("table", str(name), "its mode is skip")
    there = {(i.kind, i.schema, i.name) for i in kept}
    for item in everything:
        missing = item.kind in _TOLD and (item.kind, item.schema, item.name) not in there
        if missing and not any(_is_of(item, name) for name in skipped):
            place = f"{item.schema}.{item.name}"
            yield Unmodelled(item.kind.lower(), place, "it needs a table whose mode is skip")


def without(schema: Schema) -> Iterator[Finding]:
    """A note for each thing that the target will lack."""
    for thing in schema.left_out:
        text = f"left out: {thing.why}"
        yield Finding("left-out", Severity.NOTE, f"{thing.kind} {thing.name}", text)


def _is_of(item: DdlItem, table: TableName) -> bool:
    """Whether an item is a table or a part of it; the tag of a part begins with the table's."""
    return item.schema == table.schema and (
        item.name == table.name or item.name.startswith(f"{table.name} ")
    )
