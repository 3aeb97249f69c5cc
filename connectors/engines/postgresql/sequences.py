"""Positions of sequences: set after the rows of a load, and put back where it is taken back."""

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

from connectors.engines.postgresql.connection import told
from connectors.schema import Schema, TableName
from connectors.schema import Sequence as Fed

Session = psycopg.Connection[tuple[object, ...]]

_POSITIONS = """
CREATE TABLE provisioner.sequence (
    schema text, name text, position bigint NOT NULL, used boolean NOT NULL,
    PRIMARY KEY (schema, name))
"""
_PUT_BACK = """
SELECT pg_catalog.setval(
    pg_catalog.format('%I.%I', schema, name)::pg_catalog.regclass, position, used)
FROM provisioner.sequence
"""


def advance(session: Session, schema: Schema) -> None:
    """Sets each sequence so that its next value follows the largest one in use."""
    for name, fed in _by_sequence(schema).items():
        with told(f"setting sequence {name}"):
            session.execute(_advance(fed))


def record(session: Session, names: Iterable[TableName]) -> None:
    """Writes the positions of sequences into the ledger's schema."""
    with told("recording the positions of sequences"):
        session.execute(_POSITIONS.encode())
        for name in sorted(names):
            query = sql.SQL(
                "INSERT INTO provisioner.sequence SELECT {}, {}, last_value, is_called FROM {}"
            )
            literals = sql.Literal(name.schema), sql.Literal(name.name)
            session.execute(query.format(*literals, sql.Identifier(name.schema, name.name)))


def put_back(session: Session) -> None:
    """Sets sequences to what `record` found; those of a ledger without positions stay."""
    with told("putting back the positions of sequences"):
        known = session.execute("SELECT pg_catalog.to_regclass('provisioner.sequence')").fetchone()
        if known is not None and known[0] is not None:
            session.execute(_PUT_BACK.encode())


def _by_sequence(schema: Schema) -> dict[TableName, list[Fed]]:
    """The columns that each sequence feeds; one sequence may feed several."""
    found: dict[TableName, list[Fed]] = {}
    for sequence in schema.sequences:
        found.setdefault(sequence.name, []).append(sequence)
    return found


def _advance(fed: Sequence[Fed]) -> sql.Composed:
    """Sets a sequence so that its next value follows the largest one in use."""
    name = sql.Literal(sql.Identifier(fed[0].name.schema, fed[0].name.name).as_string(None))
    largest = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT max({}) AS value FROM {}").format(
            sql.Identifier(one.column), sql.Identifier(one.table.schema, one.table.name)
        )
        for one in fed
    )
    return sql.SQL(
        "SELECT pg_catalog.setval({0}::regclass, greatest(m.value, s.seqmin),"
        " m.value IS NOT NULL) FROM (SELECT max(value) AS value FROM ({1}) AS u) AS m,"
        " pg_catalog.pg_sequence AS s WHERE s.seqrelid = {0}::regclass"
    ).format(name, largest)
