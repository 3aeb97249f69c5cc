"""Scenarios: how many rows of a table shall satisfy a predicate, and which ones cannot.

A scenario speaks of the rows of a table by a predicate (`where`), or by how many of their children
satisfy one (`having`). The plan fixes how many rows it asks for in each shard. Rows carry the
answer in a column of their own, their *role*, and a rule says that the predicate is true where
the role is and nowhere else; so what keeps checks keeps scenarios.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.dialect.expressions import Scope
from connectors.engines import Reader
from connectors.errors import RefusedStatement
from connectors.limits import literals
from connectors.rules import Expression, Rule, Unevaluable, agreeing, predicate
from connectors.schema import Check, ForeignKey, Table, TableName
from generators.layout import KeyLayout, spread
from generators.model import DatabaseModel
from generators.relations.references import Mode
from generators.rings import late_references
from provisioner.errors import WrongRequest
from provisioner.keeping import Keeper, callable_functions, typed_values

_LONGEST = 60
_ROLE = "@scenario "


@dataclass(frozen=True, slots=True)
class Having:
    """What a row's children shall be like.

    Attributes:
        table: the children's, whose owner is the scenario's table.
        where: a predicate on them.
        at_least: how many of them have to satisfy it.
    """

    table: TableName
    where: str
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a user asks of a table: exactly one of `where` and `having`, and one amount.

    Attributes:
        where: a predicate, written as in a CHECK; rows on which it is null do not satisfy it.
        share: of the table's rows that shall satisfy it, 0 to 1.
        count: how many shall.
        factor: of the frequency with which rows satisfy it as learned.
        frequency: that frequency, once it is measured; see `frequency.measured`.
    """

    table: TableName
    where: str | None = None
    having: Having | None = None
    share: float | None = None
    count: int | None = None
    factor: float | None = None
    name: str = ""
    frequency: float | None = None

    @property
    def label(self) -> str:
        """The name, or what it says in short."""
        if self.name:
            return self.name
        text = " ".join(self.condition.split())
        said = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
        return said if self.having is None else f"{self.having.table.name}: {said}"

    @property
    def place(self) -> str:
        """Where findings stand."""
        return f"{self.table} scenario {self.label}"

    @property
    def condition(self) -> str:
        """The predicate's SQL, of the table's rows or of their children."""
        return self.having.where if self.having is not None else self.where or ""

    @property
    def judged(self) -> TableName:
        """The table whose rows the predicate reads."""
        return self.table if self.having is None else self.having.table


@dataclass(frozen=True, slots=True)
class Quota:
    """A scenario and how many rows of its table the plan gives it, neither more nor fewer."""

    scenario: Scenario
    rows: int

    def shard(self, layout: KeyLayout, shard: int) -> int:
        """How many of them a shard has, in proportion to its rows of the scenario's table."""
        return int(spread(self.rows, layout.rows)[shard])


@dataclass(frozen=True, slots=True)
class Role:
    """A quota as the rows of one table bear it.

    Attributes:
        column: the column beside the table's own that says which rows satisfy the predicate.
    """

    quota: Quota
    column: str

    @property
    def scenario(self) -> Scenario:
        """What the user asked for."""
        return self.quota.scenario


def roles(quotas: Sequence[Quota], table: TableName) -> tuple[Role, ...]:
    """The roles that rows of a table have."""
    return tuple(
        Role(quota, f"{_ROLE}{number}")
        for number, quota in enumerate(quotas)
        if quota.scenario.judged == table
    )


def is_role(column: str) -> bool:
    """Whether a column beside the table's own is a scenario's."""
    return column.startswith(_ROLE)


def with_roles(keeper: Keeper, played: Iterable[Role], scope: Scope) -> Keeper:
    """The keeper of a table's rules and of its scenarios, whose constants are worth trying.

    Raises:
        WrongRequest: a predicate cannot be evaluated.
    """
    for role in played:
        expression = agreeing(condition(role.scenario, scope), role.column)
        name, sql = f"scenario {role.scenario.label}", role.scenario.condition
        worth = dict(keeper.proposals)
        for column, values in literals(sql, scope).items():
            typed = typed_values(scope.columns[column], [*values])
            known = worth.get(column, typed.slice(0, 0))
            worth[column] = typed_values(
                scope.columns[column], [*known.to_pylist(), *typed.to_pylist()]
            )
        keeper = replace(
            keeper,
            rules=(Rule(name, sql, expression.columns), *keeper.rules),
            expressions=(expression, *keeper.expressions),
            proposals=worth,
        )
    return keeper


def condition(scenario: Scenario, scope: Scope) -> Expression:
    """A scenario's predicate, made ready for rows.

    Raises:
        WrongRequest: it cannot be evaluated.
    """
    found = predicate(scenario.condition, scope)
    if isinstance(found, Unevaluable):
        raise WrongRequest(f"{scenario.place}: {found.why}; expected a condition as in a CHECK")
    return found


def quotas(
    model: DatabaseModel, asked: Sequence[Scenario], rows: Mapping[TableName, int]
) -> tuple[Quota, ...]:
    """How many rows each scenario gets of a table's planned rows.

    Raises:
        WrongRequest: scenarios that no rows can enact, each with what is wrong.
    """
    wrong = [f"{s.place}: {why}" for s in asked for why in _mistakes(model, s)]
    if wrong:
        raise WrongRequest("; ".join(wrong))
    found = tuple(Quota(s, _amount(s, rows[s.table])) for s in asked)
    crowded = [f"{q.scenario.place}: {why}" for q in found for why in _crowded(q, rows)]
    if crowded:
        raise WrongRequest("; ".join(crowded))
    return found


def read_by(model: DatabaseModel, asked: Iterable[Scenario]) -> Mapping[TableName, frozenset[str]]:
    """The columns of each table that scenarios read, as far as these can be understood."""
    found: dict[TableName, frozenset[str]] = {}
    functions = callable_functions(model.schema)
    for scenario in asked:
        name = scenario.judged
        if name not in model.tables:
            continue
        read = predicate(scenario.condition, Scope(model.schema.table(name), functions=functions))
        if isinstance(read, Expression):
            found[name] = found.get(name, frozenset()).union(read.columns)
    return found


def counted(model: DatabaseModel, quota: Quota, reader: Reader) -> int:
    """How many rows of a database enact a scenario, by its own judgement.

    Raises:
        WrongRequest: the server understands the condition differently, or not at all.
    """
    scenario = quota.scenario
    check = _unlike(scenario, model.owners.get(scenario.judged))
    try:
        return reader.violations(model.schema.table(scenario.table), check)
    except RefusedStatement as problem:
        raise WrongRequest(f"{scenario.place}: {problem}; mend its condition") from None


def _unlike(scenario: Scenario, owner: ForeignKey | None) -> Check:
    """A check of the scenario's table that just the rows break that enact it."""
    # A line end behind the user's words ends a comment that stands there.
    said = f"({scenario.condition}\n)"
    if scenario.having is not None and owner is not None:
        mine, theirs = (_listed(c) for c in (owner.parent_columns, owner.columns))
        child = ".".join(_quoted(part) for part in (owner.table.schema, owner.table.name))
        said = (
            f"(({mine}) IN (SELECT {theirs} FROM {child} WHERE {said}"  # noqa: S608 - a condition that was parsed
            f" GROUP BY {theirs} HAVING count(*) >= {scenario.having.at_least}))"
        )
    return Check(scenario.label, f"({said} IS NOT TRUE)", ())


def _amount(scenario: Scenario, rows: int) -> int:
    if scenario.count is not None:
        return scenario.count
    if scenario.share is not None:
        return round(scenario.share * rows)
    if scenario.frequency is None:
        raise WrongRequest(f"{scenario.place}: a factor needs a frequency; measure it first")
    return round((scenario.factor or 0) * scenario.frequency * rows)


def _mistakes(model: DatabaseModel, scenario: Scenario) -> Iterator[str]:
    missing = [n for n in {scenario.table, scenario.judged} if n not in model.tables]
    if missing:
        yield f"the model holds no table {missing[0]}; see `provisioner show`"
        return
    if (scenario.where is None) == (scenario.having is None):
        yield "expected one of where and having"
        return
    if sum(a is not None for a in (scenario.share, scenario.count, scenario.factor)) != 1:
        yield "expected one of share, count and factor"
        return
    owner = model.owners.get(scenario.judged)
    if scenario.having is not None and (owner is None or owner.parent != scenario.table):
        whose = "nothing" if owner is None else str(owner.parent)
        yield (
            f"rows of {scenario.judged} belong to {whose}; expected children that belong to "
            f"{scenario.table} (see `provisioner show`)"
        )
    table = model.schema.table(scenario.judged)
    found = predicate(scenario.condition, Scope(table, functions=callable_functions(model.schema)))
    if isinstance(found, Unevaluable):
        yield f"{found.why}; expected a condition on columns of {table.name} as in a CHECK"
        return
    settled = _settled(model, table)
    for column in found.columns:
        if column in settled:
            yield f"{column} {settled[column]}, so that no scenario can choose it"


def _settled(model: DatabaseModel, table: Table) -> Mapping[str, str]:
    """Columns whose values a row does not choose for itself, and where they come from."""
    fitted, owner = model.tables[table.name], model.owners.get(table.name)
    late = late_references(model)[table.name]
    waiting = [r.key for r in fitted.references if r.mode is Mode.SELF or r.key.name in late]
    found = {column: "refers to rows that are drawn later" for k in waiting for column in k.columns}
    found |= dict.fromkeys(owner.columns if owner is not None else (), "leads to the row's owner")
    return found | dict.fromkeys(fitted.keys, "is a key that follows from the row's place")


def _crowded(quota: Quota, rows: Mapping[TableName, int]) -> Iterator[str]:
    scenario, most = quota.scenario, rows[quota.scenario.table]
    if quota.rows > most:
        yield f"{quota.rows} rows asked for, but {scenario.table} has {most}; ask for fewer"
    elif scenario.having is not None:
        needed, there = quota.rows * scenario.having.at_least, rows[scenario.judged]
        if needed > there:
            yield f"needs {needed} rows of {scenario.judged}, which has {there}; ask for fewer"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
