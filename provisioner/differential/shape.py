"""Which columns of a table are measured, which are made, and in which order tables come."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.datatypes import DataType, Kind
from connectors.graph import load_order
from connectors.profile import UnitPath
from connectors.schema import Column, ForeignKey, Schema, Table, TableName
from generators.relations.counts import count_column

_FEWEST_CODES = 500
"""Rows of a public table up to which those that refer to it tell them apart."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as it is measured.

    Attributes:
        owner: the key to the table that leads to its unit; None at a unit, and beyond all.
        children: the tables that it owns.
        columns: the columns of its own that are measured.
        keys: those that are unique by themselves, and made.
        links: keys measured as the row of a public table that they lead to.
        loose: keys of which only nulls are measured.
    """

    table: Table
    owner: ForeignKey | None
    children: tuple[TableName, ...]
    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    links: tuple[ForeignKey, ...]
    loose: tuple[ForeignKey, ...]

    @property
    def weight(self) -> int:
        """How many columns are measured, at least one."""
        return len(self.columns) + len(self.children) + len(self.links) + len(self.loose) + 1


def shapes(
    schema: Schema, paths: Mapping[TableName, UnitPath], public: Mapping[TableName, int]
) -> Mapping[TableName, Shape]:
    """The shape of each table that holds units' data, parents first.

    Args:
        schema: what is declared.
        paths: each table's way to its unit.
        public: the rows of each public table.
    """
    owners = {n: p.keys[0] for n, p in paths.items() if p.keys}
    order = [n for n in load_order(schema) if n not in public]
    done: list[TableName] = []
    while order:
        free = next((n for n in order if n not in owners or owners[n].parent in done), order[0])
        order.remove(free)
        done.append(free)
    return {n: _shape(schema.table(n), owners, public) for n in done}


def _shape(
    table: Table, owners: Mapping[TableName, ForeignKey], public: Mapping[TableName, int]
) -> Shape:
    owner = owners.get(table.name)
    foreign = {c for f in table.foreign_keys for c in f.columns}
    single = {u.columns[0] for u in table.uniques if u.whole and len(u.columns) == 1}
    others = [f for f in table.foreign_keys if f != owner and not _given(f, owner)]
    links = [f for f in others if 0 < public.get(f.parent, 0) <= _FEWEST_CODES]
    own = [c for c in table.written if c.name not in foreign]
    return Shape(
        table,
        owner,
        tuple(sorted(child for child, key in owners.items() if key.parent == table.name)),
        tuple(c for c in own if c.name not in single),
        tuple(c for c in own if c.name in single),
        tuple(links),
        tuple(f for f in others if f not in links),
    )


def _given(key: ForeignKey, owner: ForeignKey | None) -> bool:
    """Whether the owner's key already sets every column of a key."""
    return owner is not None and set(key.columns) <= set(owner.columns)


def link_column(key: ForeignKey, *, nullable: bool) -> Column:
    """The pseudo-column that holds which row of its parent a key leads to."""
    return Column(f"->{key.name}", DataType(Kind.INTEGER, "bigint", bits=64), nullable=nullable)


def child_column(child: TableName) -> Column:
    """The pseudo-column that holds how many children a row has."""
    return count_column(child)
