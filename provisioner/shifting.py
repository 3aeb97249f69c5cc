"""Which columns' times move so that a target looks like another day, and which ones rest."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

from connectors.dialect.expressions import Scope
from connectors.dialect.shifts import same_order, same_truth, still_true
from connectors.schema import Exclusion, SqlFunction, Table, TableName
from generators.model import DatabaseModel
from generators.shift import is_shiftable
from generators.spans import equality, overlap
from provisioner.errors import WrongRequest
from provisioner.keeping import callable_functions, declared, of_drawn
from provisioner.report import Finding, Severity
from provisioner.together import Place, Tie, ties

EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much times move, and where.

    Attributes:
        as_of: the day that the rows shall look like.
        days: whole weeks, so that weekdays stay.
        columns: the columns that move, of each table that has any.
    """

    as_of: date
    days: int
    columns: tuple[tuple[TableName, tuple[str, ...]], ...]

    def of(self, table: TableName) -> frozenset[str]:
        """The columns of a table that move."""
        return frozenset(dict(self.columns).get(table, ()))


@dataclass(frozen=True, slots=True)
class _Bond:
    """Columns of one table that move together or not at all, since a constraint speaks of them.

    Attributes:
        keeps: whether the constraint is kept where some columns move.
    """

    columns: frozenset[str]
    why: str
    keeps: Callable[[frozenset[str]], bool]


@dataclass(slots=True)
class _Moving:
    """Columns that move so far, and why others do not."""

    columns: dict[TableName, frozenset[str]]
    resting: dict[Place, str] = field(default_factory=dict)

    def rest(self, table: TableName, columns: frozenset[str], why: str) -> bool:
        """Lets columns rest; answers whether any of them moved before."""
        found = self.columns[table] & columns
        self.columns[table] -= found
        self.resting |= {(table, column): why for column in sorted(found)}
        return bool(found)


def shift_to(
    model: DatabaseModel, as_of: date | None, keeps: frozenset[TableName]
) -> tuple[Shift | None, tuple[Finding, ...]]:
    """The shift from the day of learning to another one, and a finding per column that rests.

    Args:
        model: what was learned.
        as_of: the day; None for no shift.
        keeps: the tables whose rows in the target stay.

    Raises:
        WrongRequest: the model does not say of which day it is, or the day makes no sense.
    """
    if as_of is None:
        return None, ()
    if model.as_of is None:
        raise WrongRequest("the model does not say of which day its rows are; learn again")
    if not EARLIEST <= as_of <= LATEST:
        raise WrongRequest(f"as of {as_of} found; expected a day from {EARLIEST} to {LATEST}")
    days = (as_of - model.as_of).days // _WEEK * _WEEK
    if not days:
        return None, ()
    moving = _moving(model, keeps, days)
    columns = tuple((name, tuple(sorted(c))) for name, c in sorted(moving.columns.items()) if c)
    return Shift(as_of, days, columns), tuple(
        Finding("unshifted", Severity.WARNING, f"{table}.{column}", f"its times stay; {why}")
        for (table, column), why in sorted(moving.resting.items())
    )


def _moving(model: DatabaseModel, keeps: frozenset[TableName], days: int) -> _Moving:
    """Lets all times move, then rest where something would break, until nothing does."""
    functions = callable_functions(model.schema)
    tables = model.schema.tables
    moving = _Moving(
        {t.name: frozenset(c.name for c in t.written if is_shiftable(c.datatype)) for t in tables}
    )
    for name in keeps:
        moving.columns[name] = frozenset()
    bonds = {t.name: tuple(_bonds(t, functions, forward=days > 0)) for t in tables}
    tied = [tie for tie in ties(model) if keeps.isdisjoint(name for name, _ in tie.places)]
    changed = True
    while changed:
        changed = sum(_loosened(moving, name, found) for name, found in bonds.items()) > 0
        changed |= sum(_followed(moving, table) for table in tables) > 0
        changed |= sum(_held_back(moving, tie, days) for tie in tied) > 0
    return moving


def _held_back(moving: _Moving, tie: Tie, days: int) -> bool:
    """Lets times rest where one that a rule ties them to does."""
    found = [place for place in tie.places if place[1] in moving.columns[place[0]]]
    if tie.keeps(found, days):
        return False
    why = f"the rule that nobody declared would not hold any more: {tie.words}"
    for table, column in found:
        moving.rest(table, frozenset({column}), why)
    return True


def _loosened(moving: _Moving, name: TableName, bonds: tuple[_Bond, ...]) -> bool:
    changed = False
    for bond in bonds:
        found = moving.columns[name] & bond.columns
        if found and not bond.keeps(moving.columns[name]):
            changed |= moving.rest(name, found, bond.why)
    return changed


def _followed(moving: _Moving, table: Table) -> bool:
    """Lets both ends of a key rest where one of them does."""
    changed = False
    for key in (*table.foreign_keys, *table.polymorphic):
        for child, parent in zip(key.columns, key.parent_columns, strict=True):
            mine, other = child in moving.columns[table.name], parent in moving.columns[key.parent]
            if mine and not other:
                why = f"{key.parent}.{parent}, which {key.name} leads to, does not move"
                changed |= moving.rest(table.name, frozenset({child}), why)
            if other and not mine:
                why = f"{table.name}.{child}, which refers to it, does not move"
                changed |= moving.rest(key.parent, frozenset({parent}), why)
    for key in table.computed_keys:
        why = f"the database computes columns of the foreign key {key.name} from it"
        for name, columns in ((table.name, key.columns), (key.parent, key.parent_columns)):
            changed |= moving.rest(name, frozenset(columns), why)
    return changed


def _bonds(table: Table, functions: tuple[SqlFunction, ...], *, forward: bool) -> Iterator[_Bond]:
    scope = Scope(table, functions=functions)
    for rule, own in declared(table, functions):
        if rule.name == "partition bounds" and _takes_everything(table):
            continue
        columns = _spoken_of(table, rule.sql) | ({own.value} if own.value else set())
        judge = _judge(still_true, rule.sql, own, forward=forward)
        yield _Bond(columns, f"{rule.name} would not hold any more: {rule.sql}", judge)
    for unique in (of_drawn(table, one) for one in table.uniques):
        for sql in unique.expressions:
            why = f"rows might repeat the key {unique.name}"
            yield _Bond(_spoken_of(table, sql), why, _judge(same_order, sql, scope))
        yield from _of_predicate(table, unique.name, unique.predicate, scope)
    for exclusion in table.exclusions:
        yield from _of_exclusion(table, exclusion, scope)
    for key in table.computed_keys:
        spoken = frozenset[str]().union(*(_spoken_of(table, column) for column in key.columns))
        why = f"the database computes columns of the foreign key {key.name} from it"
        yield _Bond(spoken, why, spoken.isdisjoint)


def _of_exclusion(table: Table, exclusion: Exclusion, scope: Scope) -> Iterator[_Bond]:
    """Ranges move together; of other kinds of exclusion nothing is known."""
    alike, spans = equality(table, exclusion), overlap(table, exclusion)
    if alike is not None:
        yield from _of_predicate(table, exclusion.name, alike.predicate, scope)
        return
    spoken = _spoken_of(table, exclusion.sql)
    ends = frozenset(spans.columns if spans is not None else ())

    def keeps(moving: frozenset[str]) -> bool:
        return spans is not None and (ends <= moving or not ends & moving)

    yield _Bond(spoken, f"rows might break the exclusion {exclusion.name}", keeps)


def _of_predicate(table: Table, name: str, predicate: str | None, scope: Scope) -> Iterator[_Bond]:
    if predicate is not None:
        why = f"other rows would fall under {name}: {predicate}"
        yield _Bond(_spoken_of(table, predicate), why, _judge(same_truth, predicate, scope))


def _judge(
    judge: Callable[..., bool], sql: str, scope: Scope, **options: bool
) -> Callable[[frozenset[str]], bool]:
    return lambda moving: judge(sql, scope, moving, **options)


def _takes_everything(table: Table) -> bool:
    """Whether a default partition takes the rows that no other one does."""
    plain = all(partition.leaf for partition in table.partitions)
    return plain and any(partition.bound.upper() == "DEFAULT" for partition in table.partitions)


def _spoken_of(table: Table, sql: str) -> frozenset[str]:
    """The columns whose names stand in a text, and those that generated ones are computed from."""
    named = [c for c in table.columns if _words(c.name) <= _words(sql)]
    computed = [c.generated for c in named if c.generated is not None]
    behind = {c.name for c in table.written for text in computed if _words(c.name) <= _words(text)}
    return frozenset(c.name for c in named) | behind


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))
