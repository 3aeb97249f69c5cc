"""Whole real databases, split by entity, learned from one half and judged beside the other.

`python -m benchmarks.whole FOLDER NAME...` restores FOLDER/NAME/NAME*.sql.zst, writes both halves
as the judge reads them (`benchmarks.split`), leaves only the training half in the database, with
its whole schema, learns it, provisions an empty database at scale 1 for each seed and judges the
result against the training half. `upper` is the holdout judged as if it were synthetic and
`baseline` independent columns with uniform references. With `--copy`, tables that neither belong to
an entity nor refer to what does travel as they are, as reference data does in mode `copy`, unless
`learn` says that they are not public. What a person would say of a database stands in NAME.yaml,
beside this module. Prints one JSON object per database, one after the other;
`--out` keeps datasets, rows and the judge's whole answers. Tables that no entity owns are the same
rows in both halves, so that their `upper` is that of a copy.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.databases import judge_module, restore
from benchmarks.fidelity import JUDGE, provisioned
from benchmarks.servers import database, server
from benchmarks.shortfall import SIMILAR, TOLD_APART, Samples, shortfall, worst
from benchmarks.split import Cut, Dataset, export, split
from benchmarks.structure import compared
from connectors.engines import open_source
from connectors.schema import TableName
from provisioner.apply import to_learning
from provisioner.config import read_config
from provisioner.errors import NotPublic
from provisioner.learning import Learning

# Employees serve customers and vendors of both halves; vendors own most of what is purchased.
_CUTS = {
    "adventureworks": Cut(("person.person", "purchasing.vendor"), ("humanresources.employee",))
}


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object per database."""
    options = _options(arguments)
    with server() as url:
        for name in options.names:
            scratch = nullcontext(options.out) if options.out else tempfile.TemporaryDirectory()
            with scratch as out:
                folder = Path(out) / name
                folder.mkdir(parents=True, exist_ok=True)
                print(json.dumps(_measured(url, options, name, folder), indent=1), flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--table-model", default="trees")
    parser.add_argument("--seeds", type=_numbers, default=(0,))
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--max-rows", type=int, default=10_000, help="rows the judge tells apart")
    parser.add_argument("--copy", action="store_true", help="copy reference data")
    parser.add_argument("--no-rules", action="store_true", help="find no rules, to compare")
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _measured(url: str, options: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    with database(url) as source:
        restore(source, next((options.folder / name).glob(f"{name}*.sql.zst")))
        dataset = split(source, folder, _CUTS.get(name, Cut()), shrink=True)
        runs = []
        for seed in options.seeds:
            with database(url) as target:
                runs.append(_provisioned(source, target, dataset, options, folder, seed))
    controls = _controls(options, folder)
    judged = [
        _judged(options, folder, f"synthetic_{s}", "--holdout", str(folder / "holdout"))
        for s in options.seeds
    ]
    return {
        "database": name,
        "table_model": options.table_model,
        "split": {k: v for k, v in dataset.split.items() if k != "rows"},
        "runs": runs,
        **_compared(judged, controls),
        **_named(options, folder),
    }


def _provisioned(
    source: str,
    target: str,
    dataset: Dataset,
    options: argparse.Namespace,
    folder: Path,
    seed: int,
) -> dict[str, Any]:
    path = folder / f"{options.table_model}_{seed}.model"
    copied = _reference_data(dataset, folder) if options.copy else frozenset[TableName]()
    learning = _learning(source, options, folder.name, seed)
    while True:
        carrying = replace(learning.carrying, copied=copied)
        try:
            timing = provisioned(source, target, path, replace(learning, carrying=carrying))
        except NotPublic as refused:
            stopped = {f.place for f in refused.findings if f.stops}
            copied = _reference_data(dataset, folder, stopped)
        else:
            break
    export(target, folder / f"synthetic_{seed}", dataset)
    found: dict[str, Any] = {
        "seed": seed,
        "learn_s": round(timing.learn_s, 1),
        "provision_s": round(timing.provision_s, 1),
        "rows": timing.rows,
        "copied": sorted(map(str, carrying.copied)),
    }
    if {"Batting", "Teams"} <= dataset.tables.keys():
        found["structure"] = compared(source, target)
    return found


def _learning(source: str, options: argparse.Namespace, name: str, seed: int) -> Learning:
    """As the options say, and a person who knows the database: NAME.yaml beside this module."""
    said = Path(__file__).with_name(f"{name}.yaml")
    chosen = Learning(kind=options.table_model, seed=seed, invariants=not options.no_rules)
    if not said.exists():
        return chosen
    with open_source(source) as opened:
        return to_learning(read_config(said.read_text("utf-8"), said.name, {}), opened, chosen)


def _reference_data(
    dataset: Dataset, folder: Path, refused: Collection[str] = ()
) -> frozenset[TableName]:
    """The tables that are the same in both halves, refer to such alone, and may be copied."""
    told = json.loads((folder / "metadata.json").read_text("utf-8"))
    hubs = set(dataset.split["hubs"])
    names = {n for n, t in told["tables"].items() if t["shared"] and n not in hubs}
    names -= {n for n in names if {n, f"public.{n}"} & set(refused)}
    keys = [(key["table"], key["parent"]) for key in told["foreign_keys"]]
    while left := {child for child, parent in keys if child in names and parent not in names}:
        names -= left
    return frozenset(
        TableName(*n.rsplit(".", 1)) if "." in n else TableName("public", n) for n in names
    )


def _controls(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, Any]]:
    command = [sys.executable, str(options.judge.with_name("baseline.py"))]
    command += [str(folder), str(folder / "baseline")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed program
    return {
        "upper": _judged(options, folder, "holdout"),
        "baseline": _judged(options, folder, "baseline"),
    }


def _judged(options: argparse.Namespace, folder: Path, rows: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, str(options.judge), str(folder / "train"), str(folder / rows)]
    command += [str(folder / "metadata.json"), "--max-rows", str(options.max_rows), *more]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - fixed program
    (folder / f"judged_{rows}.json").write_bytes(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _compared(judged: list[dict[str, Any]], controls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Medians over the seeds beside the controls; places are those of the first seed."""
    figures = {
        name: {
            "synthetic": _median([j["overall"][name] for j in judged]),
            **{control: found["overall"][name] for control, found in controls.items()},
        }
        for name in judged[0]["overall"]
    }
    short = {
        name: gap
        for name in (*SIMILAR, *TOLD_APART)
        if (gap := shortfall(name, figures[name]["synthetic"], figures[name]["upper"])) is not None
    }
    return {
        "figures": figures,
        "within_03": _share(short, 0.03),
        "within_08": _share(short, 0.08),
        "below_03": {
            name: {"short": round(gap, 4), "worst": worst(name, judged[0], controls["upper"])}
            for name, gap in sorted(short.items(), key=lambda item: -item[1])
            if gap > 0.03
        },
        "below_08": [name for name, gap in short.items() if gap > 0.08],
    }


def _median(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(statistics.median(known), 4) if known else None


def _share(short: dict[str, float], limit: float) -> float:
    return round(sum(gap <= limit for gap in short.values()) / max(1, len(short)), 3)


def _named(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The pairs kept worst and the columns by which rows are told apart, of the first seed."""
    found = json.loads((folder / "metadata.json").read_text())
    rows = ("train", f"synthetic_{options.seeds[0]}", "holdout")
    folders = [folder / name for name in rows]
    samples = Samples.read(judge_module(options.judge), found, *folders)
    return {"worst_pairs": samples.pairs(), "told_apart_by": samples.columns()}


if __name__ == "__main__":
    main(sys.argv[1:])
