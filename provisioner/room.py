"""How many rows a unique key can tell apart, as far as types, checks and parents say."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from connectors.datatypes import DataType, Kind
from connectors.limits import UNLIMITED, Limits
from connectors.schema import Table, TableName, Unique
from generators.model import TableModel
from provisioner.keeping import Keeper


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows a unique key tells apart: a product over its parts.

    Attributes:
        parts: per part, how many values it has, and of what.
    """

    parts: tuple[tuple[int, str], ...]

    @property
    def most(self) -> int:
        """The most rows."""
        return prod(count for count, _ in self.parts)

    def __str__(self) -> str:
        """The product in words."""
        return " x ".join(f"{count} {what}" for count, what in self.parts)


def room(
    table: Table, model: TableModel, unique: Unique, rows: Mapping[TableName, int], keeper: Keeper
) -> Room | None:
    """The most rows that a unique key allows; None where that is not known or without end.

    A key that takes null for different from null has room for any number of rows where one of
    its columns may be null.
    """
    if unique.expressions or unique.predicate or not unique.columns:
        return None
    nullable = {c for c in unique.columns if table.column(c).nullable}
    if nullable and unique.nulls_distinct:
        return None
    parts, rest = [], list(unique.columns)
    for key in table.foreign_keys:
        if set(key.columns) <= set(rest) and not key.self_reference:
            parts.append((rows[key.parent], f"rows of {key.parent}"))
            rest = [c for c in rest if c not in key.columns]
    for column in rest:
        limits = keeper.limits.get(column, UNLIMITED)
        found = model.keys[column].capacity if column in model.keys else None
        found = values_left(table.column(column).datatype, limits) if found is None else found
        if found is None or any(column in f.columns for f in table.foreign_keys):
            return None
        parts.append((found + (column in nullable), f"values of {column}"))
    return Room(tuple(parts))


def room_under_owner(
    table: Table, model: TableModel, unique: Unique, rows: Mapping[TableName, int], keeper: Keeper
) -> int | None:
    """How many rows under one owner a unique key tells apart; None where that has no bound."""
    owner = next(f for f in table.foreign_keys if f.name == model.owner)
    rest = set(unique.columns) - set(owner.columns)
    partial = unique.expressions or unique.predicate
    endless = unique.nulls_distinct and any(table.column(c).nullable for c in rest)
    if partial or endless or not set(owner.columns) <= set(unique.columns):
        return None
    whole = 1
    for reference in model.references:
        if rest & set(reference.key.columns):
            whole *= max(1, rows[reference.key.parent])
            rest -= set(reference.key.columns)
    for column in rest:
        limits = keeper.limits.get(column, UNLIMITED)
        found = None if column in model.keys else values_left(table.column(column).datatype, limits)
        if found is None:
            return None
        whole *= found
    return whole


def values_left(datatype: DataType, limits: Limits) -> int | None:
    """How many values of a type checks leave; None where they are not counted."""
    if limits.values is not None or datatype.labels:
        return len(set(datatype.labels if limits.values is None else limits.values))
    if datatype.kind is Kind.BOOLEAN:
        return 2
    if limits.least is None or limits.most is None:
        return 2**16 if datatype.kind is Kind.INTEGER and datatype.bits == 16 else None
    if datatype.kind is Kind.DATE:
        return max(0, int((limits.most - limits.least).days) + 1)
    if datatype.kind is Kind.INTEGER or datatype.precision is not None:
        return max(0, int((limits.most - limits.least) * 10 ** (datatype.scale or 0)) + 1)
    return None
