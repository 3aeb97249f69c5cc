"""E-mail addresses of invented people, in domains that no mail ever reaches."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from generators.columns import ColumnGenerator, Draw
from generators.identities import first_name, last_name, picked
from generators.invented import Invented, cut_before

_DOMAINS = ("example.com", "example.net", "example.org", "mail.test")
_SHORT_DOMAINS = ("a.test", "b.test")
_NARROW = 28


@dataclass(frozen=True, slots=True)
class Email(Invented):
    """first.last and the row's index in a domain of RFC 2606; the index keeps them distinct."""

    kind: ClassVar[str] = "email"
    reserved: ClassVar[str | None] = r"@(example\.(com|net|org)|[a-z]+\.test)$"
    distinct: ClassVar[bool] = True
    shortest: ClassVar[int] = 14

    def invent(self, draw: Draw) -> pa.Array:
        """The address of each identity; the name gives way where the column is narrow."""
        identities, length = draw.identities, self.column.datatype.length
        narrow = length is not None and length < _NARROW
        domains = picked(pa.array(_SHORT_DOMAINS if narrow else _DOMAINS), identities, "domain")
        indexes = pc.cast(pa.array(draw.rows), pa.string())
        endings = pc.binary_join_element_wise(indexes, domains, "@")
        people = pc.binary_join_element_wise(first_name(identities), last_name(identities), ".")
        return cut_before(pc.utf8_lower(people), endings, length)


generator: type[ColumnGenerator] = Email
