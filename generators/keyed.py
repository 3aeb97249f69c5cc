"""Which columns of a table are keys, with values never seen before, and which are learned."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import TIMES
from connectors.limits import Limits, patterns
from connectors.rules import Expression, Scope, compiled, evaluate, failing
from connectors.schema import Column, Table, Unique
from generators import keys as key_kinds
from generators.checked import checks_of, limits_of, scope_of
from generators.columns import Draw, Sample
from generators.encoding import FittedColumn
from generators.facts import Facts, stored
from generators.keys import KeyGenerator
from generators.namesakes import learned_column
from generators.natural import natural_keys
from generators.randomness import identities, stream
from generators.relations.owners import is_own

_INVENTED = 20
"""Invented values that are held against the pattern of a check."""
_ROOMY = 1_000_000
"""Values that a column needs to be a key by itself though only a longer key is declared."""
_COMPARED = 2_000
"""Keys for which the values of a unique expression are compared."""
_FORMS = ("^[A-Z0-9]{8}$", "^[0-9]{8}$", "^[A-Z]{8}$")
"""Forms of texts that are tried where checks refuse the usual ones."""


def divided(facts: Facts, table: Table) -> tuple[list[Column], dict[str, KeyGenerator]]:
    """The columns to learn, and those that are keys; of foreign keys, natural ones alone."""
    natural = natural_keys(facts, table)
    foreign = {
        column
        for key in table.foreign_keys
        if key not in natural
        for column, parent in zip(key.columns, key.parent_columns, strict=True)
        if not is_own(facts.source.schema, key, column, parent)
    }
    free = [c for c in table.written if c.name not in foreign]
    own = [c for c in free if c.name not in table.typed_columns]
    keys = {c.name: key for c in own if (key := _key(facts, table, c)) is not None}
    return [c for c in free if c.name not in keys], keys


def _key(facts: Facts, table: Table, column: Column) -> KeyGenerator | None:
    """The key generator of a column unique by itself, declared or found so inside a longer key."""
    uniques = [u for u in table.uniques if column.name in u.columns and u.whole]
    known = key_kinds.choose(column, _pattern(facts, table, column), _limits(facts, table, column))
    told = _told_apart(facts, table, column)
    if not (uniques or told) or known is None or _is_invented(facts, table, column):
        return None
    if any(u.columns == (column.name,) for u in uniques):
        return _fit_key(facts, table, column)
    if told:
        key = _fit_key(facts, table, column)
        return key if key is not None and _differ(column, key, told) else None
    values = stored(facts.source.training[table.name], column.name)
    enough = len(values) >= facts.support.k and column.datatype.kind not in TIMES
    if not enough or int(pc.count_distinct(values, mode="all").as_py()) < len(values):
        return None
    key = _fit_key(facts, table, column)
    return key if key is not None and key.capacity >= _ROOMY else None


def _told_apart(facts: Facts, table: Table, column: Column) -> list[Expression]:
    """What unique keys compute of a column without nulls alone, by index or generated column."""
    if facts.source.profile.tables[table.name].columns[column.name].null_frac > 0:
        return []
    scope = Scope(table, functions=facts.source.schema.functions)
    computed = {c.name for c in table.columns if c.generated is not None}
    parts = [
        *(u.expressions[0] for u in table.uniques if _is_one(u) and u.expressions),
        *(_quoted(u.columns[0]) for u in table.uniques if _is_one(u) and computed & {*u.columns}),
    ]
    found = [compiled(part, scope) for part in parts]
    return [e for e in found if isinstance(e, Expression) and set(e.columns) == {column.name}]


def _is_one(unique: Unique) -> bool:
    return len(unique.columns) + len(unique.expressions) == 1 and unique.predicate is None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _differ(column: Column, key: KeyGenerator, told: list[Expression]) -> bool:
    """Whether what is computed of the first keys differs as they do."""
    rows = np.arange(min(_COMPARED, key.capacity))
    found = evaluate(told, pa.table({column.name: key.at(rows)}))
    return all(pc.count_distinct(values, mode="all").as_py() == len(rows) for values in found)


def _is_invented(facts: Facts, table: Table, column: Column) -> bool:
    """Whether a personal generator already makes distinct values that the column may hold."""
    invented = learned_column(facts, table, column)
    pattern = _pattern(facts, table, column)
    return invented.generator.distinct and (pattern is None or _matches(invented, pattern))


def _matches(fitted: FittedColumn, pattern: str) -> bool:
    """Whether some values that a generator invents are as a pattern asks."""
    rows = np.arange(_INVENTED)
    draw = Draw(stream(0, "invented"), rows, identities(0, "invented", rows))
    codes = np.full(_INVENTED, fitted.feature.size - 1, np.int32)
    values = pc.drop_null(fitted.decode(codes, draw)).to_pylist()
    return all(re.search(pattern, str(value)) for value in values)


def _fit_key(facts: Facts, table: Table, column: Column) -> KeyGenerator | None:
    """The key generator whose values keep the checks of the column alone; None where none does."""
    training, left = facts.source.training[table.name], _limits(facts, table, column)
    values = stored(training, column.name)
    present = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    sample = Sample(pc.drop_null(values), training.units[present])
    for pattern in (_pattern(facts, table, column), *_FORMS):
        kind = key_kinds.choose(column, pattern, left)
        if kind is not None:
            key = kind.fit(column, sample, facts.support, pattern, left)
            if _keeps(facts, table, column, key):
                return key
    return None


def _keeps(facts: Facts, table: Table, column: Column, key: KeyGenerator) -> bool:
    """Whether the first keys and the last one keep every check of the column alone."""
    computed = {c.name for c in table.columns if c.generated is not None}
    told = [c for c in table.checks if c.binding and computed & set(c.columns)]
    every, schema = (*checks_of(table, column), *told), facts.source.schema
    found = [compiled(c.sql, scope_of(schema, table, c)) for c in every]
    alone = frozenset({column.name})
    checks = [one for one in found if isinstance(one, Expression) and set(one.columns) == alone]
    rows = np.arange(min(_INVENTED, key.capacity))
    values = key.at(np.append(rows, key.capacity - 1) if len(rows) else rows)
    return not failing(checks, pa.table({column.name: values})).any()


def _limits(facts: Facts, table: Table, column: Column) -> Limits:
    return limits_of(facts.source.schema, table, column)


def _pattern(facts: Facts, table: Table, column: Column) -> str | None:
    """The regular expression that the only check over a column alone asks of it."""
    schema = facts.source.schema
    asked = {
        pattern
        for check in table.checks
        if check.columns == (column.name,)
        for pattern in patterns(check.sql, scope_of(schema, table, check)).get(column.name, ())
    }
    return asked.pop() if len(asked) == 1 else None
