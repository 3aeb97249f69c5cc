"""Makes drawn rows keep the checks of their table: evaluates them, and mends the rows that fail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import rstr

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.dialect.expressions import Scope
from connectors.rules import (
    UNLIMITED,
    Expression,
    Limits,
    Rule,
    compiled,
    failing,
    lengths,
    limits,
    literals,
    patterns,
)
from connectors.schema import Check, Schema, SqlFunction, Table, Unique
from generators.distinct import patched
from generators.spans import equality
from provisioner.bounds import bounded
from provisioner.lookups import Lookup, Matching, lookups

Ints = npt.NDArray[np.int64]
Verdict = npt.NDArray[np.bool_]
Values = dict[str, pa.Array]
Redraw = Callable[[Ints], Mapping[str, pa.Array]]

Change = Callable[["_Trial", list[str], Values], Mapping[str, pa.Array]]

_ATTEMPTS = 60
_VAIN_ATTEMPTS = 20
_PATTERN_VALUES = 60
_SECOND = 1_000_000
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


@dataclass(frozen=True, slots=True)
class Free:
    """A column that mending may change: how to draw it again, and whether it may be null.

    Attributes:
        redraw: new values for rows at some positions, of this column and those tied to it.
        alone: whether the column is tied to no other, so that a value may be put in its place.
        proposals: the values worth trying in it.
    """

    redraw: Redraw
    nullable: bool
    alone: bool
    proposals: pa.Array


@lru_cache(maxsize=1024)
def keeper(table: Table, functions: tuple[SqlFunction, ...] = ()) -> Keeper:
    """The checks of a table and its domains, and the bounds of its partitions.

    `functions` are those of the user that checks may call. Kept, since plan and load both ask.
    """
    kept: list[tuple[Rule, Expression]] = []
    left: list[tuple[Rule, str]] = []
    proposals: dict[str, list[object]] = {}
    left_over: dict[str, Limits] = {}
    equal = (equality(table, exclusion) for exclusion in table.exclusions)
    uniques = (*table.uniques, *(unique for unique in equal if unique is not None))
    keys = tuple(_of_drawn(table, unique) for unique in uniques)
    forms: dict[str, tuple[str, ...]] = {}
    for rule, scope in _declared(table, functions):
        found = compiled(rule.sql, scope)
        if isinstance(found, Expression):
            kept.append((Rule(rule.name, rule.sql, found.columns), found))
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
        {c: _typed(table.column(c).datatype, values) for c, values in proposals.items()},
        {**left_over, **_computed(table, left_over, [expression for _, expression in kept])},
        forms,
        {u.name: _parts(u, Scope(table, functions=functions)) for u in keys},
        keys,
        found_keys,
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


def mended(
    keeper: Keeper, values: Values, free: Mapping[str, Free], rng: np.random.Generator
) -> Values:
    """The values, with rows that break rules changed until they break fewer, at best none.

    Tries in turn, on the columns of one broken rule: the values of a row that keeps all; each
    column drawn again, set to a proposal, to null or left; proposals and nulls alone; two columns
    swapped; one column set to another's value or beside it. Gives up early where nothing gets
    better, however often all of these were tried.
    """
    verdict = keeper.broken(values)
    fruitful = 0
    for attempt in range(_ATTEMPTS):
        rules = np.flatnonzero(verdict.any(axis=0))
        if not len(rules) or attempt - fruitful > _VAIN_ATTEMPTS * len(rules):
            break
        rule = int(rules[attempt % len(rules)])
        rows = np.flatnonzero(verdict[:, rule])
        changes = _changes(keeper, rule)
        change, columns = changes[attempt % len(changes)]
        names = [c for c in columns if c in free]
        trial = {c: v.take(pa.array(rows)) for c, v in values.items()}
        keeps = np.asarray(~verdict.any(axis=1))
        trial |= change(
            _Trial(values, free, rows, keeps, keeper.rules[rule].columns, rng), names, trial
        )
        judged = keeper.broken(trial)
        better = judged.sum(axis=1) < verdict[rows].sum(axis=1)
        better &= ~_voided(keeper.table, trial)
        fruitful = attempt if better.any() else fruitful
        places, chosen = rows[better], pa.array(np.flatnonzero(better))
        values = {c: patched(v, places, trial[c].take(chosen)) for c, v in values.items()}
        verdict[places] = judged[better]
    return values


def _voided(table: Table, values: Values) -> npt.NDArray[np.bool_]:
    """Rows with a null in a column that may hold none."""
    found = np.zeros(len(next(iter(values.values()))), np.bool_)
    for name, column in values.items():
        if column.null_count and not table.column(name).nullable:
            found |= column.is_null().to_numpy(zero_copy_only=False)
    return found


def _changes(keeper: Keeper, rule: int) -> tuple[tuple[Change, tuple[str, ...]], ...]:
    """What to try in turn, and on which columns: the rule's own, or all tied to them by rules."""
    own, tied = keeper.rules[rule].columns, _tied(keeper, rule)
    first = ((_borrowed, tied), (_mixed, own), (_emptied, own))
    return (*first, (_mixed, tied), (_swapped, own), (_copied, own))


def _tied(keeper: Keeper, rule: int) -> tuple[str, ...]:
    """The columns of a rule, of the rules that share one of those, and so on."""
    found = set(keeper.rules[rule].columns)
    groups = [set(r.columns) for r in keeper.rules]
    while more := [g for g in groups if g & found and not g <= found]:
        found = found.union(*more)
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class _Trial:
    values: Values
    free: Mapping[str, Free]
    rows: Ints
    keeps: Verdict
    columns: tuple[str, ...]
    rng: np.random.Generator


def _of_drawn(table: Table, unique: Unique) -> Unique:
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


def _declared(table: Table, functions: tuple[SqlFunction, ...]) -> Iterator[tuple[Rule, Scope]]:
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


def _typed(datatype: DataType, values: list[object]) -> pa.Array:
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


def _borrowed(trial: _Trial, names: list[str], _part: Values) -> Mapping[str, pa.Array]:
    """The free columns of other rows that keep all rules, together."""
    givers = np.flatnonzero(trial.keeps)
    alone = [c for c in names if trial.free[c].alone]
    if not len(givers):
        return {}
    chosen = pa.array(trial.rng.choice(givers, len(trial.rows)))
    return {c: trial.values[c].take(chosen) for c in alone}


def _mixed(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Each free column drawn again, set to a proposal or to null, or left, row by row."""
    changed: dict[str, pa.Array] = {}
    for name in names:
        if not trial.free[name].alone:
            changed |= trial.free[name].redraw(trial.rows)
            continue
        options = [part[name], trial.free[name].redraw(trial.rows)[name]]
        if len(trial.free[name].proposals):
            options += [_picked(trial, name)] * 2
        if trial.free[name].nullable:
            options.append(pa.nulls(len(trial.rows), part[name].type))
        changed[name] = _chosen(options, trial.rng)
    return changed


def _emptied(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Each free column set to a proposal, or else to null where it may be."""
    changed: dict[str, pa.Array] = {}
    for name in names:
        if trial.free[name].alone and len(trial.free[name].proposals):
            changed[name] = _picked(trial, name)
        elif trial.free[name].nullable:
            changed[name] = pa.nulls(len(trial.rows), part[name].type)
    return changed


def _picked(trial: _Trial, name: str) -> pa.Array:
    proposals = trial.free[name].proposals
    return proposals.take(pa.array(trial.rng.integers(0, len(proposals), len(trial.rows))))


def _swapped(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """Two free columns of one type, each with the other's value."""
    alone = [c for c in names if trial.free[c].alone]
    pairs = [(a, b) for a in alone for b in alone if a < b and part[a].type == part[b].type]
    if not pairs:
        return {}
    one, two = pairs[int(trial.rng.integers(len(pairs)))]
    return {one: part[two], two: part[one]}


def _copied(trial: _Trial, names: list[str], part: Values) -> Mapping[str, pa.Array]:
    """A free column with the value of another one of the rule, or a neighbour of that."""
    pairs = [
        (mine, other)
        for mine in names
        for other in trial.columns
        if mine != other and trial.free[mine].alone and part[mine].type == part[other].type
    ]
    if not pairs:
        return {}
    mine, other = pairs[int(trial.rng.integers(len(pairs)))]
    return {mine: _beside(part[other], trial.rng)}


def _beside(values: pa.Array, rng: np.random.Generator) -> pa.Array:
    """The values, each with one step less, the same or one more, where their type has steps."""
    stepped = pa.types.is_integer(values.type) or pa.types.is_date32(values.type)
    width = 1 if stepped else _SECOND
    if not stepped and not pa.types.is_timestamp(values.type):
        return values
    plain = values.view(pa.int32()) if pa.types.is_date32(values.type) else values
    moved = pc.add(plain.cast(pa.int64()), pa.array(rng.integers(-1, 2, len(values)) * width))
    return moved.cast(plain.type, safe=False).cast(values.type)


def _chosen(options: list[pa.Array], rng: np.random.Generator) -> pa.Array:
    rows = len(options[0])
    stacked = pa.concat_arrays([o.cast(options[0].type) for o in options])
    return stacked.take(pa.array(rng.integers(0, len(options), rows) * rows + np.arange(rows)))
