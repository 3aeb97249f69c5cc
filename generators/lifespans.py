"""Years of rows that lie between dates of their owner: from the debut to the last game."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.invariants import Invariant
from connectors.schema import TableName
from generators.found import Found
from generators.invariants import Part
from generators.model import DatabaseModel
from generators.steps import Orientation

Ints = npt.NDArray[np.int64]

_FAR = 1 << 30
_ENOUGH = 4
"""Rows for each that one has to lead to, from which on one is found that may."""


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
    model: DatabaseModel,
    told: Mapping[tuple[TableName, str], str],
    chosen: Collection[tuple[TableName, str]],
) -> Iterator[tuple[Found, str]]:
    """Rules of this sort that are not kept, and why.

    Args:
        model: the rules, and how rows are drawn.
        told: columns that are set to keep other rules, with the words of one.
        chosen: columns that are as those of a row that is chosen among those of such years.
    """
    for found in model.invariants:
        one = limit(model, found.rule)
        if one is None:
            continue
        place = found.rule.table, one.year
        if place in chosen:
            continue
        if (words := told.get(place)) is not None:
            yield found, f"{one.year} is set to keep {words}"
        elif (words := _counted(model, *place)) is not None:
            yield found, f"rows lead elsewhere to keep {words}"
        elif _is_moved_on(model, *place):
            yield found, f"rows that repeat a key are told apart by {one.year}"


def _counted(model: DatabaseModel, name: TableName, year: str) -> str | None:
    """The words of a rule of how many rows lead to each by a key that holds their year, if any.

    Where hardly more rows are there than have to lead somewhere, few may lead elsewhere.
    """
    keys = (key for key in model.schema.table(name).foreign_keys if year in key.columns)
    held = {(name, k.name) for k in keys if model.rows[name] < _ENOUGH * model.rows[k.parent]}
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


def lifespans(
    model: DatabaseModel, name: TableName, orientation: Orientation, dates: Mapping[str, pa.Array]
) -> Mapping[str, tuple[Ints, Ints]]:
    """Per column of years of a table's rows the first and the last that each owner leaves for it.

    The first is behind the last where an owner leaves none.

    Args:
        model: the rules.
        name: the table.
        orientation: how rules are kept.
        dates: the values of the owners, by column.
    """
    known = [one for one in limits(model, name, orientation) if one.day in dates]
    found: dict[str, tuple[Ints, Ints]] = {}
    for column in sorted({one.year for one in known}):
        some = [one for one in known if one.year == column]
        first = [_years(dates[one.day]) for one in some if one.first]
        last = [_years(dates[one.day]) for one in some if not one.first]
        owners = len(dates[some[0].day])
        least = np.max([np.full(owners, -_FAR), *first], axis=0)
        most = np.min([np.full(owners, _FAR), *(np.where(y < 0, _FAR, y) for y in last)], axis=0)
        found[column] = least, most
    return found


def _years(days: pa.Array) -> Ints:
    """The years of dates, very early where there is none."""
    found = pc.fill_null(pc.year(days), -_FAR).to_numpy(zero_copy_only=False)
    return np.asarray(found, np.int64)
