"""Looks for values of a source in a model's bytes and in a target, without asking the product.

Text literals are taken from every text, JSON and array column. A literal is rare in a column where
fewer than k units hold it there; one that k units share in another column may have come from there
(a town that is somebody's surname, a number that is a code), and is listed apart. Direct
identifiers are told by the shape of the value or the column's name. Of a rare literal that a target
holds too, chance is told by those of units held out: nothing has seen them, so that they turn up as
often as any word that somebody invents. That is compared among literals that one unit holds: what
several hold is all but surely among those learned, and likelier to be a word that people think of.
Those are searched for in the file alone, where they would have to be to reach a target, and are
listed where they did.
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

from connectors.datatypes import NUMBERS, Kind
from connectors.engines import Source
from connectors.profile import Split
from connectors.schema import Column, Table

_TEXTS = frozenset({Kind.TEXT, Kind.JSON, Kind.ARRAY})
_IDENTIFIER = re.compile(
    r"[^@\s]+@[^@\s]+\.[a-z]{2,}|\+?[\d ().-]{9,20}\d|[A-Z]{2}\d{2}[A-Z0-9]{11,30}"
)
_IDENTIFYING = re.compile(r"e_?mail|phone|fax|card|iban|passport|ssn|login|passw", re.IGNORECASE)
_NAMING = re.compile(r"name|contact|manager|author|artist", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = 4
_DEVIATIONS = 4


@dataclass(slots=True)
class Leaks:
    """What was found.

    Attributes:
        literals: rare texts that were looked for.
        archive: rare texts that are a text in the model's members.
        shared: those that k units share in another column, which are not counted.
        several: by column, rare texts of more than one unit in the target, which are not counted.
        ddl: those that stand in the declared statements alone, which travel as they are.
        identifiers: direct identifiers in the target.
        long: texts of more than four words in the target.
        excess: by column, rare texts in the target beyond what chance makes of those held out.
        names: by column of names, the share of texts of one unit met: learned, and held out.
    """

    literals: int = 0
    archive: int = 0
    shared: int = 0
    several: dict[str, int] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class _Held:
    """The texts of a column: how many units hold each, and those of units learned from."""

    table: str
    column: str
    holders: dict[str, int]
    learned: frozenset[str]

    def rare(self, k: int) -> frozenset[str]:
        """The texts that fewer than k units hold."""
        return frozenset(t for t, units in self.holders.items() if units < k and len(t) > 1)


def leaks(source: Source, split: Split, archive: Path, target: str, k: int) -> Leaks:
    """Looks for the rare texts of a source."""
    found = Leaks()
    told, declared = _strings(archive)
    everywhere = _target_texts(target)
    columns = list(_columns(source, split, _TEXTS))
    shared = {t for held in columns for t, units in held.holders.items() if units >= k}
    suspect = {t for held in columns for t in held.rare(k) & told - declared - shared}
    if any(map(_NUMBER.fullmatch, suspect)):
        numbers = _columns(source, split, NUMBERS)
        shared |= {t for held in numbers for t, units in held.holders.items() if units >= k}
    for held in columns:
        rare = held.rare(k)
        found.literals += len(rare)
        found.archive += len(rare & told - declared - shared)
        found.shared += len(rare & told & shared - declared)
        found.ddl += len(rare & declared)
        _met(found, held, (rare & everywhere) - declared, shared)
    return found


def _columns(source: Source, split: Split, kinds: frozenset[Kind]) -> Iterator[_Held]:
    """What is held in each column of some kinds."""
    for table in source.schema().tables:
        for column in table.written:
            if column.datatype.kind in kinds:
                yield _held(source, split, table, column)


def _met(found: Leaks, held: _Held, met: frozenset[str], shared: set[str]) -> None:
    """What a target holds of the rare texts of a column."""
    place = f"{held.table}.{held.column}"
    direct = {v for v in met if _IDENTIFIER.fullmatch(v) or _IDENTIFYING.search(held.column)}
    long = {v for v in met - direct if len(v.split()) > _WORDS}
    found.identifiers += len(direct)
    found.long += len(long)
    words = met - direct - long - shared
    single = {t for t, units in held.holders.items() if units == 1 and len(t) > 1} - shared
    parts = single & held.learned, single - held.learned
    hits = [len(words & part) for part in parts]
    if len(words) > sum(hits):
        found.several[place] = len(words) - sum(hits)
    if _NAMING.search(held.column) and hits[0]:
        shares = [round(n / max(1, len(part)), 4) for n, part in zip(hits, parts, strict=True)]
        found.names[place] = (shares[0], shares[1])
    beyond = _beyond(hits[0], hits[1], len(parts[0]) / (len(parts[1]) + 1))
    if beyond > 0:
        found.excess[place] = round(beyond)


def _beyond(learned: int, unseen: int, ratio: float) -> float:
    """Hits among texts learned beyond what those of units held out make likely.

    `ratio` is how many more texts were learned; both numbers of hits are counts with an error of
    their own, the square root of what is expected of each.
    """
    expected = (unseen + 1) * ratio
    return learned - expected - _DEVIATIONS * sqrt(expected * (1 + ratio))


def _held(source: Source, split: Split, table: Table, column: Column) -> _Held:
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
    counts = {text: len(units) for text, units in holders.items()}
    return _Held(str(table.name), column.name, counts, frozenset(learned))


def _leaves(value: Any, kind: Kind) -> Iterator[str]:
    """The texts that a value holds; of a number, how it is written."""
    if kind is Kind.JSON and isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, str):
        yield value
    elif kind in NUMBERS and value is not None:
        yield str(value)
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
