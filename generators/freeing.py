"""Values for rows that repeat those of other shards, in SQL: of rows alike, where they are free."""

from collections.abc import Sequence

from connectors.datatypes import Kind
from connectors.invariants import quoted, relation
from connectors.schema import Table
from generators.updates import Values, identity_of

_TRIES = 16
"""Values that a row is offered, of which it takes the first that is free."""
_OWN = "provisioner_"


def freed(table: Table, column: str, others: Sequence[str]) -> Values | None:
    """Other values of a column for rows that repeat an earlier one in all columns; None for none.

    They are chosen, by the row's key alone, among those of rows that are equal in the first of the
    other columns that is a text or a key, and stand beside no row that is equal in all of these.
    """
    identity = identity_of(table)
    if identity is None:
        return None
    own, mine = quoted(column), [quoted(name) for name in identity]
    same = [quoted(name) for name in others]
    lead = _lead(table, others)
    by, keys = ", ".join(same), ", ".join(mine)
    known = " AND ".join(f"{name} IS NOT NULL" for name in (own, *same))
    rows = relation(table.name)
    turn = f"SELECT *, row_number() OVER (PARTITION BY {by}, {own} ORDER BY {keys})"
    pool = f"SELECT DISTINCT {lead} AS {_OWN}lead, {own} AS {_OWN}free FROM {rows} WHERE {known}"  # noqa: S608 # all quoted
    told = f"concat_ws(' ', {', '.join(f'd.{name}' for name in mine)}, k)"
    place = f"mod(('x' || left(md5({told}), 7))::bit(28)::int, s.{_OWN}size)"
    used = " AND ".join(f"u.{name} = d.{name}" for name in same)
    led = f"d.{lead}" if lead != "true" else lead
    joined = " AND ".join(f"d.{name} = f.{name}" for name in mine)
    d_keys = ", ".join(f"d.{name}" for name in mine)
    source = (
        f"(WITH r AS MATERIALIZED ({turn} AS {_OWN}turn FROM {rows} WHERE {known}), "  # noqa: S608
        f"d AS MATERIALIZED (SELECT * FROM r WHERE {_OWN}turn > 1), "
        f"l AS MATERIALIZED (SELECT *, row_number() OVER (PARTITION BY {_OWN}lead "
        f"ORDER BY {_OWN}free) - 1 AS {_OWN}place FROM ({pool}) AS v), "
        f"s AS MATERIALIZED (SELECT {_OWN}lead, count(*) AS {_OWN}size FROM l GROUP BY 1), "
        f"o AS MATERIALIZED (SELECT d.*, k AS {_OWN}try, {place} AS {_OWN}offer, s.{_OWN}lead "
        f"FROM d JOIN s ON s.{_OWN}lead = {led} CROSS JOIN generate_series(1, {_TRIES}) AS k), "
        f"c AS (SELECT DISTINCT ON ({d_keys}) d.*, l.{_OWN}free FROM o AS d "
        f"JOIN l ON l.{_OWN}lead = d.{_OWN}lead AND l.{_OWN}place = d.{_OWN}offer "
        f"WHERE NOT EXISTS (SELECT FROM {rows} AS u WHERE {used} AND u.{own} = l.{_OWN}free) "
        f"ORDER BY {d_keys}, d.{_OWN}try), "
        f"f AS (SELECT *, row_number() OVER (PARTITION BY {by}, {_OWN}free ORDER BY {keys}) "
        f"AS {_OWN}first FROM c) "
        f"SELECT d.*, f.{_OWN}free FROM d JOIN f ON {joined} WHERE f.{_OWN}first = 1) AS p"
    )
    return Values(f"p.{_OWN}free", source, "p")


def _lead(table: Table, others: Sequence[str]) -> str:
    """The column in which rows must be alike to lend a value; nothing where none tells enough."""
    keyed = {name for key in table.foreign_keys for name in key.columns}
    kinds = {name: table.column(name).datatype.kind for name in others}
    some = [name for name in others if name in keyed or kinds[name] is Kind.TEXT]
    return quoted(some[0]) if some else "true"
