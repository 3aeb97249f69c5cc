"""Looks for values of a source in a model's bytes and in a target, without asking the product.

Text literals are taken from every text, JSON and array column. A literal is rare where fewer than
k units hold it; direct identifiers are told by the shape of the value or the column's name. Of a
rare literal that a target holds too, chance is told by those of units held out: nothing has seen
them, so that they turn up as often as any word that somebody invents.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from connectors.datatypes import Kind
from connectors.engines import Source
from connectors.profile import Split
from connectors.schema import Column, Table

_TEXTS = frozenset({Kind.TEXT, Kind.JSON, Kind.ARRAY})
_IDENTIFIER = re.compile(
    r"[^@\s]+@[^@\s]+\.[a-z]{2,}|\+?[\d ().-]{9,20}\d|[A-Z]{2}\d{2}[A-Z0-9]{11,30}"
)
_IDENTIFYING = re.compile(r"e_?mail|phone|fax|card|iban|passport|ssn|login|passw", re.IGNORECASE)
_NAMING = re.compile(r"name|contact|manager|author|artist", re.IGNORECASE)
_WORDS = 4
_DEVIATIONS = 4


@dataclass(slots=True)
class Leaks:
    """What was found.

    Attributes:
        literals: rare texts that were looked for.
        archive: rare texts that are a text in the model's members.
        ddl: those that stand in the declared statements alone, which travel as they are.
        identifiers: direct identifiers in the target.
        long: texts of more than four words in the target.
        excess: by column, rare texts in the target beyond what chance makes of those held out.
        names: by column of names, the share of texts met: of units learned from, and held out.
    """

    literals: int = 0
    archive: int = 0
    ddl: int = 0
    identifiers: int = 0
    long: int = 0
    excess: dict[str, int] = field(default_factory=dict)
    names: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All that must not be there."""
        return self.archive + self.identifiers + self.long + sum(self.excess.values())

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {**asdict(self), "total": self.total}


def leaks(source: Source, split: Split, archive: Path, target: str, k: int) -> Leaks:
    """Looks for the rare texts of a source."""
    found = Leaks()
    told, declared = _strings(archive)
    everywhere = _target_texts(target)
    for table in source.schema().tables:
        for column in table.columns:
            if column.datatype.kind in _TEXTS and not column.generated:
                _column(found, (source, split, table, column, k), (told, declared, everywhere))
    return found


def _column(
    found: Leaks,
    asked: tuple[Source, Split, Table, Column, int],
    held: tuple[set[str], set[str], set[str]],
) -> None:
    (_, _, table, column, _), (told, declared, everywhere) = asked, held
    learned, unseen = _rare(*asked)
    rare = learned | unseen
    found.literals += len(rare)
    found.archive += len(rare & told - declared)
    found.ddl += len(rare & declared)
    place, met = f"{table.name}.{column.name}", (rare & everywhere) - declared
    direct = {v for v in met if _IDENTIFIER.fullmatch(v) or _IDENTIFYING.search(column.name)}
    long = {v for v in met - direct if len(v.split()) > _WORDS}
    found.identifiers += len(direct)
    found.long += len(long)
    hits = [len((some & met) - direct - long) for some in (learned, unseen)]
    shares = [n / max(1, len(some)) for n, some in zip(hits, (learned, unseen), strict=True)]
    if _NAMING.search(column.name) and hits[0]:
        found.names[place] = (round(shares[0], 4), round(shares[1], 4))
    expected = len(learned) * (hits[1] + 1) / (len(unseen) + 1)
    beyond = hits[0] - expected - _DEVIATIONS * sqrt(expected)
    if beyond > 0:
        found.excess[place] = round(beyond)


def _rare(
    source: Source, split: Split, table: Table, column: Column, k: int
) -> tuple[set[str], set[str]]:
    """The texts that fewer than k units hold: those of units learned from, and all others."""
    holders: dict[str, set[int]] = {}
    learned: set[str] = set()
    place = [c.name for c in table.written].index(column.name)
    for part, batches in enumerate((source.training(table, split), source.held_out(table, split))):
        for batch in batches:
            for value, unit in zip(batch.column(place), batch.columns[-1], strict=True):
                for text in _leaves(value.as_py(), column.datatype.kind):
                    holders.setdefault(text, set()).add(unit.as_py())
                    if part == 0:
                        learned.add(text)
    rare = {text for text, units in holders.items() if len(units) < k and len(text) > 1}
    return rare & learned, rare - learned


def _leaves(value: Any, kind: Kind) -> Iterator[str]:
    """The texts that a value holds."""
    if kind is Kind.JSON and isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part, Kind.TEXT)
    elif isinstance(value, list | pa.ListScalar):
        for part in value:
            yield from _leaves(part, Kind.TEXT)


def _strings(archive: Path) -> tuple[set[str], set[str]]:
    """The texts that a model's members hold, and the words of what is declared."""
    told: set[str] = set()
    declared: set[str] = set()
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".json"):
                some = set(_leaves(json.loads(opened.read(name)), Kind.TEXT))
                told |= some
                if name in {"schema.json", "ddl.json"}:
                    declared |= some
                    for text in some:
                        declared.update(re.findall(r"'((?:[^']|'')*)'", text))
    return told, declared


_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN
    ('pg_catalog', 'information_schema', 'provisioner')
    AND c.data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY')
"""


def _target_texts(url: str) -> set[str]:
    """Every text that a target holds in any column."""
    found: set[str] = set()
    with psycopg.connect(url) as connection:
        for schema, table, column in connection.execute(_COLUMNS.encode()).fetchall():
            query = sql.SQL("SELECT DISTINCT {0}::text FROM {1} WHERE {0} IS NOT NULL").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            for (value,) in connection.execute(query):
                found.add(value)
                found.update(re.findall(r'"((?:[^"\\]|\\.)*)"', value))
    return found
