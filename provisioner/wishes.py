"""What a person says of the rules that nobody declared: drop, relax, add."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.dialect.expressions import Scope
from connectors.invariants import Invariant, Term
from connectors.rules import Aggregation, Unevaluable, aggregation, predicate
from connectors.schema import Check, ForeignKey, Schema, Table, TableName
from generators.found import Found
from generators.magnitudes import Scale, scale_of
from generators.sight import BELOW
from provisioner.errors import WrongRequest
from provisioner.keeping import callable_functions


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said of the rules of one table, as `show` words them.

    Attributes:
        drop: those that shall not be kept.
        relax: those that as many rows shall break as do in the source.
        add: those that nobody has found.
    """

    table: TableName
    drop: tuple[str, ...] = ()
    relax: tuple[str, ...] = ()
    add: tuple[str, ...] = ()


def asked(schema: Schema, name: TableName, text: str) -> Check | Invariant:
    """The rule that a person wrote of a table's rows, or of a row and its children.

    Raises:
        WrongRequest: it says what cannot be read, or names what is not there.
    """
    total = aggregation(text)
    if total is not None:
        return _total(schema, name, total)
    table = schema.table(name)
    found = predicate(text, Scope(table, functions=callable_functions(schema)))
    if isinstance(found, Unevaluable):
        raise WrongRequest(
            f"{found.why}; expected a condition on columns of {name}, as in a CHECK, or a total "
            "such as total = sum(lines.amount)"
        )
    return Check(text, f"({text})", found.columns, validated=False, kept=True, declared=False)


def with_checks(schema: Schema, wishes: Iterable[Wish]) -> Schema:
    """The schema with the conditions on rows that are asked for."""
    more: dict[TableName, tuple[Check, ...]] = {}
    for wish in wishes:
        found = (asked(schema, wish.table, text) for text in wish.add)
        more[wish.table] = tuple(rule for rule in found if isinstance(rule, Check))
    tables = (replace(t, checks=(*t.checks, *more.get(t.name, ()))) for t in schema.tables)
    return replace(schema, tables=tuple(tables))


def totals(schema: Schema, wishes: Iterable[Wish]) -> tuple[Invariant, ...]:
    """The rules of rows and their children that are asked for."""
    found = (asked(schema, wish.table, text) for wish in wishes for text in wish.add)
    return tuple(rule for rule in found if isinstance(rule, Invariant))


def granted(found: Iterable[Found], wishes: Iterable[Wish]) -> tuple[Found, ...]:
    """The rules without those dropped, some of them relaxed."""
    dropped = {(wish.table, words) for wish in wishes for words in wish.drop}
    relaxed = {(wish.table, words) for wish in wishes for words in wish.relax}
    return tuple(
        replace(f, rule=replace(f.rule, relaxed=(f.rule.table, f.words) in relaxed))
        for f in found
        if (f.rule.table, f.words) not in dropped
    )


def unmet(found: Iterable[Found], wishes: Iterable[Wish]) -> tuple[str, ...]:
    """The rules that shall be dropped or relaxed, and that nobody has found."""
    known = {(f.rule.table, f.words) for f in found}
    return tuple(
        f"{wish.table}: {words}"
        for wish in wishes
        for words in (*wish.drop, *wish.relax)
        if (wish.table, words) not in known
    )


def _total(schema: Schema, name: TableName, total: Aggregation) -> Invariant:
    table = schema.table(name)
    _known(table, total.column)
    keys = [f for f in schema.foreign_keys if f.parent == name and _is_named(f, total.table)]
    if len(keys) != 1:
        raise WrongRequest(
            f"found {len(keys)} foreign keys from a table {total.table} to {name}; expected one"
        )
    child = schema.table(keys[0].table)
    for column in total.columns:
        _known(child, column)
    _fit(table, child, total)
    product = total.function == "sum" and len(total.columns) > 1
    below = () if total.function == "count" else tuple(Term(c, BELOW) for c in total.columns)
    return Invariant(
        "aggregate",
        "sum of product" if product else total.function,
        name,
        (Term(total.column), *below),
        (child.name, keys[0].name),
        declared=True,
    )


def _is_named(key: ForeignKey, text: str) -> bool:
    return text in (key.table.name, str(key.table))


def _known(table: Table, column: str) -> None:
    if column not in {c.name for c in table.written}:
        raise WrongRequest(f"{table.name} has no column {column}; expected one that is written")


def _fit(table: Table, child: Table, total: Aggregation) -> None:
    """That a column can hold what children come to: numbers, or the first or last time."""
    own = scale_of(table.column(total.column).datatype)
    parts = {scale_of(child.column(c).datatype) for c in total.columns}
    if total.function == "count":
        [column] = total.columns
        fits = own is Scale.NUMBER and not child.column(column).nullable
        expected = f"a number, and a column of {child.name} that is never null"
    else:
        whole = total.function in ("sum", "average")
        fits = parts == {own} and own in (
            (Scale.NUMBER,) if whole else (Scale.NUMBER, Scale.MOMENT)
        )
        expected = "numbers" if whole else "numbers, or dates and times"
    if not fits:
        raise WrongRequest(
            f"{table.name}.{total.column} cannot be {total.function} of "
            f"{', '.join(total.columns)}; expected {expected}"
        )
