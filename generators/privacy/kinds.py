"""Classes of columns, and the kinds of personal data that are told apart."""

from dataclasses import dataclass
from enum import StrEnum

NAMES_A_PERSON = frozenset({"first_name", "last_name", "full_name", "email", "passport"})
"""Kinds that make a table with such a column one of people."""
QUASI = frozenset({"company", "postal_code"})
"""Kinds that are invented, but tell no person from another."""
DIRECT = NAMES_A_PERSON | {
    *("phone", "street", "card", "iban", "identifier", "login", "secret"),
    *("network_address", "url"),
}
"""Kinds of which a value by itself names, reaches or authenticates a person."""
FREE_TEXT = "free_text"
"""The kind of texts at length that hold, or may hold, something about people."""
LEAVES = "json"
"""The kind of documents of which some leaves are personal."""
PICTURE = "picture"
"""The kind of bytes that show a person, or are a trace of one."""
GEO = "geo"
"""The kind of texts that are coordinates."""
KINDS = DIRECT | QUASI | {FREE_TEXT, LEAVES, PICTURE, GEO}


class Class(StrEnum):
    """What a column says of people."""

    KEY = "key"
    """It identifies a row, and nobody outside the database."""
    PERSONAL = "personal"
    """It names, reaches, locates or authenticates a person, or may do so."""
    QUASI = "quasi"
    """It is an attribute, which together with others may single somebody out."""
    PLAIN = "plain"
    """It says nothing of people by itself."""
    UNKNOWN = "unknown"
    """A text, document or bytes that nothing is known of; treated as personal."""


@dataclass(frozen=True, slots=True)
class Classified:
    """A column's class, and for personal columns, and some others that are invented, the kind."""

    group: Class
    kind: str | None = None

    @property
    def direct(self) -> bool:
        """Whether a value by itself names, reaches or authenticates a person."""
        return self.group is Class.PERSONAL and self.kind in DIRECT
