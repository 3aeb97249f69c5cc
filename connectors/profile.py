"""What a database stores, in exact numbers; private, and never written to a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.schema import ForeignKey, Schema, TableName


@dataclass(frozen=True, slots=True)
class UnitPath:
    """How a row finds its privacy unit.

    Attributes:
        unit: the table whose rows are the units; None where every row stands for itself.
        keys: foreign keys to follow from the row's table up to `unit`; empty within `unit`.
        splits: whether some of its units are held out; a table that belongs to no unit is not
            split.
    """

    unit: TableName | None
    keys: tuple[ForeignKey, ...] = ()
    splits: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """Which units are learned from, decided by a keyed hash inside the database.

    Attributes:
        paths: each table's way to its unit.
        salt: key of the hash.
        holdout: share of units that nothing learned has seen.
        shares: share of a table's units to read, where not all are; keyed by table.
    """

    paths: Mapping[TableName, UnitPath]
    salt: int
    holdout: float = 0.1
    shares: Mapping[TableName, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableSize:
    """The planner's estimate of a table; good for stating a cost, never released."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """A column's exact share of nulls and, where asked for, its number of distinct values."""

    null_frac: float
    n_distinct: int | None = None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """A table's exact number of rows, of training rows, and its columns."""

    rows: int
    training_rows: int
    columns: Mapping[str, ColumnProfile]


@dataclass(frozen=True, slots=True)
class ForeignKeyProfile:
    """How many children the parents of a foreign key have.

    Attributes:
        parents: rows of the parent table.
        parents_with_children: those with at least one child.
        children: rows of the child table whose key is not null.
        most: the most children of one parent.
        dangling: of an undeclared key, how many of those children lead nowhere.
        dangling_units: distinct units of the children that lead nowhere.
        leading_units: distinct units of the children that lead to a parent.
    """

    parents: int
    parents_with_children: int
    children: int
    most: int
    dangling: int = 0
    dangling_units: int = 0
    leading_units: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """All measurements of a database; foreign keys by (table, name)."""

    tables: Mapping[TableName, TableProfile]
    foreign_keys: Mapping[tuple[TableName, str], ForeignKeyProfile]

    def fan_out(self, key: ForeignKey) -> ForeignKeyProfile:
        """The measurement of one foreign key."""
        return self.foreign_keys[key.table, key.name]


def whole(schema: Schema) -> Split:
    """A split that holds nothing out: every row stands for itself."""
    return Split({t.name: UnitPath(None) for t in schema.tables}, salt=0, holdout=0.0)
