"""Fidelity and privacy of learned rows, told by a judge that knows nothing of this product.

`python -m benchmarks.fidelity DIR` loads DIR/train/TABLE.csv into a source database, learns it,
provisions a target at scale 1, exports the target and runs the judge against DIR/holdout. DIR
also holds metadata.json, as in `../shared/judge/data`. Prints the judge's overall figures with
seconds and rows/s as JSON.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from psycopg import sql

from benchmarks.servers import database, server
from connectors.engines import open_source, open_target
from connectors.engines.postgresql.seed import seed
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.privacy.accountant import Budget
from provisioner.differential.asking import Privacy
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

JUDGE = Path(__file__).parents[2] / "shared" / "judge" / "judge.py"
_SQL = {
    "categorical": "text",
    "datetime": "timestamp",
    "boolean": "text",
    "id": "text",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds spent learning and provisioning, and rows written."""

    learn_s: float
    provision_s: float
    rows: int


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    print(json.dumps(measured(arguments), indent=1))


def measured(arguments: Sequence[str]) -> dict[str, Any]:
    """What the judge finds; `measured([folder, "--epsilon", "3"])["marginal"]`, say."""
    options = _options(arguments)
    metadata = json.loads((options.folder / "metadata.json").read_text())
    with tempfile.TemporaryDirectory() as scratch, server() as url:
        out = Path(scratch)
        with database(url) as source, database(url) as target:
            load_csv(source, options.folder / "train", metadata)
            path = out / "bench.model"
            timing = provisioned(source, target, path, _learning(options))
            _export(target, out, metadata)
        figures = _judged(options, out)
    return {
        "dataset": options.folder.name,
        "table_model": options.table_model,
        "seed": options.seed,
        "epsilon": options.epsilon,
        "learn_s": round(timing.learn_s, 2),
        "provision_s": round(timing.provision_s, 2),
        "rows_per_s": round(timing.rows / timing.provision_s),
        **figures,
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--table-model", default="trees")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unit", action="append", default=[], help="a table of privacy units")
    parser.add_argument("--epsilon", type=float, help="learn with differential privacy")
    parser.add_argument("--no-rules", action="store_true", help="find no rules, to compare")
    return parser.parse_args(arguments)


def _learning(options: argparse.Namespace) -> Learning:
    return Learning(
        kind=options.table_model,
        seed=options.seed,
        invariants=not options.no_rules,
        units=tuple(TableName("public", name) for name in options.unit),
        privacy=None if options.epsilon is None else Privacy(Budget(options.epsilon)),
    )


def provisioned(source: str, target: str, path: Path, learning: Learning) -> Timing:
    """Learns a source into a model at `path` and fills an empty target from it at scale 1."""
    began = time.perf_counter()
    with open_source(source) as opened:
        model = learn(opened, learning)
    write_archive(model, path)
    learned = time.perf_counter()
    model = read_archive(path)
    planned = plan(model, fingerprint(path), Request(seed=learning.seed))
    with open_target(target) as opened_target:
        loaded = load(model, planned, opened_target)
    return Timing(learned - began, time.perf_counter() - learned, loaded.rows)


def load_csv(url: str, folder: Path, metadata: dict[str, Any], like: Path | None = None) -> None:
    """Loads FOLDER/TABLE.csv, with columns of the types that the files in `like` need."""
    with seed(url) as opened:
        for name, table in metadata["tables"].items():
            frame = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=True)
            model = frame if like is None else pd.read_csv(like / f"{name}.csv", dtype=str)
            types = {c: _sql_type(model[c], kind) for c, kind in table["columns"].items()}
            opened.run(_create(name, types, table["primary_key"]))
            data = frame[list(types)].to_csv(index=False, header=False, quoting=csv.QUOTE_MINIMAL)
            opened.copy_csv(TableName("public", name), list(types), memoryview(data.encode()))
        for key in metadata["foreign_keys"]:
            parent = metadata["tables"][key["parent"]]["primary_key"]
            opened.run(_reference(key["table"], key["column"], key["parent"], parent))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _sql_type(values: "pd.Series[str]", kind: str) -> str:
    if kind != "numeric":
        whole = kind == "id" and values.dropna().str.fullmatch(r"\d{1,18}").all()
        return "bigint" if whole else _SQL[kind]
    whole = values.dropna().str.fullmatch(r"-?\d{1,9}(\.0)?").all()
    return "numeric" if not whole else "double precision" if _pointed(values) else "integer"


def _pointed(values: "pd.Series[str]") -> bool:
    return bool(values.dropna().str.contains(".", regex=False).any())


def _create(name: str, types: dict[str, str], key: str | None) -> str:
    columns = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in types.items()]
    if key:
        columns.append(sql.SQL("PRIMARY KEY ({})").format(sql.Identifier(key)))
    statement = sql.SQL("CREATE TABLE public.{} ({})").format(
        sql.Identifier(name), sql.SQL(", ").join(columns)
    )
    return statement.as_string(None)


def _reference(table: str, column: str, parent: str, key: str) -> str:
    statement = sql.SQL(
        "ALTER TABLE public.{} ADD FOREIGN KEY ({}) REFERENCES public.{} ({})"
    ).format(*(sql.Identifier(n) for n in (table, column, parent, key)))
    return statement.as_string(None)


def _export(url: str, out: Path, metadata: dict[str, Any]) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for name in metadata["tables"]:
            order = sql.SQL("COPY public.{} TO STDOUT (FORMAT csv, HEADER)").format(
                sql.Identifier(name)
            )
            with (out / f"{name}.csv").open("wb") as file, cursor.copy(order) as copy:
                for block in copy:
                    file.write(block)


def _judged(options: argparse.Namespace, out: Path) -> dict[str, Any]:
    folder: Path = options.folder
    command = [
        sys.executable,
        str(options.judge),
        str(folder / "train"),
        str(out),
        str(folder / "metadata.json"),
        "--holdout",
        str(folder / "holdout"),
        "--brief",
    ]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed program
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
