"""Whether hand-made rows fit among the drawn ones, told before the first row is written."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from connectors.rules import failing
from connectors.schema import ForeignKey, Table, TableName
from generators.distinct import surplus
from generators.model import DatabaseModel
from generators.relations.references import Mode
from generators.spans import overlap
from provisioner.errors import WrongConfig
from provisioner.given import Given, planned_rows
from provisioner.keeping import callable_functions, keeper
from provisioner.placing import Placing
from provisioner.plan import Plan


def admit(
    model: DatabaseModel, plan: Plan, placing: Placing, given: Mapping[TableName, Given]
) -> None:
    """Makes sure that a plan's hand-made rows keep what can be told before rows are drawn.

    Raises:
        WrongConfig: a row repeats a key, breaks a check or leads nowhere, or a table has no room;
            told with file and line.
    """
    expected = tuple(planned_rows(one, model.tables[name]) for name, one in sorted(given.items()))
    if expected != plan.hand_made:
        raise WrongConfig("the hand-made rows have changed since the plan was made; plan again")
    for name, one in given.items():
        table = model.schema.table(name)
        for problem in _problems(model, plan, placing, table, one):
            raise WrongConfig(problem)


def _problems(
    model: DatabaseModel, plan: Plan, placing: Placing, table: Table, given: Given
) -> Iterator[str]:
    """What is wrong with the rows of a table, told with the place of the first row that it is."""
    yield from _fixed(model, table, given)
    yield from _repeated(table, given)
    yield from _broken(model, table, given)
    for key in table.foreign_keys:
        yield from _leading(placing, table, key, given)
    yield from _crowded(plan, placing, table.name, given)


def _fixed(model: DatabaseModel, table: Table, given: Given) -> Iterator[str]:
    """Columns whose values follow from others in a way that leaves no room for given ones."""
    spans = [overlap(table, exclusion) for exclusion in table.exclusions]
    held = {c for one in spans if one is not None for c in (*one.equal, *one.columns)}
    single = {
        c
        for r in model.tables[table.name].references
        if r.mode in {Mode.UNIQUE, Mode.ANCESTOR}
        for c in r.key.columns
    }
    for column in given.values:
        if column in held | single | table.typed_columns:
            yield (
                f"{given.places[0]}, column {column}: values under an exclusion, of a one-to-one "
                "key or of one by type cannot be given yet; leave it out"
            )


def _repeated(table: Table, given: Given) -> Iterator[str]:
    for unique in table.uniques:
        rows = given.whole(unique.columns) if unique.whole else np.empty(0, np.int64)
        columns = [given.values[c].take(pa.array(rows)) for c in unique.columns if len(rows)]
        for row in surplus(columns) if columns else ():
            told = ", ".join(unique.columns)
            yield f"{given.places[rows[row]]}: repeats {told} of another row; expected others"


def _broken(model: DatabaseModel, table: Table, given: Given) -> Iterator[str]:
    rules = keeper(table, callable_functions(model.schema))
    for rule, expression in zip(rules.rules, rules.expressions, strict=False):
        rows = given.whole(expression.columns)
        if len(rows):
            told = {c: given.values[c].take(pa.array(rows)) for c in expression.columns}
            for row in rows[failing([expression], pa.table(told))[:, 0]]:
                yield f"{given.places[row]}: breaks {rule.name}; expected {rule.sql}"


def _leading(placing: Placing, table: Table, key: ForeignKey, given: Given) -> Iterator[str]:
    named = [c for c in key.columns if c in given.values]
    for column in named:
        for row in np.flatnonzero(given.given[column]):
            if not all(c in named and given.given[c][row] for c in key.columns):
                others = ", ".join(key.columns)
                yield f"{given.places[row]}, column {column}: expected all of ({others}), or none"
    rows = given.whole(key.columns)
    for column in named:
        rows = rows[given.values[column].is_valid().to_numpy(zero_copy_only=False)[rows]]
    if len(rows):
        for row in rows[placing.led(key, rows) < 0]:
            yield (
                f"{given.places[row]}, column {', '.join(key.columns)}: no row of {key.parent} has "
                f"this value in {', '.join(key.parent_columns)}; expected one that does"
            )
    if key == placing.model.owners.get(table.name) and len(rows) < len(given.whole(key.columns)):
        yield f"{given.places[0]}, column {', '.join(key.columns)}: expected a row, not null"


def _crowded(plan: Plan, placing: Placing, name: TableName, given: Given) -> Iterator[str]:
    layout = plan.layout(name)
    lost = np.flatnonzero(placing.indexes(name) < 0)
    if len(lost):
        yield (
            f"{given.places[lost[0]]}: no row of its owner's table is planned for a row of {name} "
            "that is made by hand; ask for more rows there"
        )
        return
    for shard, most in enumerate(layout.rows):
        rows = placing.of_shard(plan, name, shard)
        if len(rows) > most:
            yield (
                f"{given.places[rows[-1]]}: {len(rows)} rows made by hand for a part of {name} "
                f"that has {most}; ask for more rows, or make fewer"
            )
