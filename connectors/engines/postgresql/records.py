"""What PostgreSQL's own catalog says: one query per kind of object, over the whole database."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, text

Record = TypeVar("Record")


def read_records(
    connection: Connection,
    record: Callable[..., Record],
    query: str,
    relations: Collection[int] = (),
) -> list[Record]:
    """The rows of a query, each as a record whose fields are the query's columns.

    Args:
        connection: to the database that is read.
        record: the class of the answer.
        query: one of this module's; `:relations` in it stands for `relations`.
        relations: oids of the tables and partitions that are asked about.
    """
    parameters = {"relations": list(relations)} if ":relations" in query else {}
    return [record(**row) for row in connection.execute(text(query), parameters).mappings()]


# A catalog column that newer versions added is read through to_jsonb, so that one query serves
# every version: where the column is missing, it reads as null.


@dataclass(frozen=True, slots=True)
class RelationRecord:
    """A table, partitioned table, partition or foreign table ("r", "p", "f") of a user.

    Attributes:
        is_partition: whether it stands under a partitioned table.
        partitioned_by: the key of a partitioned table.
        bound: a partition's bound.
        rule: the expression that a partition's rows keep.
        parents: oids of the tables it inherits from, or of the one it is a partition of.
    """

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    partitioned_by: str | None
    bound: str | None
    rule: str | None
    parents: list[int]


RELATIONS = """
select c.oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
    c.relispartition as is_partition, pg_get_partkeydef(c.oid) as partitioned_by,
    pg_get_expr(c.relpartbound, c.oid) as bound,
    pg_get_partition_constraintdef(c.oid) as rule,
    array(select i.inhparent from pg_inherits i where i.inhrelid = c.oid order by i.inhseqno)
        as parents
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f')
    and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'provisioner')
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """A column of a table.

    Attributes:
        type: oid of its type; `sql` is the type in full.
        dimensions: how many an array is declared with; 0 for any other type.
        identity: "a" (always), "d" (by default) or empty.
        generated: "s" (stored), "v" (virtual) or empty.
        expression: what generates it, or its default.
    """

    relation: int
    name: str
    type: int
    sql: str
    dimensions: int
    not_null: bool
    identity: str
    generated: str
    expression: str | None


COLUMNS = """
select a.attrelid as relation, a.attname::text as name, a.atttypid as type,
    format_type(a.atttypid, a.atttypmod) as sql, a.attndims as dimensions,
    a.attnotnull as not_null,
    a.attidentity::text as identity, a.attgenerated::text as generated,
    pg_get_expr(d.adbin, d.adrelid) as expression
from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = any(cast(:relations as oid[])) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""


@dataclass(frozen=True, slots=True)
class NotNullRecord:
    """A column that a table or partition declares NOT NULL."""

    relation: int
    name: str


NOT_NULLS = """
select a.attrelid as relation, a.attname::text as name
from pg_attribute a
where a.attrelid = any(cast(:relations as oid[])) and a.attnum > 0
    and a.attnotnull and not a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """A unique index, alone or under a constraint, or an index that no constraint owns.

    Attributes:
        columns: plain columns of the key, in order.
        expressions: the key's other parts.
        constraint: whether a PRIMARY KEY or UNIQUE constraint owns it.
        temporal: whether the key is WITHOUT OVERLAPS.
        valid: False while or after a CREATE INDEX CONCURRENTLY that did not finish.
    """

    relation: int
    name: str
    columns: list[str]
    expressions: list[str]
    predicate: str | None
    sql: str
    unique: bool
    primary: bool
    constraint: bool
    deferrable: bool
    temporal: bool
    nulls_distinct: bool
    valid: bool


INDEXES = """
select i.indrelid as relation, c.relname::text as name,
    array(select a.attname::text
          from generate_series(0, i.indnkeyatts - 1) as k
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k]
          where i.indkey[k] <> 0 order by k) as columns,
    array(select pg_get_indexdef(i.indexrelid, k + 1, false)
          from generate_series(0, i.indnkeyatts - 1) as k
          where i.indkey[k] = 0 order by k) as expressions,
    pg_get_expr(i.indpred, i.indrelid) as predicate, pg_get_indexdef(i.indexrelid) as sql,
    i.indisunique as unique, i.indisprimary as primary, con.oid is not null as constraint,
    not i.indimmediate as deferrable,
    coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false) as temporal,
    not coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as nulls_distinct,
    i.indisvalid as valid
from pg_index i join pg_class c on c.oid = i.indexrelid
left join pg_constraint con on con.conindid = i.indexrelid and con.contype in ('p', 'u')
where i.indrelid = any(cast(:relations as oid[])) and not c.relispartition
    and not exists (select from pg_constraint x
                    where x.conindid = i.indexrelid and x.contype = 'x')
order by i.indrelid, i.indisprimary desc, con.oid is null, c.relname
"""


@dataclass(frozen=True, slots=True)
class ForeignKeyRecord:
    """A foreign key; those that PostgreSQL itself clones for partitions are left out.

    Attributes:
        on_delete: pg_constraint.confdeltype: "a", "r", "c", "n" or "d"; `on_update` likewise.
        temporal: whether the last column is a PERIOD.
        operators: how each pair of columns is compared; `=` stands for one that needs no schema.
    """

    relation: int
    parent: int
    name: str
    columns: list[str]
    parent_columns: list[str]
    deferrable: bool
    match_full: bool
    on_delete: str
    on_update: str
    validated: bool
    temporal: bool
    operators: list[str]


FOREIGN_KEYS = """
select con.conrelid as relation, con.confrelid as parent, con.conname::text as name,
    array(select a.attname::text
          from unnest(con.conkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.number
          order by k.place) as columns,
    array(select a.attname::text
          from unnest(con.confkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = con.confrelid and a.attnum = k.number
          order by k.place) as parent_columns,
    con.condeferrable as deferrable, con.confmatchtype = 'f' as match_full,
    con.confdeltype::text as on_delete, con.confupdtype::text as on_update,
    con.convalidated as validated,
    coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false) as temporal,
    array(select case when n.nspname = 'pg_catalog' then o.oprname::text
                 else format('OPERATOR(%I.%s)', n.nspname, o.oprname) end
          from unnest(con.conpfeqop) with ordinality as k(operator, place)
          join pg_operator o on o.oid = k.operator
          join pg_namespace n on n.oid = o.oprnamespace
          order by k.place) as operators
from pg_constraint con
where con.contype = 'f' and con.conparentid = 0
    and con.conrelid = any(cast(:relations as oid[]))
order by con.conrelid, con.conname
"""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A CHECK of a table, as the bare expression."""

    relation: int
    name: str
    sql: str
    columns: list[str]
    validated: bool


CHECKS = """
select con.conrelid as relation, con.conname::text as name,
    coalesce(pg_get_expr(con.conbin, con.conrelid), '') as sql,
    array(select a.attname::text
          from unnest(con.conkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.number
          order by k.place) as columns,
    con.convalidated as validated
from pg_constraint con
where con.contype = 'c' and con.conrelid = any(cast(:relations as oid[]))
order by con.conrelid, con.conname
"""


@dataclass(frozen=True, slots=True)
class ExclusionRecord:
    """An EXCLUDE constraint, or a temporal key, by its definition."""

    relation: int
    name: str
    sql: str


EXCLUSIONS = """
select con.conrelid as relation, con.conname::text as name, pg_get_constraintdef(con.oid) as sql
from pg_constraint con
where con.conrelid = any(cast(:relations as oid[])) and con.conparentid = 0
    and (con.contype = 'x'
         or con.contype in ('p', 'u') and (to_jsonb(con) ->> 'conperiod')::boolean)
order by con.conrelid, con.conname
"""


@dataclass(frozen=True, slots=True)
class TriggerRecord:
    """A user's trigger; those cloned for partitions are left out."""

    relation: int
    name: str


TRIGGERS = """
select t.tgrelid as relation, t.tgname::text as name
from pg_trigger t
where not t.tgisinternal and coalesce((to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0
    and t.tgrelid = any(cast(:relations as oid[]))
order by t.tgrelid, t.tgname
"""


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """A sequence that a column owns, or that the column's default reads."""

    relation: int
    column: str
    schema: str
    name: str


SEQUENCES = """
select feed.relation, a.attname::text as column, n.nspname::text as schema,
    c.relname::text as name
from (
    select d.refobjid as relation, d.refobjsubid as number, d.objid as sequence
    from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
        and d.deptype in ('a', 'i') and d.refobjsubid > 0
    union
    select f.adrelid, f.adnum, d.refobjid
    from pg_depend d join pg_attrdef f on f.oid = d.objid
    where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
) as feed
join pg_class c on c.oid = feed.sequence and c.relkind = 'S'
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = feed.relation and a.attnum = feed.number
where feed.relation = any(cast(:relations as oid[]))
"""


@dataclass(frozen=True, slots=True)
class OddityRecord:
    """An object that `connectors.schema` has no type for."""

    kind: str
    schema: str
    name: str


ODDITIES = """
select odd.kind, n.nspname::text as schema, odd.name
from (
    select c.oid, c.relnamespace as namespace, c.relname::text as name,
        case c.relkind when 'm' then 'materialized view' else 'composite type' end as kind
    from pg_class c where c.relkind in ('m', 'c')
    union all
    select c.oid, c.relnamespace, c.relname::text || ' ' || r.rulename::text, 'rule'
    from pg_rewrite r join pg_class c on c.oid = r.ev_class
    where c.relkind in ('r', 'p')
) as odd
join pg_namespace n on n.oid = odd.namespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'provisioner')
    and not exists (
        select from pg_depend d
        where d.deptype = 'e'
            and (d.classid = 'pg_class'::regclass and d.objid = odd.oid
                or d.classid = 'pg_type'::regclass and d.objid = (
                    select t.oid from pg_type t where t.typrelid = odd.oid)))
"""


@dataclass(frozen=True, slots=True)
class SizeRecord:
    """A table's or leaf's estimated rows and its bytes on disk."""

    relation: int
    rows: float
    bytes: int


# The planner's rule: the rows per page that ANALYZE last saw, times the pages of today
# (estimate_rel_size in PostgreSQL's plancat.c). A table never analyzed has no such figure; 100
# bytes a row are the order of magnitude of common tables.
SIZES = """
select c.oid as relation, pg_table_size(c.oid) as bytes,
    case when c.reltuples >= 0 and c.relpages > 0
        then c.reltuples::float8 / c.relpages
            * (pg_relation_size(c.oid) / current_setting('block_size')::float8)
        else pg_relation_size(c.oid) / 100.0::float8 end as rows
from pg_class c
where c.oid = any(cast(:relations as oid[])) and c.relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """A user's immutable function in SQL, such as checks call."""

    name: str
    parameters: list[str]
    sql: str
    strict: bool


FUNCTIONS = """
select n.nspname || '.' || p.proname as name, p.prosrc as sql, p.proisstrict as strict,
    coalesce(p.proargnames, array_fill(''::text, array[p.pronargs])) as parameters
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    join pg_language l on l.oid = p.prolang
where l.lanname = 'sql' and p.prokind = 'f' and p.provolatile = 'i' and not p.proretset
    and p.prosrc <> '' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
order by 1, p.oid
"""
