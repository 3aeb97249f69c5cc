"""What the checks of a single column say of its values."""

from connectors.datatypes import Kind
from connectors.limits import UNLIMITED, Limits, limits
from connectors.rules import Scope
from connectors.schema import Check, Column, Schema, Table


def limits_of(schema: Schema, table: Table, column: Column) -> Limits:
    """What the checks of a column, and its type, leave of its values."""
    listed = {Kind.BOOLEAN: (False, True), Kind.ENUM: column.datatype.labels or None}
    found = Limits(values=listed.get(column.datatype.kind))
    for check in checks_of(table, column):
        limit = limits(check.sql, scope_of(schema, table, check))
        found = found.within(limit.get(column.name, UNLIMITED))
    return found


def checks_of(table: Table, column: Column) -> list[Check]:
    """The checks over a column alone that drawn rows have to keep."""
    return [c for c in table.checks if c.columns == (column.name,) and c.binding]


def scope_of(schema: Schema, table: Table, check: Check) -> Scope:
    """What the names in a check stand for."""
    value = check.columns[0] if "VALUE" in check.sql else None
    return Scope(table, value, functions=schema.functions)
