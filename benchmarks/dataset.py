"""A whole database as the judge reads one: TABLE.csv files and metadata.json.

The judge knows keys of one column, of text, numbers and times. So a key of several columns is
joined by "|" into a surrogate named after its columns with "+" between them; a foreign key whose
column also is the primary key, or belongs to another foreign key, gets a copy named
"COLUMN->PARENT"; times of day and intervals become seconds; times before 1700 or after 2200 are
moved there, since the judge counts nanoseconds in 64 bits; all other types become text.

Kinds: columns of single-column keys are `id`, and so are text and parts of a key with fewer than
two rows per value, since these have no distribution to compare (notes, documents), parts of a
longer foreign key that lead to an `id`, whose values a copy may number anew, and text named like
personal data, which must not be the source's whatever its distribution. The rest goes by type.
Rows are ordered (`order_by`) by the first date or timestamp that is never null and not constant,
else by an integer named like a year, a sequence, a line, a position or a number, else by the
integer in the primary key that no foreign key holds.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.halves import Key, Table, Walk

_COLUMNS = """
SELECT a.attname, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text, t.typcategory::text,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique
        AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_WHOLE = ("smallint", "integer", "bigint")
_POSITION = re.compile(r"year|seq|position|number|(^|_)line", re.IGNORECASE)
_PERSONAL = re.compile(
    r"(first|last|middle|given|full|sur)_?name|^name_?(first|last|given)|e_?mail|phone|passw"
    r"|address_?(line)?_?\d?$|street|postal|zip_?code|card_?number|login",
    re.IGNORECASE,
)
_FORMS = {
    "datetime": "least(greatest({}::timestamp, '1700-01-01'), '2200-01-01')",
    "seconds": "extract(epoch FROM {})",
    "numeric": "{}::numeric",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """How one table is written.

    Attributes:
        expressions: what each column of the file is selected as.
        metadata: the table's entry in metadata.json.
        references: its entries under "foreign_keys".
        skipped: foreign keys that lead to another key than the parent's exported one.
    """

    table: Table
    expressions: Mapping[str, sql.Composable]
    metadata: Mapping[str, Any]
    references: tuple[Mapping[str, str], ...]
    skipped: int

    def write(
        self, connection: psycopg.Connection[Any], folder: Path, half: int | None = None
    ) -> None:
        """Writes the rows of one half, told by "split side", or without one the table's own."""
        columns = [
            sql.SQL("{} AS {}").format(e, sql.Identifier(name))
            for name, e in self.expressions.items()
        ]
        rows = sql.SQL("{} AS t ORDER BY t.tableoid, t.ctid").format(self.table.relation)
        if half is not None:
            rows = sql.SQL("{} AS t WHERE t.{} & {} <> 0 ORDER BY t.{}, t.{}").format(
                self.table.half,
                sql.Identifier("split side"),
                sql.Literal(half),
                *map(sql.Identifier, ("split oid", "split tid")),
            )
        order = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(
            sql.SQL(", ").join(columns), rows
        )
        path = folder / f"{self.table.label}.csv"
        with path.open("wb") as file, connection.cursor().copy(order) as copy:
            for block in copy:
                file.write(block)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    datatype: str
    category: str
    unique: bool
    rows: int
    known: int
    distinct: int

    @property
    def form(self) -> str:
        """How the column is written: "datetime", "seconds", "numeric" or "text"."""
        if self.category == "D" and not self.datatype.startswith("time "):
            return "datetime"
        return {"D": "seconds", "T": "seconds", "N": "numeric"}.get(self.category, "text")

    @property
    def expression(self) -> sql.Composable:
        name = sql.Identifier("t", self.name)
        return sql.SQL(_FORMS.get(self.form, "{}::text")).format(name)

    @property
    def complete(self) -> bool:
        return self.known == self.rows and self.distinct > 1

    @property
    def scattered(self) -> bool:
        return self.known < 2 * self.distinct

    def kind(self, keyed: bool) -> str:
        if self.form == "text" and _PERSONAL.search(self.name):
            return "id"
        if self.unique or (self.scattered and (keyed or self.form == "text")):
            return "datetime" if self.form == "datetime" else "id"
        if self.category == "B":
            return "boolean"
        return {"text": "categorical", "seconds": "numeric"}.get(self.form, self.form)


def exported(connection: psycopg.Connection[Any], found: Walk) -> dict[str, Exported]:
    """How each table is written, told from all rows of a database that `assign` has been run on."""
    keys = {label: _key(found, table) for label, table in found.tables.items()}
    tables = {
        label: _exported(_columns(connection, table), found, table, keys)
        for label, table in found.tables.items()
    }
    _pass_ids_on(found, {label: t.metadata["columns"] for label, t in tables.items()})
    return tables


def metadata(tables: Mapping[str, Exported], shared: Mapping[str, bool]) -> dict[str, Any]:
    """What the judge reads as metadata.json."""
    return {
        "tables": {n: {**t.metadata, "shared": shared[n]} for n, t in tables.items()},
        "foreign_keys": [r for t in tables.values() for r in t.references],
    }


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Writes metadata.json."""
    path.write_text(json.dumps(found, indent=1))


def _key(found: Walk, table: Table) -> tuple[str, ...]:
    """The key that most foreign keys lead to, else the primary key; its columns sorted."""
    leading = [tuple(sorted(k.parent_columns)) for k in found.keys if k.parent == table.label]
    own = tuple(sorted(table.key))
    return max(leading, key=lambda k: (leading.count(k), k == own, k)) if leading else own


def _columns(connection: psycopg.Connection[Any], table: Table) -> list[_Column]:
    found = connection.execute(_COLUMNS.encode(), [table.oid]).fetchall()
    counted = [
        sql.SQL(", count({0}), count(DISTINCT {0}::text)").format(sql.Identifier(c[0]))
        for c in found
    ]
    query = sql.SQL("SELECT count(*){} FROM {}").format(sql.SQL("").join(counted), table.half)
    rows, *figures = connection.execute(query).fetchone() or (0,)
    return [
        _Column(name, datatype, category, unique, rows, known, distinct)
        for (name, datatype, category, unique), known, distinct in zip(
            found, figures[::2], figures[1::2], strict=True
        )
    ]


def _exported(
    columns: list[_Column], found: Walk, table: Table, keys: Mapping[str, tuple[str, ...]]
) -> Exported:
    primary = "+".join(keys[table.label])
    expressions = {c.name: c.expression for c in columns}
    kinds = {c.name: c.kind(c.name in table.key) for c in columns}
    if primary:
        expressions[primary], kinds[primary] = _joined(keys[table.label]), "id"
    references: list[dict[str, str]] = []
    own = [k for k in found.keys if k.table == table.label]
    for key in own:
        name = _place(key, {primary, *(r["column"] for r in references)})
        if tuple(sorted(key.parent_columns)) == keys[key.parent]:
            expressions[name], kinds[name] = _joined(_in_order(key)), "id"
            references.append({"table": table.label, "column": name, "parent": key.parent})
    order = _order(columns, table, kinds, own)
    entry = {"primary_key": primary or None, "order_by": order, "shared": False, "columns": kinds}
    return Exported(table, expressions, entry, tuple(references), len(own) - len(references))


def _pass_ids_on(found: Walk, kinds: Mapping[str, dict[str, str]]) -> None:
    """Makes the columns that refer to an `id` ids too, down to the last table."""
    moved = True
    while moved:
        moved = False
        for key in found.keys:
            for column, parent in zip(key.columns, key.parent_columns, strict=True):
                if kinds[key.parent][parent] == "id" != kinds[key.table][column]:
                    kinds[key.table][column], moved = "id", True


def _joined(columns: tuple[str, ...]) -> sql.Composable:
    parts = [sql.SQL("{}::text").format(sql.Identifier("t", c)) for c in columns]
    return sql.SQL(" || '|' || ").join(parts)


def _in_order(key: Key) -> tuple[str, ...]:
    pairs = sorted(zip(key.parent_columns, key.columns, strict=True))
    return tuple(column for _, column in pairs)


def _place(key: Key, taken: set[str]) -> str:
    name = "+".join(_in_order(key))
    return f"{name}->{key.parent}" if name in taken else name


def _order(
    columns: list[_Column], table: Table, kinds: Mapping[str, str], keys: list[Key]
) -> str | None:
    owned = {c for k in keys for c in k.columns}
    usable = [c for c in columns if c.complete and kinds[c.name] in {"datetime", "numeric"}]
    whole = [c for c in usable if c.datatype in _WHOLE]
    rules = (
        [c for c in usable if c.form == "datetime"],
        [c for c in whole if _POSITION.search(c.name)],
        [c for c in whole if c.name in table.key and c.name not in owned],
    )
    return next((c.name for rule in rules for c in rule), None)
