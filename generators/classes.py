"""What each column of a database says of people, as learned and as a person corrects it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.schema import Column, Schema, Table, TableName
from generators.columns import Sample
from generators.distinct import hashable
from generators.privacy.classify import classify
from generators.privacy.kinds import FREE_TEXT, Class, Classified
from generators.privacy.support import Ints, Released, Support

Classes = Mapping[TableName, Mapping[str, Classified]]
"""The class of each written column of each table."""

_CLASSES = "classes"


def table_classes(
    table: Table, rows: pa.Table, units: Ints, support: Support, given: Mapping[str, Classified]
) -> Mapping[str, Classified]:
    """The class of each column of a table, from its training rows; those in `given` win."""
    return {
        column.name: given[column.name]
        if column.name in given
        else _class(table, column, rows[column.name].combine_chunks(), units, support)
        for column in table.written
    }


def said(group: str, kind: str | None = None) -> Classified:
    """The class that a person gives a column; what is withheld gets a kind to be invented as."""
    named = Class(group)
    if kind is None and named in {Class.PERSONAL, Class.UNKNOWN}:
        kind = FREE_TEXT
    return Classified(named, kind)


def shared_part(values: pa.Array, units: Ints, support: Support) -> float:
    """Share of values that at least k units hold; 0 where there are none."""
    if not len(values):
        return 0.0
    return 1 - support.shares(hashable(values), units).value.rest


def class_states(schema: Schema, classes: Classes) -> Iterator[tuple[str, Released[Any]]]:
    """The classes with their path; they tell which generators were chosen, and no value."""
    told = [
        [[name, found.group.value, found.kind] for name, found in classes[t.name].items()]
        for t in schema.tables
        if t.name in classes
    ]
    if classes:
        yield _CLASSES, Support().declared(told)


def restored_classes(schema: Schema, values: Mapping[str, Any]) -> Classes:
    """The classes whose `class_states` were among these values."""
    told = values.get(_CLASSES)
    if told is None:
        return {}
    return {
        table.name: {name: Classified(Class(group), kind) for name, group, kind in columns}
        for table, columns in zip(schema.tables, told, strict=True)
    }


def _class(
    table: Table, column: Column, values: pa.Array, units: Ints, support: Support
) -> Classified:
    present = values.is_valid()
    known = units[present.to_numpy(zero_copy_only=False)]
    sample = Sample(pc.drop_null(values), known)
    return classify(table, column, sample, shared_part(sample.values, known, support))
