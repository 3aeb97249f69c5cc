"""Whether `verify` finds what somebody broke, and nothing where nobody did; plans side by side.

`python -m benchmarks.gate` learns a small shop, provisions an empty database from it, breaks that
in one way after the other, each in a copy of its own, and has `verify` name every defect with exit
code 1; in the untouched one it may find no error. `--source SERVER-URL --databases NAME...`
learns databases of a server, with the queries of `benchmarks/queries/NAME.sql`, provisions each at
scale 1 and compares the plans. Prints one JSON object: `planted`, `found`, `false_alarms`,
`same_plans`, and what these are made of.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from benchmarks.servers import database, server
from provisioner.cli import main as provisioner

SHOP = Path(__file__).with_suffix(".sql")
_QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class Defect:
    """Something broken on purpose.

    Attributes:
        kind: of the finding that has to name it.
        place: of that finding.
        statements: what breaks it.
    """

    name: str
    kind: str
    place: str
    statements: str


DEFECTS = (
    Defect(
        "an orphan",
        "orphan",
        "public.orders",
        "SET session_replication_role = replica; UPDATE orders SET customer_id = 1000000"
        " WHERE id = (SELECT min(id) FROM orders)",
    ),
    Defect(
        "a duplicate",
        "duplicate",
        "public.customers",
        "ALTER TABLE customers DROP CONSTRAINT customers_email_key; UPDATE customers SET email ="
        " (SELECT min(email) FROM customers) WHERE id IN (SELECT id FROM customers LIMIT 3)",
    ),
    Defect(
        "a broken check",
        "violation",
        "public.orders",
        "ALTER TABLE orders DROP CONSTRAINT orders_amount_check; UPDATE orders SET amount = -amount"
        " WHERE id = (SELECT min(id) FROM orders)",
    ),
    Defect("lost rows", "row-count", "public.orders", "DELETE FROM orders WHERE id % 10 = 0"),
    Defect(
        "a shifted marginal",
        "marginal",
        "public.orders.amount",
        "UPDATE orders SET amount = amount * 3 + 100",
    ),
    Defect(
        "an independent pair",
        "pair",
        "public.orders.channel ~ status",
        "UPDATE orders AS o SET status = p.status FROM (SELECT a.id, b.status FROM"
        " (SELECT id, row_number() OVER (ORDER BY id) AS n FROM orders) AS a JOIN"
        " (SELECT status, row_number() OVER (ORDER BY md5(id::text)) AS n FROM orders) AS b"
        " USING (n)) AS p WHERE p.id = o.id",
    ),
    Defect(
        "children of other parents",
        "parent",
        "public.orders.amount ~ segment (orders_customer_id_fkey)",
        "UPDATE orders AS o SET amount = p.amount FROM (SELECT a.id, b.amount FROM"
        " (SELECT id, row_number() OVER (ORDER BY id) AS n FROM orders) AS a JOIN"
        " (SELECT amount, row_number() OVER (ORDER BY md5(id::text)) AS n FROM orders) AS b"
        " USING (n)) AS p WHERE p.id = o.id",
    ),
    Defect(
        "siblings without memory",
        "siblings",
        "public.orders.channel (orders_customer_id_fkey)",
        "UPDATE orders SET channel ="
        " (ARRAY['web', 'app', 'phone'])[1 + abs(hashtext(id::text)) % 3]",
    ),
    Defect(
        "stretched gaps",
        "gap",
        "public.orders.placed (orders_customer_id_fkey)",
        "UPDATE orders AS o SET placed = joined + (placed - joined) / 300.0 FROM customers AS c"
        " WHERE c.id = o.customer_id",
    ),
    Defect(
        "doubled counts",
        "count",
        "public.orders (orders_customer_id_fkey)",
        "UPDATE orders SET customer_id = customer_id - 1 WHERE customer_id % 2 = 0 AND EXISTS"
        " (SELECT FROM customers AS c WHERE c.id = orders.customer_id - 1)",
    ),
    Defect(
        "a leaked e-mail",
        "leak",
        "public.customers",
        "UPDATE customers SET email = 'jane.doe@gmail.com'"
        " WHERE id = (SELECT min(id) FROM customers)",
    ),
    Defect(
        "missing ANALYZE",
        "unanalyzed",
        "public.orders",
        "DELETE FROM pg_catalog.pg_statistic WHERE starelid = 'orders'::regclass",
    ),
    Defect(
        "a dropped index",
        "missing",
        "public.orders orders_by_customer",
        "DROP INDEX orders_by_customer",
    ),
    Defect(
        "a dropped key",
        "missing",
        "public.orders orders_customer_id_fkey",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey",
    ),
    Defect(
        "room that updates have left",
        "size",
        "public.orders",
        "ALTER TABLE orders SET (autovacuum_enabled = off);"
        + "UPDATE orders SET amount = amount;" * 12,
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    options = _options(arguments)
    with server() as url, tempfile.TemporaryDirectory() as scratch:
        planted = planted_defects(url, Path(scratch))
        plans = {
            name: _plans(url, _at(options.source, name), name, Path(scratch))
            for name in options.databases
        }
    shares = [found["same_plans"] for found in plans.values()]
    print(
        json.dumps(
            {**planted, "same_plans": min(shares, default=None), "databases": plans}, indent=1
        )
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--source", metavar="SERVER-URL", help="server that holds the databases")
    parser.add_argument("--databases", nargs="*", default=[], metavar="NAME")
    return parser.parse_args(arguments)


def planted_defects(url: str, scratch: Path) -> dict[str, Any]:
    """Which defects were found in copies of a shop, and what was found in the untouched one."""
    with database(url) as source, database(url) as target:
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute(SHOP.read_bytes())
        model = scratch / "shop.model"
        _run("learn", "--source", source, "-o", model, "--unit", "customers")
        _run("provision", model, "--target", target, "--workers", "1", "--no-verify")
        untouched = _verified(model, target, scratch)
        alarms = [f for f in untouched["findings"] if f["severity"] == "error"]
        details = [_planted(url, target, model, defect, scratch) for defect in DEFECTS]
    return {
        "planted": len(details),
        "found": sum(one["found"] for one in details),
        "false_alarms": len(alarms) + (untouched["code"] != 0),
        "missed": [one for one in details if not one["found"]],
        "alarms": alarms,
    }


def _planted(url: str, target: str, model: Path, defect: Defect, scratch: Path) -> dict[str, Any]:
    """Whether `verify` names one defect in a copy of the target, and ends with 1."""
    with _copy(url, target) as copy:
        with psycopg.connect(copy, autocommit=True) as connection:
            connection.execute(defect.statements.encode())
            if defect.kind != "unanalyzed":
                connection.execute("ANALYZE")
        report = _verified(model, copy, scratch)
    errors = [f for f in report["findings"] if f["severity"] == "error"]
    named = [f for f in errors if (f["kind"], f["place"]) == (defect.kind, defect.place)]
    others = sorted({f"{f['kind']} {f['place']}" for f in errors if f not in named})
    found = bool(named) and report["code"] == 1
    return {"defect": defect.name, "found": found, "code": report["code"], "others": others}


@contextmanager
def _copy(url: str, template: str) -> Iterator[str]:
    """A copy of a database, dropped at the end."""
    name = f"{make_url(template).database}_copy"
    both = sql.Identifier(name), sql.Identifier(name.removesuffix("_copy"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*both))
    try:
        yield _at(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(both[0])
            connection.execute(drop)


def _plans(url: str, source: str, name: str, scratch: Path) -> dict[str, Any]:
    """How alike the plans of a database's queries are, real beside synthetic."""
    model, queries = scratch / f"{name}.model", _QUERIES / f"{name}.sql"
    with database(url) as target:
        _run("learn", "--source", source, "-o", model, "--queries", queries)
        _run("provision", model, "--target", target, "--workers", "1", "--no-verify")
        report = _verified(model, target, scratch, "--queries", queries)
    planner = report["planner"]
    return {
        "queries": len(planner["plans"]),
        "same_plans": planner["same_plans"],
        "ratio": planner["ratio"],
        "differing": [one for one in planner["plans"] if not one["same"]],
        "errors": [f for f in report["findings"] if f["severity"] == "error"],
    }


def _verified(model: Path, target: str, scratch: Path, *more: object) -> dict[str, Any]:
    """The report as JSON, with the exit code."""
    written = scratch / "report.json"
    words = [str(word) for word in ("verify", model, "--target", target, "--json", written, *more)]
    code = _silent(words)
    return {**json.loads(written.read_text("utf-8")), "code": code}


def _run(*words: object) -> None:
    code = _silent([str(word) for word in words])
    if code:
        raise SystemExit(f"provisioner {words[0]} ended with {code}")


def _silent(words: Sequence[str]) -> int:
    """Runs a command of the product; what it prints goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        return provisioner(words)


def _at(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main(sys.argv[1:])
