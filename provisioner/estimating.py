"""Learns what the source's planner knows, and how it would answer the user's own queries."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.dialect.equalities import Equality, equalities
from connectors.dialect.queries import open_queries, read_queries
from connectors.engines import Source
from connectors.errors import ConnectorError, WrongQuery
from connectors.planner import Query
from connectors.schema import Column, Schema, TableName
from generators.estimates import Estimates, KnownQuery, coarse_plan, coarse_statistics
from generators.facts import Training, stored
from generators.privacy.support import Support, distinct
from provisioner.errors import WrongRequest
from provisioner.events import Listener, Stated

COUNTED = "pg_stat_statements"
"""Stands for a file of queries where the source's own count of them is meant."""
_MOST_TEXTS, _MOST_QUERIES = 1_000, 100
"""Texts that are looked at, and queries that are kept, by the time that they took in all."""
TEXTS = frozenset({Kind.TEXT, Kind.ENUM, Kind.UUID})
"""Kinds of columns whose values are invented, so that a query's literal need not be among them."""


def given_queries(file: Path | None) -> tuple[Query, ...]:
    """The queries of a file; none without one.

    Raises:
        WrongRequest: the file cannot be read, or holds what is no single SELECT.
    """
    if file is None:
        return ()
    try:
        return read_queries(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise WrongRequest(
            f"{file} cannot be read; expected a file of SELECTs as text in UTF-8"
        ) from None
    except WrongQuery as error:
        raise WrongRequest(f"{file}: {error}") from None


def counted_queries(source: Source) -> tuple[Query, ...]:
    """The SELECTs that took most time in a source, by its pg_stat_statements, without literals.

    Raises:
        WrongRequest: the source does not count statements, or shows the role none that can be kept.
    """
    try:
        found = tuple(islice(open_queries(source.counted_statements(_MOST_TEXTS)), _MOST_QUERIES))
    except ConnectorError as error:
        raise WrongRequest(f"--queries {COUNTED}: {error}") from None
    if not found:
        raise WrongRequest(
            f"--queries {COUNTED}: it shows no SELECT of this database; run some, GRANT "
            "pg_read_all_stats to the role, or give a file of SELECTs"
        )
    return found


def estimated(
    source: Source,
    schema: Schema,
    training: Mapping[TableName, Training],
    asked: tuple[Sequence[Query], Support],
    listen: Listener,
) -> Estimates:
    """What may leave of the planner's statistics and plans.

    Args:
        source: whose planner is asked.
        schema: the tables to learn.
        training: their rows of training units.
        asked: the user's queries, and the rule of release.
        listen: told of the queries that get no plan.
    """
    queries, support = asked
    units = {name: distinct(part.units) for name, part in training.items()}
    tables = {}
    for name, found in source.statistics(schema).items():
        supported = _supported(training[name], support) if found.columns else {}
        kept = coarse_statistics(found, supported, units[name], support)
        if kept is not None and found.columns:
            tables[name] = kept
    known = (_known(source, query, schema, training, support) for query in queries)
    return Estimates(tables, tuple(_released(known, queries, listen)))


def _supported(training: Training, support: Support) -> Mapping[str, int]:
    """Per column, how many of its values k units share."""
    names = (n for n in training.rows.column_names if not _is_nested(training.rows, n))
    return {name: len(_frequent(training, name, support)) for name in names}


def _is_nested(rows: pa.Table, name: str) -> bool:
    return bool(pa.types.is_nested(rows.schema.field(name).type))


def _frequent(training: Training, name: str, support: Support) -> pa.Array:
    """The values of a column that k units share, most frequent first."""
    values = stored(training, name)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    return support.shares(values.drop_null(), training.units[there]).value.values


def _known(
    source: Source,
    query: Query,
    schema: Schema,
    training: Mapping[TableName, Training],
    support: Support,
) -> KnownQuery | str:
    """A query with its plan, or why there is none."""
    plan = source.explained(query)
    if isinstance(plan, ConnectorError):
        return str(plan)
    read = {node.relation for node in plan.nodes} - {""}
    few = min(
        (distinct(part.units) for name, part in training.items() if name.name in read), default=0
    )
    kept = coarse_plan(plan, few, support)
    if kept is None:
        return f"it reads a table with fewer than {support.k} units, or none that was learned"
    ranks = [_rank(found, schema, training, support) for found in equalities(query, schema)]
    return KnownQuery(query.name, query.pattern, kept, support.declared(ranks))


def _rank(
    found: Equality, schema: Schema, training: Mapping[TableName, Training], support: Support
) -> int | None:
    """The place of an equality's text among the values that k units share; None for no such."""
    if not is_text(schema.table(found.table).column(found.column)):
        return None
    frequent = pc.cast(_frequent(training[found.table], found.column, support), pa.string())
    place = pc.index(frequent, pa.scalar(found.value)).as_py()
    return None if place < 0 else int(place)


def is_text(column: Column) -> bool:
    """Whether a column holds texts that may be invented, and are stored."""
    return column.datatype.kind in TEXTS and column.generated is None


def _released(
    known: Iterator[KnownQuery | str], queries: Sequence[Query], listen: Listener
) -> Iterator[KnownQuery]:
    for query, found in zip(queries, known, strict=True):
        if isinstance(found, str):
            listen(Stated(f"the plan of query {query.name!r} is left out: {found}"))
        else:
            yield found
