"""Which mask each column of a masked table gets: what is said of it, or what fails closed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, Schema, Table, TableName
from generators.classes import Classes
from generators.masks import KEEP, masks, suits
from provisioner.carrying import Carrying, every_key, personal_columns
from provisioner.errors import NotPublic, WrongRequest
from provisioner.report import Finding, Severity, acknowledged

Place = tuple[TableName, str]
"""A column of a table."""
Chosen = Mapping[TableName, Mapping[str, str]]
"""The mask of each column that has one, by table."""

_BY_TYPE = {
    Kind.TEXT: "rare",
    Kind.UUID: "uuid",
    Kind.JSON: "json",
    Kind.BYTES: "bytes",
    Kind.OTHER: "nothing",
}
"""What becomes of a column of which nothing is known; numbers, dates and labels stay."""
_OF_PEOPLE = ("text", "number", "shift", "uuid", "json", "bytes")
"""What becomes of a personal column whose kind has no mask: the first that suits its type."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the columns of masked tables.

    Attributes:
        personal: the kind of each that identifies people.
    """

    schema: Schema
    carrying: Carrying
    personal: Mapping[Place, str]

    def column(self, place: Place) -> Column:
        return self.schema.table(place[0]).column(place[1])

    def said(self, place: Place) -> str | None:
        return self.carrying.masked.get(place[0], {}).get(place[1])


def chosen_masks(schema: Schema, carrying: Carrying, classes: Classes) -> Chosen:
    """The mask of each column, by what it says of people; both ends of every foreign key alike.

    Raises:
        WrongRequest: a mask that does not suit its column, or two that are said of one key.
        NotPublic: a personal column shall stay as it is.
    """
    tables = [schema.table(name) for name in sorted(carrying.masked)]
    personal = {
        (table.name, column): kind
        for table in tables
        for column, kind in personal_columns(classes[table.name]).items()
    }
    known = _Known(schema, carrying, personal)
    found = {
        place: kind
        for group in _linked(schema, carrying)
        for place, kind in _of_group(known, group)
        if place[0] in carrying.masked
    }
    _check_kept(known, found)
    return {
        table.name: {c: k for (t, c), k in found.items() if t == table.name and k != KEEP}
        for table in tables
    }


def _linked(schema: Schema, carrying: Carrying) -> Iterator[tuple[Place, ...]]:
    """The columns of carried tables, those together that foreign keys tie to one another."""
    tables = [t for t in schema.tables if t.name in carrying.tables]
    group = {(t.name, c.name): {(t.name, c.name)} for t in tables for c in t.columns}
    for table in tables:
        for key in every_key(table):
            for child, parent in zip(key.columns, key.parent_columns, strict=True):
                one, other = group[table.name, child], group[key.parent, parent]
                if one is not other:
                    one |= other
                    group.update(dict.fromkeys(other, one))
    seen = {id(places): places for places in group.values()}
    return (tuple(sorted(places)) for places in seen.values())


def _of_group(known: _Known, group: tuple[Place, ...]) -> Iterator[tuple[Place, str]]:
    said = {kind: place for place in group if (kind := known.said(place)) is not None}
    copied = [place for place in group if place[0] in known.carrying.copied]
    if len(said) > 1 or (copied and said.keys() - {KEEP}):
        told = ", ".join(f"{_spelled(place)}: {kind}" for kind, place in sorted(said.items()))
        ends = ", ".join(map(_spelled, copied)) or "one another"
        raise WrongRequest(f"{told}: foreign keys tie these columns to {ends}; mask all alike")
    for place in group:
        column = known.column(place)
        if column.generated is not None:
            continue
        kind = KEEP if copied else next(iter(said), None) or _default(known, group, place)
        _check_suits(known, place, kind)
        yield place, kind


def _default(known: _Known, group: tuple[Place, ...], place: Place) -> str:
    """What fails closed: the kind of person's data, a permutation of keys, or what the type asks.

    A column that identifies its row by itself, or leads to one that does, is masked too.
    """
    kinds = {known.personal[p] for p in group if p in known.personal}
    datatype = known.column(place).datatype
    if kinds:
        [kind] = kinds if len(kinds) == 1 else ["text"]
        return _of_kind(kind, datatype)
    if any(_is_alone(known.schema.table(t), c) for t, c in group):
        if datatype.kind in {Kind.INTEGER, Kind.DECIMAL}:
            return "number"
        if datatype.kind is Kind.TEXT:
            return "text"
    element = datatype.element if datatype.kind is Kind.ARRAY else None
    return _BY_TYPE.get((element or datatype).kind, KEEP)


def _of_kind(kind: str, datatype: DataType) -> str:
    """The mask of a personal column: its kind's where there is one, or that of its type."""
    if kind in masks() and suits(kind, datatype):
        return kind
    fitting = (mask for mask in _OF_PEOPLE if suits(mask, datatype))
    return next(fitting, "nothing")


def _is_alone(table: Table, column: str) -> bool:
    return any(u.columns == (column,) and u.whole for u in table.uniques)


def _check_suits(known: _Known, place: Place, kind: str) -> None:
    column = known.column(place)
    if kind not in {KEEP, *masks()}:
        expected = ", ".join(sorted({KEEP, *masks()}))
        raise WrongRequest(f"{_spelled(place)}: found mask {kind}, expected one of {expected}")
    if kind != KEEP and not suits(kind, column.datatype):
        told = f"{_spelled(place)}: mask {kind} does not suit {column.datatype.sql}"
        raise WrongRequest(f"{told}; name another under `masks`")
    if kind == "nothing" and not column.nullable and known.said(place) is None:
        raise WrongRequest(
            f"{_spelled(place)}: no mask is known for {column.datatype.sql}, and it must not be "
            f"null; say `masks: {{{place[1]}: {KEEP}}}`, if its values may travel"
        )


def _check_kept(known: _Known, found: Mapping[Place, str]) -> None:
    """Makes sure that no personal column stays as it is, unless somebody knows of it."""
    kept = (
        Finding(
            "personal-kept",
            Severity.ERROR,
            _spelled(place),
            f"its values ({known.personal[place]}) identify people and shall travel as they are",
        )
        for place, kind in sorted(found.items())
        if kind == KEEP and place in known.personal
    )
    findings = acknowledged(kept, known.carrying.acknowledged)
    if any(finding.stops for finding in findings):
        raise NotPublic(findings)


def _spelled(place: Place) -> str:
    return f"{place[0]}.{place[1]}"
