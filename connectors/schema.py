"""What a database declares: tables, columns, keys, constraints."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from connectors.datatypes import DataType


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's name with its schema; `str()` is for people, never for SQL."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column.

    Attributes:
        generated: the SQL expression of a generated column.
        identity: "ALWAYS" or "BY DEFAULT" for an identity column.
        default: the SQL expression of its default.
    """

    name: str
    datatype: DataType
    nullable: bool = True
    default: str | None = None
    generated: str | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Unique:
    """A primary key, a unique constraint or a unique index.

    Attributes:
        columns: the plain columns of the key, in order; expressions are left out.
        expressions: SQL of those parts that are no plain column.
        predicate: SQL of a partial index's WHERE.
        nulls_distinct: False for NULLS NOT DISTINCT.
        constraint: True for a constraint, False for an index alone.
        declared: False where the database only happens to keep it and an undeclared key needs it.
    """

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    expressions: tuple[str, ...] = ()
    predicate: str | None = None
    nulls_distinct: bool = True
    deferrable: bool = False
    constraint: bool = True
    declared: bool = True

    @property
    def whole(self) -> bool:
        """Whether it holds of all rows, and of plain columns alone."""
        return self.predicate is None and not self.expressions


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key from `table` (the child) to `parent`, column by column.

    Attributes:
        declared: False for a key that only a person's configuration states; no DDL holds it.
        dangling: share of the values of an undeclared key that shall lead nowhere; None where the
            source tells it.
        only: a column and the text of its value; the key speaks of rows with that value alone.
        operators: the SQL by which each column is compared with its parent's; empty for plain `=`.
    """

    name: str
    table: TableName
    columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]
    deferrable: bool = False
    match_full: bool = False
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    validated: bool = True
    declared: bool = True
    dangling: float | None = None
    only: tuple[str, str] | None = None
    operators: tuple[str, ...] = ()

    @property
    def self_reference(self) -> bool:
        """Whether child and parent are one table."""
        return self.table == self.parent

    @property
    def comparisons(self) -> tuple[tuple[str, str, str], ...]:
        """Each column, the SQL of the operator that compares it, and its parent's column."""
        operators = self.operators or ("=",) * len(self.columns)
        return tuple(zip(self.columns, operators, self.parent_columns, strict=True))


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a table, or of a domain that one of its columns uses.

    Attributes:
        validated: False for NOT VALID: rows that are there may break it, and new ones may not.
        kept: whether all rows of the source keep it all the same.
        declared: False where only a person's configuration asks for it; no DDL holds it.
    """

    name: str
    sql: str
    columns: tuple[str, ...] = ()
    validated: bool = True
    kept: bool = False
    declared: bool = True

    @property
    def binding(self) -> bool:
        """Whether drawn rows have to keep it."""
        return self.validated or self.kept


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An EXCLUDE constraint, by its definition."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index that no constraint owns, by its definition."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Partition:
    """A leaf or a branch of a partitioned table.

    Attributes:
        bound: its bound as SQL.
        rule: the expression that its rows keep; None where every row does.
        leaf: whether it holds rows itself.
    """

    name: TableName
    bound: str
    rule: str | None = None
    leaf: bool = True


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence that feeds a column."""

    name: TableName
    table: TableName
    column: str


@dataclass(frozen=True, slots=True)
class SqlFunction:
    """A user's function whose body is one SELECT of one expression.

    Attributes:
        name: its qualified name, as the catalog prints it.
        parameters: the names of its parameters; an empty name where it has none.
        sql: its body.
        strict: whether a null argument makes the result null (RETURNS NULL ON NULL INPUT).
    """

    name: str
    parameters: tuple[str, ...]
    sql: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """A catalog object that travels with the DDL but has no type here, and why."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """A declared table; a partitioned table stands for all of its partitions.

    Attributes:
        polymorphic: undeclared keys that each speak only of rows of one type (`ForeignKey.only`).
        computed_keys: foreign keys from or to a generated column, of which nobody can choose the
            value; `foreign_keys` holds all others.
    """

    name: TableName
    columns: tuple[Column, ...]
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    indexes: tuple[Index, ...] = ()
    partitioned_by: str | None = None
    partitions: tuple[Partition, ...] = ()
    inherits: tuple[TableName, ...] = ()
    triggers: tuple[str, ...] = ()
    polymorphic: tuple[ForeignKey, ...] = ()
    computed_keys: tuple[ForeignKey, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that a writer fills: all but the generated ones."""
        return tuple(c for c in self.columns if c.generated is None)

    @property
    def typed_columns(self) -> frozenset[str]:
        """The columns of polymorphic keys, and those that tell the type of each row's."""
        told = {key.only[0] for key in self.polymorphic if key.only is not None}
        return frozenset(told.union(*(key.columns for key in self.polymorphic)))

    @property
    def primary_key(self) -> Unique | None:
        """The primary key, where one is declared."""
        return next((u for u in self.uniques if u.primary), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """All that a database declares and this product reads.

    Attributes:
        left_out: what never travels, and what the configuration left out, with all that needs it.
        by_name: each table by its name.
    """

    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...] = ()
    functions: tuple[SqlFunction, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = ()
    left_out: tuple[Unmodelled, ...] = ()
    by_name: Mapping[TableName, Table] = field(init=False, repr=False, compare=False)
    _leading: Mapping[TableName, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {table.name: table for table in self.tables})
        object.__setattr__(self, "_leading", _leading(self.tables))

    def table(self, name: TableName) -> Table:
        """The table of that name; KeyError where there is none."""
        return self.by_name[name]

    @property
    def foreign_keys(self) -> Iterator[ForeignKey]:
        """Every foreign key of every table, but for polymorphic and computed ones."""
        return (key for table in self.tables for key in table.foreign_keys)

    def referenced(self, name: TableName) -> frozenset[str]:
        """The columns of a table that a key of any kind leads to."""
        return self._leading.get(name, frozenset())

    @property
    def undeclared(self) -> Iterator[ForeignKey]:
        """Every key that only the configuration states, the polymorphic ones among them."""
        for table in self.tables:
            yield from (key for key in table.foreign_keys if not key.declared)
            yield from table.polymorphic

    def without(self, names: frozenset[TableName]) -> "Schema":
        """The schema with some tables, their sequences and every foreign key to them left out."""
        kept = tuple(
            replace(
                t,
                foreign_keys=tuple(f for f in t.foreign_keys if f.parent not in names),
                polymorphic=tuple(f for f in t.polymorphic if f.parent not in names),
                computed_keys=tuple(f for f in t.computed_keys if f.parent not in names),
            )
            for t in self.tables
            if t.name not in names
        )
        sequences = tuple(s for s in self.sequences if s.table not in names)
        return replace(self, tables=kept, sequences=sequences)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that is declared, in hexadecimal."""
        return hashlib.sha256(TypeAdapter(Schema).dump_json(self)).hexdigest()


def _leading(tables: tuple[Table, ...]) -> Mapping[TableName, frozenset[str]]:
    """The columns of each table that a key of any kind leads to."""
    found: dict[TableName, set[str]] = {}
    for table in tables:
        for key in (*table.foreign_keys, *table.polymorphic, *table.computed_keys):
            found.setdefault(key.parent, set()).update(key.parent_columns)
    return {name: frozenset(columns) for name, columns in found.items()}
