"""How well columns that identify people are told from others, against labels written blind.

`python -m benchmarks.classification FOLDER` classifies every column of `column_labels.yaml` by its
name, its type and up to 1,000 values, and prints precision and recall for direct identifiers, as
JSON: by half, by database, and over the databases of either half of a split by database, since
views repeat columns. A database that the server in PROVISIONER_TEST_POSTGRESQL_URL lacks is
restored from FOLDER/NAME/NAME*.sql.zst. Columns missed and wrongly found are listed of the half
`tune` alone, and only with `--misses`: rules are not to be made for the other.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import yaml
from psycopg import sql
from sqlalchemy.engine import make_url

from benchmarks.databases import restore
from benchmarks.servers import database, server
from connectors.datatypes import DataType, Kind
from connectors.engines import open_source
from connectors.schema import Column, Table, TableName
from generators.columns import Sample
from generators.privacy.classify import classify
from generators.privacy.kinds import Class, Classified
from generators.privacy.support import Support

_LABELS = Path(__file__).with_name("column_labels.yaml")
_MOST = 1_000
_KINDS = {
    **dict.fromkeys(("text", "character varying", "character", "name", "citext"), Kind.TEXT),
    **dict.fromkeys(("integer", "bigint", "smallint"), Kind.INTEGER),
    **dict.fromkeys(("json", "jsonb"), Kind.JSON),
    **dict.fromkeys(("numeric", "money"), Kind.DECIMAL),
    "bytea": Kind.BYTES,
    "boolean": Kind.BOOLEAN,
    "uuid": Kind.UUID,
    "date": Kind.DATE,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A label, and what was said of its column."""

    label: Mapping[str, Any]
    found: Classified

    @property
    def right(self) -> bool:
        """Whether the label calls the column a direct identifier."""
        return bool(self.label.get("direct"))

    @property
    def place(self) -> str:
        """The column's full name."""
        return ".".join(self.label[part] for part in ("database", "schema", "table", "column"))


def main(arguments: Sequence[str]) -> None:
    """Prints a JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classification")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prefix", default="", help="of databases that the server holds already")
    parser.add_argument("--misses", action="store_true", help="list those of the half `tune`")
    options = parser.parse_args(arguments)
    labels = yaml.safe_load(_LABELS.read_text("utf-8"))
    with server() as url:
        judged = list(_judged(url, labels, options))
    print(json.dumps(_figures(judged, misses=options.misses), indent=1))


def _figures(judged: Sequence[Judged], *, misses: bool) -> dict[str, Any]:
    by_half = _grouped(judged, lambda one: str(one.label["half"]))
    tune = by_half["tune"]
    found: dict[str, Any] = {
        "columns": len(judged),
        "halves": {name: _scores(group) for name, group in by_half.items()},
        "split_by_database": {
            name: _scores(group) for name, group in _grouped(judged, _side).items()
        },
        "databases": {
            name: _scores(group)
            for name, group in _grouped(judged, lambda one: str(one.label["database"])).items()
        },
        "classes": _confusion(judged),
    }
    if misses:
        found["missed"] = [f"{o.place} {o.label['kind']}" for o in tune if o.right and not _hit(o)]
        found["wrong"] = [f"{o.place} {o.found.kind}" for o in tune if not _personal(o) and _hit(o)]
    return found


def _personal(one: Judged) -> bool:
    return bool(one.label["class"] == "personal")


def _hit(one: Judged) -> bool:
    return one.found.group is Class.PERSONAL


def _side(one: Judged) -> str:
    """Which half of the databases a column is in, whatever its own half."""
    even = int(md5(str(one.label["database"]).encode(), usedforsecurity=False).hexdigest()[0], 16)
    return "held" if even % 2 else "tune"


def _scores(group: Sequence[Judged]) -> dict[str, Any]:
    hits = [one for one in group if _hit(one)]
    right = [one for one in group if one.right]
    direct = [one for one in hits if one.found.direct]
    personal = sum(map(_personal, hits))
    safe = sum(one.found.group in {Class.PERSONAL, Class.UNKNOWN} for one in right)
    return {
        "columns": len(group),
        "direct": len(right),
        "found": len(hits),
        "recall": _ratio(sum(one.right for one in hits), len(right)),
        "recall_withheld": _ratio(safe, len(right)),
        "precision": _ratio(personal, len(hits)),
        "precision_direct": _ratio(sum(one.right for one in direct), len(direct)),
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _confusion(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Columns of each labelled class by the class that was found."""
    counts = {label: dict.fromkeys(map(str, Class), 0) for label in sorted({*Class} - {"unknown"})}
    for one in judged:
        counts[one.label["class"]][one.found.group] += 1
    return counts


def _grouped(judged: Sequence[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        found[key(one)].append(one)
    return dict(sorted(found.items()))


def _judged(
    url: str, labels: Sequence[Mapping[str, Any]], options: argparse.Namespace
) -> Iterator[Judged]:
    by_database: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for label in labels:
        by_database[label["database"]].append(label)
    for name, group in by_database.items():
        with _database(url, name, options) as place, psycopg.connect(place) as connection:
            with open_source(place) as source:
                tables = {(t.name.schema, t.name.name): t for t in source.schema().tables}
            for label in group:
                yield Judged(label, _classified(connection, tables, label))


def _classified(
    connection: psycopg.Connection[Any],
    tables: Mapping[tuple[str, str], Table],
    label: Mapping[str, Any],
) -> Classified:
    """What a column is called; one of a view has no keys and only such types as are needed."""
    place = label["schema"], label["table"]
    table = tables.get(place, Table(TableName(*place), (), ()))
    known = {c.name: c for c in table.columns}
    column = known.get(label["column"]) or _of_a_view(connection, *place, label["column"])
    values = pa.array(_values(connection, *place, column), pa.string())
    if column.datatype.kind is Kind.ARRAY:
        values = pa.array([[text] for text in values.to_pylist()], pa.list_(pa.string()))
    shared = 1 - Support().shares(_flat(values), np.arange(len(values))).value.rest
    sample = Sample(values, np.arange(len(values)))
    return classify(table, column, sample, float(shared) if len(values) else 0.0)


def _flat(values: pa.Array) -> pa.Array:
    return values.flatten() if pa.types.is_list(values.type) else values


def _of_a_view(connection: psycopg.Connection[Any], schema: str, table: str, column: str) -> Column:
    found = connection.execute(
        "SELECT format_type(a.atttypid, -1) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relname = %s AND attname = %s",
        (schema, table, column),
    ).fetchone()
    name = "" if found is None else str(found[0])
    base = connection.execute("SELECT to_regtype(%s)::text", (name,)).fetchone() if name else None
    plain = name if base is None else str(base[0])
    return Column(column, DataType(_KINDS.get(plain, _domain_kind(plain)), plain))


def _domain_kind(name: str) -> Kind:
    """Domains over texts are called after what they hold, in the databases at hand."""
    return Kind.TEXT if '"' in name else Kind.OTHER


def _values(
    connection: psycopg.Connection[Any], schema: str, table: str, column: Column
) -> list[str]:
    query = sql.SQL("SELECT {0}::text FROM {1} WHERE {0} IS NOT NULL LIMIT {2}").format(
        sql.Identifier(column.name), sql.Identifier(schema, table), sql.Literal(_MOST)
    )
    try:
        with connection.transaction():
            return [row[0] for row in connection.execute(query)]
    except psycopg.Error:
        return []  # a view of the databases without rows that calls functions they lack


@contextmanager
def _database(url: str, name: str, options: argparse.Namespace) -> Iterator[str]:
    """URL of a database of the server, else of one restored for as long as it is needed."""
    with psycopg.connect(url) as connection:
        there = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    known = next((n for n in (name, options.prefix + name) if n in there), None)
    with ExitStack() as stack:
        if known is None:
            place = stack.enter_context(database(url))
            restore(place, next((options.folder / name).glob(f"{name}*.sql.zst")))
        else:
            place = make_url(url).set(database=known).render_as_string(hide_password=False)
        yield place


if __name__ == "__main__":
    main(sys.argv[1:])
