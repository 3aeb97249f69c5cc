"""The rules that rows of a table must keep, made ready to be evaluated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import rstr

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.dialect.expressions import Scope
from connectors.limits import UNLIMITED, Limits, lengths, limits, literals, patterns
from connectors.rules import Expression, Rule, compiled, failing, solutions
from connectors.schema import Check, Schema, SqlFunction, Table, Unique
from generators.spans import equality
from provisioner.bounds import bounded
from provisioner.lookups import Lookup, Matching, lookups

Ints = npt.NDArray[np.int64]
Verdict = npt.NDArray[np.bool_]
Values = dict[str, pa.Array]
_PATTERN_VALUES = 60
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Keeper:
    """The rules of a table, made ready for rows.

    Attributes:
        rules: those that can be evaluated here: checks, with their expressions side by side, and
            behind them the foreign keys over generated columns, with their lookups.
        left: those that only the server can judge, and why.
        proposals: values worth trying, by column: constants and patterns that rules speak of.
        limits: what rules leave of the columns' values.
        patterns: regular expressions that rules speak of, by column.
        uniques: what the parts of each unique key that are no plain columns compute, by name.
        keys: the table's unique keys, generated columns as expressions.
        lookups: what must be found in other tables.
        matching: finds it; None where no rows of other tables are known, and nothing is missed.
        solutions: columns that an equality sets, with what it sets them to, by rule.
    """

    table: Table
    rules: tuple[Rule, ...]
    expressions: tuple[Expression, ...]
    left: tuple[tuple[Rule, str], ...]
    proposals: Mapping[str, pa.Array]
    limits: Mapping[str, Limits]
    patterns: Mapping[str, tuple[str, ...]]
    uniques: Mapping[str, "Parts"]
    keys: tuple[Unique, ...]
    lookups: tuple[Lookup, ...] = ()
    matching: Matching | None = None
    solutions: Mapping[Rule, tuple[tuple[str, Expression], ...]] = field(default_factory=dict)

    def over(self, columns: frozenset[str]) -> "Keeper":
        """The keeper of those rules alone whose columns are all among some."""
        kept = [columns >= set(rule.columns) for rule in self.rules]
        checks = len(self.expressions)
        return replace(
            self,
            rules=tuple(compress(self.rules, kept)),
            expressions=tuple(compress(self.expressions, kept)),
            lookups=tuple(compress(self.lookups, kept[checks:])),
        )

    def broken(self, values: Mapping[str, pa.Array]) -> Verdict:
        """Whether each row (first axis) breaks each rule (second axis)."""
        rows = len(next(iter(values.values()))) if values else 0
        if not self.rules or not rows:
            return np.zeros((rows, len(self.rules)), np.bool_)
        table = pa.table(dict(values))
        missed = [lookup.missed(table, self.matching) for lookup in self.lookups]
        return np.column_stack([failing(self.expressions, table), *missed])


@dataclass(frozen=True, slots=True)
class Parts:
    """A unique index's expressions and predicate.

    Attributes:
        known: whether all of them can be evaluated here.
    """

    expressions: tuple[Expression, ...]
    predicate: Expression | None
    known: bool


@lru_cache(maxsize=1024)
def keeper(table: Table, functions: tuple[SqlFunction, ...] = ()) -> Keeper:
    """The checks of a table and its domains, and the bounds of its partitions.

    `functions` are those of the user that checks may call. Kept, since plan and load both ask.
    """
    kept: list[tuple[Rule, Expression]] = []
    solved: dict[Rule, tuple[tuple[str, Expression], ...]] = {}
    left: list[tuple[Rule, str]] = []
    proposals: dict[str, list[object]] = {}
    left_over: dict[str, Limits] = {}
    equal = (equality(table, exclusion) for exclusion in table.exclusions)
    uniques = (*table.uniques, *(unique for unique in equal if unique is not None))
    keys = tuple(of_drawn(table, unique) for unique in uniques)
    forms: dict[str, tuple[str, ...]] = {}
    for rule, scope in declared(table, functions):
        found = compiled(rule.sql, scope)
        if isinstance(found, Expression):
            known = Rule(rule.name, rule.sql, found.columns)
            kept.append((known, found))
            solved[known] = solutions(rule.sql, scope)
        else:
            left.append((rule, found.why))
        for column, values in _proposed(rule, scope).items():
            proposals.setdefault(column, []).extend(values)
        for column, limit in limits(rule.sql, scope).items():
            left_over[column] = left_over.get(column, UNLIMITED).within(limit)
        for column, asked in patterns(rule.sql, scope).items():
            forms[column] = (*forms.get(column, ()), *asked)
    found_keys, left_keys = lookups(table, functions)
    return Keeper(
        table,
        (*(rule for rule, _ in kept), *(lookup.rule for lookup in found_keys)),
        tuple(expression for _, expression in kept),
        (*left, *left_keys),
        {c: typed_values(table.column(c).datatype, values) for c, values in proposals.items()},
        {**left_over, **_computed(table, left_over, [expression for _, expression in kept])},
        forms,
        {u.name: _parts(u, Scope(table, functions=functions)) for u in keys},
        keys,
        found_keys,
        solutions=solved,
    )


def _computed(
    table: Table, limits: Mapping[str, Limits], rules: Sequence[Expression]
) -> Mapping[str, Limits]:
    """What checks of generated columns leave of the only column that these are computed from."""
    found = {}
    for column in table.written:
        alone = [e for e in rules if set(e.columns) == {column.name}]
        if any(c.generated is not None for c in table.columns):
            found[column.name] = bounded(column, limits.get(column.name, UNLIMITED), alone)
    return {name: limit for name, limit in found.items() if limit != UNLIMITED}


def callable_functions(schema: Schema) -> tuple[SqlFunction, ...]:
    """The functions that checks may call: the user's, and the lookup of a table by its name."""
    names = (f'"{_doubled(t.name.schema)}"."{_doubled(t.name.name)}"' for t in schema.tables)
    listed = ", ".join("'" + name.replace("'", "''") + "'::text" for name in names)
    body = f"SELECT CASE WHEN $1 IN ({listed}) THEN $1 END"
    return (*schema.functions, SqlFunction("to_regclass", ("",), body))


def _doubled(name: str) -> str:
    return name.replace('"', '""')


def of_drawn(table: Table, unique: Unique) -> Unique:
    """The key over drawn columns alone: generated ones are expressions of those."""
    computed = [c for c in unique.columns if table.column(c).generated is not None]
    if not computed:
        return unique
    names = (f'"{_doubled(name)}"' for name in computed)
    plain = tuple(c for c in unique.columns if c not in computed)
    return replace(unique, columns=plain, expressions=(*unique.expressions, *names))


def _parts(unique: Unique, scope: Scope) -> Parts:
    wanted = [*unique.expressions, *([unique.predicate] if unique.predicate else [])]
    found = [compiled(sql, scope) for sql in wanted]
    known = tuple(e for e in found if isinstance(e, Expression))
    predicate = known[-1] if unique.predicate and known else None
    count = len(unique.expressions)
    return Parts(known[:count], predicate, known=len(known) == len(wanted))


def declared(table: Table, functions: tuple[SqlFunction, ...]) -> Iterator[tuple[Rule, Scope]]:
    """The checks that bind drawn rows, and the bounds of partitions as one more."""
    for check in table.checks:
        if check.binding:
            scope = Scope(table, _value(check), functions=functions)
            yield Rule(check.name, check.sql, check.columns), scope
    leaves = [p for p in table.partitions if p.leaf]
    if leaves and all(leaf.rule for leaf in leaves):
        whole = " OR ".join(f"({leaf.rule})" for leaf in leaves)
        yield Rule("partition bounds", whole, ()), Scope(table)


def _value(check: Check) -> str | None:
    return check.columns[0] if "VALUE" in check.sql and len(check.columns) == 1 else None


def _proposed(rule: Rule, scope: Scope) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {
        column: list(values) for column, values in literals(rule.sql, scope).items()
    }
    drawn = rstr.Rstr(Random(rule.sql))  # noqa: S311 - examples of a pattern, no secrets
    for column, regexes in patterns(rule.sql, scope).items():
        most = scope.columns[column].length or 200
        texts = (drawn.xeger(r) for r in regexes for _ in range(_PATTERN_VALUES))
        found.setdefault(column, []).extend(t for t in texts if len(t) <= most)
    for column, (least, most_characters) in lengths(rule.sql, scope).items():
        size = least if least is not None else most_characters or 1
        letters = _LETTERS * (size // len(_LETTERS) + 1)
        found.setdefault(column, []).extend(letters[k : k + size] for k in range(10))
    return found


def typed_values(datatype: DataType, values: Sequence[object]) -> pa.Array:
    """The values that fit the column's Arrow type, each once."""
    kind = arrow_type(datatype)
    kept = []
    for value in values:
        try:
            kept.append(pa.array([value], kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    if not kept or datatype.kind in {Kind.ARRAY, Kind.JSON}:
        return pa.nulls(0, kind)
    return pa.concat_arrays(kept).unique()
