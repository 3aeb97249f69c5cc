"""E-mail addresses of invented people, in domains that no mail ever reaches."""

import re
from typing import ClassVar

import pyarrow as pa

from connectors.datatypes import DataType
from generators.ciphers import Cipher
from generators.masks import Mask, Masking, is_text
from generators.pseudonyms import first_names, last_names

_DOMAINS = ("example.com", "example.net", "example.org")
_SHORT_DOMAIN = "a.test"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MARK = 12
"""Characters that tell addresses apart: 36**12 is about 2**62."""


class Email:
    """The names in an address as in the columns that hold them, and a mark that tells it apart.

    Two of a million addresses get the same mark with a probability of 10**-7, where the column is
    wide enough for all of it.
    """

    kind: ClassVar[str] = "email"
    one_to_one: ClassVar[bool] = False
    by_row: ClassVar[bool] = False
    reserved: ClassVar[str | None] = r"@(example\.(com|net|org)|[a-z]+\.test)$"

    @classmethod
    def suits(cls, datatype: DataType) -> bool:
        """Texts."""
        return is_text(datatype)

    @classmethod
    def masked(cls, values: pa.Array, masking: Masking) -> pa.Array:
        """An address for each; letter case does not tell addresses apart."""
        length = masking.column.datatype.length
        found = (_address(v, length, masking.cipher) for v in values.to_pylist())
        return pa.array(list(found), pa.string())


def _address(value: str, length: int | None, cipher: Cipher) -> str:
    if not value.strip():
        return value
    known = value.strip().casefold()
    word = cipher.word("email", known)
    domain = _DOMAINS[word % len(_DOMAINS)]
    mark = _mark(word // len(_DOMAINS))
    people = _people(known.partition("@")[0], cipher)
    if length is not None and length < len(mark) + len(domain) + 1:
        domain = _SHORT_DOMAIN
        mark = mark[: max(1, length - len(domain) - 1)]
    room = None if length is None else length - len(mark) - len(domain) - 2
    name = people if room is None else people[: max(0, room)].rstrip(".")
    return f"{name}.{mark}@{domain}" if name else f"{mark}@{domain}"


def _people(local: str, cipher: Cipher) -> str:
    """The names that an address is made of."""
    parts = [part for part in re.split(r"[^a-z]+", local) if part] or [local]
    names = first_names(parts[:1], cipher) + last_names(parts[1:2], cipher)
    return ".".join(name.lower() for name in names)


def _mark(word: int) -> str:
    found = []
    for _ in range(_MARK):
        word, place = divmod(word, len(_DIGITS))
        found.append(_DIGITS[place])
    return "".join(found)


mask: type[Mask] = Email
