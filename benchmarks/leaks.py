"""Looks for values of a source in a model's bytes and in a target, without asking the product.

`python -m benchmarks.leaks --source URL...` learns each database with half of its units held out,
provisions a target and prints what was found as JSON.

Text literals are taken from every text, JSON and array column. A literal is rare in a column where
fewer than k units hold it there; one that k units share in another column may have come from there
(a town that is somebody's surname, a number that is a code), and is listed apart. In a file, a
literal is looked for as a text of its own and, where it is long enough to be no accident, inside
others and among all bytes. Of a target, direct identifiers are told by the shape of the value or
the column's name; where they lie in spaces that belong to nobody, and of all other words, chance is
told by those that units held out hold alone (`benchmarks.coincidence`). Of a column that nobody was
held out from, as of a table that belongs to nobody, chance is told by how texts are written.
"""

import argparse
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from psycopg import sql

from benchmarks.coincidence import Stratum, alike, excess, strata
from benchmarks.servers import database, server
from connectors.datatypes import NUMBERS, Kind
from connectors.engines import Source, open_source, open_target
from connectors.profile import Split
from connectors.schema import Column, Table
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.sampling import sampled

_TEXTS = frozenset({Kind.TEXT, Kind.JSON, Kind.ARRAY})
_IDENTIFIER = re.compile(
    r"[^@\s]+@[^@\s]+\.[a-z]{2,}|\+?[\d ().-]{9,20}\d|[A-Z]{2}\d{2}[A-Z0-9]{11,30}"
)
_IDENTIFYING = re.compile(r"e_?mail|phone|fax|card|iban|passport|ssn|login|passw", re.IGNORECASE)
_NAMING = re.compile(r"name|contact|manager|author|artist", re.IGNORECASE)
_NOBODY = re.compile(r"555-?01\d\d$|[@.]example(\.[a-z]+)?$|\.(test|invalid)$")
"""Telephone numbers and domains that are reserved for examples, in a source as in a target."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = 4
_WINDOW = 8
"""Bytes of a literal from which on it is looked for inside of other texts."""
_HALF = 0.5


@dataclass(slots=True)
class Leaks:
    """What was found.

    Attributes:
        literals: rare texts that were looked for.
        archive: rare texts in the model's members.
        shared: those that k units share in another column, which are not counted.
        ddl: those that stand in the declared statements alone, which travel as they are.
        identifiers: direct identifiers in the target.
        long: texts of more than four words in the target.
        excess: by column, rare texts in the target beyond what chance makes of those held out.
        met: by number of holders, over columns with units held out, how many the target holds.
        alone: by column that nobody was held out from, where any is met: the rare texts that were
            looked for, those met, and how many of the latter are likely by how they are written.
        mixed: texts in the target that are held by units of both kinds, which tell nothing.
        names: by column of names, the share of texts of one unit met: learned, and held out.
    """

    literals: int = 0
    archive: int = 0
    shared: int = 0
    ddl: int = 0
    identifiers: int = 0
    long: int = 0
    excess: dict[str, int] = field(default_factory=dict)
    met: dict[int, Stratum] = field(default_factory=dict)
    alone: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    mixed: int = 0
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
    """The texts of a column: how many units hold each, and which of both kinds of units do."""

    table: str
    column: str
    holders: dict[str, int]
    learned: frozenset[str]
    unseen: frozenset[str]

    def rare(self, k: int) -> frozenset[str]:
        """The texts that fewer than k units hold."""
        return frozenset(t for t, units in self.holders.items() if units < k and len(t) > 1)


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object, by database."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--source", action="append", default=[], help="URL of a loaded database")
    parser.add_argument("--k", type=int, default=11)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    learning = Learning(options.k, seed=options.seed, holdout=_HALF)
    with server() as url:
        found = {source: _measured(url, source, learning).document() for source in options.source}
    named = {source.rpartition("/")[2].partition("?")[0]: one for source, one in found.items()}
    print(json.dumps(named, indent=1))


def _measured(url: str, source: str, learning: Learning) -> Leaks:
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_source(source) as opened,
        database(url) as target,
    ):
        path = Path(scratch) / "bench.model"
        write_archive(learn(opened, learning), path)
        model, split = read_archive(path), sampled(opened, learning).split
        with open_target(target) as filled:
            load(model, plan(model, fingerprint(path), Request(seed=learning.seed)), filled)
        return leaks(opened, split, path, target, learning.k)


def leaks(source: Source, split: Split, archive: Path, target: str, k: int) -> Leaks:
    """Looks for the rare texts of a source."""
    found = Leaks()
    told, everywhere = _read(archive), _target_texts(target)
    columns = list(_columns(source, split, _TEXTS))
    shared = {t for held in columns for t, units in held.holders.items() if units >= k}
    suspect = {t for held in columns for t in told.holds(held.rare(k)) - shared}
    if any(map(_NUMBER.fullmatch, suspect)):
        numbers = _columns(source, split, NUMBERS)
        shared |= {t for held in numbers for t, units in held.holders.items() if units >= k}
    for held in columns:
        rare = held.rare(k)
        declared = told.declares(rare)
        here = told.holds(rare) - declared
        found.literals += len(rare)
        found.archive += len(here - told.inside(here, shared) - shared)
        found.shared += len(here & (shared | told.inside(here, shared)))
        found.ddl += len(declared)
        _met(found, held, rare - declared - shared, everywhere)
    return found


def _columns(source: Source, split: Split, kinds: frozenset[Kind]) -> Iterator[_Held]:
    """What is held in each column of some kinds."""
    for table in source.schema().tables:
        wanted = [c for c in table.written if c.datatype.kind in kinds]
        if wanted:
            yield from _held(source, split, table, wanted)


def _met(found: Leaks, held: _Held, rare: frozenset[str], everywhere: frozenset[str]) -> None:
    """What a target holds of the rare texts of a column."""
    place = f"{held.table}.{held.column}"
    met = frozenset(rare & everywhere)
    direct = {v for v in met if _is_direct(v, held.column)}
    long = {v for v in met - direct if len(v.split()) > _WORDS}
    found.identifiers += len(direct)
    found.long += len(long)
    words = met - direct - long
    found.mixed += len(words & held.learned & held.unseen)
    told = [(t, held.holders[t]) for t in rare - (held.learned & held.unseen)]
    if not held.unseen:
        if words:
            found.alone[place] = len(rare), len(words), round(alike(rare, everywhere), 1)
        return
    parts = dict(strata(told, held.learned, frozenset(words)))
    for holders, one in parts.items():
        found.met[holders] = found.met.get(holders, Stratum()) + one
    if beyond := excess(parts.values()):
        found.excess[place] = beyond
    single = parts.get(1)
    if single is not None and _NAMING.search(held.column) and single.learned_met:
        shares = (
            single.learned_met / max(1, single.learned),
            single.unseen_met / max(1, single.unseen),
        )
        found.names[place] = (round(shares[0], 4), round(shares[1], 4))


def _is_direct(text: str, column: str) -> bool:
    """Whether a text points to somebody."""
    if _NOBODY.search(text):
        return False
    return bool(_IDENTIFIER.fullmatch(text) or _IDENTIFYING.search(column))


def _held(source: Source, split: Split, table: Table, columns: Sequence[Column]) -> Iterator[_Held]:
    names = [c.name for c in table.written]
    holders: list[dict[str, set[int]]] = [{} for _ in columns]
    sides: list[tuple[set[str], set[str]]] = [(set(), set()) for _ in columns]
    for side, batches in enumerate((source.training(table, split), source.held_out(table, split))):
        for batch in batches:
            units = batch.columns[-1].to_pylist()
            for number, column in enumerate(columns):
                values = batch.column(names.index(column.name)).to_pylist()
                for value, unit in zip(values, units, strict=True):
                    for text in _leaves(value, column.datatype.kind):
                        holders[number].setdefault(text, set()).add(unit)
                        sides[number][side].add(text)
    for column, found, both in zip(columns, holders, sides, strict=True):
        counts = {text: len(units) for text, units in found.items()}
        name = str(table.name)
        yield _Held(name, column.name, counts, frozenset(both[0]), frozenset(both[1]))


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


@dataclass(frozen=True, slots=True)
class _Told:
    """What a file says.

    Attributes:
        texts: those in its JSON members.
        declared: those of the members that hold what is declared, with the literals in them.
        members: all bytes of the other members; of JSON, the texts, one beside the other.
        windows: what stands at each place of these bytes, ascending, each once.
        statements: the declared texts, one beside the other.
    """

    texts: frozenset[str]
    declared: frozenset[str]
    members: bytes
    windows: npt.NDArray[np.uint64]
    statements: str

    def holds(self, literals: Collection[str]) -> frozenset[str]:
        """Those that are a text of the file, or inside one, or anywhere among its bytes."""
        long = [t for t in literals if len(t.encode()) >= _WINDOW]
        starts = np.array([t.encode()[:_WINDOW] for t in long], f"S{_WINDOW}").view(np.uint64)
        near = (t for t, found in zip(long, self._stand(starts), strict=True) if found)
        inside = {t for t in near if t.encode() in self.members}
        return frozenset(inside | (set(literals) & self.texts))

    def _stand(self, windows: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which windows stand anywhere; those of the file ascend, so that none is sorted again."""
        first = np.searchsorted(self.windows, windows, side="left")
        return first < np.searchsorted(self.windows, windows, side="right")

    def declares(self, literals: Collection[str]) -> frozenset[str]:
        """Those that are declared."""
        named = set(literals) & self.declared
        long = {t for t in self.holds(literals) if len(t.encode()) >= _WINDOW}
        return frozenset(named | {t for t in long if t in self.statements})

    def inside(self, literals: Collection[str], shared: Collection[str]) -> frozenset[str]:
        """Those that the file says nowhere but inside texts that k units share."""
        found = set()
        for literal in literals:
            around = [t for t in self.texts if literal in t]
            if around and all(t in shared for t in around):
                found.add(literal)
        return frozenset(found)


def _read(archive: Path) -> _Told:
    texts: set[str] = set()
    declared: set[str] = set()
    members = []
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            content = opened.read(name)
            if not name.endswith(".json"):
                members.append(content)
                continue
            some = set(_leaves(json.loads(content), Kind.TEXT))
            if name in {"schema.json", "ddl.json"}:
                declared |= some
                for text in some:
                    declared.update(re.findall(r"'((?:[^']|'')*)'", text))
            else:
                texts |= some
                members.append("\0".join(sorted(some)).encode())
    whole = b"\0".join(members)
    return _Told(
        frozenset(texts | declared),
        frozenset(declared),
        whole,
        _windows(whole),
        "\0".join(declared),
    )


def _windows(content: bytes) -> npt.NDArray[np.uint64]:
    """Every run of `_WINDOW` bytes, as a number."""
    parts = [np.zeros(0, np.uint64)]
    for at in range(_WINDOW):
        room = (len(content) - at) // _WINDOW
        parts.append(np.frombuffer(content, np.uint64, max(0, room), at if room > 0 else 0))
    return np.unique(np.concatenate(parts))


_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN
    ('pg_catalog', 'information_schema', 'provisioner')
    AND c.data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY')
"""


def _target_texts(url: str) -> frozenset[str]:
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
    return frozenset(found)


if __name__ == "__main__":
    main(sys.argv[1:])
