"""The whole of `provisioner provision` beside the best recipe, and where its time goes."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.recipe import Source, followed, unloaded
from benchmarks.servers import database
from connectors.engines import open_source
from connectors.engines.postgresql.copy import binary_copy
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

KINDS = ("trees", "network")
RUNS = 3
_SCHEMA = Path(__file__).parent / "trade.sql"
_SHARDS = 3
_PHASES = {"index": "indexes", "constraint": "indexes", "fk": "keys", "sequences": "vacuum"}


@dataclass(frozen=True, slots=True)
class Filling:
    """A database to fill with `rows` rows in all, by a model of some kind.

    Attributes:
        models: a folder that keeps models from run to run; None learns anew.
    """

    kind: str
    rows: int
    workers: int
    models: Path | None


def filled(url: str, filling: Filling) -> dict[str, object]:
    """The share of the floor, the seconds of both ways and their phases, medians of `RUNS`."""
    with tempfile.TemporaryDirectory(prefix="provisioner-load-") as name:
        folder = Path(name)
        path = _learned(url, filling, filling.models or folder)
        model = read_archive(path)
        scale = filling.rows / sum(t.rows.value for t in model.tables.values())
        source, first = _first(url, filling, path, scale, folder)
        loads, floors = [first], [_recipe(url, source)]
        for _ in range(RUNS - 1):
            loads.append(_provisioned(url, filling, path, scale))
            floors.append(_recipe(url, source))
        drawing = _drawing(path, model, scale)
    return _figures(filling, loads, floors) | {
        f"{filling.kind}_{name}": figure for name, figure in drawing.items()
    }


def _figures(
    filling: Filling, loads: list[dict[str, float]], floors: list[dict[str, float]]
) -> dict[str, object]:
    kind = filling.kind
    load, floor = (statistics.median(sum(r.values()) for r in runs) for runs in (loads, floors))
    return {
        f"end_to_end_{kind}": round(floor / load, 3),
        f"{kind}_rows": filling.rows,
        f"{kind}_workers": filling.workers,
        f"{kind}_rows_per_second": round(filling.rows / load),
        f"{kind}_floor_seconds": round(floor, 2),
        f"{kind}_load_seconds": round(load, 2),
        f"{kind}_floor_phases": _medians(floors),
        f"{kind}_load_phases": _medians(loads),
    }


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run)
    return {n: round(statistics.median(run.get(n, 0.0) for run in runs), 2) for n in names}


def _learned(url: str, filling: Filling, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{filling.kind}.model"
    if path.exists():
        return path
    with database(url) as production:
        with psycopg.connect(production, autocommit=True) as connection:
            connection.execute(_SCHEMA.read_bytes())
        with open_source(production) as opened:
            write_archive(learn(opened, Learning(kind=filling.kind)), path)
    return path


def _first(
    url: str, filling: Filling, path: Path, scale: float, folder: Path
) -> tuple[Source, dict[str, float]]:
    """The first load, and its rows as files."""
    model = read_archive(path)
    with database(url) as target:
        seconds = _load(target, filling, path, scale)
        files = unloaded(target, model.schema, folder)
    return Source(model.schema, model.ddl, files, filling.workers), seconds


def _recipe(url: str, source: Source) -> dict[str, float]:
    with database(url) as target:
        return followed(target, source)


def _provisioned(url: str, filling: Filling, path: Path, scale: float) -> dict[str, float]:
    with database(url) as target:
        return _load(target, filling, path, scale)


def _load(target: str, filling: Filling, path: Path, scale: float) -> dict[str, float]:
    """Seconds of the command by phase, each until the event that ends it."""
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    command = [sys.executable, "-m", "provisioner.cli", "provision", str(path), "--no-verify"]
    command += ["--scale", repr(scale), "--workers", str(filling.workers), "--output", "json"]
    known = {**os.environ, "PROVISIONER_TARGET": target}
    known.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled already
    start = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        phases = _timed(run, start)
    if run.returncode:
        raise SystemExit(f"provision ended with code {run.returncode}")
    return phases


def _timed(run: "subprocess.Popen[str]", start: float) -> dict[str, float]:
    seconds: dict[str, float] = {}
    before = start
    for line in run.stderr or ():
        phase = _phase(json.loads(line))
        if phase is not None:
            now = time.perf_counter()
            seconds[phase] = seconds.get(phase, 0.0) + now - before
            before = now
    run.wait()
    seconds["end"] = time.perf_counter() - before
    return seconds


def _phase(event: dict[str, object]) -> str | None:
    """The phase that an event ends."""
    if event.get("event") == "StageStarted" and event.get("stage") == "load":
        return "begin"
    if event.get("event") == "StageFinished" and event.get("stage") == "load":
        return "load"
    if event.get("event") == "Advanced" and event.get("stage") == "finish":
        return _PHASES.get(str(event.get("place")).partition(" ")[0], "other")
    return None


def _drawing(path: Path, model: DatabaseModel, scale: float) -> dict[str, float]:
    """Seconds of one processor for a shard: drawn, and encoded."""
    planned = plan(model, fingerprint(path), Request(scale=scale))
    synthesizer = Synthesizer(model, planned)
    tree = max(range(len(planned.trees)), key=lambda number: planned.trees[number].rows)
    shards = min(_SHARDS, planned.trees[tree].shards)
    list(synthesizer.shard(tree, 0))  # the first one also makes ready what all need
    found = {"shard_rows": float(planned.written(tree, 0)), "shard_draw": 0.0, "shard_encode": 0.0}
    for shard in range(shards):
        with _spent(found, "shard_draw"):
            batches = list(synthesizer.shard(tree, shard))
        with _spent(found, "shard_encode"):
            for batch in batches:
                for _ in binary_copy(batch.rows, model.schema.table(batch.table).written):
                    pass
    return {
        name: round(value if name == "shard_rows" else value / shards, 3)
        for name, value in found.items()
    }


@contextmanager
def _spent(found: dict[str, float], name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    found[name] += time.process_time() - start
