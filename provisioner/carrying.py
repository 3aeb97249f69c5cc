"""Which tables' rows travel in the file, and what forbids it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from connectors.profile import UnitPath
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.ciphers import Cipher
from generators.classes import Classes
from generators.privacy.kinds import Class, Classified
from provisioner.errors import NotPublic, WrongRequest
from provisioner.report import Finding, Severity, acknowledged

Paths = Mapping[TableName, UnitPath]


@dataclass(frozen=True, slots=True)
class Subset:
    """Which rows of a masked table travel, with all that they need: a share or a condition.

    Attributes:
        share: of the table's rows, 0 to 1.
        where: a predicate, written as in a CHECK.
    """

    table: TableName
    share: float | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Carrying:
    """What shall travel as rows.

    Attributes:
        copied: tables whose rows travel as they are.
        acknowledged: hashes of findings that shall not stop this.
        masked: tables whose rows travel masked, with what is said of their columns: the kind of a
            mask, or `generators.masks.KEEP`.
        cipher: the key of the masks.
        subset: which rows of masked tables travel; None for all.
    """

    copied: frozenset[TableName] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    masked: Mapping[TableName, Mapping[str, str]] = field(default_factory=dict)
    cipher: Cipher | None = None
    subset: Subset | None = None

    @property
    def tables(self) -> frozenset[TableName]:
        """All tables whose rows travel."""
        return self.copied.union(self.masked)

    def within(self, schema: Schema) -> "Carrying":
        """The same without tables that are left out.

        Raises:
            WrongRequest: rows of one of them are to say which others travel.
        """
        there = {table.name for table in schema.tables}
        if self.subset is not None and self.subset.table not in there:
            raise WrongRequest(
                f"the subset begins with rows of {self.subset.table}, which is left out since the "
                "role may not read it; grant SELECT, or begin with another table"
            )
        masked = {name: kinds for name, kinds in self.masked.items() if name in there}
        return replace(self, copied=self.copied & there, masked=masked)


def public(paths: Paths, copied: frozenset[TableName]) -> Paths:
    """The ways to privacy units, where copied tables belong to nobody and are read whole."""
    nobody = {name: UnitPath(None, splits=False) for name in copied}
    return {**paths, **nobody}


def check_keys(schema: Schema, carrying: Carrying) -> None:
    """Makes sure that rows which travel refer to no row that is drawn.

    Raises:
        WrongRequest: a key leads to a table whose rows do not travel.
    """
    for table in schema.tables:
        for key in every_key(table) if table.name in carrying.tables else ():
            if key.parent not in carrying.tables:
                raise WrongRequest(
                    f"rows of {table.name} shall travel, and their key {key.name} leads to "
                    f"{key.parent}, whose rows are drawn and have other keys; give {key.parent} "
                    f"mode copy or mask too, or let {table.name} be drawn"
                )


def check_held(table: Table, rows: pa.Table) -> None:
    """Makes sure that rows which travel have a value in each column that must not be null.

    Raises:
        WrongRequest: one has none that a file keeps: no number, or an infinite one.
    """
    for column in table.written:
        if not column.nullable and (lost := rows[column.name].null_count):
            raise WrongRequest(
                f"{lost} of {len(rows)} rows of {table.name} shall travel, and hold in "
                f"{column.name} what a file does not keep (NaN, or an infinite number); leave its "
                "mode out, so that the table is drawn, or set them to numbers in the source"
            )


def check_public(
    carrying: Carrying,
    paths: Paths,
    classes: Classes,
) -> None:
    """Makes sure that nothing personal is copied, unless somebody knows of it.

    Args:
        carrying: which tables are copied.
        paths: each table's way to its privacy unit, copied or not.
        classes: what each column says of people.

    Raises:
        NotPublic: a copied table has personal columns, or belongs to a privacy unit.
    """
    found = (
        Finding("personal-copy", Severity.ERROR, str(name), why)
        for name in sorted(carrying.copied)
        if (why := _why_not(paths[name], classes[name]))
    )
    findings = acknowledged(found, carrying.acknowledged)
    if any(finding.stops for finding in findings):
        raise NotPublic(findings)


def _why_not(path: UnitPath, classes: Mapping[str, Classified]) -> str:
    """Why a table is not public; empty where nothing speaks against it."""
    personal = [f"{column} ({kind})" for column, kind in personal_columns(classes).items()]
    reasons = [f"it holds personal columns: {', '.join(personal)}"] if personal else []
    if path.unit is not None:
        reasons.append(f"its rows belong to those of {path.unit}, a privacy unit")
    return "; ".join(reasons)


def personal_columns(classes: Mapping[str, Classified]) -> Mapping[str, str]:
    """The kind of each column that tells of people; those that nothing is known of have none."""
    told = {Class.PERSONAL, Class.QUASI}
    return {n: c.kind for n, c in classes.items() if c.group in told and c.kind is not None}


def every_key(table: Table) -> tuple[ForeignKey, ...]:
    """The foreign keys of a table, of every sort."""
    return (*table.foreign_keys, *table.polymorphic, *table.computed_keys)
