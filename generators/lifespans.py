"""Years of rows that lie between dates of their owner: from the debut to the last game."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.invariants import Invariant
from connectors.schema import TableName
from generators.found import Found
from generators.invariants import Part
from generators.model import DatabaseModel
from generators.steps import Orientation


@dataclass(frozen=True, slots=True)
class Limit:
    """A date of the owner before or after which no year of a table's rows is.

    Attributes:
        year: the column of the rows.
        day: the column of the owner.
        first: whether years begin there, and do not end.
    """

    year: str
    day: str
    first: bool


def limit(model: DatabaseModel, rule: Invariant) -> Limit | None:
    """What a rule says of the years of an owner's rows; None for other rules, and fixed years."""
    owner = model.owners.get(rule.table)
    if rule.kind != "years" or rule.relaxed or owner is None:
        return None
    day, year = rule.terms
    fitted = model.tables[rule.table]
    keys = (k for k in model.schema.table(rule.table).foreign_keys if year.column in k.columns)
    natural = [reference.key for reference in fitted.natural]
    learned = any(f.column.name == year.column for f in fitted.columns)
    if day.keys != (owner.name,) or year.keys or not learned or any(k not in natural for k in keys):
        return None
    return Limit(year.column, day.column, rule.form == "<=")


def overruled(
    model: DatabaseModel, told: Mapping[tuple[TableName, str], str]
) -> Iterator[tuple[Found, str]]:
    """Rules of this sort that are not kept, and why.

    Args:
        model: the rules, and how rows are drawn.
        told: columns that are set to keep other rules, with the words of one.
    """
    for found in model.invariants:
        one = limit(model, found.rule)
        if one is None:
            continue
        place = found.rule.table, one.year
        if (words := told.get(place)) is not None:
            yield found, f"{one.year} is set to keep {words}"
        elif (words := _counted(model, *place)) is not None:
            yield found, f"rows lead elsewhere to keep {words}"
        elif _is_moved_on(model, *place):
            yield found, f"rows that repeat a key are told apart by {one.year}"


def _counted(model: DatabaseModel, name: TableName, year: str) -> str | None:
    """The words of a rule of how many rows lead to each by a key that holds their year, if any."""
    keys = model.schema.table(name).foreign_keys
    held = {(name, key.name) for key in keys if year in key.columns}
    rules = (f for f in model.invariants if f.rule.kind == "cardinality" and not f.rule.terms)
    return next((found.words for found in rules if found.rule.key in held), None)


def _is_moved_on(model: DatabaseModel, name: TableName, year: str) -> bool:
    """Whether years may be moved so that a unique key holds: no key holds them."""
    table = model.schema.table(name)
    held = any(year in key.columns for key in table.foreign_keys)
    return not held and any(year in unique.columns for unique in table.uniques)


def limits(model: DatabaseModel, name: TableName, orientation: Orientation) -> Iterator[Limit]:
    """All that rules say of the years of a table's rows, but for years that are computed."""
    for found in model.invariants:
        one = limit(model, found.rule) if found.rule.table == name else None
        if one is not None and one.year not in orientation.targets(name, Part.SETS):
            yield one
