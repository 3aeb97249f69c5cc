"""What machines read: results as JSON documents."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from provisioner.doctor import Diagnosis
from provisioner.events import Event
from provisioner.feasibility import Met
from provisioner.load import Loaded
from provisioner.plan import Plan
from provisioner.report import Finding, Report
from provisioner.sides import Tour


def as_text(document: object) -> str:
    """One JSON document; a frozen dataclass becomes an object with its fields."""
    fields = asdict(document) if is_dataclass(document) and not isinstance(document, type) else None
    return json.dumps(document if fields is None else fields, indent=2, default=_plain)


def as_line(document: Mapping[str, Any]) -> str:
    """One JSON document in one line; values that JSON does not know as texts."""
    return json.dumps(document, default=str)


def event_document(event: Event) -> Mapping[str, Any]:
    """What happened, with the kind of event."""
    return {"event": type(event).__name__, **asdict(event)}


def plan_document(plan: Plan, met: tuple[Met, ...] = ()) -> Mapping[str, Any]:
    """A plan with the totals of its tables; which shard has which rows is left out."""
    return {
        "model": plan.model,
        "fingerprint": plan.fingerprint,
        "scale": plan.scale,
        "seed": plan.seed,
        "rows": plan.rows,
        "bytes": plan.bytes,
        "as_of": None if plan.shift is None else plan.shift.as_of.isoformat(),
        "shifted_days": 0 if plan.shift is None else plan.shift.days,
        "edge_cases": plan.edge_cases,
        "accepted_risk": plan.accepted_risk,
        "hand_made": {str(made.table): made.rows for made in plan.hand_made},
        "kept": {str(kept.table): kept.rows for kept in plan.kept},
        "carried": {str(name): plan.layout(name).total for name in plan.carried},
        "trees": [
            {
                "shards": tree.shards,
                "tables": {
                    str(name): layout.total
                    for name, layout in zip(tree.tables, tree.layouts, strict=True)
                },
            }
            for tree in plan.trees
        ],
        "scenarios": [
            {"table": str(q.scenario.table), "name": q.scenario.label, "rows": q.rows}
            for q in plan.scenarios
        ],
        "constraints": [
            {"table": m.table, "name": m.name, "kind": m.kind, "met": m.way.value} for m in met
        ],
        "findings": [_finding(f) for f in plan.findings],
    }


def report_document(report: Report) -> Mapping[str, Any]:
    """What `verify` found, with its verdict."""
    return {
        "passed": report.passed,
        "marginal": report.marginal,
        "tables": [asdict(t) for t in report.tables],
        "scenarios": [asdict(p) for p in report.scenarios],
        "invariants": [asdict(k) for k in report.invariants],
        "likenesses": [asdict(one) for one in report.likenesses],
        "planner": {
            **asdict(report.planner),
            "same_plans": report.planner.same_plans,
            "ratio": report.planner.ratio,
        },
        "findings": [_finding(f) for f in report.findings],
    }


def provision_document(
    plan: Plan,
    loaded: Loaded | None = None,
    report: Report | None = None,
    pilot: tuple[Finding, ...] = (),
) -> Mapping[str, Any]:
    """What `provision` did; null where it did not come that far."""
    return {
        "plan": plan_document(plan),
        "pilot": [_finding(f) for f in pilot],
        "loaded": None if loaded is None else _loaded(loaded),
        "report": None if report is None else report_document(report),
    }


def diagnosis_document(diagnosis: Diagnosis) -> Mapping[str, Any]:
    """What `doctor` found, with its verdict."""
    return {
        "passed": diagnosis.passed,
        "facts": [asdict(f) for f in diagnosis.facts],
        "findings": [_finding(f) for f in diagnosis.findings],
    }


def drift_document(found: Mapping[str, tuple[Finding, ...]]) -> Mapping[str, Any]:
    """How each database that was compared differs from a file."""
    return {side: [_finding(f) for f in findings] for side, findings in found.items()}


def tour_document(tour: Tour) -> Mapping[str, Any]:
    """What the demo has shown."""
    return {
        "model": str(tour.model),
        "stages": [asdict(s) for s in tour.stages],
        "counts": [asdict(c) for c in tour.counts],
        "shown": [asdict(s) for s in tour.shown],
        "report": report_document(tour.report),
    }


def _loaded(loaded: Loaded) -> Mapping[str, Any]:
    return {**asdict(loaded), "findings": [_finding(f) for f in loaded.findings]}


def _finding(finding: Finding) -> Mapping[str, Any]:
    return {**asdict(finding), "hash": finding.hash}


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
