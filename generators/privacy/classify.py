"""Tells by name, type and value which columns identify people, and how."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import NUMBERS, Kind
from connectors.schema import Column, Table, TableName
from generators.columns import Sample
from generators.privacy.kinds import (
    FREE_TEXT,
    LEAVES,
    NAMES_A_PERSON,
    PICTURE,
    QUASI,
    Class,
    Classified,
)
from generators.privacy.recognise import (
    are_given_names,
    are_names,
    holds_some,
    names_somebody,
    recognised,
)
from generators.privacy.wording import (
    describes_a_person,
    ends_in_name,
    named_kind,
    names_people_alone,
    shows_a_person,
    tells_at_length,
)

_MOST_VALUES = 1_000
_CONTRADICTED = 0.5
_SHARED = 0.3
"""Share of rows with values of at least k units from which a text is one of labels."""
_WORDS_AT_LENGTH = 4
_FEWEST = 5
"""Different values that may contradict a name."""
_IN_NUMBERS = frozenset({"phone", "card", "passport", "identifier"})
_NETWORK = frozenset({"inet", "cidr", "macaddr", "macaddr8"})
_NOWHERE = TableName("", "")
_AT_LEAST: Mapping[str, str] = {"email": "@", "phone": r"[0-9].*[0-9].*[0-9]"}
"""What most values of a column must hold for its name to be believed."""


def classify(table: Table, column: Column, sample: Sample, shared: float) -> Classified:
    """The class of a column.

    Args:
        table: the table as declared.
        column: one of its columns.
        sample: values that are not null, which may be none.
        shared: share of the sample's rows whose value at least k privacy units hold.
    """
    kind = _any_kind(table.name, column, sample, shared)
    if kind is not None:
        return Classified(Class.QUASI if kind in QUASI else Class.PERSONAL, kind)
    if _is_key(table, column):
        return Classified(Class.KEY)
    held = column.datatype.element or column.datatype
    if held.kind in {Kind.TEXT, Kind.JSON, Kind.BYTES} or held.sql == "xml":
        if shared < _SHARED or held.kind is Kind.BYTES:
            return Classified(Class.UNKNOWN)
        return Classified(Class.QUASI if describes_a_person(column.name) else Class.PLAIN)
    if held.kind is Kind.ENUM:
        return Classified(Class.QUASI if describes_a_person(column.name) else Class.PLAIN)
    return Classified(Class.QUASI)


def semantic(table: TableName, column: Column, sample: Sample, shared: float = 0.0) -> str | None:
    """The personal kind that a text column holds, named as its generator is; None for others.

    Up to 1,000 values are asked first, for an oddly named column of e-mails is one of e-mails;
    then the words of the column's name, and those of the table's where a name alone says little;
    then the values again, for names of people and for what lies inside longer texts.
    """
    if column.datatype.kind is not Kind.TEXT:
        return None
    values = _some(sample.values)
    by_value = recognised(values)
    if by_value is not None:
        return by_value
    by_name = named_kind(table, column.name)
    if by_name is not None and not _contradicted(by_name, column.name, values):
        return by_name
    return _inside(column.name, values, shared)


def identifies(kind: str | None) -> bool:
    """Whether a column of this personal kind makes its table one of people.

    Phones, addresses, logins, cards and secrets are personal too, but stand in tables of shops,
    payments and sessions as well; they do not say whose rows these are.
    """
    return kind in NAMES_A_PERSON


def personal_leaves(documents: list[Any]) -> frozenset[str]:
    """The paths in some JSON documents at which texts are personal, by their keys and values."""
    found: dict[str, list[str]] = defaultdict(list)
    for document in documents[:_MOST_VALUES]:
        for path, text in text_leaves(document, ""):
            found[path].append(text)
    return frozenset(path for path, texts in found.items() if _is_personal_leaf(path, texts))


def text_leaves(document: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a document with its path, `.key` for a member and `[]` for an element."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from text_leaves(value, f"{path}.{key}")
    elif isinstance(document, list):
        for value in document:
            yield from text_leaves(value, f"{path}[]")
    elif isinstance(document, str):
        yield path, document


def _any_kind(table: TableName, column: Column, sample: Sample, shared: float) -> str | None:
    match column.datatype.kind:
        case Kind.JSON:
            return _of_documents(column.name, sample.values)
        case Kind.BYTES:
            return PICTURE if shows_a_person(table, column.name) else None
        case Kind.OTHER:
            return _of_other(table, column)
        case Kind.ARRAY:
            return semantic(table, _element(column), _elements(sample), shared)
        case kind if kind in NUMBERS:
            named = named_kind(table, column.name)
            return named if named in _IN_NUMBERS else None
        case _:
            return semantic(table, column, sample, shared)


def _of_other(table: TableName, column: Column) -> str | None:
    """Of addresses of machines, and of documents by their names."""
    if column.datatype.sql in _NETWORK:
        return "network_address"
    if column.datatype.sql != "xml":
        return None
    named = named_kind(table, column.name) is not None or tells_at_length(column.name)
    return FREE_TEXT if named else None


def _of_documents(name: str, values: pa.Array) -> str | None:
    some = values[:_MOST_VALUES].to_pylist()
    known = personal_leaves([json.loads(text) for text in some])
    return LEAVES if known or named_kind(_NOWHERE, name) is not None else None


def _is_personal_leaf(path: str, texts: list[str]) -> bool:
    name = path.replace("[]", "").rpartition(".")[2]
    values = _some(pa.array(texts, pa.string()))
    known = recognised(values) or named_kind(_NOWHERE, name)
    if known is None and name.casefold() == "name":
        return names_somebody(values)
    return known is not None or holds_some(values)


def _element(column: Column) -> Column:
    element = column.datatype.element
    return column if element is None else Column(column.name, element)


def _elements(sample: Sample) -> Sample:
    values = pc.drop_null(sample.values.flatten())
    return Sample(values, np.zeros(len(values), np.int64))


def _inside(name: str, values: pa.Array, shared: float) -> str | None:
    """What values that their column's name does not explain turn out to hold."""
    if len(values) == 0:
        return None
    if shared < _SHARED and not describes_a_person(name) and are_names(values):
        return "full_name"
    if ends_in_name(name) and are_given_names(values):
        return "full_name"
    at_length = _mean_words(values) >= _WORDS_AT_LENGTH
    if (at_length and tells_at_length(name) and shared < _SHARED) or holds_some(values):
        return FREE_TEXT
    return None


def _mean_words(values: pa.Array) -> float:
    return 1 + float(pc.mean(pc.count_substring_regex(values, r"\s+")).as_py())


def _is_key(table: Table, column: Column) -> bool:
    keys = (
        *(u.columns for u in table.uniques if u.whole),
        *(f.columns for f in table.foreign_keys),
    )
    return column.datatype.kind is Kind.UUID or any(column.name in key for key in keys)


def _contradicted(kind: str, name: str, values: pa.Array) -> bool:
    """Whether values are not what the name promises."""
    if len(values) == 0:
        return False
    if kind == "full_name" and names_people_alone(name):
        parted = pc.mean(pc.match_substring(values, " ").cast(pa.int8())).as_py()
        few = len(values.unique()) < _FEWEST or parted >= _CONTRADICTED
        return not few and not names_somebody(values)
    if kind not in _AT_LEAST:
        return False
    holding = pc.sum(pc.match_substring_regex(values, _AT_LEAST[kind])).as_py()
    return bool(holding < _CONTRADICTED * len(values))


def _some(values: pa.Array) -> pa.Array:
    """Up to 1,000 values that are not blank, spread evenly over the sample."""
    at = np.linspace(0, max(0, len(values) - 1), min(len(values), _MOST_VALUES)).astype(np.int64)
    trimmed = pc.utf8_trim_whitespace(values.take(pa.array(at)))
    return trimmed.filter(pc.not_equal(trimmed, ""))
