"""Schemas that nobody wrote are filled without a violation, cold and from their own rows."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from benchmarks.servers import database
from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import Learning, learn
from provisioner.load import load
from provisioner.plan import Request, plan
from provisioner.report import Finding, Severity
from provisioner.verify import verify

SOAK = os.environ.get("PROVISIONER_SOAK") == "1"
EXAMPLES = int(os.environ.get("PROVISIONER_SOAK_EXAMPLES", "300")) if SOAK else 25
# Shrinking a schema takes minutes, so that only the long run does it.
PHASES = (Phase.explicit, Phase.generate, *((Phase.shrink,) if SOAK else ()))
LARGEST = 5 if SOAK else 3
ROWS = 40
TYPES = """
CREATE TYPE mood AS ENUM ('glad', 'sad', 'so-so');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
"""
WHOLE = ("smallint", "integer", "bigint")
PARTIAL = ("numeric(4,1)", "numeric(10,2)", "numeric", "real", "double precision")
LETTERS = ("text", "varchar(8)", "varchar(40)")
MOMENTS = ("date", "timestamp", "timestamptz")
WIDE = (*WHOLE, *PARTIAL[:2], *LETTERS, *MOMENTS, "uuid")
"""Types with far more values than there are rows, so that a unique key of one has room."""
NARROW = ("boolean", "char(2)", "char(5)", "time", "interval", "mood", "percent", "inet")
OPAQUE = ("jsonb", "bytea", "text[]", "integer[]", "daterange")
NAMES = ("email", "name", "status", "price", "created_at", "Mixed Case", "order", "größe", "x", "y")

ORPHANS = """
SELECT format('SELECT count(*) FROM %s c WHERE ROW(%s) IS NOT NULL AND NOT EXISTS ('
    'SELECT FROM %s p WHERE ROW(%s) = ROW(%s))', k.conrelid::regclass,
    string_agg(format('c.%I', a.attname), ', '), k.confrelid::regclass,
    string_agg(format('c.%I', a.attname), ', '), string_agg(format('p.%I', b.attname), ', '))
FROM pg_constraint k, unnest(k.conkey, k.confkey) AS u(child, parent)
    , pg_attribute a, pg_attribute b
WHERE k.contype = 'f' AND a.attrelid = k.conrelid AND a.attnum = u.child
    AND b.attrelid = k.confrelid AND b.attnum = u.parent
GROUP BY k.oid, k.conrelid, k.confrelid
"""
DUPLICATES = """
SELECT format('SELECT count(*) FROM (SELECT FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1) d',
    i.indrelid::regclass, concat_ws(' AND ', coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'),
        CASE WHEN NOT i.indnullsnotdistinct THEN format('ROW(%s) IS NOT NULL', parts) END), parts)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid, LATERAL (
    SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ') AS parts
    FROM generate_series(1, i.indnkeyatts) AS n) AS p
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
"""
BREACHES = """
SELECT format('SELECT count(*) FROM %s WHERE NOT %s', conrelid::regclass,
    substr(pg_get_constraintdef(oid), 7))
FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
"""

Draw = Callable[[st.SearchStrategy[str]], str]


@dataclass(frozen=True, slots=True)
class Key:
    """Columns of a table that a foreign key may reference, with their types."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """A table in the making: the lines of its CREATE TABLE, and what follows it.

    Attributes:
        keys: what others may reference.
        plain: the types of its columns that belong to no key, by name.
        after: statements for later, such as indexes.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    plain: dict[str, str] = field(default_factory=dict)
    nullable: set[str] = field(default_factory=set)
    after: list[str] = field(default_factory=list)

    @property
    def sql(self) -> str:
        """The table's statements."""
        body = ",\n    ".join(self.lines)
        return "\n".join([f"CREATE TABLE {self.name} (\n    {body}\n);", *self.after])

    def primary(self, columns: tuple[str, ...], types: tuple[str, ...]) -> None:
        """Declares a primary key, which others may reference."""
        self.lines.append(f"PRIMARY KEY ({', '.join(columns)})")
        self.keys.append(Key(self.name, columns, types))

    def refer(self, prefix: str, key: Key, end: str, rest: str = "") -> tuple[str, ...]:
        """Adds columns that reference a key, and answers their names."""
        columns = tuple(f"{prefix}_{number}" for number in range(len(key.columns)))
        for column, kind in zip(columns, key.types, strict=True):
            self.lines.append(f"{column} {kind}{end}")
        self.lines.append(reference(columns, key) + rest)
        return columns


def reference(columns: tuple[str, ...], key: Key) -> str:
    return f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {key.table} ({', '.join(key.columns)})"


@st.composite
def schemas(draw: st.DrawFn) -> str:
    """The SQL of a few tables that together can be filled with forty rows each."""
    drafts: list[Draft] = []
    for number in range(draw(st.integers(1, LARGEST))):
        drafts.append(draw(tables(f"t{number}", [key for d in drafts for key in d.keys])))
    parts = [TYPES, *(d.sql for d in drafts)]
    if len(drafts) > 1 and draw(st.booleans()):
        parts += draw(cycles(drafts))
    return "\n".join(parts)


@st.composite
def cycles(draw: st.DrawFn, drafts: list[Draft]) -> list[str]:
    """A key of an earlier table at a later one, which often refers back.

    Limitation: a key made of other keys, or of several columns, that lies on a ring of references
    may be needed before it is drawn ("the keys of ... depend on themselves"), so none is near one.
    """
    if any(len(k.columns) > 1 or k.columns == ("of_0",) for d in drafts for k in d.keys):
        return []
    later = draw(st.integers(1, len(drafts) - 1))
    child = drafts[draw(st.integers(0, later - 1))].name
    keys = [key for key in drafts[later].keys if len(key.columns) == 1]
    if not keys:
        return []
    key = draw(st.sampled_from(keys))
    end = draw(st.sampled_from(("", " NOT NULL")))
    late = draw(st.sampled_from(("", " DEFERRABLE INITIALLY DEFERRED")))
    return [
        f"ALTER TABLE {child} ADD back {key.types[0]}{end};",
        f"ALTER TABLE {child} ADD {reference(('back',), key)}{late};",
    ]


@st.composite
def tables(draw: st.DrawFn, name: str, known: list[Key]) -> Draft:
    """A table that may reference the known keys."""
    draft = Draft(name)
    draw(primary_keys(draft, known))
    draw(plain_columns(draft))
    if known:
        draw(foreign_keys(draft, known))
    draw(self_references(draft))
    draw(rules(draft))
    return draft


@st.composite
def primary_keys(draw: st.DrawFn, draft: Draft, known: list[Key]) -> None:
    """One of the shapes of a primary key, or none."""
    simple = {
        "serial": ("serial", "integer"),
        "identity": ("bigint GENERATED ALWAYS AS IDENTITY", "bigint"),
        "uuid": ("uuid DEFAULT gen_random_uuid()", "uuid"),
        "text": ("text", "text"),
        "plain": ("integer", "integer"),
        "short": ("varchar(8)", "varchar(8)"),
    }
    shapes = [*simple, "composite", "none", *(["same", "owned", "pair"] if known else [])]
    shape = draw(st.sampled_from(shapes))
    if shape in simple:
        declared, kind = simple[shape]
        draft.lines.append(f"id {declared}")
        draft.primary(("id",), (kind,))
    elif shape == "composite":
        draft.lines += ["part integer", "code varchar(8)"]
        draft.primary(("part", "code"), ("integer", "varchar(8)"))
    elif shape != "none":
        draw(keys_of_keys(draft, known, shape))


@st.composite
def keys_of_keys(draw: st.DrawFn, draft: Draft, known: list[Key], shape: str) -> None:
    """A primary key that is a foreign key, contains one, or is a pair of them."""
    key = draw(st.sampled_from(known))
    columns, types = draft.refer("of", key, ""), key.types
    if shape == "owned":
        draft.lines.append("line integer")
        columns, types = (*columns, "line"), (*types, "integer")
    elif shape == "pair":
        other = draw(st.sampled_from(known))
        columns, types = (*columns, *draft.refer("and", other, "")), (*types, *other.types)
    draft.primary(columns, types)


@st.composite
def plain_columns(draw: st.DrawFn, draft: Draft) -> None:
    """Up to six columns of any type."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    kinds = st.sampled_from((*WIDE, *PARTIAL[2:], *NARROW, *OPAQUE))
    for name in names:
        kind, end = draw(kinds), draw(st.sampled_from(("", " NOT NULL")))
        draft.lines.append(f'"{name}" {kind}{end}')
        draft.plain[f'"{name}"'] = kind
        if not end:
            draft.nullable.add(f'"{name}"')


@st.composite
def foreign_keys(draw: st.DrawFn, draft: Draft, known: list[Key]) -> None:
    """Up to two keys to other tables, perhaps the same one; perhaps two that share a tenant."""
    for number in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from(known))
        end = draw(st.sampled_from(("", " NOT NULL")))
        rest = draw(st.sampled_from(("", " MATCH FULL", " ON DELETE CASCADE DEFERRABLE")))
        columns = draft.refer(f"r{number}", key, end, rest)
        if draw(st.integers(0, 3)) == 0:
            draft.lines.append(f"UNIQUE ({', '.join(columns)})")
    shared = [key for key in known if len(key.columns) == 2]
    if draw(st.booleans()) and shared:
        draw(overlapping_keys(draft, shared))


@st.composite
def overlapping_keys(draw: st.DrawFn, draft: Draft, shared: list[Key]) -> None:
    """Two composite keys with their first column in common.

    Both reference one table, or the second may be null: a value of one table need not be in
    another.
    """
    key = draw(st.sampled_from(shared))
    other = draw(st.sampled_from([k for k in shared if k.types[0] == key.types[0]]))
    end = draw(st.sampled_from(("", " NOT NULL"))) if other == key else ""
    first, one, two = "tenant", "one_of", "other_of"
    draft.lines += [
        f"{first} {key.types[0]} NOT NULL",
        f"{one} {key.types[1]} NOT NULL",
        f"{two} {other.types[1]}{end}",
        reference((first, one), key),
        reference((first, two), other),
    ]


@st.composite
def self_references(draw: st.DrawFn, draft: Draft) -> None:
    """Perhaps a key of the table to itself."""
    if draft.keys and draw(st.integers(0, 2)) == 0:
        draft.refer("above", draft.keys[0], draw(st.sampled_from(("", " NOT NULL"))))


@st.composite
def rules(draw: st.DrawFn, draft: Draft) -> None:
    """Unique keys, checks and a generated column over the plain columns."""
    wide = [name for name, kind in draft.plain.items() if kind in WIDE]
    unique = draw(st.lists(st.sampled_from(wide), max_size=2, unique=True)) if wide else []
    for name in unique:
        draw(unique_keys(draft, name))
    for name, kind in draft.plain.items():
        options = checks(name, kind, narrow=name not in unique)
        if name not in unique or f"UNIQUE ({name})" in draft.lines:
            options += patterns(name, kind)
        if options:
            draft.lines += draw(st.lists(st.sampled_from(options), max_size=1))
    draft.lines += draw(st.lists(st.sampled_from([*between(draft, unique)]), max_size=1))
    if draw(st.booleans()):
        name, kind = draw(st.sampled_from([*draft.plain.items()]))
        if expression := computed(name, kind):
            draft.lines.append(f"made {expression[0]} GENERATED ALWAYS AS ({expression[1]}) STORED")


@st.composite
def unique_keys(draw: st.DrawFn, draft: Draft, name: str) -> None:
    """A unique key over a column with room for it, and perhaps others."""
    kind = draft.plain[name]
    others = [n for n, k in draft.plain.items() if n != name and k not in ("jsonb", "bytea")]
    number = len(draft.after)
    index = f"CREATE UNIQUE INDEX {draft.name}_u{number} ON {draft.name}"
    forms = [f"UNIQUE ({name})", f"UNIQUE NULLS NOT DISTINCT ({name})"]
    forms += [f"UNIQUE ({name}, {other})" for other in others]
    forms += [f"{index} ({name}) WHERE {other} IS NOT NULL;" for other in others]
    if kind in LETTERS:
        forms.append(f"{index} (lower({name}));")
    form = draw(st.sampled_from(forms))
    (draft.after if form.startswith("CREATE") else draft.lines).append(form)
    if form == f"UNIQUE ({name})":
        draft.keys.append(Key(draft.name, (name,), (kind,)))


def checks(name: str, kind: str, *, narrow: bool) -> list[str]:
    """Checks of one column; narrow ones only where no unique key wants many values.

    Limitation: a column that is unique by itself counts up from a start that knows no check, so
    that a range over it (`UNIQUE CHECK (x BETWEEN 10 AND 250)`) ends in Unmeetable after planning.
    """
    found: list[str] = []
    if kind in (*WHOLE, *PARTIAL):
        found.append(f"{name} >= 0")
        found += [f"{name} BETWEEN 10 AND 250", f"{name} IN (1, 2, 3)"] * narrow
    if kind in LETTERS:
        found += [f"length({name}) > 2", f"{name} <> ''"]
        found += [f"{name} IN ('new', 'old')", f"{name} = ANY (ARRAY['a', 'b'])"] * narrow
    if kind in MOMENTS and narrow:
        found += [f"{name} >= '2000-01-01'", f"{name} BETWEEN '2020-01-01' AND '2024-12-31'"]
    return [f"CHECK ({text})" for text in found]


def patterns(name: str, kind: str) -> list[str]:
    """Checks of a text's form.

    Limitation: mending knows 60 texts of a pattern, too few for a unique key on an expression or
    of several columns; only a column that is unique by itself counts through all of them.
    """
    return [f"CHECK ({name} ~ '^[A-Z]{{2}}[0-9]{{3}}$')"] if kind in LETTERS else []


def between(draft: Draft, unique: list[str]) -> Iterator[str]:
    """Checks that speak of two columns."""
    yield f"CHECK ({next(iter(draft.plain))} IS NOT DISTINCT FROM {next(iter(draft.plain))})"
    for one, kind in draft.plain.items():
        for two, other in draft.plain.items():
            ordered = kind == other and kind in (*WHOLE, *PARTIAL, *MOMENTS)
            if one < two and ordered and not {one, two} & set(unique):
                yield f"CHECK ({one} <= {two})"
            if one != two and two in draft.nullable and two not in unique:
                yield f"CHECK ({one} IS NOT NULL OR {two} IS NULL)"


def computed(name: str, kind: str) -> tuple[str, str] | None:
    """The type and expression of a generated column."""
    if kind in (*WHOLE, *PARTIAL):
        return "numeric", f"{name}::numeric * 2"
    return ("text", f"upper({name})") if kind in LETTERS else None


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
@given(schema=schemas(), scale=st.sampled_from((1.0, 2.0)))
def test_a_random_schema_is_filled_cold_and_from_its_own_rows(
    server_url: str, tmp_path_factory: pytest.TempPathFactory, schema: str, scale: float
) -> None:
    note(schema)
    path = tmp_path_factory.mktemp("random") / "a.model"
    create = partial(database, server_url)
    with create() as source, create() as cold, create() as target:
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute(schema.encode())
        filled(learned(source, path), path, Request(cold=ROWS), cold)
        model = learned(cold, path)
        filled(model, path, Request(scale=scale, seed=3), target)


def learned(url: str, path: Path) -> DatabaseModel:
    with open_source(url) as source:
        write_archive(learn(source, Learning()), path)
    return read_archive(path)


def filled(model: DatabaseModel, path: Path, request: Request, url: str) -> None:
    """Plans, loads, verifies and counts violations without the product's help."""
    planned = plan(model, fingerprint(path), request)
    refused = [f for f in planned.findings if f.severity is Severity.ERROR]
    if refused and request.scale > 1:
        # A table whose rows each need a parent of their own cannot outgrow reference data.
        assert all(is_named(model, finding) for finding in refused), refused
        event("more rows than parents at twice the size")
        return
    assert not refused, refused
    with open_target(url) as target:
        load(model, planned, target)
        report = verify(model, target)
    assert report.passed, report.findings
    assert sum(table.rows for table in report.tables) == planned.rows > 0
    assert violations(url) == {}


def is_named(model: DatabaseModel, finding: Finding) -> bool:
    """Whether a finding names a table and one of its foreign keys."""
    keys = {f"{t.name} {key.name}" for t in model.schema.tables for key in t.foreign_keys}
    return finding.kind == "unmeetable" and finding.place in keys


@contextmanager
def asking(url: str) -> Iterator[Callable[[str], list[tuple[str | int, ...]]]]:
    with psycopg.connect(url) as connection:
        yield lambda query: connection.execute(query.encode()).fetchall()


def violations(url: str) -> dict[str, int]:
    """Queries of our own that find rows against a key or check, with the number they find."""
    with asking(url) as ask:
        queries = [str(row[0]) for kind in (ORPHANS, DUPLICATES, BREACHES) for row in ask(kind)]
        counts = {query: int(ask(query)[0][0]) for query in queries}
    return {query: count for query, count in counts.items() if count}
