"""The steps that several commands begin with: reading a file, and planning what it asks for."""
# ruff: noqa: PLC0415 - imports inside functions are what keeps the start short

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.schema import TableName
    from generators.model import DatabaseModel
    from provisioner.config import Config
    from provisioner.given import Given
    from provisioner.plan import Plan


def opened(file: Path) -> "tuple[DatabaseModel, str]":
    """The model of a file, and the file's fingerprint."""
    from generators.archive import fingerprint, read_archive

    return read_archive(file), fingerprint(file)


def planned(
    file: Path, config: "Config", target: str | None, **asked: Any
) -> "tuple[DatabaseModel, Plan, Mapping[TableName, Given]]":
    """The model, the plan of what `_size` and `_acknowledge` ask, and the hand-made rows."""
    from provisioner.admission import admit
    from provisioner.apply import to_request
    from provisioner.declared import check_trusted
    from provisioner.frequency import measured
    from provisioner.given import planned_rows
    from provisioner.handmade import hand_made
    from provisioner.kept import kept_in
    from provisioner.naming import named_tables
    from provisioner.plan import plan as made
    from provisioner.request import Request
    from provisioner.synthesize import Synthesizer

    model, fingerprint = opened(file)
    if not asked.get("trust_ddl", True):
        check_trusted(model.ddl)
    keep = frozenset(named_tables(asked["keep"], model.tables))
    acknowledged = frozenset(asked["acknowledge"])
    wanted = Request(
        asked["scale"],
        asked["seed"],
        keep=keep,
        acknowledged=acknowledged,
        as_of=asked["as_of"],
        accept_risk=asked["accept_risk"],
    )
    request = to_request(config, model.tables, wanted, asked["rows"], model.carried)
    if request.keep and target is None and config.target is not None:
        target = config.url("target", os.environ)
    request = measured(model, fingerprint, request)
    given = hand_made(config, model.schema, request.seed, os.environ)
    summaries = tuple(planned_rows(rows, model.tables[n]) for n, rows in sorted(given.items()))
    kept = kept_in(target, model, request.keep)
    drawn_up = made(model, fingerprint, request, kept, summaries)
    if given and not kept:
        admit(model, drawn_up, Synthesizer(model, drawn_up, given=given).placing, given)
    return model, drawn_up, given
