"""Real databases, end to end, checked by SQL of its own and by the judge's marginals.

`python -m benchmarks.databases FOLDER NAME...` restores FOLDER/NAME/NAME*.sql.zst, learns it,
provisions an empty database at `--scale` and prints a row of figures for each as JSON. Nothing of
the product's own verification is used for orphans, duplicates, violations or marginals.
"""

import argparse
import difflib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from benchmarks.servers import database, server
from connectors.embedded import binaries
from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

_JUDGE = Path(__file__).parents[2] / "shared" / "judge" / "judge.py"
_MOST = 100_000
_NUMBERS = ("integer", "smallint", "bigint", "numeric", "real", "double precision")
_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")
_CATEGORIES = ("text", "character varying", "character", "boolean", "USER-DEFINED")

_KEYS = """
SELECT format('SELECT count(*) FROM %s%s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)',
    (SELECT CASE relkind WHEN 'r' THEN 'ONLY ' ELSE '' END FROM pg_class WHERE oid = k.conrelid),
    k.conrelid::regclass, string_agg(format('c.%I IS NOT NULL', a.attname), ' AND '),
    k.confrelid::regclass, string_agg(format('c.%I = p.%I', a.attname, b.attname), ' AND '))
FROM pg_constraint k, unnest(k.conkey, k.confkey) AS u(child, parent)
    , pg_attribute a, pg_attribute b
WHERE k.contype = 'f' AND k.conparentid = 0 AND a.attrelid = k.conrelid AND a.attnum = u.child
    AND b.attrelid = k.confrelid AND b.attnum = u.parent
GROUP BY k.oid, k.conrelid, k.confrelid
"""
_UNIQUES = """
SELECT format('SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) n FROM %s%s WHERE %s'
    ' GROUP BY %s HAVING count(*) > 1) d', CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END,
    i.indrelid::regclass,
    string_agg(format('%I IS NOT NULL', a.attname), ' AND '),
    string_agg(format('%I', a.attname), ', '))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid, unnest(i.indkey::int2[]) AS u(number)
    JOIN pg_attribute a ON true
WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND c.relkind IN ('r', 'p')
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
    AND a.attrelid = i.indrelid AND a.attnum = u.number
GROUP BY i.indexrelid, i.indrelid, c.relkind
"""
_CHECKS = """
SELECT format('SELECT count(*) FROM %s WHERE NOT %s', conrelid::regclass,
    substr(pg_get_constraintdef(oid), 7))
FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
"""
_DECLARED = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE connamespace NOT IN (
    'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND connamespace::regnamespace::text <> 'provisioner' AND contype <> 'n'
UNION ALL SELECT indrelid::regclass::text, indexrelid::regclass::text,
    pg_get_indexdef(indexrelid), indisvalid
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'provisioner')
"""
_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type
FROM information_schema.columns c JOIN information_schema.tables t
    USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
    AND c.table_schema NOT IN ('pg_catalog', 'information_schema', 'provisioner')
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format(
        '%I.%I', c.table_schema, c.table_name)::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a
        ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.contype IN ('p', 'u', 'f') AND a.attname = c.column_name AND k.conrelid =
            format('%I.%I', c.table_schema, c.table_name)::regclass)
ORDER BY 1, 2, c.ordinal_position
"""


def main(arguments: Sequence[str]) -> None:
    """Prints a JSON list with one object per database."""
    options = _options(arguments)
    judge = judge_module(options.judge)
    with server() as url:
        rows = [_measured(url, options, name, judge) for name in options.names]
    print(json.dumps(rows, indent=1))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.databases", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=0, help="rows of each table without any")
    parser.add_argument("--judge", type=Path, default=_JUDGE)
    return parser.parse_args(arguments)


def judge_module(path: Path) -> ModuleType:
    """The judge's program as a module, for its single steps."""
    found = importlib.util.spec_from_file_location("judge", path)
    if found is None or found.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _measured(
    url: str, options: argparse.Namespace, name: str, judge: ModuleType
) -> dict[str, Any]:
    with database(url) as source, database(url) as target, tempfile.TemporaryDirectory() as scratch:
        restore(source, next((options.folder / name).glob(f"{name}*.sql.zst")))
        filled = _filled(source, target, Path(scratch) / "bench.model", options)
        return {
            "database": name,
            "scale": options.scale,
            **filled,
            **_integrity(source, target),
            "dump_differs": _differing_lines(source, target),
            **_marginals(source, target, judge),
        }


def _filled(source: str, target: str, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Goes from the source to the target; sizes, seconds and findings by kind."""
    times = [time.perf_counter()]

    def lap() -> None:
        times.append(time.perf_counter())

    with open_source(source) as opened:
        schema = opened.schema()
        lap()
        write_archive(learn(opened, Learning()), path)
    lap()
    model, request = read_archive(path), Request(scale=options.scale, cold=options.rows)
    planned = plan(model, fingerprint(path), request)
    lap()
    with open_target(target) as filled:
        loaded = load(model, planned, filled)
        lap()
        report = verify(model, filled)
    lap()
    steps = ("introspect_s", "learn_s", "plan_s", "provision_s", "verify_s")
    return {
        "tables": len(schema.tables),
        "foreign_keys": len(list(schema.foreign_keys)),
        "rows": loaded.rows,
        **{step: round(b - a, 1) for step, (a, b) in zip(steps, pairwise(times), strict=True)},
        "verify_passed": report.passed,
        "findings": Counter(
            f"{f.kind}: {f.severity}" for f in (*planned.findings, *report.findings)
        ),
    }


def restore(url: str, dump: Path) -> None:
    """Restores a dump with the bundled psql, which understands its COPY blocks."""
    data = subprocess.run(["zstd", "-dc", str(dump)], check=True, capture_output=True)  # noqa: S603, S607 - fixed program
    psql = [str(binaries() / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", url]
    subprocess.run(psql, input=data.stdout, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed program
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _integrity(source: str, target: str) -> dict[str, int]:
    with psycopg.connect(target) as connection:
        counts = {
            "orphans": _summed(connection, _KEYS),
            "duplicates": _summed(connection, _UNIQUES),
            "violations": _summed(connection, _CHECKS),
        }
        found = set(connection.execute(_DECLARED.encode()).fetchall())
    with psycopg.connect(source) as connection:
        expected = set(connection.execute(_DECLARED.encode()).fetchall())
    return {
        **counts,
        "constraints_and_indexes": len(expected),
        "missing_or_changed": len(expected - found),
    }


def _differing_lines(source: str, target: str) -> int:
    """Lines in which `pg_dump --schema-only` of both differ, our own schema left out."""
    one, two = (_dumped(url) for url in (source, target))
    return sum(line[0] in "+-" for line in difflib.ndiff(one, two)) if one != two else 0


def _dumped(url: str) -> list[str]:
    options = ["--schema-only", "--no-owner", "--no-privileges", "-N", "provisioner", "-d", url]
    command = [str(binaries() / "pg_dump"), *options]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed program
    lines = done.stdout.decode().splitlines()
    # Some servers mark each column with a private option of their own, which differs every time.
    return [
        line
        for line in lines
        if not line.startswith(("--", "\\restrict", "\\unrestrict")) and "pg_attver" not in line
    ]


def _summed(connection: psycopg.Connection[Any], queries: str) -> int:
    found = connection.execute(queries.encode()).fetchall()
    return sum(int(_one(connection, query)) for (query,) in found)


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else 0


def _marginals(source: str, target: str, judge: ModuleType) -> dict[str, Any]:
    """Mean of the judge's marginal over columns that no key holds, by kind of column."""
    scores: dict[str, list[float]] = {"number": [], "time": [], "category": []}
    with psycopg.connect(source) as real, psycopg.connect(target) as synthetic:
        for schema, table, column, kind in real.execute(_COLUMNS.encode()).fetchall():
            group = _group(kind)
            if group is not None:
                one = _column(real, schema, table, column, group)
                two = _column(synthetic, schema, table, column, group)
                if len(one.dropna()):
                    shape = "cat" if group == "category" else "num"
                    scores[group].append(float(judge.marginal(one, two, shape)))
    every = [s for group in scores.values() for s in group]
    return {
        "columns": len(every),
        "marginal": _mean(every),
        **{f"marginal_{group}": _mean(values) for group, values in scores.items()},
    }


def _group(kind: str) -> str | None:
    for group, kinds in (("number", _NUMBERS), ("time", _TIMES), ("category", _CATEGORIES)):
        if kind in kinds:
            return group
    return None


def _column(
    connection: psycopg.Connection[Any], schema: str, table: str, column: str, group: str
) -> "pd.Series[Any]":
    form = {"number": "{}::float8", "time": "extract(epoch FROM {})::float8"}.get(group, "{}::text")
    query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(
        sql.SQL(form).format(sql.Identifier(column)),
        sql.Identifier(schema, table),
        sql.Literal(_MOST),
    )
    values = [row[0] for row in connection.execute(query)]
    return pd.Series(values, dtype=object if group == "category" else float)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


if __name__ == "__main__":
    main(sys.argv[1:])
