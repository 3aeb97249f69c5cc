"""What children come to, in SQL: how it is compared with the parent's value, and how it is set."""

from connectors.datatypes import Kind
from connectors.invariants import Claim, Invariant, Term, key_named, quoted, relation
from connectors.schema import Column, ForeignKey, Schema, Table
from generators.invariants import Postponement
from generators.magnitudes import Scale, scale_of
from generators.nearness import near
from generators.succession import owned, parted
from generators.updates import Values, updated

FUNCTIONS = {
    "sum": "sum",
    "sum of product": "sum",
    "min": "min",
    "max": "max",
    "average": "avg",
}

_ADDED = frozenset({"sum", "sum of product", "average"})
"""Forms that hang on the order of what they are made of, where that is rounded."""


def key_of(rule: Invariant, schema: Schema) -> ForeignKey:
    """The key that leads from the children to the rule's rows; ValueError where none is named."""
    if rule.key is None:
        raise ValueError("aggregate: a rule of children names their foreign key")
    return key_named(schema.table(rule.key[0]), rule.key[1])


def steps_of(form: str) -> float:
    """How many of its last decimals a value may be off: more where each child's part is rounded."""
    return 0.5 if form in {"count", "sum", "min", "max"} else 1.0


def compared(rule: Invariant, schema: Schema) -> Claim:
    """One row per parent: whether its value is what its children come to."""
    key, own = key_of(rule, schema), f"p.{quoted(rule.terms[0].column)}"
    column = schema.table(rule.table).column(rule.terms[0].column)
    empty = {(): "NULL", ("0",): f"{own} = 0", ("null",): f"{own} IS NULL"}[rule.constants]
    return Claim(
        f"SELECT CASE WHEN c.there THEN {_equal(rule.form, own, column)} "  # noqa: S608 # all quoted
        f"ELSE {empty} END AS holds FROM {relation(rule.table)} AS p LEFT JOIN "
        f"({_tallied(rule, schema)}) AS c ON {_joined(key)}"
    )


def reckoned(rule: Invariant, schema: Schema, *, nulls: bool) -> Postponement | None:
    """How each parent's value is set; None where that could break what is declared.

    Nulls stay where learned rows have some though they have children (`nulls`).
    """
    key, column = key_of(rule, schema), rule.terms[0].column
    own = f"p.{quoted(column)}"
    value = "c.v[1]" if rule.form == "latest" else "c.v"
    empty = {(): own, ("0",): "0", ("null",): "NULL"}[rule.constants]
    values = Values(
        f"CASE WHEN c.there THEN coalesce({value}, {own}) ELSE {empty} END",
        f"{relation(rule.table)} AS p LEFT JOIN ({_tallied(rule, schema, exact=True)}) AS c "
        f"ON {_joined(key)}",
        "p",
        f"c.there IS NULL OR {own} IS NOT NULL" if nulls else "true",
    )
    sql = updated(schema.table(rule.table), column, values)
    below = (*key.columns, *(term.column for term in rule.terms[1:]))
    return None if sql is None else Postponement(sql, tuple((key.table, name) for name in below))


def _joined(key: ForeignKey) -> str:
    return " AND ".join(f"c.{quoted(c)} {by} p.{quoted(p)}" for c, by, p in key.comparisons)


def _equal(form: str, own: str, column: Column) -> str:
    """The condition that a parent has the value, but for rounding."""
    if form == "latest":
        return f"{own} = ANY (c.v)"
    if scale_of(column.datatype) is not Scale.NUMBER or form == "count":
        return f"{own} = c.v"
    return near(own, "c.v", column.datatype, steps_of(form))


def _tallied(rule: Invariant, schema: Schema, *, exact: bool = False) -> str:
    """A query of what the children of each parent come to.

    If `exact`, it is the same in whichever order rows are read.
    """
    key = key_of(rule, schema)
    keys, known, table = parted(key.columns), owned(key.columns), relation(key.table)
    columns = [quoted(term.column) for term in rule.terms[1:]]
    if rule.form == "latest":
        value, order = columns
        values = f"array_agg(v ORDER BY v) FILTER (WHERE {'v IS NOT NULL' if exact else 'true'})"
        return (
            f"SELECT {keys}, true AS there, {values} AS v FROM (SELECT {keys}, {value} AS v, "  # noqa: S608 # all quoted
            f"rank() OVER (PARTITION BY {keys} ORDER BY {order} DESC) AS place FROM {table} "
            f"WHERE {known} AND {order} IS NOT NULL) AS s WHERE place = 1 GROUP BY {keys}"
        )
    if exact and rule.form in _ADDED:
        columns = [_exact(schema.table(key.table), term) for term in rule.terms[1:]]
    inner = " * ".join([*columns[:2], *(f"(1 - {column})" for column in columns[2:])])
    value = f"{FUNCTIONS[rule.form]}({inner})" if columns else "count(*)"
    return f"SELECT {keys}, true AS there, {value} AS v FROM {table} WHERE {known} GROUP BY {keys}"  # noqa: S608 # all quoted


def _exact(table: Table, term: Term) -> str:
    """A column whose sum is the same in whichever order it is made: floats are not."""
    rounded = table.column(term.column).datatype.kind is Kind.FLOAT
    return f"{quoted(term.column)}::float8::numeric" if rounded else quoted(term.column)
