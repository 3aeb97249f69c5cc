"""How near loading comes to what the server itself can swallow, measured in the same run.

`write_narrow` and `write_mixed` are shares of a server-side COPY of a binary file, for Arrow
batches that are at hand; see `benchmarks.writing`. `end_to_end_trees` and `end_to_end_network` are
shares of the best recipe fed from such files, for the whole of `provisioner provision`: drawing,
loading, indexes, keys and statistics; see `benchmarks.filling`. Run as `python -m benchmarks.load`,
or with `--rows 200000` for a quick look; the server's user must be able to read this machine's
temporary folder, since the floors read files. Whatever else the machine does is in the figures.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from benchmarks.filling import KINDS, Filling, filled
from benchmarks.servers import server
from benchmarks.writing import MIXED, NARROW, Load, written


def main(arguments: Sequence[str]) -> None:
    """Prints the shares of all floors as one JSON object, with where the time goes."""
    options = _options(arguments)
    found: dict[str, object] = {"processors": len(os.sched_getaffinity(0))}
    with server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            if "narrow" in options.parts:
                found |= written(connection, Load("narrow", options.rows_narrow, NARROW))
            if "mixed" in options.parts:
                found |= written(connection, Load("mixed", options.rows_mixed, MIXED))
        for kind in KINDS:
            if kind in options.parts:
                rows, models = options.rows or options.rows_filled, options.models
                found |= filled(url, Filling(kind, rows, options.workers, models))
    found["load_average"] = [round(n, 1) for n in os.getloadavg()]
    print(json.dumps(found, indent=2))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rows", type=int, help="of every part, in place of the sizes below")
    parser.add_argument("--rows-narrow", type=int, default=5_000_000)
    parser.add_argument("--rows-mixed", type=int, default=1_000_000)
    parser.add_argument("--rows-filled", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--models", type=Path, help="a folder that keeps what was learned")
    every = ["narrow", "mixed", *KINDS]
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    found = parser.parse_args(arguments)
    if found.rows is not None:
        found.rows_narrow = found.rows_mixed = found.rows
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
