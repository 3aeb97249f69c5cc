"""Invents people: every part of an identity is a function of one 64-bit seed."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.feistel import Words, mixed, salt_of

_LOCALES = ("en", "de", "fr", "it", "nl")
_LONGEST_NAME = 14
_HIGHEST_HOUSE = 999
_COMPANY_FORMS = ("& Co", "& Sons", "Group", "Holdings", "Inc", "Labs", "Ltd", "Partners", "Works")
_STREET_FORMS = ("Avenue", "Close", "Court", "Drive", "Lane", "Road", "Street", "Way")


def first_name(identities: Words) -> pa.Array:
    """The given name of each identity, in ASCII letters."""
    return picked(_first_names(), identities, "first name")


def middle_name(identities: Words) -> pa.Array:
    """The second given name of each identity."""
    return picked(_first_names(), identities, "middle name")


def last_name(identities: Words) -> pa.Array:
    """The family name of each identity, in ASCII letters."""
    return picked(_last_names(), identities, "last name")


def street_name(identities: Words) -> pa.Array:
    """The street in which each identity lives, without the house number."""
    forms = picked(pa.array(_STREET_FORMS), identities, "street form")
    return pc.binary_join_element_wise(picked(_street_names(), identities, "street"), forms, " ")


def house_number(identities: Words) -> pa.Array:
    """The house number of each identity, as text."""
    numbers = mixed(identities, salt_of("house")) % np.uint64(_HIGHEST_HOUSE) + np.uint64(1)
    return pc.cast(pa.array(numbers), pa.string())


def company_name(identities: Words) -> pa.Array:
    """The company of each identity, made of invented owners' names."""
    forms = picked(pa.array(_COMPANY_FORMS), identities, "company form")
    return pc.binary_join_element_wise(picked(_last_names(), identities, "owner"), forms, " ")


def picked(pool: pa.Array, identities: Words, part: str) -> pa.Array:
    """The entry of a pool for each identity; two parts of one identity do not depend."""
    return pool.take(pa.array(mixed(identities, salt_of(part)) % np.uint64(len(pool))))


@cache
def _first_names() -> pa.Array:
    return _pool(("person", "names"), _LOCALES)


@cache
def _last_names() -> pa.Array:
    return _pool(("person", "surnames"), _LOCALES)


@cache
def _street_names() -> pa.Array:
    return _pool(("address", "street", "name"), ("en",))


def _pool(place: Sequence[str], locales: Sequence[str]) -> pa.Array:
    """The words that mimesis draws from; drawing until all were seen takes it a second."""
    found: set[str] = set()
    for locale in locales:
        file = files("mimesis") / "datasets" / locale / f"{place[0]}.json"
        held = json.loads(file.read_text("utf-8"))
        for key in place[1:]:
            held = held[key]
        found.update(_words(held))
    return pa.array(sorted(filter(_fits_everywhere, found)), pa.string())


def _words(held: Any) -> Iterator[str]:
    """The texts in nested lists and objects of a document."""
    if isinstance(held, str):
        yield held
        return
    for part in held.values() if isinstance(held, dict) else held:
        yield from _words(part)


def _fits_everywhere(name: str) -> bool:
    """Whether a name may stand in an e-mail address and in a narrow column."""
    return name.isascii() and name.isalpha() and 2 <= len(name) <= _LONGEST_NAME
