"""Learns a column from its own rows, or from a column of its name where these are too few."""

from collections.abc import Iterator

import pyarrow.compute as pc

from connectors.schema import Column, Table, TableName
from generators.columns import Sample
from generators.columns.namesake import Namesake, can_be_like
from generators.distinct import hashable
from generators.encoding import FittedColumn, fit_column
from generators.facts import Facts, stored

_VAGUE = 0.5
"""Share of rows whose values too few units hold, from which on one code tells nothing of them."""


def learned_column(facts: Facts, table: Table, column: Column) -> FittedColumn:
    """A column with the generator that suits its class and its training values best.

    Of a dozen managers' first days only a mean may be told, if anything: then these are days as
    other tables have them in a column of that name and type, those first that refer to the same
    tables.
    """
    fitted = _own(facts, table, column)
    if not _is_vague(facts, table, fitted):
        return fitted
    for name in _others(facts, table, column):
        other = _own(facts, facts.source.schema.table(name), column)
        if other.generator.size > 1 and not other.generator.personal:
            like = Namesake.fit(column, _sample(facts, name, column), facts.support)
            return FittedColumn(column, like, fitted.nullable)
    return fitted


def _own(facts: Facts, table: Table, column: Column) -> FittedColumn:
    training, known = facts.source.training[table.name], facts.source.classes.get(table.name, {})
    values = stored(training, column.name)
    return fit_column(
        table.name, column, values, training.units, facts.support, known.get(column.name)
    )


def _is_vague(facts: Facts, table: Table, fitted: FittedColumn) -> bool:
    """Whether one code stands for all numbers or times, though no value is that of most rows."""
    column, generator = fitted.column, fitted.generator
    if not can_be_like(column) or generator.size > 1 or generator.personal:
        return False
    sample = _sample(facts, table.name, column)
    shares = facts.support.shares(hashable(sample.values), sample.units).value
    return not len(sample.values) or shares.rest > _VAGUE


def _others(facts: Facts, table: Table, column: Column) -> Iterator[TableName]:
    """Tables with a column of the same name and type that is no key, the nearest first."""
    ranked = sorted(
        (-len(_around(table) & _around(other)), -facts.source.profile.tables[other.name].rows, n)
        for n, other in enumerate(facts.source.schema.tables)
        if other.name != table.name and _is_namesake(other, column)
    )
    return (facts.source.schema.tables[n].name for *_, n in ranked)


def _around(table: Table) -> set[TableName]:
    """A table, and those that it refers to."""
    return {table.name} | {key.parent for key in table.foreign_keys}


def _is_namesake(other: Table, column: Column) -> bool:
    if not any((c.name, c.datatype) == (column.name, column.datatype) for c in other.written):
        return False
    keyed = {c for key in other.foreign_keys for c in key.columns}
    alone = {u.columns[0] for u in other.uniques if len(u.columns) == 1}
    return column.name not in keyed | alone


def _sample(facts: Facts, name: TableName, column: Column) -> Sample:
    training = facts.source.training[name]
    values = stored(training, column.name)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    return Sample(pc.drop_null(values), training.units[there])
