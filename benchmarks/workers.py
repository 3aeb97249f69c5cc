"""How much sooner several workers fill a target than one, over the whole of `provision`.

A ratio of 2 for two workers means that they share nothing; a server on the same machine takes its
part of the processors. Both load in turn, so that what else the machine does weighs on both alike,
and `processor_seconds` tells what they cost whatever else it does (the server's own left out). Run
as `python -m benchmarks.workers FILE --workers 2 --scale 3`, where FILE is a model.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.servers import database, server
from connectors.engines import open_target

RUNS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """What one load took; `checksums` are those of its tables."""

    seconds: float
    processor_seconds: float
    rows: int
    checksums: tuple[tuple[str, str], ...]


def main(arguments: Sequence[str]) -> None:
    """Prints the ratios of both ways' times as JSON; every load must leave the same rows."""
    options = _options(arguments)
    with server() as url:
        pairs = [
            (_load(url, options, 1), _load(url, options, options.workers)) for _ in range(RUNS)
        ]
    if len({run.checksums for pair in pairs for run in pair}) > 1:
        raise SystemExit("loads left different rows")
    alone, together = zip(*pairs, strict=True)
    found = {
        "rows": alone[0].rows,
        "workers": options.workers,
        "ratio": _ratio([r.seconds for r in alone], [r.seconds for r in together]),
        "ratios": [round(one.seconds / more.seconds, 2) for one, more in pairs],
        "processor_ratio": _ratio(
            [r.processor_seconds for r in alone], [r.processor_seconds for r in together]
        ),
    }
    print(json.dumps(found, indent=2))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scale", default="1")
    return parser.parse_args(arguments)


def _ratio(alone: Sequence[float], together: Sequence[float]) -> float:
    return round(statistics.median(alone) / statistics.median(together), 2)


def _load(url: str, options: argparse.Namespace, workers: int) -> Run:
    with database(url) as target:
        before, start = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "provisioner.cli", "provision", options.file]
        sizes = ["--no-verify", "--scale", options.scale, "--workers", str(workers)]
        known = {**os.environ, "PROVISIONER_TARGET": target}
        subprocess.run([*command, *sizes], env=known, check=True, capture_output=True)  # noqa: S603 - our own command
        seconds, after = time.perf_counter() - start, os.times()
        with open_target(target) as opened:
            sums = [(str(t.name), opened.checksum(t)) for t in opened.schema().tables]
    cost = after.children_user + after.children_system
    cost -= before.children_user + before.children_system
    rows = sum(found.rows for _, found in sums)
    return Run(seconds, cost, rows, tuple((name, found.digest) for name, found in sums))


if __name__ == "__main__":
    main(sys.argv[1:])
