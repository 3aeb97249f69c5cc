"""Has the server judge a few rows in a temporary table that takes after a real one."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import psycopg
import pyarrow as pa
from psycopg import sql

from connectors.engines import Refusal
from connectors.schema import Table, TableName

Session: TypeAlias = psycopg.Connection[tuple[object, ...]]
Send = Callable[[Table, pa.RecordBatch], None]

_CHECKED = sql.SQL("INCLUDING GENERATED INCLUDING CONSTRAINTS")
_UNCHECKED = sql.SQL("INCLUDING GENERATED")
_BOUNDS = "partition bounds"
_MOST_PARTS = 400
_WHOLE_ROW = "0A000"
_ELSEWHERE = ("08", "53", "57", "58")
"""Classes of errors that tell of the connection, the machine or an operator, not of a row."""
_CHECKS = """
SELECT conname, pg_catalog.pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
WHERE conrelid = %s::pg_catalog.regclass AND contype = 'c' ORDER BY conname
"""
_BOUND = """
SELECT string_agg('(' || pg_catalog.pg_get_partition_constraintdef(relid) || ')', ' OR ')
FROM pg_catalog.pg_partition_tree(%s::pg_catalog.regclass) WHERE isleaf
HAVING bool_and(pg_catalog.pg_get_partition_constraintdef(relid) IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why the server refused a row: the name of what it broke, and the SQLSTATE."""

    name: str
    state: str


def refusals(
    session: Session, table: Table, rows: pa.RecordBatch, send: Send
) -> tuple[Refusal, ...]:
    """The constraints for which the server refuses rows, and how many of them.

    All rows go at once into a temporary table with the checks, NOT NULLs, domains and generated
    columns of the real one, and with the bounds of its partitions. Only where that fails are they
    counted: halved until those are found that no unchecked table takes, and the rest held against
    each check by a query. Nothing is left behind.

    Args:
        session: with or without an open transaction.
        table: there in the database, whatever it holds.
        rows: a value for each written column.
        send: copies rows into a table; raises the driver's errors.
    """
    bound = _bound(session, table)
    try:
        with _temporary(session, table, _CHECKED) as twin:
            _restrict(session, twin, bound)
            send(twin, rows)
    except psycopg.Error as error:
        _require_refusal(error)
        found = tuple(_counted(session, table, rows, send))
        if found or error.sqlstate == _WHOLE_ROW:
            return found
        reason = _reason(error, table)
        return (_refusal(table, reason, 1, rows.num_rows, exact=False),)
    return ()


@contextmanager
def _temporary(session: Session, table: Table, options: sql.SQL) -> Iterator[Table]:
    """An empty table like another one, for as long as the context lasts; the bounds are not."""
    twin = replace(table, name=TableName("pg_temp", table.name.name))
    with session.transaction(force_rollback=True):
        session.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} {})").format(
                sql.Identifier(*_parts(twin)), sql.Identifier(*_parts(table)), options
            )
        )
        yield twin


def _parts(table: Table) -> tuple[str, str]:
    return table.name.schema, table.name.name


def _bound(session: Session, table: Table) -> str | None:
    """What a row must be to fall into some leaf; None where every row does."""
    if not table.partitions:
        return None
    name = sql.Identifier(*_parts(table)).as_string(session)
    found = session.execute(_BOUND, (name,)).fetchone()
    return str(found[0]) if found and found[0] is not None else None


def _restrict(session: Session, twin: Table, bound: str | None) -> None:
    if bound is not None:
        session.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK {}").format(
                sql.Identifier(*_parts(twin)), sql.Identifier(_BOUNDS), sql.SQL(f"({bound})")
            )
        )


def _require_refusal(error: psycopg.Error) -> None:
    if error.sqlstate is None or error.sqlstate[:2] in _ELSEWHERE or error.sqlstate == "42501":
        raise error


def _counted(session: Session, table: Table, rows: pa.RecordBatch, send: Send) -> Iterator[Refusal]:
    checks = _checks(session, table)
    with _temporary(session, table, _UNCHECKED) as twin:
        reasons, left = _sifted(session, twin, rows, send)
        for reason, count in reasons.items():
            yield _refusal(table, reason, count, rows.num_rows, exact=not left)
        for name, expression in checks:
            count, state = _breaking(session, twin, expression)
            if count:
                yield Refusal(name, expression, state, count, rows.num_rows, state == "23514")


def _checks(session: Session, table: Table) -> Sequence[tuple[str, str]]:
    name = sql.Identifier(*_parts(table)).as_string(session)
    found = session.execute(_CHECKS, (name,)).fetchall()
    bound = _bound(session, table)
    checks = [(str(name), str(expression)) for name, expression in found]
    return [*checks, *([(_BOUNDS, bound)] if bound is not None else [])]


def _sifted(
    session: Session, twin: Table, rows: pa.RecordBatch, send: Send
) -> tuple[Counter[_Reason], int]:
    """Leaves in a table the rows that it takes.

    Answers how many it refused by reason, and how many stand in parts that were not looked into.
    """
    reasons: Counter[_Reason] = Counter()
    parts, tried = [rows], 0
    while parts and tried < _MOST_PARTS:
        part, tried = parts.pop(), tried + 1
        reason = _sent(session, twin, part, send)
        if reason is not None and part.num_rows == 1:
            reasons[reason] += 1
        elif reason is not None:
            half = part.num_rows // 2
            parts += [part.slice(half), part.slice(0, half)]
    return reasons, sum(part.num_rows for part in parts)


def _sent(session: Session, twin: Table, rows: pa.RecordBatch, send: Send) -> _Reason | None:
    try:
        with session.transaction():
            send(twin, rows)
    except psycopg.Error as error:
        _require_refusal(error)
        return _reason(error, twin)
    return None


def _reason(error: psycopg.Error, table: Table) -> _Reason:
    found = error.diag.constraint_name or error.diag.column_name or _column(error, table)
    return _Reason(found or "", error.sqlstate or "")


def _column(error: psycopg.Error, table: Table) -> str | None:
    """The column that the server was reading; the value that it quotes behind it is left out."""
    context = error.diag.context or ""
    named = (c.name for c in table.columns if f", column {c.name}" in context.partition(":")[0])
    return max(named, key=len, default=None)


def _refusal(table: Table, reason: _Reason, count: int, tried: int, *, exact: bool) -> Refusal:
    rules = (check.sql for check in table.checks if check.name == reason.name)
    return Refusal(reason.name, next(rules, ""), reason.state, count, tried, exact)


def _breaking(session: Session, twin: Table, expression: str) -> tuple[int, str]:
    """How many rows break a check, with the SQLSTATE; 1 where it cannot be computed for some."""
    query = sql.SQL("SELECT count(*) FROM {} AS {} WHERE NOT {}").format(
        sql.Identifier(*_parts(twin)), sql.Identifier(twin.name.name), sql.SQL(f"({expression})")
    )
    try:
        with session.transaction():
            found = session.execute(query).fetchone()
    except psycopg.Error as error:
        _require_refusal(error)
        return 1, error.sqlstate or ""
    return (int(str(found[0])) if found else 0), "23514"
