"""What a database declares, held against what a file knows of it: each difference is a finding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, ForeignKey, Schema, Table, TableName, Unique
from generators.classes import Classes
from generators.privacy.kinds import Class
from provisioner.report import Finding, Severity

_GONE = "the file knows it, and the database has none"
_NEW = "the file does not know it"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the file knows it, and the table that has to be learned anew.

    The place of its finding says what was found, too, so that who acknowledges one change has not
    acknowledged the next.

    Attributes:
        column: the column whose type differs; empty for all else.
    """

    table: TableName
    finding: Finding
    column: str = ""


def schema_drift(known: Schema, found: Schema) -> Iterator[Difference]:
    """What a database declares otherwise than a file knows: tables, columns, keys, checks.

    Indexes, triggers, defaults and partitions may differ, and so may names of keys; what the
    configuration left out or added is not looked for. Checks that differ are warnings.
    """
    skipped = frozenset(table.name for table in found.tables if str(table.name) in _left_out(known))
    there = {table.name: table for table in found.without(skipped).tables}
    for table in known.tables:
        if table.name in there:
            yield from _table_drift(table, there.pop(table.name))
        else:
            yield _difference(table.name, "table-removed", str(table.name), _GONE)
    for name in there:
        yield _difference(name, "table-added", str(name), _NEW)


def class_drift(known: Classes, found: Classes) -> Iterator[Difference]:
    """The columns that say something else of people than they did; new ones are not among them."""
    for name in sorted(known.keys() & found.keys()):
        before, now = known[name], found[name]
        for column in (c for c in before if c in now):
            if before[column].group is not now[column].group:
                group, expected = now[column].group, before[column].group
                place = f"{name}.{column} ({group})"
                text = f"its class is {group}, and {expected} in the file"
                yield _difference(name, "column-class", place, text)


def new_classes(differences: Sequence[Difference], found: Classes) -> Iterator[Difference]:
    """A finding for each column of people in a table that a file does not know."""
    for name in (d.table for d in differences if d.finding.kind == "table-added"):
        for column, one in found.get(name, {}).items():
            if one.group in {Class.PERSONAL, Class.UNKNOWN}:
                place = f"{name}.{column} ({one.group})"
                yield _difference(name, "column-class", place, "it is new, and of people")


def unit_drift(
    known: Mapping[TableName, TableName | None], found: Mapping[TableName, TableName | None]
) -> Iterator[Difference]:
    """The tables whose rows belong to other privacy units than they did."""
    for name in sorted(known.keys() & found.keys()):
        if known[name] != found[name]:
            now, before = (str(one) if one else "nobody" for one in (found[name], known[name]))
            text = f"its rows belong to {now}, and to {before} in the file"
            yield _difference(name, "unit-changed", f"{name} ({now})", text)


def _left_out(known: Schema) -> frozenset[str]:
    return frozenset(thing.name for thing in known.left_out if thing.kind == "table")


def _difference(
    table: TableName, kind: str, place: str, text: str, severity: Severity = Severity.ERROR
) -> Difference:
    return Difference(table, Finding(kind, severity, place, text))


def _table_drift(table: Table, there: Table) -> Iterator[Difference]:
    yield from _column_drift(table, there)
    yield from _key_drift(table, there)
    checks = [{c.sql: c.name for c in t.checks if c.declared} for t in (table, there)]
    exclusions = [{e.sql: e.name for e in t.exclusions} for t in (table, there)]
    for known, found in (checks, exclusions):
        for kind, text, one, other in _sides("check", known, found):
            for sql in one.keys() - other.keys():
                place = f"{table.name} {one[sql]}"
                yield _difference(table.name, kind, place, text, Severity.WARNING)


def _column_drift(table: Table, there: Table) -> Iterator[Difference]:
    known, found = ({c.name: c for c in t.columns} for t in (table, there))
    for name, column in known.items():
        place = f"{table.name}.{name}"
        if name not in found:
            yield _difference(table.name, "column-removed", place, _GONE)
        elif _form(column) != _form(found[name]):
            now, before = _words(found[name]), _words(column)
            text = f"it is {now}, and {before} in the file"
            if now == before:
                text = "its labels or parts differ from those in the file"
            found_so = _difference(table.name, "column-type", f"{place} ({now})", text)
            yield replace(found_so, column=name)
    for name, column in found.items():
        if name not in known:
            place = f"{table.name}.{name} ({_words(column)})"
            yield _difference(table.name, "column-added", place, _NEW)


def _key_drift(table: Table, there: Table) -> Iterator[Difference]:
    uniques = [{_unique(u): u.name for u in t.uniques if u.declared} for t in (table, there)]
    foreign = [{_foreign(f): f.name for f in _declared(t)} for t in (table, there)]
    for known, found in (uniques, foreign):
        for kind, text, one, other in _sides("key", known, found):
            for key in sorted(one.keys() - other.keys()):
                yield _difference(table.name, kind, f"{table.name} {one[key]}", text)


def _sides(
    what: str, known: Mapping[str, str], found: Mapping[str, str]
) -> Iterator[tuple[str, str, Mapping[str, str], Mapping[str, str]]]:
    yield f"{what}-removed", _GONE, known, found
    yield f"{what}-added", _NEW, found, known


def _declared(table: Table) -> Iterator[ForeignKey]:
    return (f for f in (*table.foreign_keys, *table.computed_keys) if f.declared)


def _unique(key: Unique) -> str:
    """A unique key without its name, as text that sorts."""
    parts = (sorted(key.columns), key.expressions, key.predicate, key.primary, key.nulls_distinct)
    return repr(parts)


def _foreign(key: ForeignKey) -> str:
    """A foreign key without its name, as text that sorts."""
    return repr((key.columns, str(key.parent), key.parent_columns, key.match_full))


def _form(column: Column) -> tuple[DataType, bool, bool]:
    """What has to stay of a column; labels that only the configuration names do not count."""
    datatype = column.datatype
    if datatype.kind is not Kind.ENUM:
        datatype = replace(datatype, labels=())
    return datatype, column.nullable, column.generated is not None


def _words(column: Column) -> str:
    """The type of a column and what else is compared of it."""
    filled = "" if column.generated is None else ", generated"
    return f"{column.datatype.sql}{filled}{'' if column.nullable else ' not null'}"
