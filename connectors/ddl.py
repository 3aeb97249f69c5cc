"""One statement of a schema's DDL, as an archive keeps it."""

from dataclasses import dataclass
from enum import StrEnum


class Section(StrEnum):
    """When a statement runs: before the rows, or after them."""

    PRE_DATA = "pre-data"
    POST_DATA = "post-data"


@dataclass(frozen=True, slots=True)
class DdlItem:
    """One object's statement.

    Attributes:
        number: its number in the dump; dependencies name it.
        section: before or after the rows.
        kind: the engine's word for the object: TABLE, INDEX, FK CONSTRAINT, TRIGGER ...
        schema: the schema it stands in; empty for what stands in none.
        name: the object's name; for a constraint, "table constraint".
        statement: SQL, ended by a semicolon; may hold several statements.
        depends_on: numbers of the items that must run before it.
    """

    number: int
    section: Section
    kind: str
    schema: str
    name: str
    statement: str
    depends_on: tuple[int, ...] = ()
