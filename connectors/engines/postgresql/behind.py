"""What a database declares that never travels: it leads to other servers, or names their roles."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from connectors.engines.postgresql.records import read_records
from connectors.schema import Unmodelled


@dataclass(frozen=True, slots=True)
class BehindRecord:
    """An object, or all privileges in a schema.

    Attributes:
        objects: how many objects of the schema have privileges; 1 for an object.
    """

    kind: str
    name: str
    objects: int


# An object that an extension brings along comes back with it. Privileges are counted that differ
# from those that an owner has anyway, and from those that initdb gave (pg_init_privs).
BEHIND = """
with granted as (
    select c.relnamespace as namespace, c.relacl as acl, 'pg_class'::regclass as class, c.oid,
        acldefault((case c.relkind when 'S' then 's' else 'r' end)::"char", c.relowner) as usual
    from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select p.pronamespace, p.proacl, 'pg_proc'::regclass, p.oid, acldefault('f', p.proowner)
    from pg_proc p
    union all
    select n.oid, n.nspacl, 'pg_namespace'::regclass, n.oid, acldefault('n', n.nspowner)
    from pg_namespace n
    union all
    select t.typnamespace, t.typacl, 'pg_type'::regclass, t.oid, acldefault('T', t.typowner)
    from pg_type t
    union all
    select c.relnamespace, a.attacl, 'pg_class'::regclass, c.oid, '{}'
    from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null
), behind as (
    select 'publication' as kind, p.pubname::text as name, 1 as objects,
        'pg_publication'::regclass as class, p.oid
    from pg_publication p
    union all
    select 'subscription', s.subname::text, 1, 'pg_subscription'::regclass, s.oid
    from pg_subscription s
    where s.subdbid = (select d.oid from pg_database d where d.datname = current_database())
    union all
    select 'event trigger', e.evtname::text, 1, 'pg_event_trigger'::regclass, e.oid
    from pg_event_trigger e
    union all
    select 'foreign data wrapper', f.fdwname::text, 1, 'pg_foreign_data_wrapper'::regclass, f.oid
    from pg_foreign_data_wrapper f
    union all
    select 'server', s.srvname::text, 1, 'pg_foreign_server'::regclass, s.oid
    from pg_foreign_server s
    union all
    select 'foreign table', n.nspname || '.' || c.relname, 1, 'pg_class'::regclass, c.oid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'f'
    union all
    select 'default privileges', coalesce(n.nspname::text, 'every schema'), 1,
        'pg_default_acl'::regclass, a.oid
    from pg_default_acl a left join pg_namespace n on n.oid = a.defaclnamespace
    union all
    select 'privileges', n.nspname::text, count(distinct g.oid)::int, 'pg_namespace'::regclass,
        n.oid
    from granted g join pg_namespace n on n.oid = g.namespace
    where not (g.acl @> g.usual and g.acl <@ g.usual)
        and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'provisioner')
        and not exists (
            select from pg_init_privs i
            where i.classoid = g.class and i.objoid = g.oid and i.initprivs = g.acl)
        and not exists (
            select from pg_depend d
            where d.classid = g.class and d.objid = g.oid and d.deptype = 'e')
    group by n.nspname, n.oid
)
select b.kind, b.name, b.objects from behind b
where not exists (
    select from pg_depend d where d.classid = b.class and d.objid = b.oid and d.deptype = 'e')
"""

_REASONS = {
    "publication": "it would send test rows to whoever subscribes; create it in the target",
    "subscription": "it holds the address of another server",
    "event trigger": "it reaches beyond the tables; create it in the target",
    "foreign data wrapper": "it leads to other servers and may hold secrets",
    "server": "it is the address of another server and may hold secrets",
    "foreign table": "its rows are stored on another server, which stays behind",
    "default privileges": "they name roles, which belong to the server; grant them in the target",
}


def left_behind(connection: Connection) -> Iterator[Unmodelled]:
    """Each object that never travels, and one entry for the privileges in each schema."""
    for found in read_records(connection, BehindRecord, BEHIND):
        reason = _REASONS.get(found.kind) or (
            f"those of {found.objects} objects name roles, which belong to the server; grant them "
            "in the target"
        )
        yield Unmodelled(found.kind, found.name, reason)
