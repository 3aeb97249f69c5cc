"""How each declared constraint is met, and which ones only the server can judge."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.datatypes import Kind
from connectors.rules import Rule
from connectors.schema import Schema, Table, Unique
from generators.literals import is_known
from generators.model import DatabaseModel, TableModel
from generators.spans import equality, overlap
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.report import Finding, Severity


class Way(StrEnum):
    """How rows come to satisfy a constraint."""

    CONSTRUCTION = "by construction"
    """No drawn row can break it: a key is a function of its row's index, a child has a parent."""
    CARRYING = "as in the source"
    """The rows are the source's own, which keep it unless masks undo that."""
    DRAWING = "by drawing again"
    """Rows that break it are drawn again, then moved to free values or mended."""
    SERVER = "by the server"
    """It cannot be evaluated here: the server will judge the rows."""
    NOWHERE = "nowhere"
    """Nothing here keeps it, and the server judges it only when all rows are there."""


@dataclass(frozen=True, slots=True)
class Met:
    """A constraint with the way it is met.

    Attributes:
        kind: foreign key, unique, check or exclusion.
        why: what only the server can compute; empty for the other ways.
    """

    table: str
    name: str
    kind: str
    way: Way
    why: str = ""


def constraints_met(model: DatabaseModel) -> tuple[Met, ...]:
    """Every declared constraint of every table, with the way it is met."""
    functions = callable_functions(model.schema)
    return tuple(
        replace(met, way=Way.CARRYING, why="") if table.name in model.carried else met
        for table in model.schema.tables
        for met in _of_table(table, model.tables[table.name], keeper(table, functions))
    )


def counted(met: tuple[Met, ...]) -> Mapping[str, int]:
    """How many constraints are met in each way."""
    return Counter(one.way.value for one in met)


def left_to_server(met: tuple[Met, ...]) -> Iterator[Finding]:
    """A warning for each constraint that only the server can judge."""
    for one in met:
        if one.way is Way.SERVER:
            yield Finding(
                "left-to-server",
                Severity.WARNING,
                f"{one.table} {one.name}",
                f"this {one.kind} cannot be evaluated before the rows are written ({one.why}); "
                "the server will judge them",
            )


def unkept(met: tuple[Met, ...]) -> Iterator[Finding]:
    """An error for each constraint that nothing keeps; acknowledged, the server is the judge."""
    for one in met:
        if one.way is Way.NOWHERE:
            yield Finding(
                "unmeetable",
                Severity.ERROR,
                f"{one.table} {one.name}",
                f"rows are not kept apart as this {one.kind} asks ({one.why}); expected equal "
                "columns, and at most one range or its start and end",
            )


def unmodelled(schema: Schema) -> Iterator[Finding]:
    """A note for each catalog object that has no type here; its DDL travels all the same."""
    for thing in schema.unmodelled:
        yield Finding("unmodelled", Severity.NOTE, f"{thing.kind} {thing.name}", thing.why)


def unwritable(table: Table, model: TableModel) -> Iterator[Finding]:
    """A warning for each column of whose type nobody here can make a value."""
    for fitted in model.columns:
        column = fitted.column
        empty = fitted.generator.kind == "nothing"
        foreign = column.datatype.kind is Kind.OTHER and not is_known(column.datatype)
        if empty or (foreign and fitted.generator.size == 1 and fitted.generator.kind == "other"):
            outcome = "its values become NULL" if empty else "the server may refuse its values"
            yield Finding(
                "unwritable",
                Severity.WARNING,
                f"{table.name}.{column.name}",
                f"literals of type {column.datatype.sql} cannot be invented here: {outcome}",
            )


def _of_table(table: Table, model: TableModel, rules: Keeper) -> Iterator[Met]:
    place = str(table.name)
    for key in (*table.foreign_keys, *table.polymorphic):
        kind = "foreign key" if key.declared else "undeclared key"
        yield Met(place, key.name, kind, Way.CONSTRUCTION)
    for unique in rules.keys:
        yield _unique(table, model, unique, rules)
    computed = {key.name for key in table.computed_keys}
    for rule in rules.rules:
        yield Met(place, rule.name, _kind(rule, computed), Way.DRAWING)
    for rule, why in rules.left:
        yield Met(place, rule.name, _kind(rule, computed), Way.SERVER, why)
    for exclusion in table.exclusions:
        if equality(table, exclusion) is not None:
            continue
        known = overlap(table, exclusion) is not None
        way = Way.CONSTRUCTION if known else Way.NOWHERE
        yield Met(place, exclusion.name, "exclusion", way, "" if known else exclusion.sql)


def _kind(rule: Rule, computed: Collection[str]) -> str:
    return "foreign key" if rule.name in computed else "check"


def _unique(table: Table, model: TableModel, unique: Unique, rules: Keeper) -> Met:
    distinct = {f.column.name for f in model.columns if f.generator.distinct} | set(model.keys)
    if distinct & set(unique.columns):
        return Met(str(table.name), unique.name, "unique key", Way.CONSTRUCTION)
    if not rules.uniques[unique.name].known:
        why = "an expression or predicate of the index is not known here"
        return Met(str(table.name), unique.name, "unique key", Way.SERVER, why)
    return Met(str(table.name), unique.name, "unique key", Way.DRAWING)
