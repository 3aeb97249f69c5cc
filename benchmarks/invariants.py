"""Which rules that real rows keep are found, how many of those found are true, and which are kept.

`python -m benchmarks.invariants FOLDER [NAME...] [--synthetic]` restores FOLDER/NAME/NAME*.sql.zst,
finds rules as `learn` does and prints, as one JSON object:

- recall: the share of the rules known from the domain (domain_rules.yaml) that hold in the source
  (broken by at most 0.1 %) and are met by found ones (`benchmarks.matching`);
- precision: in a database of planted rules and look-alikes (NAME `planted`), those of the found
  rules that meet a planted rule among those that meet one or else a decoy; `strict_precision` is
  their share of all found. What meets neither holds all the same, and is listed for a person;
- worst_excess, with --synthetic: the largest share of rows that break a found rule in a database
  provisioned at scale 1, less the share that breaks it in the source; worst_kept the same of rules
  of which it is not told that they are not kept.

Without names, all databases of domain_rules.yaml and the planted one are measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import psycopg
import yaml

from benchmarks.databases import restore
from benchmarks.matching import (
    Declared,
    FoundRule,
    KnownRule,
    compared,
    declared,
    only_filled,
    qualified,
    support,
)
from benchmarks.servers import database, server
from connectors.embedded import binaries
from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.found import Found
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.events import Event, StageFinished
from provisioner.learn import Discovered, discover, learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

_HERE = Path(__file__).parent
_PLANTED = "planted"
_MOST_BROKEN = 0.001


class _Asked(TypedDict, total=False):
    """A rule as the files have it."""

    database: str
    rule: str
    kind: str
    columns: list[str]
    broken: str
    of: str
    why: str


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was found in a database, each rule beside its qualified columns."""

    rules: tuple[tuple[Found, FoundRule], ...]
    declared: Declared
    seconds: float

    def support(self, asked: _Asked) -> frozenset[FoundRule] | None:
        """The found rules that say what a known one says."""
        return support(_known(asked), (rule for _, rule in self.rules), self.declared)

    def alone(self, asked: _Asked, rule: FoundRule) -> bool:
        """Whether one found rule says it."""
        return rule in (support(_known(asked), (rule,), self.declared) or ())


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    options = _options(arguments)
    known: list[_Asked] = yaml.safe_load((_HERE / "domain_rules.yaml").read_text())
    names = options.names or [*dict.fromkeys(rule["database"] for rule in known), _PLANTED]
    rows = []
    with server() as url:
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows.append(_measured(url, options, name, [r for r in known if r["database"] == name]))
    print(json.dumps(_summed(rows), indent=1))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invariants", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--synthetic", action="store_true", help="provision, and count again")
    return parser.parse_args(arguments)


def _summed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all databases together, then those of each."""
    real = [row for row in rows if row["database"] != _PLANTED]
    planted = next((row for row in rows if row["database"] == _PLANTED), {})
    excesses = [row["worst_excess"] for row in rows if row["worst_excess"] is not None]
    return {
        "recall": _share(sum(r["matched"] for r in real), sum(r["holding"] for r in real)),
        "precision": planted.get("precision"),
        "strict_precision": planted.get("strict_precision"),
        "planted_recall": planted.get("recall"),
        "worst_excess": max(excesses, default=None),
        "kinds": _by_kind([known for row in real for known in row["known"]]),
        "databases": rows,
    }


def _by_kind(known: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts per kind, and the words of what was missed."""
    found: dict[str, Any] = {}
    for rule in known:
        kind = found.setdefault(rule["kind"], {"holding": 0, "matched": 0, "missed": []})
        kind["holding"] += 1
        kind["matched"] += rule["matched"]
        if not rule["matched"]:
            kind["missed"].append(rule["rule"])
    return dict(sorted(found.items()))


def _measured(
    url: str, options: argparse.Namespace, name: str, known: list[_Asked]
) -> dict[str, Any]:
    decoys: list[_Asked] = []
    with database(url) as source:
        if name == _PLANTED:
            _plant(source)
            listed = yaml.safe_load((_HERE / "planted.yaml").read_text())
            known, decoys = listed["planted"], listed["decoys"]
        else:
            restore(source, next((options.folder / name).glob(f"{name}*.sql.zst")))
        findings, kept = _provisioned(url, source) if options.synthetic else _discovered(source)
        holding = [rule for rule in known if _holds(source, rule)]
        told = _told(findings, holding, decoys, source) if name == _PLANTED else {}
    matched = [{**_brief(r), "matched": findings.support(r) is not None} for r in holding]
    return {
        "database": name,
        "discovery_s": round(findings.seconds, 1),
        "found": len(findings.rules),
        "holding": len(holding),
        "matched": sum(rule["matched"] for rule in matched),
        "recall": _share(sum(rule["matched"] for rule in matched), len(holding)),
        "worst_excess": None,
        **told,
        **kept,
        "known": matched,
    }


def _plant(url: str) -> None:
    psql = [str(binaries() / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", url]
    planted = [*psql, "-f", str(_HERE / "planted.sql"), "-c", "ANALYZE"]
    subprocess.run(planted, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed program


def _holds(url: str, rule: _Asked) -> bool:
    """Whether the source keeps a known rule, by the rule's own SQL, and has rows for it."""
    with psycopg.connect(url) as connection:
        broken, of = (_count(connection, query) for query in (rule["broken"], rule["of"]))
    return of > 0 and broken <= _MOST_BROKEN * of


def _count(connection: psycopg.Connection[Any], query: str) -> float:
    row = connection.execute(query.encode()).fetchone()
    return float(row[0] or 0) if row else 0.0


def _discovered(source: str) -> tuple[_Findings, dict[str, Any]]:
    with open_source(source) as opened:
        return _findings(discover(opened, Learning())), {}


def _provisioned(url: str, source: str) -> tuple[_Findings, dict[str, Any]]:
    """What learning found, and how rows provisioned from it keep that."""
    times: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, StageFinished) and event.stage == "discover":
            times.append(event.seconds)

    with tempfile.TemporaryDirectory() as scratch, database(url) as target:
        path = Path(scratch) / "bench.model"
        with open_source(source) as opened:
            write_archive(learn(opened, Learning(), listen), path)
        model = read_archive(path)
        planned = plan(model, fingerprint(path), Request(scale=1.0))
        with open_target(target) as filled:
            load(model, planned, filled)
        kept = _kept(model, planned.whole, source, target)
    return _findings(Discovered(model.schema, model.invariants, sum(times))), kept


def _findings(found: Discovered) -> _Findings:
    rules = tuple((rule, qualified(rule.rule, found.schema)) for rule in found.rules)
    return _Findings(rules, declared(found.schema), found.seconds)


def _kept(
    model: DatabaseModel, whole: frozenset[TableName], source: str, target: str
) -> dict[str, Any]:
    """By how much more each found rule is broken in the target, the most first."""
    unkept = {id(found): why for found, why in oriented(model, whole).unkept}
    listed: list[dict[str, Any]] = []
    with open_source(source) as real, open_target(target) as synthetic:
        for found in model.invariants:
            claim = found.kind.claim(found.rule, model.schema)
            excess = synthetic.tally(claim).share - real.tally(claim).share
            listed.append({**_said(found), "excess": excess, "unkept": unkept.get(id(found))})
    listed.sort(key=lambda rule: -rule["excess"])
    return {
        "worst_excess": listed[0]["excess"] if listed else None,
        "worst_kept": max((r["excess"] for r in listed if r["unkept"] is None), default=None),
        "above": [rule for rule in listed if rule["excess"] > _MOST_BROKEN],
        "excesses": listed,
    }


def _told(
    findings: _Findings, planted: list[_Asked], decoys: list[_Asked], source: str
) -> dict[str, Any]:
    """Which found rules are planted, decoys, or neither.

    A rule that helps others to say what a planted one says is true as well, unless by itself it
    says what a decoy says.
    """
    helpful = frozenset[FoundRule]().union(*(findings.support(r) or () for r in planted))
    true, false, unlisted = list[Any](), list[Any](), list[Any]()
    for found, rule in findings.rules:
        if any(findings.alone(asked, rule) for asked in planted):
            true.append(_said(found))
        elif caught := [asked for asked in decoys if findings.alone(asked, rule)]:
            holds = [_holds(source, decoy) for decoy in caught]
            met = [{**_brief(d), "holds": h} for d, h in zip(caught, holds, strict=True)]
            false.append({**_said(found), "decoys": met})
        else:
            (true if rule in helpful else unlisted).append(_said(found))
    return {
        "precision": _share(len(true), len(true) + len(false)),
        "strict_precision": _share(len(true), len(findings.rules)),
        "missed": [_brief(rule) for rule in planted if findings.support(rule) is None],
        "false": false,
        "unlisted": unlisted,
        "true": true,
    }


def _known(asked: _Asked) -> KnownRule:
    columns = tuple(asked["columns"])
    sql = asked["broken"]
    return KnownRule(asked["kind"], columns, only_filled(columns, sql), compared(columns, sql))


def _brief(asked: _Asked) -> dict[str, Any]:
    return {key: value for key, value in asked.items() if key in ("rule", "kind", "why")}


def _said(found: Found) -> dict[str, Any]:
    return {"table": str(found.rule.table), "kind": found.rule.kind, "rule": found.words}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


if __name__ == "__main__":
    main(sys.argv[1:])
