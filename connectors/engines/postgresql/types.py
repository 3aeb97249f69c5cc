"""PostgreSQL's types as `DataType`: built-in ones, enums, domains, arrays and composed ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import Connection

from connectors.datatypes import DataType, Kind, Shape
from connectors.engines.postgresql.records import read_records


@dataclass(frozen=True, slots=True)
class TypeRecord:
    """A type of the catalog.

    Attributes:
        builtin: whether it is PostgreSQL's own.
        element: oid of the element type, for an array.
        base: oid of the type under a domain; `base_sql` is that type in full.
        not_null: whether a domain forbids nulls.
        default: a domain's default.
        labels: an enum's labels, in order; None for any other type.
        fields: oids of the types of a composite type's fields, and `field_sqls` these in full.
        subtype: oid of what a range is over; `subtype_sql` is that type in full.
    """

    oid: int
    name: str
    builtin: bool
    element: int | None
    base: int | None
    base_sql: str | None
    not_null: bool
    default: str | None
    labels: list[str] | None
    fields: list[int] | None
    field_sqls: list[str] | None
    subtype: int | None
    subtype_sql: str | None


TYPES = """
select t.oid, t.typname::text as name,
    t.typnamespace = 'pg_catalog'::regnamespace as builtin,
    e.oid as element, nullif(t.typbasetype, 0) as base,
    format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_sql,
    t.typnotnull as not_null, pg_get_expr(t.typdefaultbin, 0) as default,
    case when t.typtype = 'e' then array(
        select l.enumlabel::text from pg_enum l where l.enumtypid = t.oid
        order by l.enumsortorder) end as labels,
    f.types as fields, f.sqls as field_sqls,
    r.rngsubtype as subtype, format_type(r.rngsubtype, null) as subtype_sql
from pg_type t left join pg_type e on e.typarray = t.oid
left join pg_range r on r.rngtypid = t.oid
left join (
    select a.attrelid, array_agg(a.atttypid order by a.attnum) as types,
        array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum) as sqls
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relkind = 'c' and a.attnum > 0 and not a.attisdropped
    group by a.attrelid) f on f.attrelid = t.typrelid and t.typtype = 'c'
"""


@dataclass(frozen=True, slots=True)
class DomainCheckRecord:
    """A CHECK of a domain, as the bare expression over VALUE."""

    domain: int
    name: str
    sql: str
    validated: bool


DOMAIN_CHECKS = """
select con.contypid as domain, con.conname::text as name,
    coalesce(pg_get_expr(con.conbin, 0), '') as sql, con.convalidated as validated
from pg_constraint con
where con.contypid <> 0 and con.contype = 'c'
order by con.contypid, con.conname
"""


@dataclass(frozen=True, slots=True)
class TypeCatalog:
    """Every type of a database by oid, and the checks of its domains by the domain's oid."""

    types: Mapping[int, TypeRecord]
    checks: Mapping[int, tuple[DomainCheckRecord, ...]]

    def column_type(self, oid: int, sql: str, dimensions: int) -> DataType:
        """The type of a column declared with so many dimensions; see `datatype`.

        Arrow's lists have one dimension; what is declared with more travels as its literal.
        """
        found = self.datatype(oid, sql)
        if dimensions < _MANY or found.element is None or found.domain is not None:
            return found
        return DataType(Kind.OTHER, sql, shape=Shape.GRID, parts=(found.element,))

    def datatype(self, oid: int, sql: str) -> DataType:
        """The type of that oid; `sql` is its full spelling, length and precision included.

        What has no kind of its own is `Kind.OTHER`: it travels as the text of its literal.
        """
        found = self.types.get(oid)
        if found is None:
            return DataType(Kind.OTHER, sql)
        if found.base is not None:
            below = self.datatype(found.base, found.base_sql or sql)
            return replace(below, sql=sql, domain=sql, base=below.plain)
        if found.element is not None:
            element = self.datatype(found.element, sql.removesuffix("[]"))
            return DataType(Kind.ARRAY, sql, element=element)
        if found.labels is not None:
            return DataType(Kind.ENUM, sql, labels=tuple(found.labels))
        return self._composed(found, sql) or _plain(found, sql)

    def _composed(self, found: TypeRecord, sql: str) -> DataType | None:
        """A composite type, or a range that is not PostgreSQL's own."""
        if found.fields and found.field_sqls:
            pairs = zip(found.fields, found.field_sqls, strict=True)
            parts = tuple(self.datatype(*pair) for pair in pairs)
            return DataType(Kind.OTHER, sql, shape=Shape.ROW, parts=parts)
        if found.subtype is not None and found.subtype_sql and not found.builtin:
            part = self.datatype(found.subtype, found.subtype_sql)
            return DataType(Kind.OTHER, sql, shape=Shape.RANGE, parts=(part,))
        return None

    def domains(self, oid: int) -> tuple[TypeRecord, ...]:
        """The domains that a type stands on, the innermost first; empty for no domain."""
        found = self.types.get(oid)
        if found is None or found.base is None:
            return ()
        return (*self.domains(found.base), found)

    def domain_checks(self, oid: int) -> tuple[DomainCheckRecord, ...]:
        """The checks that a value of a type must pass, those of the innermost domain first."""
        return tuple(
            check for domain in self.domains(oid) for check in self.checks.get(domain.oid, ())
        )

    def element_checks(self, oid: int) -> tuple[DomainCheckRecord, ...]:
        """The checks that the elements of an array, or of a domain over one, must pass."""
        domains = self.domains(oid)
        array = self.types.get(domains[0].base or oid) if domains else self.types.get(oid)
        if array is None or array.element is None:
            return ()
        return self.domain_checks(array.element)


def read_types(connection: Connection) -> TypeCatalog:
    """Every type of the database, with an empty search_path, so that all names are qualified."""
    checks = read_records(connection, DomainCheckRecord, DOMAIN_CHECKS)
    return TypeCatalog(
        {found.oid: found for found in read_records(connection, TypeRecord, TYPES)},
        {oid: tuple(of_one) for oid, of_one in groupby(checks, key=lambda check: check.domain)},
    )


# oid, xid, "char", reg* and the like are left out on purpose: their binary forms are not those of
# an integer or a text, so they travel as literals.
_KINDS = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "float4": Kind.FLOAT,
    "float8": Kind.FLOAT,
    "numeric": Kind.DECIMAL,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "name": Kind.TEXT,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "bytea": Kind.BYTES,
}
_BITS = {"int2": 16, "int4": 32, "int8": 64, "float4": 32, "float8": 64}
_NAME_LENGTH = 63
_MANY = 2
"""Dimensions that Arrow's lists do not have."""
_MODIFIER = re.compile(r"\((\d+)(?:,(-?\d+))?\)$")


def _plain(found: TypeRecord, sql: str) -> DataType:
    if not found.builtin:
        return DataType(Kind.TEXT if found.name == "citext" else Kind.OTHER, sql)
    kind = _KINDS.get(found.name, Kind.OTHER)
    if kind is Kind.TEXT:
        return _text(found, sql)
    if kind is Kind.DECIMAL:
        return _decimal(sql)
    return DataType(kind, sql, bits=_BITS.get(found.name))


def _text(found: TypeRecord, sql: str) -> DataType:
    modifier = _MODIFIER.search(sql)
    length = int(modifier[1]) if modifier else None
    if found.name == "name":
        length = _NAME_LENGTH
    return DataType(Kind.TEXT, sql, length=length, padded=found.name == "bpchar")


def _decimal(sql: str) -> DataType:
    modifier = _MODIFIER.search(sql)
    if modifier is None:
        return DataType(Kind.DECIMAL, sql)
    return DataType(Kind.DECIMAL, sql, precision=int(modifier[1]), scale=int(modifier[2] or 0))
