"""What attacks find in models of known data, and whether anything of anybody leaks.

`python -m benchmarks.privacy DIR... [--source URL...]` loads DIR/train/TABLE.csv (as in
`../shared/judge/data`), learns it, attacks the model with DIR/holdout as the entities that nothing
was learned from, attacks the training rows handed back in the same way, provisions a target and
looks for values of the source in file and target. A database at `--source` is learned as it is, and
its own held out units are compared with. Prints one JSON object: `worst_attack_auc`, the best
attack on any model; `control_attack_auc`, the worst one on training rows handed back;
`leaked_values`; `dp_marginal_eps3`, the margins learned with differential privacy at epsilon 3, of
the first folder of one table, null where there is none; and the tables.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.fidelity import load_csv, measured
from benchmarks.leaks import Leaks, leaks
from benchmarks.servers import database, server
from connectors.engines import Source, open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from generators.privacy.attacked import Attacked, Limits
from provisioner.attacking import Evidence, attacked
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.sampling import sampled


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of one database.

    Attributes:
        own: what attacks found with the holdout of `learn`.
        other: with another sample of the same entities, where there is one.
        control: of training rows handed back.
    """

    name: str
    own: Attacked
    other: Attacked | None
    control: Attacked
    leaks: Leaks

    @property
    def best(self) -> Attacked:
        """What was attacked with most entities held out."""
        return self.other or self.own


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    options = _options(arguments)
    with server() as url:
        found = [_of_folder(url, folder, options) for folder in options.folders]
        found += [_measured(url, source, None, options) for source in options.source]
    print(json.dumps(document(found, _private(options.folders)), indent=1))


def _private(folders: Sequence[Path]) -> float | None:
    """What the judge says of margins learned with epsilon 3, of the first folder of one table."""
    for folder in folders:
        if len(json.loads((folder / "metadata.json").read_text())["tables"]) == 1:
            return float(measured([str(folder), "--epsilon", "3"])["marginal"])
    return None


def document(found: Sequence[Measured], private: float | None = None) -> dict[str, Any]:
    """All figures of all databases, and the margins learned with differential privacy."""
    worst = [m.best.worst_auc for m in found if m.best.worst_auc is not None]
    control = [m.control.worst_auc for m in found if m.control.worst_auc is not None]
    return {
        "worst_attack_auc": _rounded(max(worst, default=None)),
        "control_attack_auc": _rounded(min(control, default=None)),
        "leaked_values": sum(m.leaks.total for m in found),
        "dp_marginal_eps3": _rounded(private),
        "databases": {m.name: _document(m) for m in found},
    }


def _document(one: Measured) -> dict[str, Any]:
    return {
        "verdict": one.own.verdict,
        "worst_attack_auc": _rounded(one.best.worst_auc),
        "control_attack_auc": _rounded(one.control.worst_auc),
        "leaks": one.leaks.document(),
        "attacks": [_figure(f) for f in asdict(one.best)["units"]],
        "control": [_figure(f) for f in asdict(one.control)["units"]],
    }


def _figure(units: dict[str, Any]) -> dict[str, Any]:
    """One line for each figure: what, where, value, by chance, passed."""
    lines = [
        f"{f['attack']} {f['place']} {f['view']}: {f['value']:.3f} "
        f"({f['chance'][0]:.3f} to {f['chance'][1]:.3f} by chance) "
        f"{'passed' if f['passed'] else 'FAILED'}"
        for f in units["figures"]
    ]
    return {**units, "figures": lines}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.privacy", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--source", action="append", default=[], help="URL of a loaded database")
    parser.add_argument("--table-model", default="trees")
    parser.add_argument("--k", type=int, default=11)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def _of_folder(url: str, folder: Path, options: argparse.Namespace) -> Measured:
    metadata = json.loads((folder / "metadata.json").read_text())
    with database(url) as source, database(url) as other:
        load_csv(source, folder / "train", metadata)
        load_csv(other, folder / "holdout", metadata, like=folder / "train")
        return replace(_measured(url, source, other, options), name=folder.name)


def _measured(url: str, source: str, other: str | None, options: argparse.Namespace) -> Measured:
    learning = Learning(options.k, options.table_model, seed=options.seed)
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_source(source) as opened,
        nullcontext() if other is None else open_source(other) as beside,
        database(url) as target,
    ):
        path = Path(scratch) / "bench.model"
        write_archive(learn(opened, learning), path)
        model, sample = read_archive(path), sampled(opened, learning)
        own = Evidence(opened, sample.split, sample.training, Limits(), options.seed)
        held = own if beside is None else _beside(own, beside)
        back = replace(held, drawn={n: t.rows for n, t in sample.training.items()})
        found = attacked(model, own), attacked(model, held), attacked(model, back)
        with open_target(target) as filled:
            load(model, plan(model, fingerprint(path), Request(seed=options.seed)), filled)
        leaked = leaks(opened, sample.split, path, target, options.k)
    name = source.rpartition("/")[2].partition("?")[0]
    return Measured(name, found[0], found[1] if beside else None, found[2], leaked)


def _beside(own: Evidence, other: Source) -> Evidence:
    """The same evidence, with all rows of another database as those that are held out."""
    return replace(own, source=other, split=replace(own.split, holdout=1.0, shares={}))


if __name__ == "__main__":
    main(sys.argv[1:])
