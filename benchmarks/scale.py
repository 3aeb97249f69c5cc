"""Peak memory of `provision` and its time against the number of rows, and with one huge root.

`python -m benchmarks.scale --rows 1000000 10000000 50000000` fills a database of each size with
the model of `benchmarks.filling` and prints a table as JSON: the peak proportional set size of the
command and all its workers (the server's own memory left out), and seconds. With `--hub N` it also
fills N rows from a source in which one root owns half of all; with `--verify` each database is
verified as well, and `verify_share` is the time of that beside that of loading it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from benchmarks.memory import watched
from benchmarks.servers import database, server
from connectors.engines import open_source
from generators.archive import read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.terminal import DONE, FOUND

_SCHEMA = Path(__file__).parent / "trade.sql"
# All orders of every second customer go to the first one, so that it owns half of all there is.
_HUB = "UPDATE orders SET customer_id = 1 WHERE customer_id % 2 = 0"


def main(arguments: Sequence[str]) -> None:
    """Prints a row of figures for each size."""
    options = _options(arguments)
    with server() as url, tempfile.TemporaryDirectory(prefix="provisioner-scale-") as folder:
        even = _learned(url, Path(folder) / "even.model", "SELECT")
        table = [_run(url, even, rows, options) for rows in options.rows]
        if options.hub:
            hub = _learned(url, Path(folder) / "hub.model", _HUB)
            table.append({**_run(url, hub, options.hub, options), "hub": True})
    print(json.dumps({"processors": len(os.sched_getaffinity(0)), "table": table}, indent=2))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--hub", type=int, help="rows, half of which one root owns")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--verify", action="store_true", help="time `verify` beside each load")
    return parser.parse_args(arguments)


def _learned(url: str, path: Path, change: str) -> Path:
    with database(url) as production:
        with psycopg.connect(production, autocommit=True) as connection:
            connection.execute(_SCHEMA.read_bytes())
            connection.execute(change.encode())
        with open_source(production) as opened:
            write_archive(learn(opened, Learning()), path)
    return path


def _run(url: str, path: Path, rows: int, options: argparse.Namespace) -> dict[str, object]:
    learned = sum(table.rows.value for table in read_archive(path).tables.values())
    scale, workers = repr(rows / learned), str(options.workers)
    with database(url) as target:
        words = ["provision", str(path), "--no-verify", "--scale", scale, "--workers", workers]
        seconds, peak = _timed(words, target)
        found: dict[str, object] = {
            "rows": rows,
            "workers": options.workers,
            "seconds": round(seconds, 1),
            "rows_per_second": round(rows / seconds),
            "peak_megabytes": round(peak / 1e6),
        }
        if options.verify:
            verified, held = _timed(["verify", str(path)], target)
            found |= {
                "verify_seconds": round(verified, 1),
                "verify_share": round(verified / seconds, 3),
                "verify_peak_megabytes": round(held / 1e6),
            }
    return found


def _timed(words: list[str], target: str) -> tuple[float, int]:
    """Seconds that a command takes, and the most memory that it and its workers hold."""
    command = [sys.executable, "-m", "provisioner.cli", *words]
    known, start = {**os.environ, "PROVISIONER_TARGET": target}, time.perf_counter()
    with (
        subprocess.Popen(  # noqa: S603 - our own command
            command, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run,
        watched(run.pid) as peak,
    ):
        run.wait()
    if run.returncode != DONE and (words[0], run.returncode) != ("verify", FOUND):
        raise SystemExit(f"{words[0]} ended with code {run.returncode}")
    return time.perf_counter() - start, peak.bytes


if __name__ == "__main__":
    main(sys.argv[1:])
